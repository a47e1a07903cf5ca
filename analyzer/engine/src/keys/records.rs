//! The flow records of a sample, found when a key needs them.

use flowmote_decoder::structure::Numbered;
use flowmote_decoder::{Flow, FlowRecords};

/// The records of a sample.
///
/// They are walked over for each key that is in one: samples have few of them, and a list would cost
/// each packet more than it saves the keys that use it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a>(pub(super) Option<FlowRecords<'a>>);

impl<'a> Records<'a> {
    /// Reads the first record of a type.
    #[inline]
    pub(super) fn read<T: Numbered<'a, Flow>>(&self) -> Option<T> {
        self.0?.flatten().find(|record| record.data_format() == T::FORMAT)?.read()
    }
}
