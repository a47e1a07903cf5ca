//! The five kinds of sample, each with its fields in the order of the specification
//! (section 3 of `docs/sflow-wire.md`).

mod counter;
mod custom;
mod discard;
mod encoding;
mod flow;

pub use self::counter::CounterSample;
pub use self::custom::{
    FlowValue, MetricValue, RtFlow, RtMetric, is_datasource_name, is_value_name,
};
pub use self::discard::DiscardedPacket;
pub use self::encoding::Encoding;
pub use self::flow::FlowSample;
