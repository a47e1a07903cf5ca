//! Reading of counters.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowmote_core::DataSource;

use super::network::{Network, Traffic, process};
use super::node::Node;
use crate::cgroups::{Buffer, StackedDevices, Usage};
use crate::links::Peers;

/// Reads the counters of entities in a thread.
#[derive(Debug)]
pub(super) struct Meter {
    root: PathBuf,
    devices: StackedDevices,
    buffer: Buffer,
    /// Opened in the first read, or in a later one if there were too many files.
    peers: Option<Peers>,
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
    /// It may have a network of its own.
    pub(super) has_network: bool,
}

/// The counters of an entity or the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Entity {
        usage: Usage,
        /// As its processes see it; `None` where they are hidden.
        traffic: Option<Traffic>,
        /// The id that its network namespace has in that of the agent.
        namespace: Option<i32>,
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
            peers: None,
            requests: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Reads what is requested. May block.
    pub(super) fn run(&mut self) {
        let node = Node::read(&self.root, &mut self.buffer);
        let requests = core::mem::take(&mut self.requests);
        for (source, place) in requests {
            let reading = match place {
                None => Reading::Host(node),
                Some(place) => self.read(&place, node).unwrap_or(Reading::Nothing),
            };
            self.results.push((source, reading));
        }
    }

    fn read(&mut self, place: &Place, node: Node) -> Option<Reading> {
        let Self { root, devices, buffer, peers, .. } = self;
        let directory = fs::metadata(&place.path).ok()?;
        if directory.ino() != place.cgroup {
            return None;
        }
        let usage = Usage::read(&place.path, devices, buffer).ok()?;
        let pid = place.has_network.then(|| process(&place.path, buffer)).flatten();
        let network = pid.and_then(|pid| Network::of(root, pid));
        let traffic = network.and_then(|network| network.traffic(buffer));
        let namespace = pid.and_then(|pid| Peers::kept_in(peers)?.namespace_of(pid));
        Some(Reading::Entity { usage, traffic, namespace, node })
    }
}
