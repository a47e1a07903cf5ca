//! Messages for the log of the firmware: through `log`, `defmt`, both or neither.

/// Logs a change of state at level info. Arguments are numbers and addresses, because `defmt`
/// cannot format other types of `core`.
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
