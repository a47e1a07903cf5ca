//! The sampler against theory: mean, variance and distribution of its skips for small and large
//! rates, and the same choice of packets for single steps and for bursts.
//!
//! Seeds are fixed, so results never change between runs. The bounds correspond to a false alarm
//! rate of 1 in 10,000.

use flowmote_core::Sampler;

const RATES: [u32; 6] = [1, 2, 10, 400, 65_536, 1_000_000];
const SKIPS: usize = 200_000;

/// Gaps between successive samples, from bursts longer than any skip.
fn skips(rate: u32, seed: u64) -> Vec<u32> {
    let mut sampler = Sampler::new(rate, seed);
    let mut next = || sampler.advance(u32::MAX).expect("a burst longer than any skip");
    next();
    (0..SKIPS).map(|_| next()).collect()
}

#[test]
fn skips_lie_in_their_range_and_average_to_the_rate() {
    for rate in RATES {
        let skips = skips(rate, 0xF10);
        let bound = 2 * rate - 1;
        assert!(skips.iter().all(|skip| (1..=bound).contains(skip)), "rate {rate}");
        let mean = skips.iter().map(|&skip| f64::from(skip)).sum::<f64>() / SKIPS as f64;
        let sigma = (f64::from(rate) * f64::from(rate - 1) / 3.0).sqrt();
        let error = (mean - f64::from(rate)).abs();
        assert!(error <= 3.9 * sigma / (SKIPS as f64).sqrt(), "rate {rate}: mean {mean}");
    }
}

#[test]
fn variance_of_skips_is_that_of_a_uniform_draw() {
    for rate in RATES {
        let skips = skips(rate, 0xF11);
        let n = f64::from(rate);
        let expected = n * (n - 1.0) / 3.0;
        let variance =
            skips.iter().map(|&skip| (f64::from(skip) - n).powi(2)).sum::<f64>() / SKIPS as f64;
        // A uniform distribution has kurtosis 1.8, so its sample variance has the relative deviation
        // sqrt(0.8 / skips).
        let bound = expected * 3.9 * (0.8 / SKIPS as f64).sqrt();
        assert!((variance - expected).abs() <= bound, "rate {rate}: {variance} for {expected}");
    }
}

#[test]
fn chi_square_of_skips_is_that_of_a_uniform_draw() {
    for rate in RATES.into_iter().filter(|&rate| rate > 1) {
        let range = u64::from(2 * rate - 1);
        let bins = range.min(64);
        let mut counts = vec![0u64; bins as usize];
        for skip in skips(rate, 0xF12) {
            counts[(u64::from(skip - 1) * bins / range) as usize] += 1;
        }
        let chi_square: f64 = (0..bins)
            .map(|bin| {
                let width = (0..range).filter(|value| value * bins / range == bin).count();
                let expected = SKIPS as f64 * width as f64 / range as f64;
                (counts[bin as usize] as f64 - expected).powi(2) / expected
            })
            .sum();
        let freedom = bins as f64 - 1.0;
        assert!(chi_square < quantile_9999(freedom), "rate {rate}: {chi_square} of {freedom}");
    }
}

#[test]
fn successive_skips_are_uncorrelated() {
    for rate in RATES.into_iter().filter(|&rate| rate > 1) {
        let skips = skips(rate, 0xF13);
        let n = f64::from(rate);
        let variance = n * (n - 1.0) / 3.0;
        let covariance = skips
            .windows(2)
            .map(|pair| (f64::from(pair[0]) - n) * (f64::from(pair[1]) - n))
            .sum::<f64>()
            / (SKIPS - 1) as f64;
        let correlation = covariance / variance;
        assert!(correlation.abs() < 3.9 / (SKIPS as f64).sqrt(), "rate {rate}: {correlation}");
    }
}

#[test]
fn different_seeds_choose_different_packets() {
    let of = |seed| skips(400, seed).into_iter().take(100).collect::<Vec<_>>();
    assert_ne!(of(1), of(2));
    assert_eq!(of(1), of(1));
}

/// Positions of the samples among `packets`, which arrive in bursts of the lengths given by `burst`.
fn chosen(rate: u32, packets: u64, mut burst: impl FnMut() -> u32) -> Vec<u64> {
    let mut sampler = Sampler::new(rate, 99);
    let (mut seen, mut chosen) = (0, Vec::new());
    while seen < packets {
        let mut rest = u64::from(burst()).min(packets - seen) as u32;
        while let Some(taken) = sampler.advance(rest) {
            seen += u64::from(taken);
            rest -= taken;
            chosen.push(seen);
            assert_eq!(u64::from(sampler.meta().sample_pool), seen, "pool at the sample");
        }
        seen += u64::from(rest);
        assert_eq!(u64::from(sampler.meta().sample_pool), seen, "pool after the burst");
    }
    chosen
}

#[test]
fn bursts_and_single_steps_choose_the_same_packets() {
    for rate in RATES {
        let packets = (u64::from(rate) * 300).min(3_000_000);
        let single = chosen(rate, packets, || 1);
        assert!(!single.is_empty());
        assert_eq!(single, chosen(rate, packets, || 64), "rate {rate}");
        let mut length = 0;
        let uneven = chosen(rate, packets, || {
            length = (length * 5 + 3) % 1021;
            length
        });
        assert_eq!(single, uneven, "rate {rate}");
    }
}

/// The 0.9999 quantile of chi-square (Wilson and Hilferty).
fn quantile_9999(freedom: f64) -> f64 {
    let (z, k) = (3.719, 2.0 / (9.0 * freedom));
    freedom * (1.0 - k + z * k.sqrt()).powi(3)
}
