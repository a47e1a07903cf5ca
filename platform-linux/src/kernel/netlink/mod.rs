//! Netlink, netlink(7): sockets, messages, attributes, and generic netlink families.
//!
//! Shared by everything that uses netlink; the messages of one family are parsed where they are
//! used. Nothing received is trusted, although the kernel is the only sender that is accepted: a
//! newer kernel may change a message.

pub(crate) mod attributes;
pub(crate) mod clsact;
pub(crate) mod drop_monitor;
mod generic;
mod message;
pub(crate) mod nflog;
pub(crate) mod psample;
pub(crate) mod sock_diag;
mod socket;

pub(crate) use attributes::push_attribute;
pub(crate) use generic::{GENERIC_HEADER, GenericSocket};
pub(crate) use message::{Malformed, Message, Messages, Request};
pub(crate) use socket::{NetlinkSocket, ReceiveError};
