//! Counters of all GPUs together, which never step back.

use std::collections::BTreeMap;

use flowmote_core::record::counter::NvidiaGpu;

/// What was read from one GPU; `None`: the device does not report it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) processes: Option<u32>,
    pub(super) memory: Option<(u64, u64)>,
    /// Since the driver was loaded.
    pub(super) ecc_errors: Option<u64>,
    /// Millijoules since the driver was loaded, else milliwatts now.
    pub(super) energy: Option<u64>,
    pub(super) power: Option<u32>,
    /// Shares in percent since the last reading.
    pub(super) gpu: Option<f64>,
    pub(super) memory_busy: Option<f64>,
    pub(super) temperature: Option<u32>,
    pub(super) fan_speed: Option<u32>,
}

/// Sums over the GPUs, also over those that are gone.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Of the devices' own counters as last read, by number.
    known: BTreeMap<u32, (u64, u64)>,
    /// Milliseconds.
    gpu_time: f64,
    memory_time: f64,
    ecc_errors: u64,
    /// Millijoules.
    energy: f64,
}

impl Totals {
    /// Adds what the GPUs did since the last call, `elapsed_ms` ago, and returns the record.
    pub(super) fn update(&mut self, readings: &[(u32, Reading)], elapsed_ms: f64) -> NvidiaGpu {
        let mut record = NvidiaGpu { device_count: readings.len() as u32, ..EMPTY };
        for (number, reading) in readings {
            self.count(*number, reading, elapsed_ms);
            record.processes += reading.processes.unwrap_or_default();
            let (total, free) = reading.memory.unwrap_or_default();
            record.mem_total = record.mem_total.saturating_add(total);
            record.mem_free = record.mem_free.saturating_add(free);
            record.temperature = record.temperature.max(reading.temperature.unwrap_or_default());
            record.fan_speed = record.fan_speed.max(reading.fan_speed.unwrap_or_default());
        }
        record.gpu_time = low(self.gpu_time);
        record.mem_time = low(self.memory_time);
        record.ecc_errors = (self.ecc_errors & u64::from(u32::MAX)) as u32;
        record.energy = low(self.energy);
        record
    }

    fn count(&mut self, number: u32, reading: &Reading, elapsed_ms: f64) {
        self.gpu_time += elapsed_ms * reading.gpu.unwrap_or_default() / 100.0;
        self.memory_time += elapsed_ms * reading.memory_busy.unwrap_or_default() / 100.0;
        let (energy, errors) = self.known.entry(number).or_default();
        if let Some(now) = reading.energy {
            self.energy += step(energy, now) as f64;
        } else {
            // Milliwatts for a thousandth of a second are microjoules.
            self.energy += f64::from(reading.power.unwrap_or_default()) * elapsed_ms / 1000.0;
        }
        if let Some(now) = reading.ecc_errors {
            self.ecc_errors = self.ecc_errors.wrapping_add(step(errors, now));
        }
    }
}

/// The growth of a counter, which starts again when the driver is loaded again.
fn step(known: &mut u64, now: u64) -> u64 {
    let before = core::mem::replace(known, now);
    now.checked_sub(before).unwrap_or(now)
}

/// A counter modulo 2^32.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a remainder is below 2^32, and nothing negative is added"
)]
fn low(counter: f64) -> u32 {
    (counter % 4_294_967_296.0) as u32
}

const EMPTY: NvidiaGpu = NvidiaGpu {
    device_count: 0,
    processes: 0,
    gpu_time: 0,
    mem_time: 0,
    mem_total: 0,
    mem_free: 0,
    ecc_errors: 0,
    energy: 0,
    temperature: 0,
    fan_speed: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading {
        processes: Some(2),
        memory: Some((100, 40)),
        ecc_errors: Some(3),
        energy: Some(5000),
        power: Some(1),
        gpu: Some(50.0),
        memory_busy: Some(10.0),
        temperature: Some(60),
        fan_speed: None,
    };

    #[test]
    fn gpus_are_summed_up_and_the_hottest_counts() {
        let mut totals = Totals::default();
        let other = Reading { temperature: Some(70), fan_speed: Some(30), ..READING };
        let record = totals.update(&[(0, READING), (1, other)], 2000.0);
        let expected = NvidiaGpu {
            device_count: 2,
            processes: 4,
            gpu_time: 2000,
            mem_time: 400,
            mem_total: 200,
            mem_free: 80,
            ecc_errors: 6,
            energy: 10_000,
            temperature: 70,
            fan_speed: 30,
        };
        assert_eq!(record, expected);
        // A GPU that is gone leaves what it had counted.
        let record = totals.update(&[(0, READING)], 1000.0);
        assert_eq!((record.gpu_time, record.ecc_errors, record.energy), (2500, 6, 10_000));
        assert_eq!(
            totals.update(&[], 1000.0),
            NvidiaGpu { gpu_time: 2500, mem_time: 500, ecc_errors: 6, energy: 10_000, ..EMPTY }
        );
    }

    #[test]
    fn energy_wraps_and_continues_after_the_driver_was_loaded_again() {
        let mut totals = Totals::default();
        let energy = |totals: &mut Totals, energy| {
            let reading = Reading { energy: Some(energy), ..Reading::default() };
            totals.update(&[(0, reading)], 1000.0).energy
        };
        assert_eq!(energy(&mut totals, (1 << 32) - 10), u32::MAX - 9);
        assert_eq!(energy(&mut totals, (1 << 32) + 5), 5);
        assert_eq!(energy(&mut totals, 7), 12, "from zero again");
        // Devices before Volta report their power only: 300 W for 2 s.
        let power = Reading { power: Some(300_000), ..Reading::default() };
        assert_eq!(totals.update(&[(0, power)], 2000.0).energy, 600_012);
    }
}
