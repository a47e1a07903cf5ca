//! Return codes.

use flowmote_core::{AddError, HandleError};

/// Success, or nothing to report.
pub const FLOWMOTE_OK: i32 = 0;
/// A packet was sampled, a port is due, or a datagram is ready.
pub const FLOWMOTE_YES: i32 = 1;
/// A pointer is null.
pub const FLOWMOTE_E_NULL: i32 = -1;
/// A pointer is not aligned for its type.
pub const FLOWMOTE_E_ALIGNMENT: i32 = -2;
/// The memory for a state is too small: header and library differ in version.
pub const FLOWMOTE_E_SIZE: i32 = -3;
/// flowmote_init, or flowmote_udp_init, has not been called.
pub const FLOWMOTE_E_STATE: i32 = -4;
/// An argument is outside its documented range.
pub const FLOWMOTE_E_RANGE: i32 = -5;
/// No port has this number or ifIndex.
pub const FLOWMOTE_E_PORT: i32 = -6;
/// All FLOWMOTE_PORTS are in use.
pub const FLOWMOTE_E_PORTS_FULL: i32 = -7;
/// A port with this ifIndex exists.
pub const FLOWMOTE_E_EXISTS: i32 = -8;
/// The queue is full: the sample is lost, and counted in the drops of its port.
pub const FLOWMOTE_E_QUEUE_FULL: i32 = -9;
/// A datagram is finished: fetch it with flowmote_poll_transmit, then call again.
pub const FLOWMOTE_E_FULL: i32 = -10;
/// The sample is larger than a datagram.
pub const FLOWMOTE_E_TOO_LARGE: i32 = -11;
/// The MAC address of the next hop is not known yet.
pub const FLOWMOTE_E_NEIGHBOUR: i32 = -12;

/// The code to return: `Err` where a function ends early.
pub(crate) type Answer = Result<i32, i32>;

pub(crate) fn code(answer: Answer) -> i32 {
    answer.unwrap_or_else(|code| code)
}

pub(crate) fn yes(yes: bool) -> i32 {
    if yes { FLOWMOTE_YES } else { FLOWMOTE_OK }
}

pub(crate) fn handled(result: Result<(), HandleError>) -> Answer {
    match result {
        Ok(()) => Ok(FLOWMOTE_OK),
        Err(HandleError::Full) => Err(FLOWMOTE_E_FULL),
        Err(HandleError::UnknownSource) => Err(FLOWMOTE_E_PORT),
        Err(HandleError::TooLarge | HandleError::InvalidName) => Err(FLOWMOTE_E_TOO_LARGE),
    }
}

pub(crate) fn add_error(error: AddError) -> i32 {
    match error {
        AddError::TableFull => FLOWMOTE_E_PORTS_FULL,
        AddError::Exists => FLOWMOTE_E_EXISTS,
        AddError::NeedsExpanded => FLOWMOTE_E_RANGE,
    }
}
