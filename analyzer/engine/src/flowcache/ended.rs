//! Flows that ended, on their way to the log.

use std::sync::Arc;

use super::definition::Definition;
use super::flow::Sample;
use super::lifetime::Lifetime;
use super::observer::Observer;
use super::plan::Plan;
use super::segment::Entry;
use crate::instant::Instant;

/// Flows that wait for the log.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    flows: Vec<EndedFlow>,
    /// Bytes of their keys.
    bytes: usize,
    /// Flows for which there was no room.
    pub(crate) lost: u64,
}

/// A flow for the log, with the number of its data source.
#[derive(Debug)]
pub(crate) struct EndedFlow {
    pub(crate) source: u32,
    pub(crate) name: Arc<str>,
    pub(crate) keys: String,
    pub(crate) value: f64,
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

/// What a record of the log needs beside the entry.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) definition: &'a Definition,
    pub(crate) plan: &'a Plan,
}

impl Ended {
    /// The flows that wait.
    pub(crate) fn take(&mut self) -> Vec<EndedFlow> {
        self.bytes = 0;
        core::mem::take(&mut self.flows)
    }

    /// Records a flow that was idle or active for long enough.
    pub(crate) fn check(
        &mut self,
        labels: Labels<'_>,
        entry: Entry<'_>,
        life: &mut Lifetime,
        now: Instant,
    ) {
        let definition = labels.definition;
        let idle = now.since(life.last).as_secs_f64() > (ENDED * definition.t).max(1.0);
        let long = now.since(life.start).as_secs_f64() >= definition.active_timeout;
        if life.open && (idle || (long && !definition.flow_start)) {
            self.flow(labels, entry, life);
            life.open = false;
        }
    }

    /// Records a flow that ended.
    pub(crate) fn flow(&mut self, labels: Labels<'_>, entry: Entry<'_>, life: &Lifetime) {
        if !life.open || labels.definition.flow_start {
            return;
        }
        let value = match entry.values.first() {
            Some(value) if labels.plan.value_is_further() => {
                let period =
                    life.last.since(Instant::default()).as_secs_f64() / labels.definition.t;
                value.estimate(period as u32).value
            }
            _ => life.total,
        };
        self.push(labels, entry.key, entry.slot.observer, (life.start, life.last), value);
    }

    /// Records a flow that begins.
    pub(crate) fn begun(&mut self, labels: Labels<'_>, key: &[u8], sample: &Sample, value: f64) {
        self.push(labels, key, sample.observer, (sample.now, sample.now), value);
    }

    fn push(
        &mut self,
        labels: Labels<'_>,
        key: &[u8],
        observer: Observer,
        (start, end): (Instant, Instant),
        value: f64,
    ) {
        if self.flows.len() >= MAX_ENDED || self.bytes >= MAX_BYTES {
            self.lost += 1;
            return;
        }
        let (source, name) = (observer.source(), labels.name.clone());
        let keys = labels.plan.keys.text(key, &labels.definition.fs);
        self.bytes += keys.len();
        self.flows.push(EndedFlow { source, name, keys, value, start, end });
    }
}

/// Time constants without a sample after which a flow has ended.
const ENDED: f64 = 5.0;
/// Flows that wait for the log.
const MAX_ENDED: usize = 10_000;
/// Bytes of their keys, more or less one of them.
const MAX_BYTES: usize = 4 << 20;
