//! Samples of a metric as one, and lists of them in few bytes.
//!
//! Counters and most gauges are whole numbers, or multiples of a small power of two as the recorder rounds
//! them. Of those, a list keeps the mean, what the sum exceeds it by, and the distances of minimum and
//! maximum, which are small. Others are kept bit by bit.

use super::bytes::Reader;
use super::integers;

/// Several samples as one; no sample if `count` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) count: f64,
}

impl Sample {
    /// One sample.
    pub(crate) fn one(value: f64) -> Self {
        Self { sum: value, min: value, max: value, count: 1.0 }
    }

    /// One sample, unless there is none.
    pub(super) fn is_one(&self) -> bool {
        *self == Self::one(self.sum)
    }

    pub(super) fn is_known(&self) -> bool {
        self.count != 0.0
    }

    /// Adds other samples.
    pub(crate) fn add(&mut self, other: &Self) {
        if !self.is_known() {
            *self = *other;
        } else if other.is_known() {
            self.sum += other.sum;
            self.min = self.min.min(other.min);
            self.max = self.max.max(other.max);
            self.count += other.count;
        }
    }
}

/// Adds a list. `counts` are those of another list, which many have too.
pub(super) fn write(out: &mut Vec<u8>, samples: &[Sample], counts: &[i64]) {
    let known: Vec<Sample> = samples.iter().filter(|it| it.is_known()).copied().collect();
    let own = Whole::of(&known);
    let is_one = known.iter().all(Sample::is_one);
    let partial = known.len() < samples.len();
    let shares = own.as_ref().is_some_and(|own| own.counts == counts);
    let flag = |bit: u8, set: bool| if set { bit } else { 0 };
    out.push(
        flag(PARTIAL, partial)
            | flag(ONE, is_one)
            | flag(SHARED, shares && !is_one)
            | flag(BITS, own.is_none()),
    );
    if partial {
        let presence: Vec<i64> = samples.iter().map(|it| it.is_known().into()).collect();
        integers::write(out, &presence);
    }
    match own {
        Some(whole) => whole.write(out, is_one, shares),
        None => write_bits(out, &known, is_one),
    }
}

/// Reads a list of so many samples.
pub(super) fn read(input: &mut Reader<'_>, count: usize, counts: &[i64]) -> Option<Vec<Sample>> {
    let flags = input.byte()?;
    let presence = if flags & PARTIAL == 0 { None } else { Some(integers::read(input, count)?) };
    let known = presence.as_ref().map_or(count, |it| it.iter().filter(|one| **one != 0).count());
    let (is_one, shared) = (flags & ONE != 0, flags & SHARED != 0);
    let list = if flags & BITS == 0 {
        read_whole(input, known, is_one, shared.then_some(counts))?
    } else {
        read_bits(input, known, is_one)?
    };
    let Some(presence) = presence else { return Some(list) };
    let mut list = list.into_iter();
    let sample = |one: &i64| if *one == 0 { Some(Sample::default()) } else { list.next() };
    presence.iter().map(sample).collect()
}

/// Samples as integers times a power of two.
struct Whole {
    unit: Unit,
    means: Vec<i64>,
    rests: Vec<i64>,
    below: Vec<i64>,
    above: Vec<i64>,
    counts: Vec<i64>,
}

impl Whole {
    /// `None` if they are not exact as integers.
    fn of(samples: &[Sample]) -> Option<Self> {
        let numbers = || samples.iter().flat_map(|it| [it.sum, it.min, it.max]);
        let unit = Unit::of(numbers)?;
        let mut whole = Self {
            unit,
            means: Vec::with_capacity(samples.len()),
            rests: Vec::with_capacity(samples.len()),
            below: Vec::with_capacity(samples.len()),
            above: Vec::with_capacity(samples.len()),
            counts: Vec::with_capacity(samples.len()),
        };
        for sample in samples {
            let scaled = |number: f64| {
                let scaled = number / unit.size();
                (scaled.abs() < LARGEST).then_some(scaled as i64)
            };
            let is_count = (1.0..MOST).contains(&sample.count) && sample.count.fract() == 0.0;
            let count = is_count.then_some(sample.count as i64)?;
            let (sum, min, max) = (scaled(sample.sum)?, scaled(sample.min)?, scaled(sample.max)?);
            let mean = sum.div_euclid(count);
            whole.means.push(mean);
            whole.rests.push(sum - mean * count);
            whole.below.push(mean - min);
            whole.above.push(max - mean);
            whole.counts.push(count);
        }
        Some(whole)
    }

    fn write(&self, out: &mut Vec<u8>, is_one: bool, shares: bool) {
        out.push(self.unit.0 as u8);
        integers::write(out, &self.means);
        if is_one {
            return;
        }
        if !shares {
            integers::write(out, &self.counts);
        }
        for list in [&self.rests, &self.below, &self.above] {
            integers::write(out, list);
        }
    }
}

fn read_whole(
    input: &mut Reader<'_>,
    count: usize,
    is_one: bool,
    shared: Option<&[i64]>,
) -> Option<Vec<Sample>> {
    let unit = Unit(input.byte()? as i8);
    if !(-MAX_DIGITS..=MAX_DIGITS).contains(&unit.0) {
        return None;
    }
    let number = |whole: i64| whole as f64 * unit.size();
    let means = integers::read(input, count)?;
    if is_one {
        return Some(means.into_iter().map(|value| Sample::one(number(value))).collect());
    }
    let counts = match shared {
        Some(counts) if counts.len() == count => counts.to_vec(),
        Some(_) => return None,
        None => integers::read(input, count)?,
    };
    let mut list = || integers::read(input, count);
    let (rests, below, above) = (list()?, list()?, list()?);
    let rows = means.into_iter().zip(counts).zip(rests).zip(below).zip(above);
    let samples = rows.map(|((((mean, count), rest), below), above)| Sample {
        sum: number(mean.wrapping_mul(count).wrapping_add(rest)),
        min: number(mean.wrapping_sub(below)),
        max: number(mean.wrapping_add(above)),
        count: count as f64,
    });
    Some(samples.collect())
}

/// Counts of a list that others may share: those of its samples, if they are integers.
pub(super) fn counts(samples: &[Sample]) -> Vec<i64> {
    let known = samples.iter().filter(|it| it.is_known());
    known.map(|it| if it.count < MOST { it.count as i64 } else { 0 }).collect()
}

/// A power of two that all numbers are multiples of, such as the size of a page, or less than 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit(i8);

impl Unit {
    /// The largest one; `None` if it is too small.
    fn of<I: Iterator<Item = f64>>(numbers: impl Fn() -> I) -> Option<Self> {
        let mut least = None::<i32>;
        for number in numbers() {
            if number == 0.0 && number.is_sign_positive() {
                continue;
            }
            let bits = number.to_bits();
            let exponent = ((bits >> 52) & 0x7ff) as i32 - 1075;
            let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
            let last = exponent + mantissa.trailing_zeros() as i32;
            if number == 0.0 || !number.is_finite() || last < -i32::from(MAX_DIGITS) {
                return None;
            }
            least = Some(least.map_or(last, |least| least.min(last)));
        }
        let unit = least.unwrap_or_default().min(MAX_DIGITS.into());
        i8::try_from(unit).ok().map(Self)
    }

    fn size(self) -> f64 {
        f64::from(self.0).exp2()
    }
}

/// Each number as the bytes in which it differs from the one before.
fn write_bits(out: &mut Vec<u8>, samples: &[Sample], is_one: bool) {
    let mut list = |of: fn(&Sample) -> f64| {
        let mut last = 0;
        for sample in samples {
            let bits = of(sample).to_bits();
            let bytes = (bits ^ last).to_be_bytes();
            let first = bytes.iter().take_while(|byte| **byte == 0).count();
            let end = 8 - bytes.iter().rev().take_while(|byte| **byte == 0).count();
            out.push((first.min(end) << 4 | end) as u8);
            out.extend(bytes.get(first..end).unwrap_or_default());
            last = bits;
        }
    };
    list(|sample| sample.sum);
    if !is_one {
        list(|sample| sample.min);
        list(|sample| sample.max);
        list(|sample| sample.count);
    }
}

fn read_bits(input: &mut Reader<'_>, count: usize, is_one: bool) -> Option<Vec<Sample>> {
    let mut list = || -> Option<Vec<f64>> {
        let mut last = 0;
        let number = |_| {
            let head = usize::from(input.byte()?);
            let (first, end) = (head >> 4, head & 15);
            let mut bytes = [0; 8];
            bytes.get_mut(first..end)?.copy_from_slice(input.bytes(end.checked_sub(first)?)?);
            last ^= u64::from_be_bytes(bytes);
            Some(f64::from_bits(last))
        };
        (0..count).map(number).collect()
    };
    let sums = list()?;
    if is_one {
        return Some(sums.into_iter().map(Sample::one).collect());
    }
    let (mins, maxs, counts) = (list()?, list()?, list()?);
    let rows = sums.into_iter().zip(mins).zip(maxs).zip(counts);
    Some(rows.map(|(((sum, min), max), count)| Sample { sum, min, max, count }).collect())
}

const PARTIAL: u8 = 1;
const ONE: u8 = 2;
const SHARED: u8 = 4;
const BITS: u8 = 8;
/// Binary digits after the point of a list as integers, or zeros before it.
const MAX_DIGITS: i8 = 30;
/// A count, and a number as integer, below which no arithmetic with them overflows.
const MOST: f64 = 4_294_967_296.0;
const LARGEST: f64 = 4_611_686_018_427_387_904.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(samples: &[Sample]) -> usize {
        let (mut out, counts) = (Vec::new(), counts(samples));
        write(&mut out, samples, &counts);
        let mut input = Reader(&out);
        let found = read(&mut input, samples.len(), &counts).unwrap();
        let bits = |list: &[Sample]| -> Vec<[u64; 4]> {
            list.iter().map(|it| [it.sum, it.min, it.max, it.count].map(f64::to_bits)).collect()
        };
        assert_eq!(bits(&found), bits(samples));
        assert!(input.is_empty());
        out.len()
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        let number = prop_oneof![
            any::<f64>(),
            Just(0.0),
            Just(-0.0),
            (-1_000_000..1_000_000_i32).prop_map(|it| f64::from(it) / 1024.0),
            any::<i64>().prop_map(|it| it as f64),
        ];
        let count = prop_oneof![Just(1.0), (1..100_u32).prop_map(f64::from), 0.5..1e30];
        prop_oneof![
            4 => (number.clone(), number.clone(), number.clone(), count)
                .prop_map(|(sum, min, max, count)| Sample { sum, min, max, count }),
            4 => number.prop_map(Sample::one),
            1 => Just(Sample::default()),
        ]
    }

    proptest! {
        #[test]
        fn any_samples_are_read_back(samples in proptest::collection::vec(any_sample(), 0..200)) {
            size(&samples);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, count in 0..500_usize) {
            let found = read(&mut Reader(&bytes), count, &[1, 2, 3]);
            prop_assert!(found.is_none_or(|samples| samples.len() == count));
        }
    }

    #[test]
    fn constant_series_takes_almost_nothing() {
        let gauge = Sample { sum: 48_000.0, min: 8000.0, max: 8000.0, count: 6.0 };
        assert!(size(&[gauge; 360]) < 10);
        assert!(size(&[Sample::one(0.0); 360]) < 4);
        assert_eq!(size(&[Sample::default(); 3]), 3);
    }
}
