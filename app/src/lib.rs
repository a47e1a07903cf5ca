//! Reports what an application does to the sFlow agent of its host: each operation with its status,
//! duration and size (sampled), counters of all operations, and metrics of any name.
//!
//! ```no_run
//! use flowmote_app::{Application, Status};
//!
//! let app = Application::new("shop.cart");
//!
//! let mut operation = app.operation("checkout");
//! operation.attributes("items=3").response_bytes(1820);
//! operation.finish(Status::Success);
//!
//! app.metrics("shop_cart").gauge("open_carts", 17.0).send();
//! ```
//!
//! The agent, Flowmote with a `json { }` block, sends them to its collectors, together with packets
//! and counters of the host. The messages are those of hsflowd's `json` module.
//!
//! - **It never waits and never fails.** Messages are single datagrams to the loopback interface, from
//!   a socket that does not block. Without an agent they are lost and counted
//!   ([`Application::losses`]).
//! - **The agent sets the rate.** 1 in N operations are reported, with the N that the agent
//!   publishes in `/etc/hsflowd.auto`: `sampling.app.NAME` of its configuration, else `sampling`,
//!   400 without a file. One thread of the process looks at the file every five seconds.
//!   The environment variable `FLOWMOTE_AUTO` names another file.
//! - **The numbers are true.** Each operation is chosen with probability 1/N, whatever the others
//!   are, and the report has the N that was in force; the counters have every operation.
//! - **An operation that is not chosen** costs some tens of nanoseconds, allocates nothing, formats
//!   nothing and reads no clock.
//!
//! Texts are cut where sFlow cuts them, so that one message always fits. An application is identified
//! by its name: processes of one name on a host, such as the workers of a server that forks, overwrite
//! the counters of each other, so give each a name of its own. A process that forks reports the
//! operations of both, but the counters of the parent only, where the thread is.
#![forbid(unsafe_code)]

mod application;
mod counters;
mod json;
mod losses;
mod metrics;
mod operation;
mod process;
mod sampling;
mod settings;
mod socket;
mod status;
#[cfg(test)]
mod testing;
#[cfg(feature = "tower")]
pub mod tower;

pub use self::application::Application;
pub use self::counters::{Counters, Resources, Workers};
pub use self::losses::Losses;
pub use self::metrics::Metrics;
pub use self::operation::Operation;
pub use self::status::Status;
