//! The keys that packets of the recent past have.

use crate::instant::Instant;
use crate::keys::{Context, Expression, Packet, catalogue};

/// For each key, the time of the last packet with it, of those that were looked at: one in each interval
/// between two ticks. That is enough for a list of what can be asked, and costs next to nothing.
#[derive(Debug)]
pub(super) struct SeenKeys {
    keys: Vec<(&'static str, Expression, Option<Instant>)>,
    due: bool,
}

impl SeenKeys {
    pub(super) fn new() -> Self {
        let names = catalogue().map(|key| key.name);
        let keys = names.filter_map(|name| Some((name, Expression::parse(name).ok()?, None)));
        Self { keys: keys.collect(), due: true }
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

    /// The keys seen, and when last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Instant)> {
        self.keys.iter().filter_map(|(name, _, seen)| Some((*name, (*seen)?)))
    }
}
