//! Choice of the sampling rate of an interface.

use core::fmt;

use super::Config;
use super::block::pcap::TapRule;
use super::diagnostic::Position;

/// The sampling rates of the `sflow { }` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// `sampling = N`: every interface samples 1 in N packets; 0 is off.
    pub rate: Option<RateSetting>,
    /// `sampling.10G = N`: 1 in N on interfaces of that speed.
    pub by_speed: Vec<SpeedRate>,
    /// `sampling.bps_ratio = R`: N is the speed in bit/s divided by R; with 0 the speed is ignored.
    pub bps_ratio: Option<RateSetting>,
}

/// A number and its position in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSetting {
    /// N of 1 in N packets, or the ratio.
    pub value: u32,
    /// Position of the setting; `None` for the command line.
    pub position: Option<Position>,
}

/// `sampling.<speed> = N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeedRate {
    /// The speed as it was written, `10G`.
    pub name: String,
    /// The speed in bit/s.
    pub speed: u64,
    /// N of 1 in N packets.
    pub rate: RateSetting,
}

/// The reason for the sampling rate of an interface, displayed by `flowmote check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateReason<'a> {
    /// `sampling` in the block that selected the interface, or on the command line.
    Tap {
        /// N of 1 in N packets.
        rate: u32,
        /// Position of the block; `None` for the command line.
        position: Option<Position>,
    },
    /// `sampling.<speed>`.
    Speed(&'a SpeedRate),
    /// `sampling`.
    Sampling(RateSetting),
    /// The link speed divided by a ratio.
    Ratio {
        /// Link speed in bit/s.
        speed: u64,
        /// The divisor.
        ratio: u32,
        /// The limit that was applied to the quotient.
        bound: Bound,
    },
    /// `sampling.bps_ratio = 0` without `sampling`.
    RatioOff(RateSetting),
    /// No setting applies and the link speed is unknown.
    SpeedUnknown,
}

/// The limit of a link speed divided by a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// No limit: N is the quotient.
    Exact,
    /// Raised to this N.
    Floor(u32),
    /// Lowered to [`MAX_SAMPLING`].
    Ceiling,
}

impl Config {
    /// The sampling rate (1 in N, 0 is off) of an interface selected by `tap`, and the reason.
    ///
    /// The first of these that applies: `sampling` of the tap; `sampling.<speed>`; `sampling`; the
    /// speed divided by `sampling.bps_ratio`; [`DEFAULT_SAMPLING`] if the speed is unknown.
    /// `if_speed` is in bit/s, `None` or 0 if unknown.
    pub fn sampling_rate(&self, tap: &TapRule, if_speed: Option<u64>) -> (u32, RateReason<'_>) {
        if let Some(rate) = tap.sampling {
            return (rate, RateReason::Tap { rate, position: tap.position });
        }
        self.rate_of_speed(if_speed)
    }

    /// The same for an interface that no tap selects.
    pub fn rate_of_speed(&self, if_speed: Option<u64>) -> (u32, RateReason<'_>) {
        let if_speed = if_speed.filter(|&speed| speed != 0);
        if let Some(found) = if_speed.and_then(|speed| self.sampling.for_speed(speed)) {
            return (found.rate.value, RateReason::Speed(found));
        }
        if let Some(setting) = self.sampling.rate {
            return (setting.value, RateReason::Sampling(setting));
        }
        match (self.sampling.bps_ratio, if_speed) {
            (Some(off), _) if off.value == 0 => (DEFAULT_SAMPLING, RateReason::RatioOff(off)),
            (_, None) => (DEFAULT_SAMPLING, RateReason::SpeedUnknown),
            (Some(set), Some(speed)) => divide(speed, set.value, 1),
            (None, Some(speed)) => divide(speed, DEFAULT_BPS_RATIO, DEFAULT_FLOOR),
        }
    }
}

impl Sampling {
    /// The setting for exactly this speed, else for the speed rounded down to its unit as in
    /// hsflowd: `sampling.2G` also applies to 2.5 Gbit/s.
    fn for_speed(&self, speed: u64) -> Option<&SpeedRate> {
        let cut = speed - speed % unit_of(speed);
        let find = |wanted| self.by_speed.iter().find(|entry| entry.speed == wanted);
        find(speed).or_else(|| find(cut))
    }
}

impl fmt::Display for RateReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Tap { rate, position: Some(at) } => {
                write!(f, "sampling = {rate} in the block on line {}", at.line)
            }
            Self::Tap { rate, position: None } => {
                write!(f, "sampling = {rate} on the command line")
            }
            Self::Speed(entry) => {
                write!(f, "sampling.{} = {}", entry.name.escape_debug(), entry.rate)
            }
            Self::Sampling(setting) => write!(f, "sampling = {setting}"),
            Self::RatioOff(setting) => write!(f, "sampling.bps_ratio = {setting}, default"),
            Self::SpeedUnknown => f.write_str("speed unknown, default"),
            Self::Ratio { speed, ratio, bound } => {
                write!(f, "{} divided by {ratio}{bound}", Speed(speed))
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => Ok(()),
            Self::Floor(floor) => write!(f, ", but not less than {floor}"),
            Self::Ceiling => write!(f, ", but not more than {MAX_SAMPLING}"),
        }
    }
}

impl fmt::Display for RateSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(at) if at.is_in_dns() => write!(f, "{} from DNS", self.value),
            Some(at) => write!(f, "{} on line {}", self.value, at.line),
            None => write!(f, "{} on the command line", self.value),
        }
    }
}

/// A speed in bit/s, displayed in the largest unit: `2.5 Gbit/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u64);

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = unit_of(self.0);
        let name = UNITS.iter().find(|&&(size, _)| size == unit).map_or("", |&(_, name)| name);
        write!(f, "{}", self.0 / unit)?;
        let hundredths = self.0 % unit / (unit / 100).max(1);
        match hundredths {
            0 => {}
            n if n % 10 == 0 => write!(f, ".{}", n / 10)?,
            n => write!(f, ".{n:02}")?,
        }
        write!(f, " {name}bit/s")
    }
}

fn divide(speed: u64, ratio: u32, floor: u32) -> (u32, RateReason<'static>) {
    let quotient = speed / u64::from(ratio.max(1));
    let (rate, bound) = match u32::try_from(quotient) {
        Ok(rate) if rate < floor => (floor, Bound::Floor(floor)),
        Ok(rate) if rate <= MAX_SAMPLING => (rate, Bound::Exact),
        _ => (MAX_SAMPLING, Bound::Ceiling),
    };
    (rate, RateReason::Ratio { speed, ratio, bound })
}

/// The largest unit not greater than `speed`, in bit/s.
fn unit_of(speed: u64) -> u64 {
    UNITS.iter().map(|&(size, _)| size).find(|&size| size <= speed).unwrap_or(1)
}

/// Units of speed in bit/s, largest first. hsflowd has no larger unit than T either.
const UNITS: [(u64, &str); 5] =
    [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"), (1, "")];

/// The default of 1 in 400, as in hsflowd, if the speed is unknown.
pub const DEFAULT_SAMPLING: u32 = 400;
/// The largest N of a configuration, 1 in 10,000,000.
pub const MAX_SAMPLING: u32 = 10_000_000;
/// With this ratio, N is 10,000 at 10 Gbit/s.
const DEFAULT_BPS_RATIO: u32 = 1_000_000;
/// The smallest N with the default ratio; with a configured ratio it is 1.
const DEFAULT_FLOOR: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const GBIT: u64 = 1_000_000_000;

    fn on_line(line: u32, value: u32) -> RateSetting {
        RateSetting { value, position: Some(Position { line, column: 1 }) }
    }

    fn rate(sampling: Sampling, if_speed: Option<u64>) -> (u32, String) {
        let config = Config { sampling, ..Config::default() };
        let (rate, reason) = config.sampling_rate(&TapRule::device("eth0", None), if_speed);
        (rate, reason.to_string())
    }

    fn rated(rate: u32, reason: &str) -> (u32, String) {
        (rate, reason.into())
    }

    fn for_speed(name: &str, speed: u64, line: u32, value: u32) -> SpeedRate {
        SpeedRate { name: name.into(), speed, rate: on_line(line, value) }
    }

    /// The same N as hsflowd.
    #[test]
    fn default_rate_depends_on_the_speed() {
        for (speed, expected, reason) in [
            (10_000_000, 100, "10 Mbit/s divided by 1000000, but not less than 100"),
            (100_000_000, 100, "100 Mbit/s divided by 1000000"),
            (GBIT, 1_000, "1 Gbit/s divided by 1000000"),
            (5 * GBIT / 2, 2_500, "2.5 Gbit/s divided by 1000000"),
            (10 * GBIT, 10_000, "10 Gbit/s divided by 1000000"),
            (25 * GBIT, 25_000, "25 Gbit/s divided by 1000000"),
            (100 * GBIT, 100_000, "100 Gbit/s divided by 1000000"),
        ] {
            assert_eq!(rate(Sampling::default(), Some(speed)), rated(expected, reason));
        }
        for unknown in [None, Some(0)] {
            assert_eq!(rate(Sampling::default(), unknown), rated(400, "speed unknown, default"));
        }
    }

    #[test]
    fn sampling_applies_to_every_interface() {
        let sampling = Sampling { rate: Some(on_line(3, 50)), ..Sampling::default() };
        let expected = rated(50, "sampling = 50 on line 3");
        assert_eq!(rate(sampling.clone(), Some(10 * GBIT)), expected);
        assert_eq!(rate(sampling, None), expected);
    }

    #[test]
    fn tap_precedes_speed_precedes_sampling() {
        let sampling = Sampling {
            rate: Some(on_line(3, 50)),
            by_speed: vec![for_speed("10G", 10 * GBIT, 4, 5000)],
            bps_ratio: Some(on_line(5, 7)),
        };
        let tenth = rated(5000, "sampling.10G = 5000 on line 4");
        assert_eq!(rate(sampling.clone(), Some(10 * GBIT)), tenth);
        let all = rated(50, "sampling = 50 on line 3");
        assert_eq!(rate(sampling.clone(), Some(25 * GBIT)), all);
        let config = Config { sampling, ..Config::default() };
        let own = TapRule::device("eth0", Some(1));
        let (rate, reason) = config.sampling_rate(&own, Some(10 * GBIT));
        assert_eq!((rate, reason.to_string()), rated(1, "sampling = 1 on the command line"));
        let own = TapRule { position: Some(Position { line: 9, column: 3 }), ..own };
        let (_, reason) = config.sampling_rate(&own, None);
        assert_eq!(reason.to_string(), "sampling = 1 in the block on line 9");
    }

    #[test]
    fn configured_ratio_has_a_floor_of_1() {
        let ratio = |value| Sampling { bps_ratio: Some(on_line(2, value)), ..Sampling::default() };
        let (gbit, kbit) = (Some(GBIT), Some(64_000));
        assert_eq!(rate(ratio(1000), gbit), rated(1_000_000, "1 Gbit/s divided by 1000"));
        let floor = rated(1, "64 kbit/s divided by 100000, but not less than 1");
        assert_eq!(rate(ratio(100_000), kbit), floor);
        let ceiling = rated(MAX_SAMPLING, "1 Gbit/s divided by 1, but not more than 10000000");
        assert_eq!(rate(ratio(1), gbit), ceiling);
        assert_eq!(rate(ratio(1), Some(u64::MAX)).0, MAX_SAMPLING);
        let off = rated(400, "sampling.bps_ratio = 0 on line 2, default");
        assert_eq!(rate(ratio(0), gbit), off);
        let both = Sampling { rate: Some(on_line(1, 50)), ..ratio(0) };
        assert_eq!(rate(both, gbit), rated(50, "sampling = 50 on line 1"));
    }

    #[test]
    fn exact_speed_precedes_the_rounded_one() {
        let cut = for_speed("2G", 2 * GBIT, 1, 20);
        let exact = for_speed("2.5G", 5 * GBIT / 2, 2, 25);
        let both = Sampling { by_speed: vec![cut.clone(), exact], ..Sampling::default() };
        assert_eq!(rate(both, Some(5 * GBIT / 2)), rated(25, "sampling.2.5G = 25 on line 2"));
        let one = Sampling { by_speed: vec![cut], ..Sampling::default() };
        assert_eq!(rate(one, Some(5 * GBIT / 2)), rated(20, "sampling.2G = 20 on line 1"));
    }

    #[test]
    fn speed_is_displayed_in_its_largest_unit() {
        for (speed, words) in [
            (0, "0 bit/s"),
            (999, "999 bit/s"),
            (1_544_000, "1.54 Mbit/s"),
            (1_050_000, "1.05 Mbit/s"),
            (800 * GBIT, "800 Gbit/s"),
            (1_600 * GBIT, "1.6 Tbit/s"),
        ] {
            assert_eq!(Speed(speed).to_string(), words);
        }
    }
}
