//! The macro for code lists that grow with time.

/// Declares a code list: `CONSTANT = number "published name",` per known code. The documentation of
/// a constant begins with its name and number; only a name that needs an explanation has more.
///
/// The lists of sFlow are open-ended, so these are numbers with names, not enums: a code that was
/// added later than this program can still be sent.
macro_rules! codes {
    (
        $(#[$about:meta])*
        $list:ident {
            $($(#[$meaning:meta])* $constant:ident = $code:literal $name:literal,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $list(u32);

        impl $list {
            $(
                #[doc = concat!("`", $name, "` (", $code, ").")]
                #[doc = ""]
                $(#[$meaning])*
                pub const $constant: Self = Self($code);
            )*

            /// Creates a code from any number, listed here or not.
            #[must_use]
            pub const fn new(code: u32) -> Self {
                Self(code)
            }

            /// Returns the number on the wire.
            #[must_use]
            pub const fn code(self) -> u32 {
                self.0
            }

            /// Returns the published name; `None` for a number that is not in this list.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use codes;
