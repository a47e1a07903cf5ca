//! XDR (RFC 4506) for a tolerant sFlow decoder.
//!
//! Two readers: `Span` walks samples and records by lengths, [`Cursor`] reads the fields of one
//! structure. A cursor never fails as a whole: fields beyond the end read as *absent*, the first
//! fault is kept with its offset, and nothing after it is read.

use core::marker::PhantomData;

use crate::layout::Layout;
use crate::malformed::{Malformed, MalformedKind};
use crate::visit::{Field, Kind, Shape, Visitor};

/// Bytes and their offset in the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    bytes: &'a [u8],
    /// Offset in the datagram of the first byte after `bytes`; constant while reading.
    end: usize,
}

impl<'a> Span<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, end: bytes.len() }
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn offset(self) -> usize {
        self.end.wrapping_sub(self.bytes.len())
    }

    /// The next `N` words in host order; on `None` nothing is taken.
    #[inline]
    pub(crate) fn words<const N: usize>(&mut self) -> Option<[u32; N]> {
        let (head, rest) = self.bytes.split_at_checked(const { 4 * N })?;
        let words: [[u8; 4]; N] = head.as_chunks().0.try_into().ok()?;
        self.bytes = rest;
        Some(words.map(u32::from_be_bytes))
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*head)
    }

    /// The next `len` bytes. The pad to a multiple of 4 is skipped as far as it is present: some
    /// agents omit the last pad of a datagram.
    #[inline]
    pub(crate) fn opaque(&mut self, len: u32) -> Option<Span<'a>> {
        let len = usize::try_from(len).ok()?;
        let (head, rest) = self.bytes.split_at_checked(len)?;
        let end = self.end.wrapping_sub(rest.len());
        let pad = len.wrapping_neg() & 3;
        self.bytes = rest.get(pad..).unwrap_or_default();
        Some(Span { bytes: head, end })
    }

    /// The next `len` bytes, of which the pad must be present. Cheaper than [`opaque`](Span::opaque).
    #[inline]
    pub(crate) fn padded(&mut self, len: u32) -> Option<Span<'a>> {
        let len = usize::try_from(len).ok()?;
        let (head, rest) = self.bytes.split_at_checked(len)?;
        let end = self.end.wrapping_sub(rest.len());
        self.bytes = rest.get(len.wrapping_neg() & 3..)?;
        Some(Span { bytes: head, end })
    }

    /// The bytes before `rest`, which is a tail of this span.
    pub(crate) fn until(self, rest: Span<'a>) -> Self {
        let len = self.bytes.len().saturating_sub(rest.bytes.len());
        let bytes = self.bytes.get(..len).unwrap_or_default();
        Self { bytes, end: self.end.wrapping_sub(rest.bytes.len()) }
    }

    /// The last `len` bytes.
    pub(crate) fn last(self, len: usize) -> Self {
        let start = self.bytes.len().saturating_sub(len);
        Self { bytes: self.bytes.get(start..).unwrap_or_default(), ..self }
    }

    /// The empty span at the end.
    pub(crate) fn at_end(self) -> Self {
        Self { bytes: &[], ..self }
    }

    pub(crate) fn malformed(self, kind: MalformedKind) -> Malformed {
        Malformed { kind, offset: self.offset() }
    }
}

/// Reads the fields of one structure in order.
///
/// Passed to implementations of [`Wire`]; needed only to describe further structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    span: Span<'a>,
    fault: Option<Malformed>,
    layout: Layout,
}

impl<'a> Cursor<'a> {
    /// Limit for nested record lists. Only `extended_80211_aggregation` (1016) nests them.
    pub const MAX_DEPTH: u8 = 4;

    #[inline]
    pub(crate) fn new(span: Span<'a>, layout: Layout) -> Self {
        Self { span, fault: None, layout }
    }

    /// Version of the datagram: 2, 4 or 5. Fields that a version lacks are not read.
    #[inline]
    pub fn version(&self) -> u8 {
        self.layout.version()
    }

    /// The next MAC address, with its pad if the layout has pads.
    #[inline]
    pub(crate) fn mac(&mut self) -> Option<[u8; 6]> {
        if self.layout == Layout::UNPADDED {
            return self.array();
        }
        self.array().map(|[a, b, c, d, e, f, _, _]| [a, b, c, d, e, f])
    }

    /// Returns true if no bytes are left or a fault has ended the record.
    pub fn is_empty(&self) -> bool {
        self.span.bytes.is_empty()
    }

    /// The first fault, if any.
    pub fn fault(&self) -> Option<Malformed> {
        self.fault
    }

    /// Number of bytes not read yet; 0 after a fault.
    pub fn remaining(&self) -> usize {
        self.span.bytes.len()
    }

    /// Reads one field; an absent one reads as the unknown value of its kind.
    #[inline]
    pub fn field<T: Wire<'a>>(&mut self, kind: Kind) -> T {
        T::read(self).unwrap_or_else(|| T::unknown(kind))
    }

    /// The next `N` bytes, without pad.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let read = self.span.array();
        if read.is_none() {
            self.fail(MalformedKind::RecordShort);
        }
        read
    }

    /// Variable-length opaque data: length word, bytes, pad. Of a length beyond the end, the bytes
    /// that are present; the fault is recorded.
    #[inline]
    pub fn opaque(&mut self) -> Option<&'a [u8]> {
        self.opaque_span().map(Span::bytes)
    }

    /// Records a fault at this offset and ends the structure.
    #[cold]
    pub fn fail(&mut self, kind: MalformedKind) {
        self.fail_with(self.span.malformed(kind));
    }

    /// Records a fault at another offset and ends the structure. The first fault is kept.
    pub(crate) fn fail_with(&mut self, fault: Malformed) {
        self.fault.get_or_insert(fault);
        self.span = self.span.at_end();
    }

    /// The bytes that are left at the end of a structure, or the first fault in it.
    #[inline]
    pub(crate) fn end(&self) -> Result<usize, Malformed> {
        self.fault.map_or(Ok(self.remaining()), Err)
    }

    pub(crate) fn span(&self) -> Span<'a> {
        self.span
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    #[inline]
    pub(crate) fn opaque_span(&mut self) -> Option<Span<'a>> {
        let len = u32::read(self)?;
        Some(self.span.opaque(len).unwrap_or_else(|| {
            let present = self.span;
            self.fail(MalformedKind::FieldOverrun);
            present
        }))
    }
}

/// A type that can be read from XDR.
pub trait Wire<'a>: Sized {
    /// Bytes of the shortest whole value of version 5. A structure with at least these bytes is read
    /// without a comparison per field; any number is correct.
    const MIN: usize = 0;

    /// Reads one value; `None` if the record ends before it, with the fault recorded.
    fn read(cursor: &mut Cursor<'a>) -> Option<Self>;

    /// The code of sFlow for an unknown field of this type and `kind`.
    fn unknown(kind: Kind) -> Self;

    /// Reads one value and passes it to `visitor`; an absent one is omitted.
    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor);

    /// Moves past one value and records the same fault as [`visit`](Wire::visit).
    #[inline]
    fn check(cursor: &mut Cursor<'a>) {
        Self::read(cursor);
    }
}

/// A counted array whose items are read on iteration.
///
/// Contains only whole items. A count beyond the end of the record costs no time or memory;
/// [`Record::check`](crate::record::Record::check) reports it as [`MalformedKind::FieldOverrun`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a, T> {
    items: Span<'a>,
    len: u32,
    layout: Layout,
    item: PhantomData<T>,
}

impl<'a, T: Wire<'a>> List<'a, T> {
    /// Number of whole items.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Returns true for a list without items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut cursor = Cursor::new(self.items, self.layout);
        (0..self.len).map_while(move |_| T::read(&mut cursor))
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for List<'a, T> {
    const MIN: usize = 4;

    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let count = u32::read(cursor)?;
        let list = |len| Self { items: cursor.span, len, layout: cursor.layout, item: PhantomData };
        let (all, mut ahead) = (list(count), *cursor);
        // Items have no length of their own, so the end of the list is found by reading them. The
        // first absent one ends the loop: work is bounded by the bytes left, not by the count.
        for whole in 0..count {
            T::read(&mut ahead);
            if let Some(fault) = ahead.fault {
                let part = list(whole);
                cursor.fail_with(fault.in_list());
                return Some(part);
            }
        }
        *cursor = ahead;
        Some(all)
    }

    fn unknown(_: Kind) -> Self {
        Self { items: Span::new(&[]), len: 0, layout: Layout::VERSION_5, item: PhantomData }
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        let Some(list) = Self::read(cursor) else { return };
        let mut items = Cursor::new(list.items, list.layout);
        visitor.open(field, Shape::List);
        for _ in 0..list.len {
            T::visit(&mut items, Field { name: "", ..field }, visitor);
        }
        visitor.close(Shape::List);
        if let Some(fault) = items.fault {
            cursor.fail_with(fault);
        }
    }

    fn check(cursor: &mut Cursor<'a>) {
        let Some(list) = Self::read(cursor) else { return };
        let mut items = Cursor::new(list.items, list.layout);
        (0..list.len).for_each(|_| T::check(&mut items));
        if let Some(fault) = items.fault {
            cursor.fail_with(fault);
        }
    }
}

/// A field that older forms of a structure lack: its absence is not a fault.
impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        if cursor.is_empty() { Some(None) } else { T::read(cursor).map(Some) }
    }

    fn unknown(_: Kind) -> Self {
        None
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        if !cursor.is_empty() {
            T::visit(cursor, field, visitor);
        }
    }

    #[inline]
    fn check(cursor: &mut Cursor<'a>) {
        if !cursor.is_empty() {
            T::check(cursor);
        }
    }
}
