//! The record of NVIDIA GPUs.

use super::table::{Counter32, Gauge32, Gauge64, counter_record};

counter_record! {
    /// `nvidia_gpu`, 5703:1: what NVML says of the GPUs of the host, all together.
    NvidiaGpu = 5703:1 {
        /// GPUs.
        device_count: Gauge32,
        /// Compute processes that run.
        processes: Gauge32,
        /// Milliseconds with a kernel running, sum over the GPUs.
        gpu_time: Counter32,
        /// Milliseconds with device memory being read or written, sum over the GPUs.
        mem_time: Counter32,
        /// Bytes of device memory.
        mem_total: Gauge64,
        /// Bytes of device memory free.
        mem_free: Gauge64,
        /// Volatile ECC errors.
        ecc_errors: Counter32,
        /// Millijoules.
        energy: Counter32,
        /// Degrees Celsius of the hottest GPU.
        temperature: Gauge32,
        /// Percent of full speed of the fastest fan.
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
