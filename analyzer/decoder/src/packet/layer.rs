//! Description of packet headers by a macro.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::value::MacAddress;
use crate::visit::{Field, Kind, Value, Visitor};

/// Defines the struct of a header, and the visit of its fields.
macro_rules! layer {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            pub(super) fn visit(&self, visitor: &mut dyn $crate::visit::Visitor) {
                $($crate::packet::layer::Show::show(self.$field, stringify!($field), visitor);)*
            }
        }
    };
}

pub(super) use layer;

/// A type of field in a packet header; `None` is omitted.
pub(super) trait Show {
    fn show(self, name: &'static str, visitor: &mut dyn Visitor);
}

macro_rules! show {
    ($($type:ty as $value:ident),*) => {$(
        impl Show for $type {
            fn show(self, name: &'static str, visitor: &mut dyn Visitor) {
                let field = Field { name, kind: Kind::Identity };
                visitor.value(field, Value::$value(self.into()));
            }
        }
    )*};
}

show!(
    u8 as U32,
    u16 as U32,
    u32 as U32,
    bool as Bool,
    MacAddress as Mac,
    Ipv4Addr as Ipv4,
    Ipv6Addr as Ipv6
);

impl<T: Show> Show for Option<T> {
    fn show(self, name: &'static str, visitor: &mut dyn Visitor) {
        if let Some(value) = self {
            value.show(name, visitor);
        }
    }
}
