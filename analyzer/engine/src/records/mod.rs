//! Flow records: who sent how much to whom in a window of time, as flow logs have them.
//!
//! [`Meter`] reads the stored samples ([`Fresh`](crate::samples::Fresh)) and adds them to the [`Record`] of their [`Key`] in
//! each window length that is wanted; [`Meter::close`] returns the records of windows that have ended.
//! It reads what is stored anyway, on another thread, so that flow logs cost the arrival of samples nothing.
//!
//! The numbers of a record are estimates: each sample counts as many times as the flow cache counts it.
//! Records that do not fit the memory are not made, and reported as [`Skipped`](Status::Skipped) of their interface, as
//! are samples that were lost on the way.

mod key;
mod known;
mod meter;
mod record;
mod sources;
mod table;
#[cfg(test)]
mod tests;

pub use crate::keys::{Direction, Link};
pub use key::{Action, Key};
pub use meter::{Closed, Meter, Status, Window, Windows};
pub use record::{Frames, Record};
