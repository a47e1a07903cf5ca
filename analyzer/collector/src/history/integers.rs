//! Lists of integers in few bits.
//!
//! A list is written in the shortest of four forms: zeros; one value; runs of equal values; or Rice codes
//! (R. F. Rice, JPL 79-22), of the differences between neighbours, or between each value and the mean if
//! that is less, as of noise.

use super::bytes::{Reader, folded, signed, unfolded, unsigned};

/// Adds a list, whose length the reader must know.
pub(super) fn write(out: &mut Vec<u8>, values: &[i64]) {
    let Some(first) = values.first().copied() else { return };
    if values.iter().all(|value| *value == first) {
        match first {
            0 => out.push(ZEROS),
            _ => {
                out.push(EQUAL);
                signed(out, first);
            }
        }
        return;
    }
    let runs = runs(values);
    let mean = mean(values);
    let from_mean = || values.iter().map(move |value| folded(value.wrapping_sub(mean)));
    let steps = || values.windows(2).map(|pair| folded(step(pair)));
    let (mean_bits, mean_code) = best(from_mean);
    let (step_bits, step_code) = best(steps);
    let rice = step_bits.min(mean_bits) / 8 + 11;
    if runs.len() as u64 <= rice {
        out.push(RUNS);
        out.extend(runs);
    } else if step_bits <= mean_bits {
        out.push(STEPS | step_code);
        signed(out, first);
        code(out, step_code, steps());
    } else {
        out.push(MEAN | mean_code);
        signed(out, mean);
        code(out, mean_code, from_mean());
    }
}

/// Reads a list of so many values.
pub(super) fn read(input: &mut Reader<'_>, count: usize) -> Option<Vec<i64>> {
    if count == 0 {
        return Some(Vec::new());
    }
    match input.byte()? {
        ZEROS => Some(vec![0; count]),
        EQUAL => Some(vec![input.signed()?; count]),
        RUNS => read_runs(input, count),
        form => {
            let (first, code) = (input.signed()?, form & 0x3f);
            let mut bits = Bits { input, word: 0, left: 0 };
            match form & 0xc0 {
                STEPS => {
                    let mut last = first;
                    let rest = (1..count).map(|_| {
                        last = last.wrapping_add(unfolded(bits.code(code)?));
                        Some(last)
                    });
                    core::iter::once(Some(first)).chain(rest).collect()
                }
                MEAN => {
                    let value = |_| Some(first.wrapping_add(unfolded(bits.code(code)?)));
                    (0..count).map(value).collect()
                }
                _ => None,
            }
        }
    }
}

fn step(pair: &[i64]) -> i64 {
    match pair {
        [before, after] => after.wrapping_sub(*before),
        _ => 0,
    }
}

/// How often each value follows itself, and the step to the next one.
fn runs(values: &[i64]) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), 0_i64);
    for run in values.chunk_by(|a, b| a == b) {
        let Some(value) = run.first() else { continue };
        signed(&mut out, value.wrapping_sub(last));
        unsigned(&mut out, run.len() as u64 - 1);
        last = *value;
    }
    out
}

fn read_runs(input: &mut Reader<'_>, count: usize) -> Option<Vec<i64>> {
    let (mut values, mut last) = (Vec::with_capacity(count), 0_i64);
    while values.len() < count {
        last = last.wrapping_add(input.signed()?);
        let more = input.count(count - values.len() - 1)?;
        values.extend(core::iter::repeat_n(last, more + 1));
    }
    Some(values)
}

fn mean(values: &[i64]) -> i64 {
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    i64::try_from(sum / values.len() as i128).unwrap_or_default()
}

/// The number of bits of the best code, and the bits that it leaves as they are.
fn best<I: Iterator<Item = u64>>(values: impl Fn() -> I) -> (u64, u8) {
    let (mut sum, mut count) = (0_u128, 0_u128);
    for value in values() {
        sum += u128::from(value);
        count += 1;
    }
    let mean = (sum / count.max(1)).max(1);
    let about = mean.ilog2().min(MAX_CODE.into()) as u8;
    let codes = about.saturating_sub(1)..=(about + 1).min(MAX_CODE);
    let cost = |code: u8| (values().map(|value| cost(value, code)).sum(), code);
    codes.map(cost).min().unwrap_or((u64::MAX, 0))
}

fn cost(value: u64, code: u8) -> u64 {
    match value >> code {
        high @ 0..ESCAPE => high + 1 + u64::from(code),
        _ => ESCAPE + 64,
    }
}

fn code(out: &mut Vec<u8>, code: u8, values: impl Iterator<Item = u64>) {
    let (mut word, mut filled) = (0_u128, 0_u32);
    for value in values {
        let high = value >> code;
        let (bits, length) = if high < ESCAPE {
            let low = value & ((1 << code) - 1);
            // So many ones, a zero, the low bits.
            let ones = ((1_u128 << high) - 1) << 1;
            (ones << code | u128::from(low), high as u32 + 1 + u32::from(code))
        } else {
            (((1 << ESCAPE) - 1) << 64 | u128::from(value), ESCAPE as u32 + 64)
        };
        word = word << length | bits;
        filled += length;
        while filled >= 8 {
            filled -= 8;
            out.push((word >> filled) as u8);
        }
        word &= (1 << filled) - 1;
    }
    if filled > 0 {
        out.push((word << (8 - filled)) as u8);
    }
}

/// Bits of a list of codes, the most significant one of a byte first.
struct Bits<'r, 'a> {
    input: &'r mut Reader<'a>,
    word: u64,
    left: u32,
}

impl Bits<'_, '_> {
    fn code(&mut self, code: u8) -> Option<u64> {
        let mut high = 0;
        while self.take(1)? == 1 {
            high += 1;
            if high == ESCAPE {
                return Some(self.take(32)? << 32 | self.take(32)?);
            }
        }
        let (top, low) = (code.saturating_sub(32), code.min(32));
        let top = self.take(top.into())?;
        Some((high << code) | top << low | self.take(low.into())?)
    }

    /// Up to 32 bits.
    fn take(&mut self, count: u32) -> Option<u64> {
        while self.left < count {
            self.word = self.word << 8 | u64::from(self.input.byte()?);
            self.left += 8;
        }
        self.left -= count;
        let bits = self.word >> self.left & ((1 << count) - 1);
        self.word &= (1 << self.left) - 1;
        Some(bits)
    }
}

const ZEROS: u8 = 0;
const EQUAL: u8 = 1;
const RUNS: u8 = 2;
/// With the number of bits that codes leave as they are.
const STEPS: u8 = 0x40;
const MEAN: u8 = 0x80;
/// The most bits that codes leave as they are.
const MAX_CODE: u8 = 43;
/// So many ones mean that all 64 bits follow.
const ESCAPE: u64 = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(values: &[i64]) -> usize {
        let mut out = vec![0xa5];
        write(&mut out, values);
        let mut input = Reader(&out[1..]);
        assert_eq!(read(&mut input, values.len()).as_deref(), Some(values));
        assert!(input.is_empty());
        out.len() - 1
    }

    proptest! {
        #[test]
        fn any_list_is_read_back(values: Vec<i64>) {
            size(&values);
        }

        #[test]
        fn lists_of_near_values_are_read_back(
            start: i64,
            steps in proptest::collection::vec(-70_000..70_000_i64, 0..300),
        ) {
            let mut last = start;
            let values: Vec<_> = steps.iter().map(|step| { last = last.wrapping_add(*step); last }).collect();
            size(&values);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, count in 0..2000_usize) {
            let found = read(&mut Reader(&bytes), count);
            prop_assert!(found.is_none_or(|values| values.len() == count));
        }
    }

    #[test]
    fn sizes_follow_the_form_of_a_list() {
        assert_eq!(size(&[0; 360]), 1);
        assert_eq!(size(&[1_000_000; 360]), 4);
        let steps: Vec<i64> =
            (0..360).map(|at| i64::from(at > 100) + i64::from(at > 200)).collect();
        assert!(size(&steps) < 10);
        // A counter of about 1000 with a deviation of 8 takes about 5 bits.
        let noise: Vec<i64> = (0..360_i64).map(|at| 1000 + at * 7919 % 17).collect();
        assert!(size(&noise) < 360 * 6 / 8, "{}", size(&noise));
        let ramp: Vec<i64> = (0..360).map(|at| at * 1000 + at % 3).collect();
        assert!(size(&ramp) < 360 * 13 / 8, "{}", size(&ramp));
    }

    #[test]
    fn truncated_list_is_none() {
        let values: Vec<i64> = (0..100_i64).map(|at| at * at % 91).collect();
        let mut out = Vec::new();
        write(&mut out, &values);
        for end in 0..out.len() {
            assert_eq!(read(&mut Reader(&out[..end]), values.len()), None, "{end}");
        }
    }
}
