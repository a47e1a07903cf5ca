//! Messages for the log of the firmware: through `log`, `defmt`, both or neither.

/// A message that tells of a change: rare, for people. Its arguments are numbers and addresses.
macro_rules! log_info {
    ($($argument:tt)*) => {{
        #[cfg(feature = "log")]
        log::info!($($argument)*);
        #[cfg(feature = "defmt")]
        defmt::info!($($argument)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        let _ = ::core::format_args!($($argument)*);
    }};
}
