//! The file behind a path or a descriptor.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode of a regular file, equal for all of its names and open descriptors.
///
/// Terminals, pipes and devices such as `/dev/null` have none: reading and writing them does not
/// destroy anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().and_then(|metadata| Self::of_metadata(&metadata))
    }

    pub(super) fn of(descriptor: &impl AsFd) -> Option<Self> {
        let file = std::fs::File::from(descriptor.as_fd().try_clone_to_owned().ok()?);
        file.metadata().ok().and_then(|metadata| Self::of_metadata(&metadata))
    }

    fn of_metadata(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self { device: metadata.dev(), inode: metadata.ino() })
    }
}
