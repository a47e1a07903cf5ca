//! Description of structures by a macro whose input reads like the table in the specification.
//!
//! ```text
//! structures! { Counter:
//!     /// Doc of the structure.
//!     VlanCounters = 0:5 as "vlan_counters" {
//!         /// Doc of the field: meaning, unit, unknown value if it is not the kind's.
//!         Identity vlan_id: u32,
//!         Counter ucast_pkts "ucastPkts": u32,
//!     }
//! }
//! ```
//!
//! The first word of a field is its [`Kind`](crate::visit::Kind). The string is the published name
//! if it differs from the Rust name. A structure without a number (`= 0:5`) is part of others.
//! Versions in brackets after a type (`u32 [5..]`) are those of the datagrams that have the field.
//! `Option` marks fields that an older published form lacks. `registry!` in `flow/mod.rs` or
//! `counter/mod.rs` lists the records that [`Record::decode`](crate::record::Record::decode) and
//! `visit` support.

use crate::format::DataFormat;
use crate::visit::Visitor;
use crate::xdr::{Cursor, Wire};

/// A structure of named fields.
pub trait Structure<'a>: Wire<'a> {
    /// The published name, `if_counters` for instance.
    const NAME: &'static str;

    /// Reads the fields in order and passes those present to `visitor`.
    fn visit_fields(cursor: &mut Cursor<'a>, visitor: &mut dyn Visitor);
}

/// A structure with a number in the space `S`, [`Flow`](crate::Flow) or
/// [`Counter`](crate::Counter).
pub trait Numbered<'a, S>: Structure<'a> {
    /// Its enterprise and format.
    const FORMAT: DataFormat;
}

macro_rules! structures {
    ($space:ident: $(
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? $(= $enterprise:literal : $format:literal)?
        as $published:literal {
            $(
                $(#[$field_doc:meta])*
                $kind:ident $field:ident $($field_name:literal)?: $type:ty $([$versions:pat])?,
            )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* #[doc = ""] #[doc = concat!(
                "`", $crate::structure::published!($field $($field_name)?), "`: ",
                "[`", stringify!($kind), "`](crate::visit::Kind::", stringify!($kind), ")."
            )]
            pub $field: $type,)*
        }

        impl<'a> $crate::xdr::Wire<'a> for $name $(<$life>)? {
            const MIN: usize = 0 $(+ <$type as $crate::xdr::Wire<'a>>::MIN)*;

            #[inline(always)]
            fn read(cursor: &mut $crate::xdr::Cursor<'a>) -> Option<Self> {
                Some(Self { $($field: $crate::structure::in_version!(
                    cursor,
                    cursor.field($crate::visit::Kind::$kind),
                    $crate::xdr::Wire::unknown($crate::visit::Kind::$kind)
                    $(, $versions)?
                ),)* })
            }

            fn unknown(_: $crate::visit::Kind) -> Self {
                Self {
                    $($field: $crate::xdr::Wire::unknown($crate::visit::Kind::$kind),)*
                }
            }

            fn visit(
                cursor: &mut $crate::xdr::Cursor<'a>,
                field: $crate::visit::Field,
                visitor: &mut dyn $crate::visit::Visitor,
            ) {
                if cursor.is_empty() {
                    return cursor.fail($crate::MalformedKind::RecordShort);
                }
                visitor.open(field, $crate::visit::Shape::Structure);
                <Self as $crate::structure::Structure<'a>>::visit_fields(cursor, visitor);
                visitor.close($crate::visit::Shape::Structure);
            }

            fn check(cursor: &mut $crate::xdr::Cursor<'a>) {
                $($crate::structure::in_version!(
                    cursor,
                    <$type as $crate::xdr::Wire<'a>>::check(cursor),
                    ()
                    $(, $versions)?
                );)*
            }
        }

        impl<'a> $crate::structure::Structure<'a> for $name $(<$life>)? {
            const NAME: &'static str = $published;

            fn visit_fields(
                cursor: &mut $crate::xdr::Cursor<'a>,
                visitor: &mut dyn $crate::visit::Visitor,
            ) {
                $($crate::structure::in_version!(
                    cursor,
                    <$type as $crate::xdr::Wire<'a>>::visit(
                        cursor,
                        $crate::visit::Field {
                            name: $crate::structure::published!($field $($field_name)?),
                            kind: $crate::visit::Kind::$kind,
                        },
                        visitor,
                    ),
                    ()
                    $(, $versions)?
                );)*
            }
        }

        $crate::structure::number!($space [$name $(<$life>)?] $($enterprise $format)?);
    )*};
}

/// Reads a field that the version of the datagram has; another one is absent without a fault.
macro_rules! in_version {
    ($cursor:ident, $present:expr, $absent:expr) => {
        $present
    };
    ($cursor:ident, $present:expr, $absent:expr, $versions:pat) => {
        if matches!($cursor.version(), $versions) { $present } else { $absent }
    };
}

/// Implements [`Numbered`] for a structure that has a number.
macro_rules! number {
    ($space:ident [$($type:tt)*]) => {};
    ($space:ident [$($type:tt)*] $enterprise:literal $format:literal) => {
        impl<'a> $crate::structure::Numbered<'a, $crate::$space> for $($type)* {
            const FORMAT: $crate::DataFormat = $crate::DataFormat::new($enterprise, $format);
        }
    };
}

/// The published name of a field: the given one, else the Rust name.
macro_rules! published {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

pub(crate) use {in_version, number, published, structures};
