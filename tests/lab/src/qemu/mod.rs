//! A lab of emulated boards, on which firmware images run with their ports connected to the test.
//!
//! ```no_run
//! use flowmote_lab::qemu::{Board, Image};
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
//! not lost, however late it is read. A [`Peer`] reads when the test asks it to, a [`Listener`] all
//! the time. What a controller has no room for is lost, so a test of a small board sends no more
//! than a window of frames before it waits for an answer; a virtio device makes the sender wait.
//!
//! No machine outlives its test: it is killed when dropped, when the thread of the test ends,
//! whatever ends it, and by timeout(1) in any case.

mod board;
mod dissector;
mod image;
mod link;
mod listener;
mod machine;
pub mod packet;
mod peer;

pub use self::board::Board;
pub use self::image::{Image, test_library};
pub use self::link::Link;
pub use self::listener::Listener;
pub use self::machine::{Machine, Refused, shown};
pub use self::peer::{Exported, Peer, Station};
