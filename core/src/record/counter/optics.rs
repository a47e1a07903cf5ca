//! The counter record of a pluggable optical module.

use super::table::Gauge32;
use crate::record::{CounterRecord, DataFormat, count};
use crate::xdr::Encoder;

/// `sfp` (0:10): the readings of an optical module (SFF-8472, SFF-8636, CMIS).
///
/// 20 bytes plus 40 per lane. The specification sets no maximum.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sfp<'a> {
    /// Number of the module, unique within the device; 0: unknown.
    pub module_id: Gauge32,
    /// Number of lanes of the module; 0: unknown.
    pub module_num_lanes: Gauge32,
    /// Supply voltage, millivolts; 0: unknown.
    pub module_supply_voltage: Gauge32,
    /// Temperature, thousandths of a degree Celsius; 0: unknown.
    pub module_temperature: i32,
    /// Lanes of this interface.
    pub lanes: &'a [SfpLane],
}

impl Sfp<'_> {
    /// Every field unknown, to be completed with `..UNKNOWN`.
    pub const UNKNOWN: Self = Self {
        module_id: 0,
        module_num_lanes: 0,
        module_supply_voltage: 0,
        module_temperature: 0,
        lanes: &[],
    };
}

impl CounterRecord for Sfp<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(10)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([
            self.module_id,
            self.module_num_lanes,
            self.module_supply_voltage,
            self.module_temperature.cast_unsigned(),
            count(self.lanes),
        ]);
        for lane in self.lanes {
            lane.encode(xdr);
        }
    }
}

/// One lane of an optical module. In every field 0: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SfpLane {
    /// Number of the lane within the module, from 1.
    pub index: Gauge32,
    /// Transmitter bias current, microamperes.
    pub tx_bias_current: Gauge32,
    /// Transmitted power, microwatts.
    pub tx_power: Gauge32,
    /// Minimum transmitted power, microwatts.
    pub tx_power_min: Gauge32,
    /// Maximum transmitted power, microwatts.
    pub tx_power_max: Gauge32,
    /// Transmitter wavelength, nanometres.
    pub tx_wavelength: Gauge32,
    /// Received power, microwatts.
    pub rx_power: Gauge32,
    /// Minimum received power, microwatts.
    pub rx_power_min: Gauge32,
    /// Maximum received power, microwatts.
    pub rx_power_max: Gauge32,
    /// Receiver wavelength, nanometres.
    pub rx_wavelength: Gauge32,
}

impl SfpLane {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([
            self.index,
            self.tx_bias_current,
            self.tx_power,
            self.tx_power_min,
            self.tx_power_max,
            self.tx_wavelength,
            self.rx_power,
            self.rx_power_min,
            self.rx_power_max,
            self.rx_wavelength,
        ]);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::record::testing::{self, word};

    const fn lane(first: u32) -> SfpLane {
        SfpLane {
            index: word(first),
            tx_bias_current: word(first + 1),
            tx_power: word(first + 2),
            tx_power_min: word(first + 3),
            tx_power_max: word(first + 4),
            tx_wavelength: word(first + 5),
            rx_power: word(first + 6),
            rx_power_min: word(first + 7),
            rx_power_max: word(first + 8),
            rx_wavelength: word(first + 9),
        }
    }

    #[test]
    fn sfp() {
        let record = Sfp {
            module_id: word(1),
            module_num_lanes: word(2),
            module_supply_voltage: word(3),
            module_temperature: 1004,
            lanes: &[lane(5), lane(15)],
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-10.hex"),
        );
    }

    #[test]
    fn sfp_without_lanes_and_below_zero() {
        let record = Sfp { module_temperature: -1, ..Sfp::UNKNOWN };
        let bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        testing::counter_bytes(&record, DataFormat::standard(10), &bytes);
    }

    #[test]
    fn sfp_with_lanes_that_fill_a_datagram() {
        let lanes = [SfpLane { index: 0x0101_0101, ..SfpLane::default() }; 34];
        let mut bytes = Vec::from([0; 20]);
        bytes[19] = 34;
        for _ in lanes {
            bytes.extend([1; 4]);
            bytes.extend([0; 36]);
        }
        let record = Sfp { lanes: &lanes, ..Sfp::UNKNOWN };
        testing::counter_bytes(&record, DataFormat::standard(10), &bytes);
    }
}
