//! A lab of emulated boards, on which firmware images run with their ports connected to the test.
//!
//! ```no_run
//! use flowmote_tests::qemu::{Board, Image};
//!
//! let Some(image) = Image::build(&Board::MPS2_AN385, "mps2-an385", "small") else { return };
//! let machine = image.start(1);
//! machine.ready();
//! assert!(machine.command("show").is_ok());
//! let link = machine.link(0);
//! link.send(&[0xff; 60]);
//! ```
//!
//! A link is a pair of Unix datagram sockets: a datagram is a frame, and what the board sends is
//! not lost, however late it is read. What it receives is lost where its controller has no room,
//! so a test sends no more than a window of frames before it waits for an answer.
//!
//! No machine outlives its test: it is killed when dropped, when the thread of the test ends,
//! whatever ends it, and by timeout(1) in any case.

mod footprint;
mod image;
mod link;
mod machine;
mod peer;

pub use self::footprint::Footprint;
pub use self::image::{Board, Image};
pub use self::link::Link;
pub use self::machine::{Machine, Refused, shown};
pub use self::peer::{Exported, Peer, Station, packet};
