//! The subcommands of the program, one file or folder each.

pub(crate) mod forward;
pub(crate) mod listen;
pub(crate) mod read;
pub(crate) mod serve;
pub(crate) mod top;
