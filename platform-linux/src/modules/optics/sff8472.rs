//! SFP: SFF-8472, diagnostics at a second address of the bus.

use std::io;

use flowmote_core::record::counter::SfpLane;

use super::module::{Diagnostics, Memory, Place, current, power, temperature, voltage, word};

/// Reads the diagnostics of a module whose first 128 bytes are `base`.
pub(super) fn read(base: &[u8], memory: &mut dyn Memory) -> io::Result<Option<Diagnostics>> {
    let kinds = base.get(92).copied().unwrap_or_default();
    if kinds & IMPLEMENTED == 0 {
        return Ok(None);
    }
    let page = memory.read(Place { device: 0x51, page: 0, offset: 0 })?;
    let externally = kinds & EXTERNALLY_CALIBRATED != 0;
    let calibration = if externally { Calibration::of(&page) } else { Calibration::NONE };
    // The same bytes are a cable's kind of copper.
    let is_cable = base.get(8).is_some_and(|technology| technology & 0x0c != 0);
    let nanometres = if is_cable { 0 } else { word(base, 60).into() };
    let lane = SfpLane {
        index: 1,
        tx_bias_current: current(calibration.current(word(&page, 100))),
        tx_power: power(calibration.tx_power(word(&page, 102))),
        // The thresholds of alarms are calibrated as the values are.
        tx_power_max: power(calibration.tx_power(word(&page, 24))),
        tx_power_min: power(calibration.tx_power(word(&page, 26))),
        tx_wavelength: nanometres,
        rx_power: power(calibration.rx_power(word(&page, 104))),
        rx_power_max: power(calibration.rx_power(word(&page, 32))),
        rx_power_min: power(calibration.rx_power(word(&page, 34))),
        rx_wavelength: nanometres,
    };
    Ok(Some(Diagnostics {
        num_lanes: 1,
        voltage: voltage(calibration.voltage(word(&page, 98))),
        temperature: temperature(calibration.temperature(word(&page, 96))),
        lanes: vec![lane],
    }))
}

/// The constants of section 9.3 by which the host calibrates raw values.
#[derive(Clone, Copy, Debug)]
struct Calibration {
    /// Coefficients of received power, that of the fourth power first.
    rx_power: [f32; 5],
    current: Linear,
    tx_power: Linear,
    temperature: Linear,
    voltage: Linear,
}

/// A slope in 1/256 and an offset.
#[derive(Clone, Copy, Debug)]
struct Linear(u16, i16);

impl Calibration {
    const NONE: Self = Self {
        rx_power: [0.0, 0.0, 0.0, 1.0, 0.0],
        current: Linear(256, 0),
        tx_power: Linear(256, 0),
        temperature: Linear(256, 0),
        voltage: Linear(256, 0),
    };

    fn of(page: &[u8]) -> Self {
        let float = |number: usize| {
            let bytes = page.get(56 + 4 * number..).and_then(|rest| rest.first_chunk());
            bytes.map_or(0.0, |bytes| f32::from_be_bytes(*bytes))
        };
        let linear = |at: usize| Linear(word(page, at), word(page, at + 2).cast_signed());
        Self {
            rx_power: [0, 1, 2, 3, 4].map(float),
            current: linear(76),
            tx_power: linear(80),
            temperature: linear(84),
            voltage: linear(88),
        }
    }

    fn rx_power(&self, raw: u16) -> u16 {
        let raw = f64::from(raw);
        let sum = self.rx_power.iter().fold(0.0, |sum, factor| sum * raw + f64::from(*factor));
        // A conversion saturates; what is not a number becomes 0.
        sum.round() as u16
    }

    fn current(&self, raw: u16) -> u16 {
        self.current.unsigned(raw)
    }

    fn tx_power(&self, raw: u16) -> u16 {
        self.tx_power.unsigned(raw)
    }

    fn voltage(&self, raw: u16) -> u16 {
        self.voltage.unsigned(raw)
    }

    fn temperature(&self, raw: u16) -> u16 {
        let value = self.temperature.apply(i64::from(raw.cast_signed()));
        (value.clamp(i16::MIN.into(), i16::MAX.into()) as i16).cast_unsigned()
    }
}

impl Linear {
    fn apply(self, raw: i64) -> i64 {
        i64::from(self.0) * raw / 256 + i64::from(self.1)
    }

    fn unsigned(self, raw: u16) -> u16 {
        self.apply(raw.into()).clamp(0, u16::MAX.into()) as u16
    }
}

const IMPLEMENTED: u8 = 1 << 6;
const EXTERNALLY_CALIBRATED: u8 = 1 << 4;

#[cfg(test)]
mod tests {
    use super::super::module::{LOWER, read, testing::Fake};
    use super::*;

    const A2: Place = Place { device: 0x51, page: 0, offset: 0 };

    /// 40 degrees, 3.3 V, 6 mA, 0.5 mW (-3 dBm) and 0.4 mW (-4 dBm).
    const VALUES: (u8, &[u8]) = (96, &[0x28, 0x00, 0x80, 0xe8, 0x0b, 0xb8, 0x13, 0x88, 0x0f, 0xa0]);
    /// Alarms of transmitted power at 1 mW and 0.1 mW, of received power at 2 mW and 10 uW.
    const THRESHOLDS: [(u8, &[u8]); 2] =
        [(24, &[0x27, 0x10, 0x03, 0xe8]), (32, &[0x4e, 0x20, 0x00, 0x64])];

    fn module(kinds: u8) -> Fake {
        let mut fake = Fake::default();
        fake.set(LOWER, &[(0, &[0x03]), (60, &[0x03, 0x52]), (92, &[kinds])]);
        fake.set(A2, &[VALUES, THRESHOLDS[0], THRESHOLDS[1]]);
        fake
    }

    fn expected() -> Diagnostics {
        Diagnostics {
            num_lanes: 1,
            voltage: 3300,
            temperature: 40_000,
            lanes: vec![SfpLane {
                index: 1,
                tx_bias_current: 6000,
                tx_power: 500,
                tx_power_min: 100,
                tx_power_max: 1000,
                tx_wavelength: 850,
                rx_power: 400,
                rx_power_min: 10,
                rx_power_max: 2000,
                rx_wavelength: 850,
            }],
        }
    }

    #[test]
    fn internally_calibrated_values_are_used_as_they_are() {
        assert_eq!(read(&mut module(0x68)).unwrap(), Some(expected()));
        assert_eq!(read(&mut module(0x20)).unwrap(), None, "not implemented");
    }

    #[test]
    fn externally_calibrated_values_need_the_constants() {
        let mut fake = module(0x58);
        // Slopes of 1, no offsets, received power times 1.
        let one = 1.0_f32.to_be_bytes();
        let slopes = [1, 0, 0, 0].repeat(4);
        fake.set(A2, &[(68, &one), (76, &slopes)]);
        assert_eq!(read(&mut fake).unwrap(), Some(expected()));
        // Slopes of 0.5 with an offset of 100 for the current, -256 for the temperature; received power
        // of a square.
        let square =
            [1e-4_f32.to_be_bytes(), 0.0_f32.to_be_bytes(), 7.0_f32.to_be_bytes()].concat();
        fake.set(A2, &[(64, &square), (76, &[0, 128, 0, 100]), (84, &[1, 0, 0xff, 0])]);
        let found = read(&mut fake).unwrap().unwrap();
        assert_eq!(found.temperature, 39_000);
        assert_eq!(found.lanes[0].tx_bias_current, 2 * (1500 + 100));
        // 1e-4 * 4000^2 + 7 tenths of a microwatt.
        assert_eq!(found.lanes[0].rx_power, 161);
        fake.set(A2, &[(56, &f32::NAN.to_be_bytes())]);
        assert_eq!(read(&mut fake).unwrap().unwrap().lanes[0].rx_power, 0);
    }

    #[test]
    fn copper_cable_has_no_wavelength() {
        let mut fake = module(0x68);
        fake.set(LOWER, &[(8, &[0x08])]);
        assert_eq!(read(&mut fake).unwrap().unwrap().lanes[0].tx_wavelength, 0);
    }
}
