//! Number spaces of records, and the search of a structure by its number.

use crate::format::DataFormat;
use crate::layout::Layout;
use crate::structure::Numbered;
use crate::visit::{Kind, Visitor};
use crate::xdr::Cursor;

/// A number space of records: [`Flow`](crate::Flow) or [`Counter`](crate::Counter).
///
/// `registry!` implements it from the list of records.
pub trait Space: Sized {
    /// The enum of all records of the space.
    type Data<'a>;

    /// Reads the record numbered `format`.
    fn read<'a>(format: DataFormat, start: &Cursor<'a>) -> Self::Data<'a>;

    /// The published name of the record numbered `format`; `None` for an unknown number.
    fn name(format: DataFormat) -> Option<&'static str>;

    /// Passes the fields of the record numbered `format` to the visitor, as far as they are present;
    /// `None` for an unknown number.
    fn visit(format: DataFormat, cursor: &mut Cursor<'_>, visitor: &mut dyn Visitor) -> Option<()>;

    /// Moves past the fields of the record numbered `format` and records the same fault as
    /// [`visit`](Space::visit); `None` for an unknown number.
    fn check(format: DataFormat, cursor: &mut Cursor<'_>) -> Option<()>;
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

        impl $crate::space::Space for $crate::$space {
            type Data<'a> = $data<'a>;

            fn read<'a>(
                format: $crate::DataFormat,
                start: &$crate::xdr::Cursor<'a>,
            ) -> $data<'a> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return $crate::space::read_as::<Self, $name>(start, $data::$name);
                })*
                $data::Unknown
            }

            fn name(format: $crate::DataFormat) -> Option<&'static str> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return Some(<$name as $crate::structure::Structure<'_>>::NAME);
                })*
                None
            }

            fn visit(
                format: $crate::DataFormat,
                cursor: &mut $crate::xdr::Cursor<'_>,
                visitor: &mut dyn $crate::visit::Visitor,
            ) -> Option<()> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return $crate::space::visit_as::<Self, $name>(cursor, visitor);
                })*
                None
            }

            fn check(
                format: $crate::DataFormat,
                cursor: &mut $crate::xdr::Cursor<'_>,
            ) -> Option<()> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return $crate::space::check_as::<Self, $name>(cursor);
                })*
                None
            }
        }
    };
}

pub(crate) use registry;

/// Reads a record for an enum. Out of line, so that the result is written in place; else it would be put
/// together from the fields of all structures.
#[inline(never)]
pub(crate) fn read_as<'a, S: Space, T: Numbered<'a, S>>(
    start: &Cursor<'a>,
    of: impl Fn(T) -> S::Data<'a>,
) -> S::Data<'a> {
    of(read(start))
}

/// Reads the structure at `start`.
#[inline]
pub(crate) fn read<'a, S, T: Numbered<'a, S>>(start: &Cursor<'a>) -> T {
    // One comparison instead of one for each field, which pays from eight fields on.
    if T::MIN > 32 && start.remaining() < T::MIN {
        return read_cut(start);
    }
    read_fields(start)
}

#[cold]
#[inline(never)]
fn read_cut<'a, S, T: Numbered<'a, S>>(start: &Cursor<'a>) -> T {
    read_fields(start)
}

#[inline(always)]
fn read_fields<'a, S, T: Numbered<'a, S>>(start: &Cursor<'a>) -> T {
    // A copy, so that it stays in registers.
    let mut cursor = *start;
    prepare::<S, T>(&mut cursor);
    T::read(&mut cursor).unwrap_or_else(|| T::unknown(Kind::Gauge))
}

/// Passes the fields of the structure at `cursor` to the visitor.
#[inline(never)]
pub(crate) fn visit_as<'a, S, T: Numbered<'a, S>>(
    cursor: &mut Cursor<'a>,
    visitor: &mut dyn Visitor,
) -> Option<()> {
    prepare::<S, T>(cursor);
    T::visit_fields(cursor, visitor);
    Some(())
}

/// Moves past the structure at `cursor`.
#[inline(never)]
pub(crate) fn check_as<'a, S, T: Numbered<'a, S>>(cursor: &mut Cursor<'a>) -> Option<()> {
    prepare::<S, T>(cursor);
    T::check(cursor);
    Some(())
}

/// Recognises Ethernet headers whose MAC addresses are not padded: the record has 20 bytes, and the
/// upper half of its last word, the type, is 0. A padded one that was cut to 20 bytes ends with an
/// address.
#[inline(always)]
fn prepare<'a, S, T: Numbered<'a, S>>(cursor: &mut Cursor<'a>) {
    // The number of `T` is constant, so that others cost nothing.
    if matches!(T::FORMAT.0, SAMPLED_ETHERNET | L2_TUNNEL_EGRESS | L2_TUNNEL_INGRESS)
        && let Some([.., 0, 0, _, _]) = cursor.span().bytes().as_array::<20>()
    {
        *cursor = Cursor::new(cursor.span(), Layout::UNPADDED);
    }
}

const SAMPLED_ETHERNET: u32 = 2;
const L2_TUNNEL_EGRESS: u32 = 1021;
const L2_TUNNEL_INGRESS: u32 = 1022;
