//! Flow and counter records: numbered, length-prefixed structures inside a sample.

use core::marker::PhantomData;

use crate::format::DataFormat;
use crate::layout::Layout;
use crate::malformed::{Malformed, MalformedKind};
use crate::space;
pub use crate::space::Space;
use crate::structure::Numbered;
use crate::value::Text;
use crate::visit::{Field, Kind, Shape, Value, Visitor};
use crate::xdr::{Cursor, Span, Wire};

/// One record, not yet read: number and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a, S> {
    format: DataFormat,
    span: Span<'a>,
    layout: Layout,
    space: PhantomData<S>,
}

impl<'a, S: Space> Record<'a, S> {
    #[inline]
    pub(crate) fn new(format: DataFormat, span: Span<'a>, layout: Layout) -> Self {
        Self { format, span, layout, space: PhantomData }
    }

    /// Enterprise and format.
    pub fn data_format(&self) -> DataFormat {
        self.format
    }

    /// The record's content, without its number and length.
    pub fn bytes(&self) -> &'a [u8] {
        self.span.bytes()
    }

    /// Offset of the content, in bytes from the start of the datagram.
    pub fn offset(&self) -> usize {
        self.span.offset()
    }

    /// The published name; `None` for an unknown number.
    pub fn name(&self) -> Option<&'static str> {
        S::name(self.format)
    }

    /// Reads the record as a `T`; `None` if it has another number.
    ///
    /// Absent fields have the unknown value of their kind. [`visit`](Record::visit) omits them, so
    /// it distinguishes an absent field from one sent as unknown.
    #[inline]
    pub fn read<T: Numbered<'a, S>>(&self) -> Option<T> {
        if self.format != T::FORMAT {
            return None;
        }
        Some(space::read(&self.cursor()))
    }

    /// Reads the record by its number.
    pub fn decode(&self) -> S::Data<'a> {
        S::read(self.format, &self.cursor())
    }

    /// Passes the fields to `visitor`; an unknown record has one field, `bytes`.
    ///
    /// Returns the number of bytes after the known fields: an extension, to be ignored.
    ///
    /// # Errors
    ///
    /// The first fault in the structure. The fields before it have been visited.
    pub fn visit(&self, visitor: &mut dyn Visitor) -> Result<usize, Malformed> {
        let mut cursor = self.cursor();
        if S::visit(self.format, &mut cursor, visitor).is_none() {
            visitor.value(BYTES, Value::Bytes(self.span.bytes()));
            return Ok(0);
        }
        cursor.end()
    }

    /// Reads every field to find the first fault; returns the same as [`visit`](Record::visit).
    ///
    /// # Errors
    ///
    /// The first fault in the structure.
    pub fn check(&self) -> Result<usize, Malformed> {
        let mut cursor = self.cursor();
        S::check(self.format, &mut cursor).map_or(Ok(0), |()| cursor.end())
    }

    #[inline]
    fn cursor(&self) -> Cursor<'a> {
        Cursor::new(self.span, self.layout)
    }
}

/// The records of a sample, in order.
///
/// Yields an error where the walk cannot continue, and then ends.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a, S> {
    span: Span<'a>,
    /// Number of records left.
    left: u32,
    layout: Layout,
    space: PhantomData<S>,
}

impl<'a, S> Records<'a, S> {
    #[inline]
    pub(crate) fn new(span: Span<'a>, count: u32, layout: Layout) -> Self {
        Self { span, left: count, layout, space: PhantomData }
    }

    /// Version of the datagram: 2, 4 or 5.
    pub fn version(&self) -> u8 {
        self.layout.version()
    }

    /// Bytes not walked over yet. At the end, surplus bytes of the sample, to be ignored.
    pub fn remaining(&self) -> &'a [u8] {
        self.span.bytes()
    }

    pub(crate) fn span(&self) -> Span<'a> {
        self.span
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    pub(crate) fn move_to(&mut self, span: Span<'a>) {
        self.span = span;
    }

    /// Continues with `count` records of version 2 or 4.
    pub(crate) fn expect(&mut self, count: u32, layout: Layout) {
        *self = Self::new(self.span, count, layout);
    }

    pub(crate) fn stop(&mut self) {
        self.left = 0;
    }

    /// Ends the walk, with nothing left over.
    pub(crate) fn end(&mut self, fault: Malformed) -> Malformed {
        self.stop();
        self.span = self.span.at_end();
        fault
    }

    fn fail(&mut self, kind: MalformedKind) -> Malformed {
        self.stop();
        self.span.malformed(kind)
    }
}

impl<'a, S: Space> Iterator for Records<'a, S> {
    type Item = Result<Record<'a, S>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut after = self.span;
        if let Some([format, length]) = after.words()
            && let Some(span) = after.padded(length)
            && !self.layout.is_legacy()
        {
            self.span = after;
            return Some(Ok(Record::new(DataFormat(format), span, self.layout)));
        }
        // On a copy, so that `self` stays in registers in all other steps.
        let Self { span, left, layout, space } = *self;
        let mut copy = Self { span, left, layout, space };
        let record = copy.rare();
        *self = copy;
        Some(record)
    }
}

impl<'a, S: Space> Records<'a, S> {
    /// The next record if it is of version 2 or 4, or not whole, or without its pad. Out of line, so
    /// that other records pay for none of it.
    #[cold]
    #[inline(never)]
    fn rare(&mut self) -> Result<Record<'a, S>, Malformed> {
        if self.layout.is_legacy() {
            return self.next_legacy();
        }
        let Some([format, length]) = self.span.words() else {
            return Err(self.fail(MalformedKind::RecordsMissing));
        };
        match self.span.opaque(length) {
            Some(span) => Ok(Record::new(DataFormat(format), span, self.layout)),
            None => Err(self.fail(MalformedKind::RecordOverrun)),
        }
    }
}

/// A list of records inside a record (802.11 aggregation only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedRecords<'a, S> {
    span: Span<'a>,
    count: u32,
    layout: Layout,
    space: PhantomData<S>,
}

impl<'a, S: Space> NestedRecords<'a, S> {
    /// The records in order.
    pub fn iter(&self) -> Records<'a, S> {
        Records::new(self.span, self.count, self.layout)
    }
}

impl<'a, S: Space> Wire<'a> for NestedRecords<'a, S> {
    const MIN: usize = 4;

    /// Walks over the records to find the end of the list, which has no length of its own.
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        // Bounds the recursion of `visit`: the stack on a small target is a few kilobytes.
        if cursor.layout().depth() >= Cursor::MAX_DEPTH {
            cursor.fail(MalformedKind::TooDeep);
            return None;
        }
        let count = u32::read(cursor)?;
        let (span, layout) = (cursor.span(), cursor.layout().nested());
        for _ in 0..count {
            u32::read(cursor)?;
            cursor.opaque()?;
        }
        Some(Self { span, count, layout, space: PhantomData })
    }

    fn unknown(_: Kind) -> Self {
        Self { span: Span::new(&[]), count: 0, layout: Layout::VERSION_5, space: PhantomData }
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        let Some(list) = Self::read(cursor) else { return };
        visitor.open(field, Shape::List);
        for record in list.iter().flatten() {
            visitor.open(ITEM, Shape::Structure);
            let name = record.name().unwrap_or("unknown");
            visitor.value(TYPE, Value::Text(Text(name.as_bytes())));
            visitor.value(FORMAT, Value::Format(record.format));
            // Closed before the fault is noted, so that brackets match even in a malformed record.
            let fault = record.visit(visitor).err();
            visitor.close(Shape::Structure);
            if let Some(fault) = fault {
                cursor.fail_with(fault);
            }
        }
        visitor.close(Shape::List);
    }

    fn check(cursor: &mut Cursor<'a>) {
        let Some(list) = Self::read(cursor) else { return };
        for fault in list.iter().flatten().filter_map(|record| record.check().err()) {
            cursor.fail_with(fault);
        }
    }
}

const BYTES: Field = Field { name: "bytes", kind: Kind::Identity };
const ITEM: Field = Field { name: "", kind: Kind::Identity };
const TYPE: Field = Field { name: "record", kind: Kind::Identity };
const FORMAT: Field = Field { name: "data_format", kind: Kind::Identity };
