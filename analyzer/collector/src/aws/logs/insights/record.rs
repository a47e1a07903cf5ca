//! The fields of a log event: those with `@`, members of JSON, and fields of flow records.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::value::Value;
use crate::aws::logs::store::{Event, View};
use crate::flow_logs::Destination;
use crate::hub::Hub;

/// Where the fields of a query come from.
#[derive(Debug)]
pub(super) struct Fields {
    /// The names of the fields by number.
    names: Vec<String>,
    /// The field of each place in a flow record of each format.
    formats: Vec<(bool, Vec<Option<usize>>)>,
    /// Other names of the same field: `startTime` of `start`.
    twins: Vec<(usize, usize)>,
    log: String,
    /// The fields that have one path in JSON.
    members: Vec<(usize, Vec<String>)>,
}

impl Fields {
    /// The fields with these names in a group of an account, which has flow records in these formats.
    pub(super) fn new(names: &[String], view: &View, account: &str, formats: &[Format]) -> Self {
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        let twin = |field: &str| TWINS.iter().find(|(one, _)| *one == field);
        let place = |field: &&str| {
            find(&camel(field)).or_else(|| twin(field).and_then(|(_, other)| find(other)))
        };
        let own = (0..).zip(names).filter(|(_, name)| !name.starts_with('@'));
        Self {
            names: names.to_vec(),
            formats: formats
                .iter()
                .map(|format| (is_default(format), format.iter().map(place).collect()))
                .collect(),
            twins: TWINS.iter().filter_map(|(one, other)| find(one).zip(find(other))).collect(),
            log: format!("{account}:{}", view.group),
            members: own
                .map(|(at, name)| (at, name.split('.').map(str::to_owned).collect()))
                .collect(),
        }
    }

    /// Puts the values of an event in the places of its fields.
    pub(super) fn read<'a>(&self, view: &'a View, event: &Event<'a>, values: &mut Vec<Value<'a>>) {
        values.clear();
        values.resize(self.names.len(), Value::Null);
        for (name, value) in self.names.iter().zip(values.iter_mut()) {
            match name.as_str() {
                "@timestamp" => *value = Value::Time(event.timestamp),
                "@ingestionTime" => *value = Value::Time(event.ingestion),
                "@message" => *value = Value::text(event.message),
                "@log" => *value = Value::Text(Cow::Owned(self.log.clone())),
                "@logStream" => {
                    let name = view.stream(event.stream);
                    *value = name.map_or(Value::Null, |name| Value::text(name));
                }
                "@ptr" => *value = Value::Text(Cow::Owned(view.pointer(event))),
                _ => {}
            }
        }
        if self.members.is_empty() {
        } else if event.message.trim_start().starts_with('{') {
            self.read_json(event.message, values);
        } else {
            self.read_flow(event.message, values);
        }
    }

    fn read_json(&self, message: &str, values: &mut [Value<'_>]) {
        let Ok(json) = serde_json::from_str::<Json>(message) else { return };
        for (at, path) in &self.members {
            let whole = self.names.get(*at).and_then(|name| json.get(name));
            let found = whole.or_else(|| {
                path.iter().try_fold(&json, |json, step| match json {
                    Json::Array(list) => list.get(step.parse::<usize>().ok()?),
                    json => json.get(step),
                })
            });
            if let (Some(found), Some(value)) = (found, values.get_mut(*at)) {
                *value = match found {
                    Json::Null => Value::Null,
                    Json::Bool(value) => Value::Bool(*value),
                    Json::Number(number) => number.as_f64().map_or(Value::Null, Value::Number),
                    Json::String(text) => Value::Text(Cow::Owned(text.clone())),
                    other => Value::Text(Cow::Owned(other.to_string())),
                };
            }
        }
    }

    fn read_flow<'a>(&self, message: &'a str, values: &mut [Value<'a>]) {
        let length = message.bytes().filter(|byte| *byte == b' ').count() + 1;
        // A text that is no record has no fields.
        let mut formats = self.formats.iter();
        let format =
            formats.find(|(is_default, it)| is_record(message, length, it.len(), *is_default));
        let Some((_, format)) = format else { return };
        let mut tokens = message.split(' ');
        for place in format {
            let Some(token) = tokens.next() else { return };
            let value = place.and_then(|place| values.get_mut(place));
            if let Some(value) = value.filter(|_| token != "-") {
                *value = Value::text(token);
            }
        }
        for (one, other) in &self.twins {
            let value = values.get(*one).cloned();
            if let (Some(value), Some(other)) = (value, values.get_mut(*other)) {
                *other = value;
            }
        }
    }
}

/// The names of the fields of an event of a group with these formats.
pub(in crate::aws::logs) fn discovered(formats: &[Format], message: &str) -> Vec<String> {
    if message.trim_start().starts_with('{') {
        let mut names = Vec::new();
        if let Ok(json) = serde_json::from_str::<Json>(message) {
            flatten(&json, &mut String::new(), &mut names);
        }
        return names;
    }
    let length = message.split(' ').count();
    let mut formats = formats.iter();
    let format = formats.find(|it| is_record(message, length, it.len(), is_default(it)));
    format.into_iter().flatten().map(|field| camel(field)).collect()
}

/// The fields of flow records, such as `account-id`.
pub(in crate::aws::logs) type Format = Vec<&'static str>;

/// The formats of the flow records of a group: those of flow logs that have it, and the default one.
pub(in crate::aws::logs) fn formats(hub: &Hub, group: &str) -> Vec<Format> {
    let all = hub.flow_logs.all();
    let own = all
        .iter()
        .filter(|log| matches!(&log.setting.destination, Destination::Group(own) if own == group));
    let own = own.map(|log| log.format.fields().iter().map(|field| field.name).collect());
    own.chain([DEFAULT.to_vec()]).collect()
}

/// True if a message with so many fields has a format with so many. One of the default format begins with
/// its version.
fn is_record(message: &str, length: usize, of_format: usize, is_default: bool) -> bool {
    length == of_format && (!is_default || message.starts_with("2 "))
}

fn is_default(format: &Format) -> bool {
    format[..] == DEFAULT
}

fn flatten(json: &Json, path: &mut String, names: &mut Vec<String>) {
    match json {
        Json::Object(members) if names.len() < MAX_MEMBERS => {
            for (name, value) in members {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                flatten(value, path, names);
                path.truncate(length);
            }
        }
        _ if names.len() < MAX_MEMBERS && (1..=MAX_NAME).contains(&path.len()) => {
            names.push(path.clone());
        }
        _ => {}
    }
}

/// The name of a field in Insights: `srcAddr` of `srcaddr`, `pktSrcAddr` of `pkt-srcaddr`.
fn camel(field: &str) -> String {
    let words = field.split('-').flat_map(|word| {
        let known = ["src", "dst"].into_iter().find(|side| {
            word.strip_prefix(side).is_some_and(|rest| rest == "addr" || rest == "port")
        });
        let (one, other) = word.split_at(known.map_or(0, str::len));
        [one, other].into_iter().filter(|word| !word.is_empty())
    });
    let mut name = String::new();
    for word in words {
        let mut letters = word.chars();
        if name.is_empty() {
            name.push_str(word);
        } else {
            name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            name.push_str(letters.as_str());
        }
    }
    name
}

/// The default format of flow records, version 2.
pub(super) const DEFAULT: [&str; 14] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];
/// Fields with two names.
const TWINS: [(&str, &str); 2] = [("start", "startTime"), ("end", "endTime")];

/// Members of a JSON text that are fields, as of the service.
const MAX_MEMBERS: usize = 200;
/// Bytes of a name that is listed.
const MAX_NAME: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_flow_records_have_the_names_of_insights() {
        let names: Vec<_> = DEFAULT.iter().map(|field| camel(field)).collect();
        assert_eq!(
            names[..7],
            ["version", "accountId", "interfaceId", "srcAddr", "dstAddr", "srcPort", "dstPort",]
        );
        assert_eq!(
            names[7..],
            ["protocol", "packets", "bytes", "start", "end", "action", "logStatus",]
        );
        for (field, name) in [
            ("pkt-srcaddr", "pktSrcAddr"),
            ("pkt-dst-aws-service", "pktDstAwsService"),
            ("tcp-flags", "tcpFlags"),
        ] {
            assert_eq!(camel(field), name);
        }
    }
}
