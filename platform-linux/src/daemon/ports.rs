//! The interfaces that are sampled, each with its own tap, as they come and go.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;

use flowmote_core::{Agent, Duration, Instant};
use log::{info, warn};

use crate::capture::{Tap, TapOptions, TapStats};
use crate::config::{Config, Tap as TapConfig};
use crate::daemon::collectors::Collectors;
use crate::daemon::events::{Events, Wakeup};
use crate::daemon::sample::with_flow_sample;
use crate::daemon::throttle::{Throttle, held_back};
use crate::links::{Link, Links};

/// Every tap that the configuration asks for and the kernel has an interface for.
#[derive(Debug, Default)]
pub struct Ports {
    ports: BTreeMap<u32, Port>,
    /// Taps that could not be opened, and when to try again.
    failed: BTreeMap<u32, Instant>,
    /// Totals of interfaces that are gone, so that none are missing in the summary.
    gone: TapStats,
    throttle: Throttle,
}

/// A sampled interface.
#[derive(Debug)]
pub struct Port {
    name: String,
    options: TapOptions,
    tap: Tap,
}

impl Ports {
    /// Opens, closes and changes taps until they are what the configuration says of the
    /// interfaces that there are now.
    pub fn reconcile(&mut self, now: Instant, config: &Config, links: &Links, events: &Events) {
        let gone: Vec<u32> =
            self.ports.keys().copied().filter(|&index| wanted(config, links, index).is_none()).collect();
        for if_index in gone {
            self.close(if_index);
        }
        self.failed.retain(|&index, _| wanted(config, links, index).is_some());
        for link in links.iter() {
            if let Some(options) = options(config, link) {
                self.settle(now, link, options, events);
            }
        }
    }

    /// When [`reconcile`](Self::reconcile) should be called though nothing has happened.
    #[must_use]
    pub fn retry(&self) -> Option<Instant> {
        self.failed.values().min().copied()
    }

    /// Hands the samples that wait in a tap to the agent, a bounded number of them; the next
    /// wake-up brings the rest.
    pub fn drain(
        &mut self,
        now: Instant,
        if_index: u32,
        agent: &mut Agent<'_>,
        collectors: &mut Collectors,
    ) {
        let Some(port) = self.ports.get_mut(&if_index) else { return };
        let outcome = port.tap.drain(BUDGET, &mut |packet, meta| {
            with_flow_sample(if_index, meta, packet, |sample| {
                while agent.handle_flow_sample(now, sample) == Err(HandleError::Full) {
                    agent.transmit(now, collectors);
                }
            });
            agent.transmit(now, collectors);
        });
        if let Err(error) = outcome {
            self.failed(now, if_index, &error);
        }
    }
}
