//! Energy, temperature, humidity and fans.

use crate::structure::structures;

structures! { Counter:
    /// Counter record 0:3000, 24 bytes (source: proposal on the sFlow list).
    ///
    /// Unknown is 0xFFFFFFFF. The text has 4,294,976,295, which swaps two digits and exceeds 32
    /// bits.
    Energy = 0:3000 as "energy" {
        /// In millivolts.
        Gauge voltage: u32,
        /// In milliamperes.
        Gauge current: u32,
        /// In milliwatts.
        Gauge real_power: u32,
        /// Hundredths of a percent, -10000..10000 for AC; -2147483647 unknown AC; 2147483647 DC.
        Gauge power_factor: i32,
        /// In millijoules.
        Counter energy: u32,
        /// Over/under voltage, over current, over power.
        Counter errors: u32,
    }

    /// Counter record 0:3001, 12 bytes (source: proposal on the sFlow list).
    Temperature = 0:3001 as "temperature" {
        /// Tenths of a degree C, coolest sensor.
        Gauge minimum: i32,
        /// Tenths of a degree C, hottest sensor.
        Gauge maximum: i32,
        Counter errors: u32,
    }

    /// Counter record 0:3002, 4 bytes (source: proposal on the sFlow list).
    Humidity = 0:3002 as "humidity" {
        /// In percent.
        Gauge relative: i32,
    }

    /// Counter record 0:3003, 12 bytes (source: proposal on the sFlow list).
    Fans = 0:3003 as "fans" {
        Gauge total: u32,
        Gauge failed: u32,
        /// Average, percent.
        Gauge speed: u32,
    }
}
