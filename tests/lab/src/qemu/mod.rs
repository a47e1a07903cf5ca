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
//! A link is a pair of Unix datagram sockets, one datagram per frame. Frames of the board are not
//! lost even if they are read late. A [`Peer`] reads on request, a [`Listener`] continuously. A
//! frame for which a controller has no room is lost, so a test of a small board limits the frames
//! in flight; a virtio device makes the sender wait instead.
//!
//! No machine outlives its test: it is killed when dropped, when the thread of the test ends for
//! any reason, and finally by timeout(1).

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
