//! The receiving side: socket, limits, signals, and the queue to the writing thread.

mod allow;
mod drops;
mod endpoint;
mod group;
mod limit;
mod pause;
mod queue;
mod receiver;
mod signals;
mod socket;

pub(crate) use allow::{Allow, Network};
pub(crate) use drops::Drops;
pub(crate) use endpoint::{Endpoint, PORT};
pub(crate) use limit::Limit;
pub(crate) use pause::Pause;
pub(crate) use queue::{Item, Next, Queue};
pub(crate) use receiver::{Batch, Receiver};
pub(crate) use signals::Signals;
pub(crate) use socket::Socket;
