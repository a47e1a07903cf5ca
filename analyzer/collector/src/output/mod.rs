//! Output formats: text, several of JSON, CSV and pcap, each a sink of the walk over a datagram.

mod csv;
mod file;
mod flow_line;
mod flows;
mod format;
mod json;
mod json_text;
mod kind;
mod numbers;
mod pcap;
mod report;
mod sflowtool;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod writer;

pub(crate) use file::Progress;
pub(crate) use format::Received;
pub(crate) use kind::FormatKind;
pub(crate) use report::{Notices, Report, notice};
pub(crate) use writer::Writer;
