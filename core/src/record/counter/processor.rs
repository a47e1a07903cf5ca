//! The counter record of the management processor of a switch or router.

use super::table::{Gauge64, Percentage, counter_record};

counter_record! {
    /// `processor` (0:1001): load and memory of the management processor.
    Processor = 0:1001 {
        /// Mean CPU use of 5 seconds.
        cpu_5s: Percentage,
        /// Mean CPU use of a minute.
        cpu_1m: Percentage,
        /// Mean CPU use of 5 minutes.
        cpu_5m: Percentage,
        /// Memory, bytes.
        total_memory: Gauge64,
        /// Free memory, bytes.
        free_memory: Gauge64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper};

    #[test]
    fn processor() {
        let record = Processor {
            cpu_5s: 1001,
            cpu_1m: 1002,
            cpu_5m: 1003,
            total_memory: hyper(4),
            free_memory: hyper(5),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-1001.hex"),
        );
    }
}
