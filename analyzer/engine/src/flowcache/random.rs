//! Random numbers for tests.

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// Uniform in 0..1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number in 0..limit with probabilities like 1/(number + 1).
    pub(crate) fn zipf(&mut self, limit: u64) -> u64 {
        ((limit as f64).powf(self.uniform()) - 1.0) as u64
    }

    /// Packets until the next sample of 1 in `rate`, at least 1.
    pub(crate) fn skip(&mut self, rate: f64) -> u64 {
        if rate <= 1.0 {
            return 1;
        }
        let log = (1.0 - self.uniform()).ln() / (-rate.recip()).ln_1p();
        1 + log as u64
    }
}
