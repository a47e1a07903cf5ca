//! The macro for counter records of fixed size, and the types of their fields.

/// A counter modulo 2^32. All ones: unknown.
pub type Counter32 = u32;

/// A counter modulo 2^64. All ones: unknown.
pub type Counter64 = u64;

/// A gauge, a setting or an identifier of 32 bits. 0: unknown.
pub type Gauge32 = u32;

/// A gauge, a setting or an identifier of 64 bits. 0: unknown.
pub type Gauge64 = u64;

/// A percentage in hundredths of a percent, 0 to 10000. -1: unknown.
pub type Percentage = i32;

/// A load average in processes. -1.0: unknown.
pub type Load = f32;

/// Declares a counter record: `Name = enterprise:format { field: kind, ... }`, with the fields in
/// the order of the wire.
///
/// The kind of a field determines its Rust type, its "unknown" code and its words on the wire. It
/// is one of the aliases above, or a list of codes, which has `UNKNOWN` and `code()`. The whole
/// record is written with one bounds check.
macro_rules! counter_record {
    (
        $(#[$about:meta])*
        $record:ident = $enterprise:literal:$format:literal {
            $($(#[$meaning:meta])* $field:ident: $kind:ident,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $record {
            $($(#[$meaning])* pub $field: $kind,)*
        }

        impl $record {
            /// Every field unknown, to be completed with `..UNKNOWN`.
            pub const UNKNOWN: Self = Self { $($field: counter_record!(@unknown $kind),)* };
        }

        impl Default for $record {
            fn default() -> Self {
                Self::UNKNOWN
            }
        }

        impl $crate::record::CounterRecord for $record {
            fn format(&self) -> $crate::record::DataFormat {
                $crate::record::DataFormat::new($enterprise, $format)
            }

            fn encode(&self, xdr: &mut $crate::xdr::Encoder<'_>) {
                counter_record!(@words self xdr [] $($field: $kind,)*);
            }
        }
    };

    (@unknown Counter32) => { u32::MAX };
    (@unknown Counter64) => { u64::MAX };
    (@unknown Gauge32) => { 0 };
    (@unknown Gauge64) => { 0 };
    (@unknown Percentage) => { -1 };
    (@unknown Load) => { -1.0 };
    (@unknown $codes:ident) => { $codes::UNKNOWN };

    // Moves one field after the other from the list into words within the brackets.
    (@words $self:ident $xdr:ident [$($words:tt)*]) => {
        $xdr.words([$($words)*])
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: Counter32, $($rest:tt)*) => {
        counter_record!(@words $self $xdr [$($words)* $self.$field,] $($rest)*)
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: Gauge32, $($rest:tt)*) => {
        counter_record!(@words $self $xdr [$($words)* $self.$field,] $($rest)*)
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: Counter64, $($rest:tt)*) => {
        counter_record!(@hyper $self $xdr [$($words)*] $field $($rest)*)
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: Gauge64, $($rest:tt)*) => {
        counter_record!(@hyper $self $xdr [$($words)*] $field $($rest)*)
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: Percentage, $($rest:tt)*) => {
        counter_record!(@words $self $xdr [$($words)* $self.$field.cast_unsigned(),] $($rest)*)
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: Load, $($rest:tt)*) => {
        counter_record!(@words $self $xdr [$($words)* $self.$field.to_bits(),] $($rest)*)
    };
    (@words $self:ident $xdr:ident [$($words:tt)*] $field:ident: $codes:ident, $($rest:tt)*) => {
        counter_record!(@words $self $xdr [$($words)* $self.$field.code(),] $($rest)*)
    };
    (@hyper $self:ident $xdr:ident [$($words:tt)*] $field:ident $($rest:tt)*) => {
        counter_record!(@words $self $xdr [
            $($words)*
            $crate::record::counter::table::high($self.$field),
            $crate::record::counter::table::low($self.$field),
        ] $($rest)*)
    };
}

pub(crate) use counter_record;

/// Returns the first word of an `unsigned hyper`.
pub(crate) const fn high(value: u64) -> u32 {
    low(value >> 32)
}

/// Returns the second word of an `unsigned hyper`.
pub(crate) const fn low(value: u64) -> u32 {
    (value & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macros declare public items")]
mod tests {
    use super::*;
    use crate::record::codes::codes;
    use crate::record::{DataFormat, testing};

    codes! {
        /// A list with one code.
        Colour {
            UNKNOWN = 0 "unknown",
        }
    }

    counter_record! {
        /// One field of each kind.
        Kinds = 1:2 {
            /// 1
            counter32: Counter32,
            /// 2
            counter64: Counter64,
            /// 3
            gauge32: Gauge32,
            /// 4
            gauge64: Gauge64,
            /// 5
            percentage: Percentage,
            /// 6
            load: Load,
            /// 7
            colour: Colour,
        }
    }

    #[test]
    fn each_kind_has_its_words() {
        let kinds = Kinds {
            counter32: 0x0102_0304,
            counter64: 0x0506_0708_090a_0b0c,
            gauge32: 0x0d0e_0f10,
            gauge64: 0x1112_1314_1516_1718,
            percentage: -2,
            load: 1.5,
            colour: Colour::new(0x191a_1b1c),
        };
        let bytes = [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
            0xff, 0xff, 0xff, 0xfe, 0x3f, 0xc0, 0, 0, 25, 26, 27, 28,
        ];
        testing::counter_bytes(&kinds, DataFormat::new(1, 2), &bytes);
    }

    #[test]
    fn each_kind_has_its_unknown() {
        let mut bytes = [0xff; 36];
        bytes[12..24].fill(0);
        bytes[28..].copy_from_slice(&[0xbf, 0x80, 0, 0, 0, 0, 0, 0]);
        testing::counter_bytes(&Kinds::default(), DataFormat::new(1, 2), &bytes);
        assert_eq!(Kinds::UNKNOWN.colour.name(), Some("unknown"));
        assert_eq!(Colour::new(1).name(), None);
    }
}
