//! The messages of applications. Keys that are not listed are ignored, except at the top.

use core::fmt;
use std::borrow::Cow;

use flowmote_core::record::flow::AppStatus;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::custom::Custom;
use super::value::{Flag, Number, Section, Text, Value};

/// An object with any of the messages.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) flow_sample: Section<FlowMessage<'a>>,
    pub(super) counter_sample: Section<CounterMessage<'a>>,
    pub(super) rtmetric: Section<Custom<'a>>,
    pub(super) rtflow: Section<Custom<'a>>,
    /// The last key that is none of these, and the number of them.
    pub(super) unknown: Option<(Cow<'a, str>, u64)>,
}

/// `flow_sample`: one operation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FlowMessage<'a> {
    #[serde(borrow)]
    pub(super) app_name: Text<'a>,
    pub(super) service_port: Number,
    pub(super) client: Flag,
    pub(super) sampling_rate: Number,
    #[serde(borrow)]
    pub(super) app_operation: Section<Operation<'a>>,
    #[serde(borrow)]
    pub(super) app_parent_context: Section<Context<'a>>,
    #[serde(borrow)]
    pub(super) app_initiator: Section<Actor<'a>>,
    #[serde(borrow)]
    pub(super) app_target: Section<Actor<'a>>,
    #[serde(borrow)]
    pub(super) extended_socket_ipv4: Section<Socket<'a>>,
    #[serde(borrow)]
    pub(super) extended_socket_ipv6: Section<Socket<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Operation<'a> {
    #[serde(borrow)]
    pub(super) operation: Text<'a>,
    #[serde(borrow)]
    pub(super) attributes: Text<'a>,
    #[serde(borrow)]
    pub(super) status_descr: Text<'a>,
    pub(super) status: Status,
    pub(super) req_bytes: Number,
    pub(super) resp_bytes: Number,
    #[serde(rename = "uS")]
    pub(super) duration_us: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Context<'a> {
    #[serde(borrow)]
    pub(super) application: Text<'a>,
    #[serde(borrow)]
    pub(super) operation: Text<'a>,
    #[serde(borrow)]
    pub(super) attributes: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Actor<'a> {
    #[serde(borrow)]
    pub(super) actor: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Socket<'a> {
    pub(super) protocol: Number,
    #[serde(borrow)]
    pub(super) local_ip: Text<'a>,
    #[serde(borrow)]
    pub(super) remote_ip: Text<'a>,
    pub(super) local_port: Number,
    pub(super) remote_port: Number,
}

/// `counter_sample`: the counters of an application.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CounterMessage<'a> {
    #[serde(borrow)]
    pub(super) app_name: Text<'a>,
    pub(super) service_port: Number,
    pub(super) app_operations: Section<Operations>,
    pub(super) app_resources: Section<Resources>,
    pub(super) app_workers: Section<Workers>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Operations {
    pub(super) success: Number,
    pub(super) other: Number,
    pub(super) timeout: Number,
    pub(super) internal_error: Number,
    pub(super) bad_request: Number,
    pub(super) forbidden: Number,
    pub(super) too_large: Number,
    pub(super) not_implemented: Number,
    pub(super) not_found: Number,
    pub(super) unavailable: Number,
    pub(super) unauthorized: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    pub(super) user_time: Number,
    pub(super) system_time: Number,
    pub(super) mem_used: Number,
    pub(super) mem_max: Number,
    pub(super) fd_open: Number,
    pub(super) fd_max: Number,
    pub(super) conn_open: Number,
    pub(super) conn_max: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Workers {
    pub(super) workers_active: Number,
    pub(super) workers_idle: Number,
    pub(super) workers_max: Number,
    pub(super) req_delayed: Number,
    pub(super) req_dropped: Number,
}

/// The outcome of an operation; SUCCESS if it is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Status(pub(super) AppStatus);

impl Default for Status {
    fn default() -> Self {
        Self(AppStatus::SUCCESS)
    }
}

/// A number that is none of the list becomes OTHER, as in hsflowd.
impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = match Value::deserialize(deserializer)? {
            Value::Null => 0,
            Value::Unsigned(code) => code,
            Value::Float(code) if code >= 0.0 => code as u64,
            Value::Negative(_) | Value::Float(_) => u64::MAX,
            other => return Err(other.unexpected("a number from 0 to 10")),
        };
        let listed = u32::try_from(code).ok().map(AppStatus::new);
        let listed = listed.filter(|status| status.code() <= AppStatus::UNAUTHORIZED.code());
        Ok(Self(listed.unwrap_or(AppStatus::OTHER)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in braces")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message::default();
        while let Some(Text(key)) = entries.next_key::<Text<'de>>()? {
            match &*key {
                "flow_sample" => message.flow_sample.read("flow_sample", &mut entries)?,
                "counter_sample" => message.counter_sample.read("counter_sample", &mut entries)?,
                "rtmetric" => message.rtmetric.read("rtmetric", &mut entries)?,
                "rtflow" => message.rtflow.read("rtflow", &mut entries)?,
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                    let before = message.unknown.map_or(0, |(_, number)| number);
                    message.unknown = Some((key, before + 1));
                }
            }
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Message<'_>, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn null_and_missing_keys_are_the_same() {
        let text = r#"{"flow_sample":{"app_name":"a","service_port":null,"client":null,
            "app_operation":{"status":null,"uS":null,"attributes":null},"app_target":null},
            "counter_sample":null}"#;
        let message = read(text).unwrap();
        assert!(message.counter_sample.0.is_none() && message.unknown.is_none());
        let flow = message.flow_sample.0.unwrap();
        assert_eq!((flow.service_port.0, flow.client.0), (None, false));
        assert!(flow.app_target.0.is_none());
        let operation = flow.app_operation.0.unwrap();
        assert_eq!((operation.status.0, operation.duration_us.0), (AppStatus::SUCCESS, None));
        assert_eq!(operation.attributes.get(), None);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let message = read(r#"{"flow_sample":{"app_name":"plain"}}"#).unwrap();
        assert!(matches!(message.flow_sample.0.unwrap().app_name.0, Cow::Borrowed("plain")));
        let message = read(r#"{"flow_sample":{"app_name":"caf\u00e9"}}"#).unwrap();
        assert_eq!(message.flow_sample.0.unwrap().app_name.0, "café");
    }

    #[test]
    fn status_that_is_not_listed_is_other() {
        for (status, expected) in
            [("0", 0), ("10", 10), ("7.9", 7), ("11", 1), ("-1", 1), ("1e30", 1), ("-0.5", 1)]
        {
            let text = format!(r#"{{"flow_sample":{{"app_operation":{{"status":{status}}}}}}}"#);
            let flow = read(&text).unwrap().flow_sample.0.unwrap();
            assert_eq!(flow.app_operation.0.unwrap().status.0.code(), expected, "{status}");
        }
    }

    #[test]
    fn wrong_type_is_an_error_that_names_the_right_one() {
        let error = |member: &str| {
            let text = format!(r#"{{"flow_sample":{{{member}}}}}"#);
            read(&text).unwrap_err()
        };
        for (member, expected) in [
            (r#""app_name":7"#, "invalid type: integer `7`, expected a text in quotes at"),
            (r#""sampling_rate":"7""#, r#"invalid type: string "7", expected a number from 0 at"#),
            (r#""sampling_rate":-7"#, "invalid type: integer `-7`, expected a number from 0 at"),
            (r#""client":1"#, "invalid type: integer `1`, expected a boolean at"),
            (r#""app_operation":[]"#, "invalid type: sequence, expected an object in braces at"),
            (r#""app_operation":{"status":"OK"}"#, "expected a number from 0 to 10 at"),
        ] {
            assert!(error(member).contains(expected), "{member}: {}", error(member));
        }
        let long = format!(r#""sampling_rate":"{}""#, "x".repeat(1000));
        assert!(error(&long).len() < 150, "the text is cut");
    }

    #[test]
    fn key_that_is_there_twice_is_an_error() {
        for (text, key) in [
            (r#"{"flow_sample":{},"flow_sample":{}}"#, "flow_sample"),
            (r#"{"counter_sample":{},"rtflow":{},"counter_sample":{}}"#, "counter_sample"),
            (r#"{"rtmetric":{},"rtmetric":{}}"#, "rtmetric"),
            (r#"{"rtflow":{},"rtflow":null}"#, "rtflow"),
            (r#"{"rtflow":{"datasource":"a","datasource":"b"}}"#, "datasource"),
            (r#"{"rtflow":{"sampling_rate":1,"sampling_rate":2}}"#, "sampling_rate"),
            (r#"{"flow_sample":{"app_name":"a","app_name":"b"}}"#, "app_name"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("duplicate field `{key}`")), "{text}: {error}");
        }
    }

    #[test]
    fn keys_that_are_no_message_are_counted() {
        let message = read(r#"{"a":1,"flow_sample":{},"b":[{}]}"#).unwrap();
        let (key, count) = message.unknown.unwrap();
        assert_eq!((&*key, count), ("b", 2));
        assert!(message.flow_sample.0.is_some());
    }
}
