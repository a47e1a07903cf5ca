//! Reading of counters.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowmote_core::DataSource;

use super::node::Node;
use crate::cgroups::{Buffer, StackedDevices, Usage};

/// Reads the counters of entities in a thread.
#[derive(Debug)]
pub(super) struct Meter {
    root: PathBuf,
    devices: StackedDevices,
    buffer: Buffer,
    /// The cgroups to read next; `None`: the host, with entities on it.
    pub(super) requests: Vec<(DataSource, Option<Place>)>,
    /// What was read of each.
    pub(super) results: Vec<(DataSource, Reading)>,
}

/// The place of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: Arc<Path>,
    /// Its id. A service that restarted has another cgroup at the same path, whose counters must wait
    /// until the sequence of its samples starts again.
    pub(super) cgroup: u64,
}

/// The counters of an entity or the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Entity {
        usage: Usage,
        /// What it runs on.
        node: Node,
    },
    Host(Node),
    /// The cgroup is gone.
    Nothing,
}

impl Meter {
    /// Reads below `root`, `/` except in tests.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            devices: StackedDevices::new(root),
            buffer: Buffer::default(),
            requests: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Reads what is requested. May block.
    pub(super) fn run(&mut self) {
        let node = Node::read(&self.root, &mut self.buffer);
        let Self { devices, buffer, requests, results, .. } = self;
        results.extend(requests.drain(..).map(|(source, place)| {
            let Some(Place { path, cgroup }) = place else { return (source, Reading::Host(node)) };
            let is_same = fs::metadata(&path).is_ok_and(|directory| directory.ino() == cgroup);
            let usage = is_same.then(|| Usage::read(&path, devices, buffer).ok()).flatten();
            let reading = usage.map(|usage| Reading::Entity { usage, node });
            (source, reading.unwrap_or(Reading::Nothing))
        }));
    }
}
