//! The counter record of NVIDIA GPUs.

use super::table::{Counter32, Gauge32, Gauge64, counter_record};

counter_record! {
    /// `nvidia_gpu` (5703:1): the GPUs of the host, all together, from NVML.
    NvidiaGpu = 5703:1 {
        /// Number of GPUs.
        device_count: Gauge32,
        /// Running compute processes.
        processes: Gauge32,
        /// Time with a kernel running, milliseconds, sum of the GPUs.
        gpu_time: Counter32,
        /// Time with device memory being read or written, milliseconds, sum of the GPUs.
        mem_time: Counter32,
        /// Device memory, bytes.
        mem_total: Gauge64,
        /// Free device memory, bytes.
        mem_free: Gauge64,
        /// Volatile ECC errors.
        ecc_errors: Counter32,
        /// Energy consumed, millijoules.
        energy: Counter32,
        /// Temperature of the hottest GPU, degrees Celsius.
        temperature: Gauge32,
        /// Speed of the fastest fan, percent of its maximum.
        fan_speed: Gauge32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper, word};

    #[test]
    fn nvidia_gpu() {
        let record = NvidiaGpu {
            device_count: word(1),
            processes: word(2),
            gpu_time: word(3),
            mem_time: word(4),
            mem_total: hyper(5),
            mem_free: hyper(6),
            ecc_errors: word(7),
            energy: word(8),
            temperature: word(9),
            fan_speed: word(10),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-5703-1.hex"),
        );
    }
}
