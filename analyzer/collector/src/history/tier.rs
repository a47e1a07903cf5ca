//! Tiers: how fine and how long samples are kept.

/// A resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Rows as they came.
    Rows,
    Minutes,
    FiveMinutes,
    Hours,
}

impl Tier {
    pub(crate) const ALL: [Self; 4] = [Self::Rows, Self::Minutes, Self::FiveMinutes, Self::Hours];
    /// Those of which there is a chunk for each slot. Rows have a chunk for each move out of the log.
    pub(super) const SLOTTED: [Self; 3] = [Self::Minutes, Self::FiveMinutes, Self::Hours];
    /// Those that are made of minutes.
    pub(super) const ROLLED: [Self; 2] = [Self::FiveMinutes, Self::Hours];

    /// The length of a period; the unit of times of rows.
    pub(crate) fn length(self) -> i64 {
        match self {
            Self::Rows => 1,
            Self::Minutes => MINUTE,
            Self::FiveMinutes => 5 * MINUTE,
            Self::Hours => HOUR,
        }
    }

    /// The time that a chunk is about; all of it for rows. Those of minutes have whole hours.
    pub(super) fn slot(self) -> i64 {
        match self {
            Self::Rows => i64::MAX,
            Self::Minutes => 6 * HOUR,
            Self::FiveMinutes => DAY,
            Self::Hours => 10 * DAY,
        }
    }

    /// The age at which samples are removed.
    pub(super) fn keep(self) -> i64 {
        match self {
            Self::Rows => 3 * HOUR,
            Self::Minutes => 15 * DAY,
            Self::FiveMinutes => 63 * DAY,
            Self::Hours => 455 * DAY,
        }
    }

    /// The number of the slot that a time is in.
    pub(super) fn slot_of(self, time: i64) -> u32 {
        u32::try_from(time.div_euclid(self.slot())).unwrap_or_default()
    }

    /// The beginning of a slot.
    pub(super) fn begin(self, slot: u32) -> i64 {
        i64::from(slot) * self.slot()
    }

    /// The slots with a time from one to another, without it.
    pub(super) fn slots(self, from: i64, to: i64) -> core::ops::RangeInclusive<u32> {
        self.slot_of(from)..=self.slot_of(to.max(from + 1) - 1)
    }

    pub(super) fn number(self) -> u8 {
        self as u8
    }
}

pub(crate) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
