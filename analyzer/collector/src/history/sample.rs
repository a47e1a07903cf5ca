//! Samples of a metric as one, and lists of them in few bytes.
//!
//! Counters and most gauges are whole numbers, or multiples of a small power of two as the recorder rounds
//! them. Of those, a list keeps the mean, what the sum exceeds it by, and the distances of minimum and
//! maximum, which are small. Others are kept bit by bit.

use super::bytes::Reader;
use super::integers;
use super::samples::Samples;

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

    /// With a mean, a minimum and a maximum of 16 significant bits.
    fn rounded(&self) -> Self {
        let mean = rounded(self.sum / self.count);
        let (min, max) = (rounded(self.min), rounded(self.max));
        Self { sum: mean * self.count, min, max, count: self.count }
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

/// A number to the nearest one of 16 significant bits, away from zero from the middle on.
fn rounded(number: f64) -> f64 {
    let half = 1 << (LOW - 1);
    let bits = number.to_bits().saturating_add(half) & !((1 << LOW) - 1);
    Some(f64::from_bits(bits)).filter(|it| it.is_finite()).unwrap_or(number)
}

/// Rounds the samples of a list, unless all are the same number.
pub(super) fn round(samples: &mut Samples) {
    let first = samples.iter().flatten().next().map(|it| it.min);
    if samples.iter().flatten().all(|it| Some(it.min) == first && Some(it.max) == first) {
        return;
    }
    match samples {
        Samples::Ones(list) => list.iter_mut().for_each(|number| *number = rounded(*number)),
        Samples::Several(list) => {
            let known = list.iter_mut().filter(|it| it.is_known());
            known.for_each(|it| *it = it.rounded());
        }
    }
}

/// Adds a list. `counts` are those of another list, which many have too.
pub(super) fn write(out: &mut Vec<u8>, samples: &Samples, counts: &[i64]) {
    match samples {
        Samples::Ones(list) => write_ones(out, list),
        Samples::Several(list) => write_several(out, list, counts),
    }
}

fn write_ones(out: &mut Vec<u8>, list: &[f64]) {
    let partial = list.iter().any(|number| number.is_nan());
    let known: Vec<f64>;
    let numbers = if partial {
        known = list.iter().copied().filter(|number| !number.is_nan()).collect();
        &known
    } else {
        list
    };
    let unit = Unit::of(numbers.iter().copied());
    let whole = unit.and_then(|unit| {
        let scaled = numbers.iter().map(|number| unit.scaled(*number));
        Some((unit, scaled.collect::<Option<Vec<i64>>>()?))
    });
    out.push(ONE | if partial { PARTIAL } else { 0 } | if whole.is_none() { BITS } else { 0 });
    if partial {
        write_presence(out, list.iter().map(|number| !number.is_nan()));
    }
    match whole {
        Some((unit, whole)) => {
            out.push(unit.0 as u8);
            integers::write(out, &whole);
        }
        None => write_bits(out, numbers.iter().copied()),
    }
}

fn write_several(out: &mut Vec<u8>, samples: &[Sample], counts: &[i64]) {
    let known: Vec<Sample> = samples.iter().filter(|it| it.is_known()).copied().collect();
    if known.iter().all(Sample::is_one) {
        let one = |it: &Sample| if it.is_known() { it.sum } else { f64::NAN };
        return write_ones(out, &samples.iter().map(one).collect::<Vec<_>>());
    }
    let own = Whole::of(&known);
    let partial = known.len() < samples.len();
    let shares = own.as_ref().is_some_and(|own| own.counts == counts);
    let flag = |bit: u8, set: bool| if set { bit } else { 0 };
    out.push(flag(PARTIAL, partial) | flag(SHARED, shares) | flag(BITS, own.is_none()));
    if partial {
        write_presence(out, samples.iter().map(Sample::is_known));
    }
    match own {
        Some(whole) => whole.write(out, shares),
        None => {
            write_bits(out, known.iter().map(|it| it.sum));
            write_bits(out, known.iter().map(|it| it.min));
            write_bits(out, known.iter().map(|it| it.max));
            write_bits(out, known.iter().map(|it| it.count));
        }
    }
}

fn write_presence(out: &mut Vec<u8>, presence: impl Iterator<Item = bool>) {
    integers::write(out, &presence.map(i64::from).collect::<Vec<_>>());
}

/// Reads a list of so many samples.
pub(super) fn read(input: &mut Reader<'_>, count: usize, counts: &[i64]) -> Option<Samples> {
    let flags = input.byte()?;
    let presence = if flags & PARTIAL == 0 { None } else { Some(integers::read(input, count)?) };
    let known = presence.as_ref().map_or(count, |it| it.iter().filter(|one| **one != 0).count());
    let is_whole = flags & BITS == 0;
    if flags & ONE != 0 {
        let list = if is_whole { read_ones(input, known)? } else { read_bits(input, known)? };
        return Some(Samples::Ones(placed(list, presence, f64::NAN)?));
    }
    let shared = (flags & SHARED != 0).then_some(counts);
    let list =
        if is_whole { read_whole(input, known, shared)? } else { read_several(input, known)? };
    Some(Samples::Several(placed(list, presence, Sample::default())?))
}

/// The items of a list in the places that are not zero.
fn placed<T: Copy>(list: Vec<T>, presence: Option<Vec<i64>>, missing: T) -> Option<Vec<T>> {
    let Some(presence) = presence else { return Some(list) };
    let mut list = list.into_iter();
    presence.iter().map(|one| if *one == 0 { Some(missing) } else { list.next() }).collect()
}

fn read_ones(input: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
    let size = Unit::read(input)?.size();
    let list = integers::read(input, count)?;
    Some(list.into_iter().map(|value| value as f64 * size).collect())
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
        let unit = Unit::of(samples.iter().flat_map(|it| [it.sum, it.min, it.max]))?;
        let mut whole = Self {
            unit,
            means: Vec::with_capacity(samples.len()),
            rests: Vec::with_capacity(samples.len()),
            below: Vec::with_capacity(samples.len()),
            above: Vec::with_capacity(samples.len()),
            counts: Vec::with_capacity(samples.len()),
        };
        for sample in samples {
            let scaled = |number: f64| unit.scaled(number);
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

    fn write(&self, out: &mut Vec<u8>, shares: bool) {
        out.push(self.unit.0 as u8);
        integers::write(out, &self.means);
        if !shares {
            integers::write(out, &self.counts);
        }
        for list in [&self.rests, &self.below, &self.above] {
            integers::write(out, list);
        }
    }
}

fn read_whole(input: &mut Reader<'_>, count: usize, shared: Option<&[i64]>) -> Option<Vec<Sample>> {
    let size = Unit::read(input)?.size();
    let number = |whole: i64| whole as f64 * size;
    let means = integers::read(input, count)?;
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

/// Counts of a list that others may share: those of its samples, if there are several and none is missing.
pub(super) fn counts(samples: &Samples) -> Option<Vec<i64>> {
    let Samples::Several(list) = samples else { return None };
    let is_shared = list.iter().all(Sample::is_known) && !list.iter().all(Sample::is_one);
    let count = |it: &Sample| if it.count < MOST { it.count as i64 } else { 0 };
    is_shared.then(|| list.iter().map(count).collect())
}

/// A power of two that all numbers are multiples of, such as the size of a page, or less than 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit(i8);

impl Unit {
    /// The largest one; `None` if it is too small.
    fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut least = i32::MAX;
        for number in numbers {
            let bits = number.to_bits();
            if bits == 0 {
                continue;
            }
            let exponent = ((bits >> 52) & 0x7ff) as i32;
            if exponent == 0x7ff {
                return None;
            }
            let mantissa = bits | 1 << 52;
            // That of a negative zero is too small.
            least = least.min(exponent - 1075 + mantissa.trailing_zeros() as i32);
        }
        let unit = if least == i32::MAX { 0 } else { least.min(MAX_DIGITS.into()) };
        i8::try_from(unit).ok().map(Self).filter(|unit| unit.0 >= -MAX_DIGITS)
    }

    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let unit = Self(input.byte()? as i8);
        (-MAX_DIGITS..=MAX_DIGITS).contains(&unit.0).then_some(unit)
    }

    fn size(self) -> f64 {
        power(self.0.into())
    }

    /// A multiple of it as an integer; `None` if it is too large.
    fn scaled(self, number: f64) -> Option<i64> {
        let scaled = number * power(-i64::from(self.0));
        (scaled.abs() < LARGEST).then_some(scaled as i64)
    }
}

/// A power of two, with an exponent of few digits.
fn power(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// Each number as the bytes in which it differs from the one before.
fn write_bits(out: &mut Vec<u8>, numbers: impl Iterator<Item = f64>) {
    let mut last = 0;
    for number in numbers {
        let bits = number.to_bits();
        let bytes = (bits ^ last).to_be_bytes();
        let first = bytes.iter().take_while(|byte| **byte == 0).count();
        let end = 8 - bytes.iter().rev().take_while(|byte| **byte == 0).count();
        out.push((first.min(end) << 4 | end) as u8);
        out.extend(bytes.get(first..end).unwrap_or_default());
        last = bits;
    }
}

fn read_bits(input: &mut Reader<'_>, count: usize) -> Option<Vec<f64>> {
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
}

fn read_several(input: &mut Reader<'_>, count: usize) -> Option<Vec<Sample>> {
    let mut list = || read_bits(input, count);
    let (sums, mins, maxs, counts) = (list()?, list()?, list()?, list()?);
    let rows = sums.into_iter().zip(mins).zip(maxs).zip(counts);
    Some(rows.map(|(((sum, min), max), count)| Sample { sum, min, max, count }).collect())
}

const PARTIAL: u8 = 1;
const ONE: u8 = 2;
const SHARED: u8 = 4;
const BITS: u8 = 8;
/// Binary digits after the point of a list as integers, or zeros before it.
const MAX_DIGITS: i8 = 30;
/// Bits of a number that are not of its 16 most significant ones.
const LOW: u32 = 52 - 15;
/// A count, and a number as integer, below which no arithmetic with them overflows.
const MOST: f64 = 4_294_967_296.0;
const LARGEST: f64 = 4_611_686_018_427_387_904.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(samples: &[Sample]) -> usize {
        let several = Samples::Several(samples.to_vec());
        let mut ones = Samples::missing(0);
        samples.iter().for_each(|sample| ones.push(sample));
        let bits = |it: Option<Sample>| // Without the sign of zero.
            it.map(|it| [it.sum, it.min, it.max, it.count].map(|it| (it + 0.0).to_bits()));
        let sizes = [several, ones].map(|list| {
            let (mut out, counts) = (Vec::new(), counts(&list).unwrap_or_default());
            write(&mut out, &list, &counts);
            let mut input = Reader(&out);
            let found = read(&mut input, samples.len(), &counts).unwrap();
            assert!(found.iter().map(bits).eq(list.iter().map(bits)));
            assert!(input.is_empty());
            out.len()
        });
        sizes[0]
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
    fn changing_gauge_is_rounded_and_a_constant_is_not() {
        let sample = |sum: f64, min, max| Sample { sum, min, max, count: 6.0 };
        let constant = sample(6.0 * 8_123_456_511.0, 8_123_456_511.0, 8_123_456_511.0);
        let mut samples = Samples::Several(vec![constant, Sample::default(), constant]);
        round(&mut samples);
        assert_eq!(samples.get(0), Some(constant));
        let changing = sample(6.0 * 8_123_456_789.0, 8_123_400_001.0, 8_123_500_001.0);
        samples.push(&changing);
        samples.push(&sample(6.0 * 65_535.0, 1.0, 65_535.0));
        round(&mut samples);
        assert_eq!(samples.get(1), None);
        let step = 131_072.0;
        let found = samples.get(3).unwrap();
        for (number, exact) in [
            (found.sum / 6.0, changing.sum / 6.0),
            (found.min, changing.min),
            (found.max, changing.max),
        ] {
            assert!((number - exact).abs() <= step / 2.0 && number % step == 0.0, "{number}");
        }
        // Small numbers are exact.
        assert_eq!(samples.get(4), Some(sample(6.0 * 65_535.0, 1.0, 65_535.0)));
        let before = format!("{samples:?}");
        round(&mut samples);
        assert_eq!(format!("{samples:?}"), before);
        assert_eq!(rounded(f64::MAX), f64::MAX);
        assert_eq!(rounded(-65_537.0), -65_538.0);
    }

    #[test]
    fn constant_series_takes_almost_nothing() {
        let gauge = Sample { sum: 48_000.0, min: 8000.0, max: 8000.0, count: 6.0 };
        assert!(size(&[gauge; 360]) < 10);
        assert!(size(&[Sample::one(0.0); 360]) < 4);
        assert_eq!(size(&[Sample::default(); 3]), 3);
    }
}
