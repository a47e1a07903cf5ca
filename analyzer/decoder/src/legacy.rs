//! Samples of versions 2 and 4 (RFC 3176). They have no lengths: a structure ends where its last field
//! ends, so an unknown one hides all after it.
//!
//! The structures get the numbers of their successors in version 5, of which they are subsets.

use crate::counter::Counter;
use crate::flow::FlowRecords;
use crate::format::DataFormat;
use crate::layout::{Items, Layout};
use crate::malformed::{Malformed, MalformedKind};
use crate::record::{Record, Records, Space};
use crate::sample::{CountersSample, FlowSample, Sample};
use crate::source::{DataSource, Interface};
use crate::xdr::Span;

/// Finds the next sample. `span` then begins after it, or is empty if its end cannot be found.
pub(crate) fn next<'a>(version: u8, span: &mut Span<'a>) -> Result<Sample<'a>, Malformed> {
    let tag = *span;
    let Some([number]) = span.words() else {
        return Err(tag.malformed(MalformedKind::SamplesMissing));
    };
    let start = *span;
    let whole = match number {
        1 => skip_flow(version, span),
        2 => skip_counters(span),
        _ => return Err(end(span, tag.malformed(MalformedKind::UnknownUnion))),
    };
    let body = start.until(*span);
    let sample = match number {
        1 => FlowSample::legacy(version, body).map(Sample::Flow),
        _ => CountersSample::legacy(body).map(Sample::Counters),
    };
    whole.and(sample).ok_or_else(|| end(span, tag.malformed(MalformedKind::SampleShort)))
}

/// Ends the walk: the next sample cannot be found.
fn end(span: &mut Span<'_>, fault: Malformed) -> Malformed {
    *span = span.at_end();
    fault
}

fn skip_flow(version: u8, span: &mut Span<'_>) -> Option<()> {
    span.words::<7>()?;
    skip(span, FlowRecords::new(*span, 1, Layout::list(version, Items::Packet)));
    Some(())
}

fn skip_counters(span: &mut Span<'_>) -> Option<()> {
    let [_, _, _, kind] = span.words()?;
    let kind = kind_of_counters(kind);
    let records: Records<'_, Counter> =
        Records::new(*span, number_of_counters(kind), counters_layout(kind));
    skip(span, records);
    Some(())
}

/// Moves `span` to the end of `records`.
fn skip<'a, S: Space>(span: &mut Span<'a>, mut records: Records<'a, S>) {
    records.by_ref().for_each(drop);
    *span = records.span();
}

impl<'a> FlowSample<'a> {
    fn legacy(version: u8, mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, source, sampling_rate, sample_pool, drops, input, output] =
            span.words()?;
        Some(Self {
            sequence_number,
            source_id: DataSource::from_compact(source),
            sampling_rate,
            sample_pool,
            drops,
            input: Interface { format: 0, value: input },
            output: output_interface(output),
            num_records: number_of_records(version, span),
            expanded: false,
            records: span,
            layout: Layout::list(version, Items::Packet),
        })
    }
}

impl<'a> CountersSample<'a> {
    fn legacy(mut span: Span<'a>) -> Option<Self> {
        let [sequence_number, source, interval, kind] = span.words()?;
        let kind = kind_of_counters(kind);
        Some(Self {
            sequence_number,
            source_id: DataSource::from_compact(source),
            num_records: number_of_counters(kind),
            expanded: false,
            records: span,
            layout: counters_layout(kind),
            interval,
        })
    }
}

/// The packet and the extended structures of a flow sample.
fn number_of_records(version: u8, span: Span<'_>) -> u32 {
    let mut records: FlowRecords<'_> = Records::new(span, 1, Layout::list(version, Items::Packet));
    match records.next() {
        Some(Ok(_)) => records.left().saturating_add(1),
        _ => 1,
    }
}

/// 0 for an undefined type.
fn kind_of_counters(word: u32) -> u8 {
    if word <= 7 { word as u8 } else { 0 }
}

/// Versions 2 and 4 have the same counters.
fn counters_layout(kind: u8) -> Layout {
    Layout::list(4, Items::Counters(kind))
}

fn number_of_counters(kind: u8) -> u32 {
    counters(kind).map_or(1, <[u32]>::len) as u32
}

/// The first bit stands for several interfaces, of which the other bits are the number.
fn output_interface(word: u32) -> Interface {
    match word >> 31 {
        0 => Interface { format: 0, value: word },
        _ => Interface { format: 2, value: word & 0x7fff_ffff },
    }
}

impl<'a, S: Space> Records<'a, S> {
    /// Reads the next record, whose end is that of its last field.
    pub(crate) fn next_legacy(&mut self) -> Result<Record<'a, S>, Malformed> {
        let items = self.layout().items();
        let format = self.number(items)?;
        let start = self.span();
        let layout = Layout::legacy(self.version());
        let rest = Record::<S>::new(format, start, layout).check();
        // What is left of a malformed record is in it, and its fault is found when it is read.
        let after = start.last(rest.unwrap_or(0));
        self.go_on(items, after, rest.is_ok());
        Ok(Record::new(format, start.until(after), layout))
    }

    /// The number of the next record in version 5.
    fn number(&mut self, items: Items) -> Result<DataFormat, Malformed> {
        let tag = self.span();
        let number = match items {
            Items::Counters(kind) => {
                let formats = counters(kind).unwrap_or_default();
                formats.iter().rev().nth(self.left() as usize).copied()
            }
            Items::Packet => packet(self.word()?),
            Items::Extended => extended(self.word()?),
        };
        let unknown = tag.malformed(MalformedKind::UnknownUnion);
        number.map(|format| DataFormat::new(0, format)).ok_or_else(|| self.end(unknown))
    }

    fn word(&mut self) -> Result<u32, Malformed> {
        let mut span = self.span();
        match span.words() {
            Some([word]) => {
                self.move_to(span);
                Ok(word)
            }
            None => Err(self.end(span.malformed(MalformedKind::RecordsMissing))),
        }
    }

    /// Moves to the next record at `after`, if there is one.
    fn go_on(&mut self, items: Items, after: Span<'a>, whole: bool) {
        self.move_to(after);
        match items {
            _ if !whole => self.stop(),
            Items::Packet => {
                let mut span = after;
                // A missing number is one missing record.
                let left = span.words().map_or(1, |[count]| count);
                self.move_to(span);
                self.expect(left, Layout::list(self.version(), Items::Extended));
            }
            Items::Extended | Items::Counters(_) => {}
        }
    }
}

/// `packet_information_type`: header, IPv4, IPv6.
fn packet(tag: u32) -> Option<u32> {
    match tag {
        1 => Some(1),
        2 => Some(3),
        3 => Some(4),
        _ => None,
    }
}

/// `extended_information_type`: switch, router, gateway, user, URL.
fn extended(tag: u32) -> Option<u32> {
    matches!(tag, 1..=5).then(|| 1000 + tag)
}

/// `counters_version`: generic, Ethernet, token ring, FDDI, 100BaseVG, WAN, VLAN.
fn counters(kind: u8) -> Option<&'static [u32]> {
    Some(match kind {
        1 | 4 | 6 => &[1],
        2 => &[1, 2],
        3 => &[1, 3],
        5 => &[1, 4],
        7 => &[5],
        _ => return None,
    })
}
