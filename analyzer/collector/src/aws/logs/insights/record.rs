//! The fields of a log event: those with `@`, members of JSON, and fields of flow records.

use std::borrow::Cow;

use memchr::memchr_iter;
use serde_json::{Number, Value as Json};

use super::command::Query;
use super::value::Value;
use crate::aws::logs::store::{Event, View};
use crate::flow_logs::Destination;
use crate::hub::Hub;

/// Events of a group.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) view: View,
    /// Those of the flow records.
    formats: Vec<Format>,
    /// The value of `@log`.
    log: String,
}

impl Source {
    /// Events of a group of an account, which has flow records in these formats.
    pub(super) fn new(view: View, account: &str, formats: Vec<Format>) -> Self {
        let log = format!("{account}:{}", view.group);
        Self { view, formats, log }
    }
}

/// Where the fields of a query come from.
#[derive(Debug)]
pub(super) struct Fields {
    /// The number of fields.
    count: usize,
    /// Those that all events have.
    own: Vec<(usize, Own)>,
    formats: Vec<Places>,
    /// Those that may be members of JSON.
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug)]
enum Own {
    Timestamp,
    IngestionTime,
    Message,
    Log,
    LogStream,
    Pointer,
}

/// The fields of flow records of a format.
#[derive(Debug)]
struct Places {
    is_default: bool,
    length: usize,
    /// Places in a record and the fields that have them, in order.
    wanted: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct Member {
    field: usize,
    name: String,
    path: Vec<String>,
}

impl Fields {
    /// The fields of a query in a group.
    pub(super) fn new(query: &Query, source: &Source) -> Self {
        let names = || (0..).zip(&query.names);
        let own = names().filter(|(field, _)| query.pointer != Some(*field));
        let member = |(field, name): (usize, &String)| {
            let path = name.split('.').map(str::to_owned).collect();
            Member { field, name: name.clone(), path }
        };
        let members = names().filter(|(_, name)| !name.starts_with('@'));
        Self {
            count: query.names.len(),
            own: own.filter_map(|(field, name)| Some((field, Own::named(name)?))).collect(),
            formats: source.formats.iter().map(|it| Places::find(&query.names, it)).collect(),
            members: members.map(member).collect(),
        }
    }

    /// Puts the values of an event in the places of its fields.
    pub(super) fn read<'a>(
        &self,
        source: &'a Source,
        event: &Event<'a>,
        values: &mut Vec<Value<'a>>,
    ) {
        values.clear();
        values.resize(self.count, Value::Null);
        for (field, own) in &self.own {
            if let Some(value) = values.get_mut(*field) {
                *value = own.value(source, event);
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
        for Member { field, name, path } in &self.members {
            let found = json.get(name).or_else(|| {
                path.iter().try_fold(&json, |json, step| match json {
                    Json::Array(list) => list.get(step.parse::<usize>().ok()?),
                    json => json.get(step),
                })
            });
            if let (Some(found), Some(value)) = (found, values.get_mut(*field)) {
                *value = match found {
                    Json::Null => Value::Null,
                    Json::Bool(value) => Value::Bool(*value),
                    Json::Number(number) => of_number(number),
                    Json::String(text) => Value::Text(Cow::Owned(text.clone())),
                    other => Value::Text(Cow::Owned(other.to_string())),
                };
            }
        }
    }

    fn read_flow<'a>(&self, message: &'a str, values: &mut [Value<'a>]) {
        let spaces = || memchr_iter(b' ', message.as_bytes());
        let length = spaces().count() + 1;
        // A text that is no record has no fields.
        let mut formats = self.formats.iter();
        let format = formats.find(|it| is_record(message, length, it.length, it.is_default));
        let Some(format) = format else { return };
        let mut wanted = format.wanted.iter().peekable();
        let mut begin = 0;
        for (place, end) in spaces().chain([message.len()]).enumerate() {
            // A place may have two names.
            while let Some((_, field)) = wanted.next_if(|(wanted, _)| *wanted == place) {
                let token = message.get(begin..end).unwrap_or_default();
                if let Some(value) = values.get_mut(*field).filter(|_| token != "-") {
                    *value = Value::text(token);
                }
            }
            if wanted.peek().is_none() {
                return;
            }
            begin = end + 1;
        }
    }
}

impl Own {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "@timestamp" => Self::Timestamp,
            "@ingestionTime" => Self::IngestionTime,
            "@message" => Self::Message,
            "@log" => Self::Log,
            "@logStream" => Self::LogStream,
            "@ptr" => Self::Pointer,
            _ => return None,
        })
    }

    fn value<'a>(self, source: &'a Source, event: &Event<'a>) -> Value<'a> {
        match self {
            Self::Timestamp => Value::Time(event.timestamp),
            Self::IngestionTime => Value::Time(event.ingestion),
            Self::Message => Value::text(event.message),
            Self::Log => Value::text(&source.log),
            Self::LogStream => {
                source.view.stream(event.stream).map_or(Value::Null, |name| Value::text(name))
            }
            Self::Pointer => Value::Text(Cow::Owned(source.view.pointer(event))),
        }
    }
}

impl Places {
    fn find(names: &[String], format: &Format) -> Self {
        let places = |(place, field): (usize, &&str)| {
            let twin = TWINS.iter().find(|(one, _)| one == field).map(|(_, other)| *other);
            let all = [Some(camel(field)), twin.map(str::to_owned)].into_iter().flatten();
            let find = |name: String| names.iter().position(|own| *own == name);
            all.filter_map(find).map(move |field| (place, field)).collect::<Vec<_>>()
        };
        let wanted = (0..).zip(format).flat_map(places).collect();
        Self { is_default: is_default(format), length: format.len(), wanted }
    }
}

fn of_number(number: &Number) -> Value<'static> {
    let whole = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
    match number.as_f64() {
        // Its digits, which a float does not have.
        _ if whole.is_some_and(|whole| whole >= EXACT) => {
            Value::Text(Cow::Owned(number.to_string()))
        }
        number => number.map_or(Value::Null, Value::Number),
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
/// A float has each whole number below it.
const EXACT: u64 = 1 << 53;
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
