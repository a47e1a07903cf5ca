//! The samples of a column, one for each row of its chunk.

use super::sample::Sample;

/// Most columns have single numbers, which take a quarter of the memory of samples.
#[derive(Clone, Debug)]
pub(super) enum Samples {
    /// NaN for a row without a number.
    Ones(Vec<f64>),
    Several(Vec<Sample>),
}

impl Samples {
    /// No samples of so many rows.
    pub(super) fn missing(rows: usize) -> Self {
        Self::Ones(vec![f64::NAN; rows])
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ones(list) => list.len(),
            Self::Several(list) => list.len(),
        }
    }

    /// The sample of a row, if there is one.
    pub(super) fn get(&self, row: usize) -> Option<Sample> {
        match self {
            Self::Ones(list) => {
                list.get(row).filter(|number| !number.is_nan()).map(|it| Sample::one(*it))
            }
            Self::Several(list) => list.get(row).filter(|sample| sample.is_known()).copied(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<Sample>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Adds the sample of one more row.
    pub(super) fn push(&mut self, sample: &Sample) {
        match self {
            Self::Ones(list) if sample.is_one() => list.push(sample.sum),
            Self::Several(list) => list.push(*sample),
            Self::Ones(_) => {
                self.make_several();
                self.push(sample);
            }
        }
    }

    /// Adds a row without a sample.
    pub(super) fn insert(&mut self, row: usize) {
        match self {
            Self::Ones(list) => list.insert(row, f64::NAN),
            Self::Several(list) => list.insert(row, Sample::default()),
        }
    }

    /// Adds a sample to that of a row. Differences make one sample.
    pub(super) fn add(&mut self, row: usize, sample: &Sample, is_difference: bool) {
        let own = self.get(row);
        let is_sum = is_difference && own.is_some();
        if let Self::Ones(list) = self {
            let Some(number) = list.get_mut(row) else { return };
            if is_sum {
                *number += sample.sum;
                return;
            }
            if own.is_none() && sample.is_one() {
                *number = sample.sum;
                return;
            }
        }
        self.make_several();
        let Self::Several(list) = self else { return };
        let Some(place) = list.get_mut(row) else { return };
        match own.filter(|_| is_difference) {
            Some(own) => *place = Sample::one(own.sum + sample.sum),
            None => place.add(sample),
        }
    }

    pub(super) fn retain(&mut self, kept: &[bool]) {
        match self {
            Self::Ones(list) => only(list, kept),
            Self::Several(list) => only(list, kept),
        }
    }

    /// Makes them samples, which can be more than numbers.
    pub(super) fn make_several(&mut self) {
        if let Self::Ones(_) = self {
            *self = Self::Several(self.iter().map(Option::unwrap_or_default).collect());
        }
    }

    /// A number that lists of equal samples have in common, and few others.
    pub(super) fn digest(&self) -> u64 {
        let mix = |sum: u64, number: f64| sum.rotate_left(5).wrapping_add(number.to_bits());
        match self {
            Self::Ones(list) => list.iter().fold(1, |sum, number| mix(sum, *number)),
            Self::Several(list) => list.iter().fold(2, |sum, it| mix(mix(sum, it.sum), it.max)),
        }
    }

    /// True if all numbers have the same bits.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let bits = |it: &Sample| [it.sum, it.min, it.max, it.count].map(f64::to_bits);
        match (self, other) {
            (Self::Ones(own), Self::Ones(other)) => {
                own.len() == other.len()
                    && own.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (Self::Several(own), Self::Several(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(a, b)| bits(a) == bits(b))
            }
            _ => false,
        }
    }
}

/// Removes the items that are not kept.
pub(super) fn only<T>(list: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    list.retain(|_| kept.next() == Some(&true));
}
