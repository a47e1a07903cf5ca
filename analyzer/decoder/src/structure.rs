//! How structures are described: one macro whose input reads like the specification's table.
//!
//! ```text
//! structures! { Counter:
//!     /// Doc of the structure.
//!     VlanCounters = 0:5 as "vlan_counters" {
//!         /// Doc of the field: meaning, unit, unknown value if it is not the kind's.
//!         I vlan_id: u32,
//!         C ucast_pkts "ucastPkts": u32,
//!     }
//! }
//! ```
//!
//! The letter is the field's [`Kind`](crate::visit::Kind): **C**ounter, **G**auge, **E**numeration,
//! **I**dentity, **T**ime. The string is the published name where it is not the Rust one. A
//! structure without a number (`= 0:5`) is part of others. `Option` marks fields that an older
//! published form lacks. A record is known to the decoder once `registry!` lists it.

use crate::record::DataFormat;
use crate::visit::Visitor;
use crate::xdr::{Cursor, Wire};

/// A structure of named fields.
pub trait Structure<'a>: Wire<'a> {
    /// The published name, `if_counters` for instance.
    const NAME: &'static str;

    /// Shows the fields, in order, as far as they are there.
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
            $($(#[$field_doc:meta])* $kind:ident $field:ident $($field_name:literal)?: $type:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* #[doc = ""] #[doc = concat!(
                "`", $crate::structure::published!($field $($field_name)?), "`: ",
                $crate::structure::kind!(doc $kind)
            )]
            pub $field: $type,)*
        }

        impl<'a> $crate::xdr::Wire<'a> for $name $(<$life>)? {
            #[inline]
            fn read(cursor: &mut $crate::xdr::Cursor<'a>) -> Option<Self> {
                Some(Self { $($field: cursor.field($crate::structure::kind!($kind)),)* })
            }

            fn unknown(_: $crate::visit::Kind) -> Self {
                Self {
                    $($field: $crate::xdr::Wire::unknown($crate::structure::kind!($kind)),)*
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
        }

        impl<'a> $crate::structure::Structure<'a> for $name $(<$life>)? {
            const NAME: &'static str = $published;

            fn visit_fields(
                cursor: &mut $crate::xdr::Cursor<'a>,
                visitor: &mut dyn $crate::visit::Visitor,
            ) {
                $(<$type as $crate::xdr::Wire<'a>>::visit(
                    cursor,
                    $crate::visit::Field {
                        name: $crate::structure::published!($field $($field_name)?),
                        kind: $crate::structure::kind!($kind),
                    },
                    visitor,
                );)*
            }
        }

        $crate::structure::number!($space [$name $(<$life>)?] $($enterprise $format)?);
    )*};
}

/// The number of a structure, for those that have one.
macro_rules! number {
    ($space:ident [$($type:tt)*]) => {};
    ($space:ident [$($type:tt)*] $enterprise:literal $format:literal) => {
        impl<'a> $crate::structure::Numbered<'a, $crate::$space> for $($type)* {
            const FORMAT: $crate::DataFormat = $crate::DataFormat::new($enterprise, $format);
        }
    };
}

macro_rules! published {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

macro_rules! kind {
    (C) => {
        $crate::visit::Kind::Counter
    };
    (G) => {
        $crate::visit::Kind::Gauge
    };
    (E) => {
        $crate::visit::Kind::Enumeration
    };
    (I) => {
        $crate::visit::Kind::Identity
    };
    (T) => {
        $crate::visit::Kind::Time
    };
    (doc C) => {
        "[counter](crate::visit::Kind::Counter)."
    };
    (doc G) => {
        "[gauge](crate::visit::Kind::Gauge)."
    };
    (doc E) => {
        "[enumeration](crate::visit::Kind::Enumeration)."
    };
    (doc I) => {
        "[identity](crate::visit::Kind::Identity)."
    };
    (doc T) => {
        "[time](crate::visit::Kind::Time)."
    };
}

/// Lists the records of one number space: the enum of all of them, and finding one by number.
macro_rules! registry {
    ($(#[$doc:meta])* $data:ident of $space:ident {
        $($name:ident $(<$life:lifetime>)?,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $data<'a> {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name $(<$life>)?),)*
            /// A number that this library does not know; the record's bytes are all there is.
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

            fn lookup<'a>(format: $crate::DataFormat) -> Option<$crate::record::Known<'a>> {
                $(if format == <$name as $crate::structure::Numbered<'_, Self>>::FORMAT {
                    return Some($crate::record::Known::of::<$name>());
                })*
                None
            }
        }
    };
}

pub(crate) use {kind, number, published, registry, structures};
