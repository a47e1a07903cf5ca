//! Reading XDR (RFC 4506) the way a tolerant sFlow decoder has to.
//!
//! Two readers: `Span` walks the frame of a datagram by lengths, [`Cursor`] reads the fields of one
//! structure. A cursor never fails as a whole: what the record does not hold reads as *absent*, the
//! first fault is kept with its offset, and nothing after it is read.

use core::marker::PhantomData;

use crate::malformed::{Malformed, MalformedKind};
use crate::visit::{Field, Kind, Shape, Visitor};

/// Bytes, and where they stand in the datagram.
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

    /// The next `N` words in host order.
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

    /// The next `len` bytes; the zero pad to a multiple of 4 is skipped as far as it is there.
    #[inline]
    pub(crate) fn opaque(&mut self, len: u32) -> Option<Span<'a>> {
        let len = usize::try_from(len).ok()?;
        let (head, rest) = self.bytes.split_at_checked(len)?;
        let end = self.end.wrapping_sub(rest.len());
        let pad = len.wrapping_neg() & 3;
        self.bytes = rest.get(pad..).unwrap_or_default();
        Some(Span { bytes: head, end })
    }

    pub(crate) fn malformed(self, kind: MalformedKind) -> Malformed {
        Malformed { kind, offset: self.offset() }
    }
}

/// Reads the fields of one structure in order.
///
/// Handed to implementations of [`Wire`]; users of the library meet it only when they describe a
/// structure of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    span: Span<'a>,
    fault: Option<Malformed>,
    /// Record lists around this one; bounded by [`Cursor::MAX_DEPTH`].
    depth: u8,
}

impl<'a> Cursor<'a> {
    /// How deep record lists may nest (only `extended_80211_aggregation` nests them).
    pub const MAX_DEPTH: u8 = 4;

    pub(crate) fn new(span: Span<'a>, depth: u8) -> Self {
        Self { span, fault: None, depth }
    }

    /// True where the record has no more bytes or a fault has ended it.
    pub fn is_empty(&self) -> bool {
        self.span.bytes.is_empty()
    }

    /// The first fault met, if any.
    pub fn fault(&self) -> Option<Malformed> {
        self.fault
    }

    /// Bytes not read yet; after a fault none.
    pub fn remaining(&self) -> usize {
        self.span.bytes.len()
    }

    /// Reads one field; what is absent reads as the unknown value of its kind.
    #[inline]
    pub fn field<T: Wire<'a>>(&mut self, kind: Kind) -> T {
        T::read(self).unwrap_or_else(|| T::unknown(kind))
    }

    /// The next `N` bytes as they stand.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let read = self.span.array();
        if read.is_none() {
            self.fail(MalformedKind::RecordShort);
        }
        read
    }

    /// Variable-length opaque data: length word, bytes, pad.
    #[inline]
    pub fn opaque(&mut self) -> Option<&'a [u8]> {
        self.opaque_span().map(Span::bytes)
    }

    /// Notes a fault here and gives up the rest of the structure.
    #[cold]
    pub fn fail(&mut self, kind: MalformedKind) {
        self.fail_with(self.span.malformed(kind));
    }

    /// Notes a fault found elsewhere in the structure and gives up the rest.
    pub(crate) fn fail_with(&mut self, fault: Malformed) {
        self.fault.get_or_insert(fault);
        self.span = Span { bytes: &[], end: self.span.end };
    }

    pub(crate) fn span(&self) -> Span<'a> {
        self.span
    }

    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    #[inline]
    pub(crate) fn opaque_span(&mut self) -> Option<Span<'a>> {
        let len = u32::read(self)?;
        let read = self.span.opaque(len);
        if read.is_none() {
            self.fail(MalformedKind::FieldOverrun);
        }
        read
    }
}

/// A type that can be read from XDR.
pub trait Wire<'a>: Sized {
    /// Reads one value; `None` where the record ends before it, with the fault noted.
    fn read(cursor: &mut Cursor<'a>) -> Option<Self>;

    /// The value that sFlow gives to an unknown field of this type and `kind`.
    fn unknown(kind: Kind) -> Self;

    /// Reads one value and shows it to `visitor`; what is absent is not shown.
    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor);
}

/// A counted array whose items are read when asked for.
///
/// Holds only items that are whole; a count beyond what the record holds costs nothing and is
/// reported as [`MalformedKind::FieldOverrun`] by whoever read the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a, T> {
    items: Span<'a>,
    len: u32,
    depth: u8,
    item: PhantomData<T>,
}

impl<'a, T: Wire<'a>> List<'a, T> {
    /// Number of whole items.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True for a list without items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut cursor = Cursor::new(self.items, self.depth);
        (0..self.len).map_while(move |_| T::read(&mut cursor))
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for List<'a, T> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let count = u32::read(cursor)?;
        let list = |len| Self { items: cursor.span, len, depth: cursor.depth, item: PhantomData };
        let (all, mut ahead) = (list(count), *cursor);
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
        Self { items: Span::new(&[]), len: 0, depth: 0, item: PhantomData }
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        let Some(list) = Self::read(cursor) else { return };
        let mut items = Cursor::new(list.items, list.depth);
        visitor.open(field, Shape::List);
        for _ in 0..list.len {
            T::visit(&mut items, Field { name: "", ..field }, visitor);
        }
        visitor.close(Shape::List);
        if let Some(fault) = items.fault {
            cursor.fail_with(fault);
        }
    }
}

/// A field that older forms of its structure do not have: its absence is no fault.
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
}
