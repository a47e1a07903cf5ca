//! Every record of `core`, by its lists.

use flowmote_core::record::counter::*;
use flowmote_core::record::flow::*;
use flowmote_core::{CounterRecord, FlowRecord, for_each_counter_record, for_each_flow_record};

use crate::keep;

macro_rules! keep_flow_records {
    ($($module:ident::$record:ident,)*) => {
        $(keep![<$record as FlowRecord>::format, <$record as FlowRecord>::encode];)*
    };
}

macro_rules! keep_counter_records {
    ($($module:ident::$record:ident,)*) => {
        $(keep![<$record as CounterRecord>::format, <$record as CounterRecord>::encode];)*
    };
}

pub(crate) fn keep_all() {
    for_each_flow_record!(keep_flow_records);
    for_each_counter_record!(keep_counter_records);
    keep![
        <AppOperations as Default>::default,
        <HostDescr as Default>::default,
        <LagPortStats as Default>::default,
        <PortName as Default>::default,
    ];
}
