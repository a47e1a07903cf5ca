//! Flow and counter records: numbered, length-prefixed structures inside a sample.

use core::marker::PhantomData;

use crate::format::DataFormat;
use crate::legacy::Items;
use crate::malformed::{Malformed, MalformedKind};
use crate::structure::{Numbered, Structure};
use crate::value::Text;
use crate::visit::{Field, Kind, Shape, Value, Visitor};
use crate::xdr::{Cursor, Layout, Span, Wire};

/// A number space of records: [`Flow`](crate::Flow) or [`Counter`](crate::Counter).
///
/// `registry!` implements it from the list of records.
pub trait Space: Sized {
    /// The enum of all records of the space.
    type Data<'a>;

    /// Reads the record numbered `format`.
    fn read<'a>(format: DataFormat, cursor: &mut Cursor<'a>) -> Self::Data<'a>;

    /// Finds name and fields of the record numbered `format`; `None` for an unknown number.
    fn lookup<'a>(format: DataFormat) -> Option<Known<'a>>;
}

/// Name and fields of a numbered structure.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The published name.
    pub name: &'static str,
    /// Reads the fields and passes them to the visitor, as far as they are present.
    pub visit: fn(&mut Cursor<'a>, &mut dyn Visitor),
    /// Moves past the fields and records the same fault.
    pub check: fn(&mut Cursor<'a>),
}

impl<'a> Known<'a> {
    pub(crate) fn of<T: Structure<'a>>() -> Self {
        Self { name: T::NAME, visit: T::visit_fields, check: T::check }
    }
}

/// Lists the records of one number space: defines the enum of all of them and the search by number.
macro_rules! registry {
    ($(#[$doc:meta])* $data:ident of $space:ident {
        $($name:ident $(<$life:lifetime>)?,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $data<'a> {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name $(<$life>)?),)*
            /// A number without a structure here; [`Record::bytes`](crate::record::Record::bytes)
            /// has the content.
            Unknown,
        }

        impl $crate::record::Space for $crate::$space {
            type Data<'a> = $data<'a>;

            fn read<'a>(
                format: $crate::DataFormat,
                cursor: &mut $crate::xdr::Cursor<'a>,
            ) -> $data<'a> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return $data::$name($crate::xdr::Wire::read(cursor)
                        .unwrap_or_else(|| $crate::xdr::Wire::unknown($crate::visit::Kind::Gauge)));
                })*
                $data::Unknown
            }

            #[inline]
            fn lookup<'a>(format: $crate::DataFormat) -> Option<$crate::record::Known<'a>> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return Some($crate::record::Known::of::<$name>());
                })*
                None
            }
        }
    };
}

pub(crate) use registry;

/// One record, not yet read: number and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a, S> {
    format: DataFormat,
    span: Span<'a>,
    depth: u8,
    version: u8,
    space: PhantomData<S>,
}

impl<'a, S: Space> Record<'a, S> {
    pub(crate) fn legacy(format: DataFormat, span: Span<'a>, version: u8) -> Self {
        Self { format, span, depth: 0, version, space: PhantomData }
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
        S::lookup(self.format).map(|known| known.name)
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
        T::read(&mut self.cursor())
    }

    /// Reads the record by its number.
    pub fn decode(&self) -> S::Data<'a> {
        S::read(self.format, &mut self.cursor())
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
        match S::lookup(self.format) {
            Some(known) => (known.visit)(&mut cursor, visitor),
            None => {
                visitor.value(BYTES, Value::Bytes(self.span.bytes()));
                return Ok(0);
            }
        }
        cursor.fault().map_or(Ok(cursor.remaining()), Err)
    }

    /// Reads every field to find the first fault; returns the same as [`visit`](Record::visit).
    ///
    /// # Errors
    ///
    /// The first fault in the structure.
    pub fn check(&self) -> Result<usize, Malformed> {
        let Some(known) = S::lookup(self.format) else { return Ok(0) };
        let mut cursor = self.cursor();
        (known.check)(&mut cursor);
        cursor.fault().map_or(Ok(cursor.remaining()), Err)
    }

    #[inline]
    fn cursor(&self) -> Cursor<'a> {
        Cursor::with_layout(self.span, self.depth, self.layout())
    }

    /// Recognises Ethernet headers whose MAC addresses are not padded: the record has 20 bytes, and
    /// the upper half of its last word, the type, is 0. A padded one that was cut to 20 bytes ends with
    /// an address.
    #[inline]
    fn layout(&self) -> Layout {
        // First the number, which is constant where a record of one kind is read.
        if matches!(self.format.0, SAMPLED_ETHERNET | L2_TUNNEL_EGRESS | L2_TUNNEL_INGRESS)
            && let Some([.., 0, 0, _, _]) = self.bytes().as_array::<20>()
        {
            return Layout::Unpadded;
        }
        Layout::Version(self.version)
    }
}

/// The records of a sample, in order.
///
/// Yields an error where the walk cannot continue, and then ends.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a, S> {
    span: Span<'a>,
    /// Records of version 5 that are left.
    left: u32,
    depth: u8,
    /// Records of version 2 or 4, which have no lengths, and how many of them are left. Apart, so that
    /// each record of version 5 costs no comparison of versions.
    legacy: Option<(Items, u32)>,
    space: PhantomData<S>,
}

impl<'a, S> Records<'a, S> {
    pub(crate) fn new(span: Span<'a>, count: u32, depth: u8) -> Self {
        Self { span, left: count, depth, legacy: None, space: PhantomData }
    }

    pub(crate) fn legacy(span: Span<'a>, count: u32, items: Items) -> Self {
        Self { span, left: 0, depth: 0, legacy: Some((items, count)), space: PhantomData }
    }

    /// Version of the datagram: 2, 4 or 5.
    pub fn version(&self) -> u8 {
        self.legacy.map_or(5, |(items, _)| items.version())
    }

    /// Bytes not walked over yet. At the end, surplus bytes of the sample, to be ignored.
    pub fn remaining(&self) -> &'a [u8] {
        self.span.bytes()
    }

    /// `Clone` and `Copy` would need them of the number space.
    #[inline(always)]
    fn copy(&self) -> Self {
        let Self { span, left, depth, legacy, space } = *self;
        Self { span, left, depth, legacy, space }
    }

    pub(crate) fn span(&self) -> Span<'a> {
        self.span
    }

    /// The number of records of version 2 or 4 that are left.
    pub(crate) fn left(&self) -> u32 {
        self.legacy.map_or(0, |(_, left)| left)
    }

    pub(crate) fn move_to(&mut self, span: Span<'a>) {
        self.span = span;
    }

    pub(crate) fn expect(&mut self, count: u32, items: Items) {
        self.legacy = Some((items, count));
    }

    pub(crate) fn stop(&mut self) {
        (self.left, self.legacy) = (0, None);
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
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            let mut after = self.span;
            if let Some([format, length]) = after.words()
                && let Some(span) = after.opaque(length)
            {
                self.span = after;
                let (format, depth) = (DataFormat(format), self.depth);
                return Some(Ok(Record { format, span, depth, version: 5, space: PhantomData }));
            }
        } else if self.legacy.is_none() {
            return None;
        }
        // On a copy, so that `self` stays in registers in all other steps.
        let mut copy = self.copy();
        let record = copy.rare();
        *self = copy;
        record
    }
}

impl<'a, S: Space> Records<'a, S> {
    /// The next record if it is of version 2 or 4, or not whole. Out of line, so that the records of version
    /// 5 pay for none of it.
    #[cold]
    #[inline(never)]
    fn rare(&mut self) -> Option<Result<Record<'a, S>, Malformed>> {
        if let Some((items, left)) = self.legacy {
            self.legacy = Some((items, left.checked_sub(1)?));
            return Some(self.next_legacy(items));
        }
        let whole_head = self.span.words::<2>().is_some();
        Some(Err(self.fail(match whole_head {
            false => MalformedKind::RecordsMissing,
            true => MalformedKind::RecordOverrun,
        })))
    }
}

/// A list of records inside a record (802.11 aggregation only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedRecords<'a, S> {
    span: Span<'a>,
    count: u32,
    depth: u8,
    space: PhantomData<S>,
}

impl<'a, S: Space> NestedRecords<'a, S> {
    /// The records in order.
    pub fn iter(&self) -> Records<'a, S> {
        Records::new(self.span, self.count, self.depth)
    }
}

impl<'a, S: Space> Wire<'a> for NestedRecords<'a, S> {
    /// Walks over the records to find the end of the list, which has no length of its own.
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        // Bounds the recursion of `visit`: the stack on a small target is a few kilobytes.
        if cursor.depth() >= Cursor::MAX_DEPTH {
            cursor.fail(MalformedKind::TooDeep);
            return None;
        }
        let count = u32::read(cursor)?;
        let (span, depth) = (cursor.span(), cursor.depth() + 1);
        for _ in 0..count {
            u32::read(cursor)?;
            cursor.opaque()?;
        }
        Some(Self { span, count, depth, space: PhantomData })
    }

    fn unknown(_: Kind) -> Self {
        Self { span: Span::new(&[]), count: 0, depth: 0, space: PhantomData }
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
const SAMPLED_ETHERNET: u32 = 2;
const L2_TUNNEL_EGRESS: u32 = 1021;
const L2_TUNNEL_INGRESS: u32 = 1022;
