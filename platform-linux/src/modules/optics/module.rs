//! Diagnostics of a pluggable module, and the memory that it keeps them in.

use std::io;

use flowmote_core::record::counter::SfpLane;

use super::{cmis, sff8472, sff8636};

/// What a module measures, in the units of the `sfp` (0:10) record; 0 is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Diagnostics {
    pub(super) num_lanes: u32,
    /// Millivolts.
    pub(super) voltage: u32,
    /// Thousandths of a degree Celsius.
    pub(super) temperature: i32,
    pub(super) lanes: Vec<SfpLane>,
}

/// Where in the memory to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Address on the bus of the module.
    pub(super) device: u8,
    pub(super) page: u8,
    /// From 128 on for a page above 0.
    pub(super) offset: u8,
}

/// The memory of one module.
pub(super) trait Memory {
    /// Reads 128 bytes.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the driver cannot read modules; others if there is none, or no such page.
    fn read(&mut self, place: Place) -> io::Result<Vec<u8>>;
}

/// The first 128 bytes of a module, which have its kind.
pub(super) const LOWER: Place = Place { device: 0x50, page: 0, offset: 0 };

/// An upper page: the bytes 128 to 255.
pub(super) const fn upper(page: u8) -> Place {
    Place { device: 0x50, page, offset: 128 }
}

/// Reads the diagnostics; `None` if the module has none, as cables of copper.
///
/// # Errors
/// Those of the memory.
pub(super) fn read(memory: &mut dyn Memory) -> io::Result<Option<Diagnostics>> {
    let lower = memory.read(LOWER)?;
    // SFF-8024, table 4-1.
    match lower.first() {
        Some(0x03) => sff8472::read(&lower, memory),
        Some(0x0c | 0x0d | 0x11) => sff8636::read(&lower, memory),
        Some(0x18 | 0x19 | 0x1e..=0x20) => cmis::read(&lower, memory),
        _ => Ok(None),
    }
}

/// Where SFF-8636 and CMIS have the lanes: the words of a lane follow those of the lane before it, and
/// a low alarm its high one. Places are counted from the start of the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes<'a> {
    pub(super) monitors: &'a [u8],
    pub(super) tx_bias: usize,
    pub(super) tx_power: usize,
    pub(super) rx_power: usize,
    /// Empty without thresholds.
    pub(super) alarms: &'a [u8],
    pub(super) tx_alarms: usize,
    pub(super) rx_alarms: usize,
    pub(super) nanometres: u32,
    /// Currents are in units of 2 microamperes, shifted by this.
    pub(super) shift: u8,
}

impl Lanes<'_> {
    /// The first `count` lanes.
    pub(super) fn read(&self, count: usize) -> Vec<SfpLane> {
        let lane = |number: usize| {
            let value = |first: usize| word(self.monitors, first + 2 * number);
            let alarm = |at: usize| power(word(self.alarms, at));
            SfpLane {
                index: number as u32 + 1,
                tx_bias_current: current(value(self.tx_bias)) << self.shift,
                tx_power: power(value(self.tx_power)),
                tx_power_max: alarm(self.tx_alarms),
                tx_power_min: alarm(self.tx_alarms + 2),
                tx_wavelength: self.nanometres,
                rx_power: power(value(self.rx_power)),
                rx_power_max: alarm(self.rx_alarms),
                rx_power_min: alarm(self.rx_alarms + 2),
                rx_wavelength: self.nanometres,
            }
        };
        (0..count).map(lane).collect()
    }
}

/// The number of the first byte of an upper page.
pub(super) const UPPER: usize = 128;

/// Two bytes, the upper one first; 0 beyond the end.
pub(super) fn word(bytes: &[u8], at: usize) -> u16 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    chunk.map_or(0, |word| u16::from_be_bytes(*word))
}

/// 1/256 of a degree in thousandths.
pub(super) fn temperature(raw: u16) -> i32 {
    i32::from(raw.cast_signed()) * 1000 / 256
}

/// 100 microvolts in millivolts.
pub(super) fn voltage(raw: u16) -> u32 {
    (u32::from(raw) + 5) / 10
}

/// Two microamperes in microamperes.
pub(super) fn current(raw: u16) -> u32 {
    u32::from(raw) * 2
}

/// A tenth of a microwatt in microwatts: 10,000 is 1 mW, or 0 dBm.
pub(super) fn power(raw: u16) -> u32 {
    (u32::from(raw) + 5) / 10
}

/// A twentieth of a nanometre in nanometres.
pub(super) fn wavelength(raw: u16) -> u32 {
    (u32::from(raw) + 10) / 20
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use std::collections::BTreeMap;

    /// A module whose pages are given; `EIO` for others.
    #[derive(Debug, Default)]
    pub(in super::super) struct Fake {
        pub(in super::super) pages: BTreeMap<(u8, u8, u8), Vec<u8>>,
    }

    impl Fake {
        /// Sets bytes of a page by their numbers in the specification.
        pub(in super::super) fn set(&mut self, place: Place, bytes: &[(u8, &[u8])]) -> &mut Self {
            let key = (place.device, place.page, place.offset);
            let page = self.pages.entry(key).or_insert_with(|| vec![0; 128]);
            for (at, bytes) in bytes {
                let start = usize::from(at - place.offset);
                page[start..start + bytes.len()].copy_from_slice(bytes);
            }
            self
        }
    }

    impl Memory for Fake {
        fn read(&mut self, place: Place) -> io::Result<Vec<u8>> {
            let page = self.pages.get(&(place.device, place.page, place.offset));
            page.cloned().ok_or_else(|| io::Error::from_raw_os_error(libc::EIO))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, and with the tables of SFF-8472: 25 is 0x1900, -40 is 0xd800, 3.3 V is 33000 times
    /// 100 uV; 0 dBm is 1 mW, -10 dBm are 100 uW, 3 dBm are 1995 uW.
    #[test]
    fn units_are_those_of_the_record() {
        assert_eq!([0x1900, 0xd800, 0xffff].map(temperature), [25_000, -40_000, -3]);
        assert_eq!([33_000, 32_995, 0].map(voltage), [3300, 3300, 0]);
        assert_eq!([3000, u16::MAX].map(current), [6000, 131_070]);
        assert_eq!([10_000, 1000, 19_953, 4, 5].map(power), [1000, 100, 1995, 0, 1]);
        assert_eq!([17_000, 26_200, 31_005].map(wavelength), [850, 1310, 1550]);
        assert_eq!((word(&[1, 2, 3], 1), word(&[1, 2, 3], 2)), (0x0203, 0));
    }

    #[test]
    fn modules_of_other_kinds_have_no_diagnostics() {
        let mut fake = testing::Fake::default();
        assert!(read(&mut fake).is_err(), "no module");
        // Soldered, and a number that is not assigned.
        for kind in [0x02, 0xff] {
            fake.set(LOWER, &[(0, &[kind])]);
            assert_eq!(read(&mut fake).unwrap(), None);
        }
    }
}
