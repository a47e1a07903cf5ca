//! The flow records of a sample: listed once, read when a key needs them.

use flowmote_decoder::structure::Numbered;
use flowmote_decoder::{Flow, FlowRecord, FlowRecords};

/// The first records of a sample, and where the others continue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a> {
    first: [Option<FlowRecord<'a>>; LISTED],
    /// Records after the listed ones, usually none: searched again for each key.
    others: Option<FlowRecords<'a>>,
}

impl<'a> Records<'a> {
    pub(super) const EMPTY: Self = Self { first: [None; LISTED], others: None };

    #[inline]
    pub(super) fn list(mut records: FlowRecords<'a>) -> Self {
        let mut list = Self::EMPTY;
        for slot in &mut list.first {
            match records.next() {
                Some(record) => *slot = record.ok(),
                None => return list,
            }
        }
        list.others = Some(records);
        list
    }

    /// Reads the first record of a type.
    #[inline]
    pub(super) fn read<T: Numbered<'a, Flow>>(&self) -> Option<T> {
        let is = |record: &FlowRecord<'a>| record.data_format() == T::FORMAT;
        let listed = self.first.iter().map_while(|record| *record).find(is);
        let record = match (listed, self.others) {
            (None, Some(others)) => others.flatten().find(is),
            (listed, _) => listed,
        };
        record?.read()
    }
}

/// More than agents send in practice: header, switch, router, gateway, and a few.
const LISTED: usize = 8;
