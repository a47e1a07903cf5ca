//! QSFP-DD, OSFP and others: CMIS, up to eight lanes.

use std::io;

use super::module::{
    Diagnostics, Lanes, Memory, UPPER, temperature, upper, voltage, wavelength, word,
};

/// Reads the diagnostics of a module whose first 128 bytes are `lower`.
pub(super) fn read(lower: &[u8], memory: &mut dyn Memory) -> io::Result<Option<Diagnostics>> {
    // Flat memory: a cable, or a module without monitors of its lanes.
    if lower.get(2).is_some_and(|status| status & 0x80 != 0) {
        return Ok(None);
    }
    let advertised = memory.read(upper(1))?;
    let alarms = memory.read(upper(2)).unwrap_or_default();
    let monitors = memory.read(upper(0x11))?;
    let lanes = Lanes {
        monitors: &monitors,
        tx_bias: 170 - UPPER,
        tx_power: 154 - UPPER,
        rx_power: 186 - UPPER,
        alarms: &alarms,
        tx_alarms: 176 - UPPER,
        rx_alarms: 192 - UPPER,
        nanometres: wavelength(word(&advertised, 138 - UPPER)),
        // Bits 4 and 3: units of 2, 4 or 8 uA.
        shift: advertised.get(160 - UPPER).map_or(0, |byte| byte >> 3 & 3).min(2),
    };
    // Media lanes of the first application that the module advertises.
    let count = lower.get(88).map_or(0, |counts| usize::from(counts & 0x0f));
    let count = if (1..=MAX_LANES).contains(&count) { count } else { MAX_LANES };
    Ok(Some(Diagnostics {
        num_lanes: count as u32,
        voltage: voltage(word(lower, 16)),
        temperature: temperature(word(lower, 14)),
        lanes: lanes.read(count),
    }))
}

/// Of a bank; more banks are for 16 lanes and more.
const MAX_LANES: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::module::{LOWER, read, testing::Fake};
    use super::*;
    use flowmote_core::record::counter::SfpLane;

    fn module() -> Fake {
        let mut fake = Fake::default();
        let lower: [(u8, &[u8]); 4] =
            [(0, &[0x18]), (14, &[0x32, 0x00]), (16, &[0x80, 0xe8]), (88, &[0x84])];
        fake.set(LOWER, &lower);
        fake.set(upper(1), &[(138, &31_005_u16.to_be_bytes()), (160, &[0x08])]);
        let pair = |high: u16, low: u16| [high, low].map(u16::to_be_bytes).concat();
        fake.set(upper(2), &[(176, &pair(20_000, 1000)), (192, &pair(25_119, 501))]);
        let words = |first: u16| (0..8).flat_map(move |lane| (first + lane * 10).to_be_bytes());
        let [sent, bias, received] =
            [10_000, 4000, 5000].map(|first| words(first).collect::<Vec<u8>>());
        fake.set(upper(0x11), &[(154, &sent), (170, &bias), (186, &received)]);
        fake
    }

    #[test]
    fn lanes_of_the_media_have_values_and_thresholds() {
        let found = read(&mut module()).unwrap().unwrap();
        assert_eq!((found.num_lanes, found.voltage, found.temperature), (4, 3300, 50_000));
        let first = SfpLane {
            index: 1,
            tx_bias_current: 16_000,
            tx_power: 1000,
            tx_power_min: 100,
            tx_power_max: 2000,
            tx_wavelength: 1550,
            rx_power: 500,
            rx_power_min: 50,
            rx_power_max: 2512,
            rx_wavelength: 1550,
        };
        let last =
            SfpLane { index: 4, tx_bias_current: 16_120, tx_power: 1003, rx_power: 503, ..first };
        assert_eq!((found.lanes.len(), found.lanes[0], found.lanes[3]), (4, first, last));
    }

    #[test]
    fn module_with_flat_memory_has_no_lanes_to_report() {
        let mut fake = module();
        fake.set(LOWER, &[(2, &[0x80])]);
        assert_eq!(read(&mut fake).unwrap(), None);
        let mut fake = module();
        fake.set(LOWER, &[(88, &[0xff])]);
        assert_eq!(read(&mut fake).unwrap().unwrap().lanes.len(), 8, "a count that cannot be");
    }
}
