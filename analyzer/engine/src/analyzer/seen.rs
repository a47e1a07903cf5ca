//! The keys that packets of the recent past have.

use std::borrow::Cow;
use std::collections::BTreeMap;

use flowmote_decoder::RtFlow;

use crate::instant::Instant;
use crate::keys::{Context, Expression, Packet, catalogue};
use crate::metrics::is_custom_name;

/// For each key, the time of the last packet with it, of those that were looked at: one in each interval
/// between two ticks. That is enough for a list of what can be asked, and costs next to nothing.
#[derive(Debug)]
pub(super) struct SeenKeys {
    keys: Vec<(&'static str, Expression, Option<Instant>)>,
    due: bool,
    /// The attributes of `rtflow` samples, each of which is looked at.
    attributes: BTreeMap<String, Instant>,
}

impl SeenKeys {
    pub(super) fn new() -> Self {
        let names = catalogue().map(|key| key.name);
        let keys = names.filter_map(|name| Some((name, Expression::parse(name).ok()?, None)));
        Self { keys: keys.collect(), due: true, attributes: BTreeMap::new() }
    }

    /// Looks at the next packet.
    pub(super) fn tick(&mut self) {
        self.due = true;
    }

    /// Looks at a packet, if none was looked at since the last tick.
    #[inline]
    pub(super) fn note(&mut self, now: Instant, packet: &Packet<'_>, context: &Context<'_>) {
        if core::mem::take(&mut self.due) {
            for (_, key, seen) in &mut self.keys {
                if key.eval(packet, context).is_some() {
                    *seen = Some(now);
                }
            }
        }
    }

    /// Looks at the attributes of a custom flow.
    pub(super) fn note_attributes(&mut self, now: Instant, flow: &RtFlow<'_>) {
        for value in flow.values().flatten() {
            let Ok(name) = value.name.to_str() else { continue };
            if let Some(seen) = self.attributes.get_mut(name) {
                *seen = now;
            } else if self.attributes.len() < MAX_ATTRIBUTES && is_custom_name(name) {
                self.attributes.insert(name.to_owned(), now);
            }
        }
    }

    /// The keys seen, and when last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Cow<'static, str>, Instant)> {
        let keys =
            self.keys.iter().filter_map(|(name, _, seen)| Some((Cow::Borrowed(*name), (*seen)?)));
        let attributes = self.attributes.iter();
        keys.chain(attributes.map(|(name, seen)| (format!("rtflow:{name}").into(), *seen)))
    }
}

/// Names of attributes that are listed.
const MAX_ATTRIBUTES: usize = 1024;
