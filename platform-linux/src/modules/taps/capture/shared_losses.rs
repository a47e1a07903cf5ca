//! Lost samples of interfaces that share a ring.

use super::filter::Totals;

/// Attributes the losses of a socket to interfaces.
///
/// The kernel counts lost skbs for the socket as a whole. The samples of an interface that are lost
/// are those that were chosen and are neither delivered nor in the ring. That is known
/// - exactly, when the ring is empty: all chosen skbs were delivered or lost;
/// - as a lower limit under load: chosen at one moment, and not delivered when the ring was read to a
///   place that the kernel had not reached at the next moment.
#[derive(Debug, Default)]
pub(super) struct SharedLosses {
    /// skbs read from the ring.
    pub(super) read: u64,
    /// skbs for which the ring had no room.
    pub(super) lost: u64,
    /// How many of them are attributed to interfaces.
    attributed: u64,
    survey: Option<Survey>,
}

/// The choices of each interface at one moment.
#[derive(Debug)]
struct Survey {
    chosen: Vec<(u32, Totals)>,
    /// The block that the kernel filled some time after it.
    block: Option<u64>,
}

/// What is known about losses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing new.
    Nothing,
    /// None of these choices is in the ring: what was not delivered of them is lost.
    Settled(Vec<(u32, Totals)>),
}

impl SharedLosses {
    /// Returns true if losses are not attributed yet.
    pub(super) fn is_open(&self) -> bool {
        self.attributed < self.lost
    }

    /// Attributes all losses if the ring is empty. `chosen` was read first, then `chosen_skbs`, the
    /// number of skbs of all interfaces: no packet of `chosen` is then missing in it.
    pub(super) fn empty_ring(&mut self, chosen: Vec<(u32, Totals)>, chosen_skbs: u64) -> Known {
        if chosen_skbs != self.read + self.lost {
            return Known::Nothing;
        }
        self.attributed = self.lost;
        self.survey = None;
        Known::Settled(chosen)
    }

    /// Continues a survey while losses are open. `reading` is the block that is read next, `filling`
    /// the one that the kernel fills. To be called once a wake-up.
    pub(super) fn survey(
        &mut self,
        (reading, filling): (u64, u64),
        chosen: impl FnOnce() -> Vec<(u32, Totals)>,
    ) -> Known {
        match &mut self.survey {
            None => self.survey = Some(Survey { chosen: chosen(), block: None }),
            // Not that of the first call: a packet may have been chosen and not been written yet.
            Some(Survey { block: block @ None, .. }) => *block = Some(filling),
            Some(Survey { block: Some(block), .. }) if reading > *block => {
                let survey = self.survey.take();
                return survey.map_or(Known::Nothing, |survey| Known::Settled(survey.chosen));
            }
            Some(_) => {}
        }
        Known::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(chosen: u64) -> Vec<(u32, Totals)> {
        vec![(7, Totals { chosen, ..Totals::default() })]
    }

    #[test]
    fn losses_are_exact_when_the_ring_is_empty() {
        let mut losses = SharedLosses { read: 10, lost: 3, ..SharedLosses::default() };
        assert!(losses.is_open());
        assert_eq!(losses.empty_ring(chosen(20), 14), Known::Nothing, "one skb is in the ring");
        losses.read += 1;
        assert_eq!(losses.empty_ring(chosen(20), 14), Known::Settled(chosen(20)));
        assert!(!losses.is_open());
        losses.lost += 1;
        assert!(losses.is_open());
    }

    #[test]
    fn survey_waits_until_the_ring_was_read_beyond_it() {
        let mut losses = SharedLosses { lost: 3, ..SharedLosses::default() };
        let mut step = |reading, filling| losses.survey((reading, filling), || chosen(filling));
        assert_eq!(step(4, 6), Known::Nothing, "begins");
        assert_eq!(step(6, 7), Known::Nothing, "the kernel is in block 7");
        assert_eq!(step(7, 9), Known::Nothing, "block 7 is not read");
        assert_eq!(step(8, 9), Known::Settled(chosen(6)), "as of the first call");
        assert_eq!(step(8, 9), Known::Nothing, "the next one begins");
        assert!(losses.is_open(), "a survey finds a lower limit only");
    }
}
