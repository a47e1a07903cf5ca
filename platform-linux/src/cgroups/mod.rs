//! Control groups of version 2: where they are mounted, which there are, and what each has used.
//!
//! All functions read files, so they belong into a thread of [`Aside`](crate::aside::Aside). Paths
//! are below a root directory, `/` except in tests. Nothing here needs a privilege: the files of
//! cgroups are readable to every user.

mod files;
mod mount;
#[cfg(test)]
pub(crate) mod testing;
mod usage;
mod walk;

pub(crate) use self::files::{Buffer, read_some};
pub(crate) use self::mount::{Hierarchy, find_hierarchy};
pub(crate) use self::usage::{Io, StackedDevices, Usage};
pub(crate) use self::walk::{Directory, Walk, walk};
