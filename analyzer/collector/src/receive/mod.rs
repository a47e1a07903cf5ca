//! The receiving side: socket, limits, signals, and the queue to the writing thread.

mod drops;
mod limit;
mod queue;
mod receiver;
mod signals;

pub(crate) use drops::Drops;
pub(crate) use limit::Limit;
pub(crate) use queue::{Next, Queue};
pub(crate) use receiver::{Batch, Receiver};
pub(crate) use signals::Signals;
