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
    let steps = || values.windows(2).map(|pair| folded(step(pair)));
    let mean = mean(values);
    let from_mean = || values.iter().map(move |value| folded(value.wrapping_sub(mean)));
    let runs = 1 + values.windows(2).filter(|pair| step(pair) != 0).count();
    let (step_sum, mean_sum) = (sum(steps()), sum(from_mean()));
    let is_steps = step_sum <= mean_sum;
    let (bits, best) = match is_steps {
        true => best(step_sum, steps),
        false => best(mean_sum, from_mean),
    };
    // A run has two bytes at least.
    if 2 * runs as u64 <= bits / 8 + 11 {
        let runs = self::runs(values);
        if runs.len() as u64 <= bits / 8 + 11 {
            out.push(RUNS);
            out.extend(runs);
            return;
        }
    }
    if is_steps {
        out.push(STEPS | best);
        signed(out, first);
        code(out, best, steps());
    } else {
        out.push(MEAN | best);
        signed(out, mean);
        code(out, best, from_mean());
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
            let mut bits = Bits::new(input.0, code)?;
            let mut values = Vec::with_capacity(count);
            let mut last = first;
            match form & 0xc0 {
                STEPS => values.push(first),
                MEAN => {}
                _ => return None,
            }
            while values.len() < count {
                let distance = unfolded(bits.code()?);
                if form & 0xc0 == STEPS {
                    last = last.wrapping_add(distance);
                    values.push(last);
                } else {
                    values.push(first.wrapping_add(distance));
                }
            }
            input.0 = bits.rest();
            Some(values)
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

fn sum(values: impl Iterator<Item = u64>) -> u128 {
    values.map(u128::from).sum()
}

/// The number of bits of the best code of values with a sum, and the bits that it leaves as they are. Of a
/// geometric distribution these are the logarithm of 0.69 times the mean.
fn best<I: Iterator<Item = u64>>(sum: u128, values: impl Fn() -> I) -> (u64, u8) {
    let count = values().count().max(1) as u128;
    let about = (sum / count).max(1).ilog2().min(MAX_CODE.into()) as u8;
    let cost = |code: u8| (values().map(|value| cost(value, code)).sum(), code);
    cost(about.saturating_sub(1)).min(cost(about))
}

fn cost(value: u64, code: u8) -> u64 {
    match value >> code {
        high @ 0..ESCAPE => high + 1 + u64::from(code),
        _ => ESCAPE + 64,
    }
}

fn code(out: &mut Vec<u8>, code: u8, values: impl Iterator<Item = u64>) {
    let mut bits = Writer { out, word: 0, filled: 0 };
    for value in values {
        let high = value >> code;
        if high < ESCAPE {
            // So many ones, a zero, the low bits.
            let ones = ((1_u64 << high) - 1) << 1;
            let (length, low) = (high as u32 + 1, value & ((1 << code) - 1));
            if code <= 11 {
                bits.put(ones << code | low, length + u32::from(code));
            } else {
                bits.put(ones, length);
                bits.put(low >> 32, u32::from(code).saturating_sub(32));
                bits.put(low & 0xffff_ffff, u32::from(code).min(32));
            }
        } else {
            bits.put((1 << ESCAPE) - 1, ESCAPE as u32);
            bits.put(value >> 32, 32);
            bits.put(value & 0xffff_ffff, 32);
        }
    }
    bits.end();
}

/// Bits as bytes, the most significant one of a byte first.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    word: u64,
    /// Bits of the word that are not written: less than 32.
    filled: u32,
}

impl Writer<'_> {
    /// Adds up to 32 bits.
    fn put(&mut self, bits: u64, length: u32) {
        self.word = self.word << length | bits;
        self.filled += length;
        if self.filled >= 32 {
            self.filled -= 32;
            self.out.extend(((self.word >> self.filled) as u32).to_be_bytes());
        }
    }

    fn end(self) {
        let bytes = ((self.word << (32 - self.filled)) as u32).to_be_bytes();
        self.out.extend(bytes.iter().take(self.filled.div_ceil(8) as usize));
    }
}

/// The bits of a list of codes.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bytes that are in the word, or were.
    taken: usize,
    /// The next bits, from the most significant one on.
    word: u64,
    left: u32,
    code: u32,
}

impl<'a> Bits<'a> {
    /// `None` if the code leaves more bits than any has.
    fn new(bytes: &'a [u8], code: u8) -> Option<Self> {
        (code <= MAX_CODE).then_some(Self { bytes, taken: 0, word: 0, left: 0, code: code.into() })
    }

    fn code(&mut self) -> Option<u64> {
        self.fill();
        let high = (!self.word).leading_zeros().min(ESCAPE as u32);
        if high == ESCAPE as u32 {
            self.take(high)?;
            return Some(self.take(32)? << 32 | self.take(32)?);
        }
        self.take(high + 1)?;
        Some(u64::from(high) << self.code | self.take(self.code)?)
    }

    /// Up to 43 bits.
    fn take(&mut self, count: u32) -> Option<u64> {
        if self.left < count {
            self.fill();
        }
        self.left = self.left.checked_sub(count)?;
        // Two shifts: a word cannot be shifted by all of its bits.
        let bits = self.word >> 1 >> (63 - count);
        self.word <<= count;
        Some(bits)
    }

    /// Takes bytes, until there are at least 56 bits or no more bytes.
    fn fill(&mut self) {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        if let Some(next) = rest.first_chunk() {
            self.word |= u64::from_be_bytes(*next) >> self.left;
            let bytes = (63 - self.left) / 8;
            self.taken += bytes as usize;
            self.left += 8 * bytes;
            // The rest of the next byte comes with it.
            self.word &= !(u64::MAX >> self.left);
        } else {
            for byte in rest.iter().take(((63 - self.left) / 8) as usize) {
                self.word |= u64::from(*byte) << (56 - self.left);
                self.left += 8;
                self.taken += 1;
            }
        }
    }

    /// The bytes after the last code.
    fn rest(self) -> &'a [u8] {
        let taken = self.taken - (self.left / 8) as usize;
        self.bytes.get(taken..).unwrap_or_default()
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
