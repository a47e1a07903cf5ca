//! The decoder's fields of a datagram, under tshark's names.

use flowmote_decoder::record::{Record, Records, Space};
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Address, Datagram, Sample};

use crate::Fields;
use crate::names::{self, Name};

/// All values of `payload` that have a name in tshark; `None` if the decoder rejects it.
pub(crate) fn fields(payload: &[u8]) -> Option<Fields> {
    let datagram = Datagram::parse(payload).ok()?;
    let mut found = Found::default();
    found.datagram(&datagram);
    for sample in datagram.samples().flatten() {
        found.sample(sample);
    }
    Some(found.fields)
}

/// Collects values during the walk.
#[derive(Default)]
struct Found {
    fields: Fields,
    /// Name of the current record.
    record: &'static str,
    /// Names of the open lists in the current record, with their item counts so far.
    open: Vec<(&'static str, usize)>,
    /// The parts of the current MPLS label so far. tshark shows them as one word.
    label: u32,
}

impl Found {
    fn push(&mut self, field: &str, value: impl ToString) {
        self.fields.entry(field.to_owned()).or_default().push(value.to_string());
    }

    fn count_item(&mut self, field: Field) {
        if let (Some((_, items)), "") = (self.open.last_mut(), field.name) {
            *items += 1;
        }
    }

    /// Puts the four parts of an MPLS label together; `None` before the last one.
    fn without_label_parts<'v>(
        &mut self,
        field: Field,
        value: Value<'v>,
    ) -> Option<(Field, Value<'v>)> {
        let shift = match field.name {
            _ if self.record != "extended_mpls" || self.open.is_empty() => None,
            "label" => Some(12),
            "exp" => Some(9),
            "s" => Some(8),
            "ttl" => Some(0),
            _ => None,
        };
        let (Some(shift), Value::U32(part)) = (shift, value) else { return Some((field, value)) };
        self.label |= part << shift;
        let word = Value::U32(self.label);
        (shift == 0).then(|| {
            self.label = 0;
            (Field { name: "", ..field }, word)
        })
    }

    fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.push("sflow_245.version", datagram.version);
        match datagram.agent_address {
            Address::Unknown => self.push("sflow_245.agenttype", 0),
            Address::V4(address) => {
                self.push("sflow_245.agenttype", 1);
                self.push("sflow_245.agent", address);
            }
            Address::V6(address) => {
                self.push("sflow_245.agenttype", 2);
                self.push("sflow_245.agent.v6", address);
            }
        }
        if datagram.version == 5 {
            self.push("sflow_245.sub_agent_id", datagram.sub_agent_id);
        }
        self.push("sflow_245.sequence_number", datagram.sequence_number);
        self.push("sflow_245.sysuptime", datagram.uptime);
        self.push("sflow_245.numsamples", datagram.num_samples);
    }

    fn sample(&mut self, sample: Sample<'_>) {
        // Samples and records of other enterprises have no name in tshark.
        if sample.data_format().enterprise() != 0 {
            return;
        }
        self.push("sflow_245.sampletype", sample.data_format().format());
        match sample {
            Sample::Flow(sample) => self.records("sflow_245.flow_record_format", sample.records()),
            Sample::Counters(sample) => {
                self.records("sflow_245.counters_record_format", sample.records());
            }
            Sample::Discarded(sample) => {
                self.records("sflow_245.flow_record_format", sample.records());
            }
            _ => {}
        }
    }

    fn records<S: Space>(&mut self, format: &str, records: Records<'_, S>) {
        let standard = |record: &Record<'_, S>| record.data_format().enterprise() == 0;
        for record in records.flatten().filter(standard) {
            self.push(format, record.data_format().format());
            self.push("sflow_5.flow_data_length", record.bytes().len());
            self.record(&record);
        }
    }

    fn record<S: Space>(&mut self, record: &Record<'_, S>) {
        let Some(name) = record.name() else { return };
        self.record = name;
        self.open.clear();
        // A malformed record still yields the fields before its fault, as in tshark.
        let _ = record.visit(self);
    }
}

impl Visitor for Found {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.count_item(field);
        let Some((field, value)) = self.without_label_parts(field, value) else { return };
        let field = match self.open.last() {
            Some((list, _)) if field.name.is_empty() => list,
            _ => field.name,
        };
        for name in names::of(self.record, field) {
            match name {
                Name::Value(name) => self.push(name, text(&value)),
                Name::Text(name) => {
                    let shown = match value {
                        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                        other => text(&other),
                    };
                    self.push(name, shown);
                }
                Name::Oui(name) => {
                    let Value::U32(word) = value else { panic!("{field} is not a word") };
                    self.push(name, format!("{:#08x}", word >> 8));
                }
                Name::LessOne(name) => {
                    let Value::U32(word) = value else { panic!("{field} is not a word") };
                    self.push(name, word - 1);
                }
                Name::Address(v4, v6) => match value {
                    Value::Address(Address::V4(address)) => self.push(v4, address),
                    Value::Address(Address::V6(address)) => self.push(v6, address),
                    _ => {}
                },
                Name::Length(name) => self.push(name, length(&value)),
                Name::Bits(name, shift, mask) => {
                    let Value::U32(word) = value else { panic!("{field} is not a word") };
                    self.push(name, word >> shift & mask);
                }
                Name::Count(_) => {}
            }
        }
    }

    fn open(&mut self, field: Field, shape: Shape) {
        self.count_item(field);
        if shape == Shape::List {
            self.open.push((field.name, 0));
        }
    }

    fn close(&mut self, shape: Shape) {
        if shape == Shape::Structure {
            return;
        }
        let Some((list, items)) = self.open.pop() else { return };
        for name in names::of(self.record, list) {
            if let Name::Count(name) = name {
                self.push(name, items);
            }
        }
    }
}

/// The value as tshark prints it.
fn text(value: &Value<'_>) -> String {
    match value {
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::Percentage(value) => value.0.cast_unsigned().to_string(),
        Value::Text(text) => text.to_string(),
        Value::Latin1(text) => text.to_string(),
        Value::Mac(mac) => mac.to_string(),
        Value::Ipv4(address) => address.to_string(),
        Value::Ipv6(address) => address.to_string(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        other => panic!("tshark prints no such value: {other:?}"),
    }
}

fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Text(text) => text.0.len(),
        Value::Latin1(text) => text.0.len(),
        other => panic!("{other:?} has no length"),
    }
}
