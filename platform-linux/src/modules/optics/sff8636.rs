//! QSFP, QSFP+ and QSFP28: SFF-8436 and SFF-8636, four lanes.

use std::io;

use super::module::{
    Diagnostics, Lanes, Memory, UPPER, temperature, upper, voltage, wavelength, word,
};

/// Reads the diagnostics of a module whose first 128 bytes are `lower`.
pub(super) fn read(lower: &[u8], memory: &mut dyn Memory) -> io::Result<Option<Diagnostics>> {
    let base = memory.read(upper(0))?;
    let technology = base.get(147 - UPPER).copied().unwrap_or_default() >> 4;
    if technology >= FIRST_COPPER {
        return Ok(None);
    }
    // A module with flat memory has no page of thresholds.
    let is_flat = lower.get(2).is_some_and(|status| status & 0x04 != 0);
    let alarms = if is_flat { Vec::new() } else { memory.read(upper(3)).unwrap_or_default() };
    let lanes = Lanes {
        monitors: lower,
        tx_bias: 42,
        tx_power: 50,
        rx_power: 34,
        alarms: &alarms,
        tx_alarms: 192 - UPPER,
        rx_alarms: 176 - UPPER,
        nanometres: wavelength(word(&base, 186 - UPPER)),
        shift: 0,
    };
    Ok(Some(Diagnostics {
        num_lanes: LANES as u32,
        voltage: voltage(word(lower, 26)),
        temperature: temperature(word(lower, 22)),
        lanes: lanes.read(LANES),
    }))
}

const LANES: usize = 4;
/// Device technologies from 10 on are cables of copper.
const FIRST_COPPER: u8 = 0x0a;

#[cfg(test)]
mod tests {
    use super::super::module::{LOWER, read, testing::Fake};
    use super::*;
    use flowmote_core::record::counter::SfpLane;

    fn module(kind: u8) -> Fake {
        let mut fake = Fake::default();
        let words = |words: [u16; 4]| words.map(u16::to_be_bytes).concat();
        fake.set(
            LOWER,
            &[
                (0, &[kind]),
                (22, &[0x1e, 0x80]),
                (26, &[0x80, 0xe8]),
                (34, &words([10_000, 5000, 1000, 0])),
                (42, &words([3000, 3001, 3002, 3003])),
                (50, &words([12_589, 10_000, 7943, 6310])),
            ],
        );
        // 1310 nm, and alarms at 2 mW and 0.1 mW received, 1.5 mW and 0.2 mW transmitted.
        fake.set(upper(0), &[(147, &[0x40]), (186, &26_200_u16.to_be_bytes())]);
        let received = [20_000_u16, 1000].map(u16::to_be_bytes).concat();
        let sent = [15_000_u16, 2000].map(u16::to_be_bytes).concat();
        fake.set(upper(3), &[(176, &received), (192, &sent)]);
        fake
    }

    #[test]
    fn four_lanes_have_values_and_thresholds() {
        for kind in [0x0c, 0x0d, 0x11] {
            let found = read(&mut module(kind)).unwrap().unwrap();
            assert_eq!((found.num_lanes, found.voltage, found.temperature), (4, 3300, 30_500));
            let first = SfpLane {
                index: 1,
                tx_bias_current: 6000,
                tx_power: 1259,
                tx_power_min: 200,
                tx_power_max: 1500,
                tx_wavelength: 1310,
                rx_power: 1000,
                rx_power_min: 100,
                rx_power_max: 2000,
                rx_wavelength: 1310,
            };
            let last =
                SfpLane { index: 4, tx_bias_current: 6006, tx_power: 631, rx_power: 0, ..first };
            assert_eq!((found.lanes.len(), found.lanes[0], found.lanes[3]), (4, first, last));
        }
    }

    #[test]
    fn flat_memory_has_no_thresholds_and_copper_no_diagnostics() {
        let mut flat = module(0x11);
        flat.set(LOWER, &[(2, &[0x04])]);
        let lane = read(&mut flat).unwrap().unwrap().lanes[0];
        assert_eq!((lane.tx_power_max, lane.rx_power_min, lane.rx_power), (0, 0, 1000));
        let mut copper = module(0x11);
        copper.set(upper(0), &[(147, &[0xa0])]);
        assert_eq!(read(&mut copper).unwrap(), None);
    }
}
