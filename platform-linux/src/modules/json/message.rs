//! The messages of applications. Keys that are not listed are ignored, except at the top.

use super::custom::Custom;
use super::members::{Member, Object, Place, object};
use super::value::{Flag, Number, Section, Status, Text};

/// An object with any of the messages.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) known: Known<'a>,
    /// The last key that is none of them, and the number of such keys.
    pub(super) unknown: Option<(Text<'a>, u64)>,
}

object! {
    /// The messages that an object can have.
    struct Known<'a>: Object<'a> {
        "flow_sample" => flow_sample: Section<FlowMessage<'a>>,
        "counter_sample" => counter_sample: Section<CounterMessage<'a>>,
        "rtmetric" => rtmetric: Section<Custom<'a>>,
        "rtflow" => rtflow: Section<Custom<'a>>,
    }
}

object! {
    /// `flow_sample`: one operation.
    struct FlowMessage<'a>: Object<'a> {
        "app_name" => app_name: Text<'a>,
        "service_port" => service_port: Number,
        "client" => client: Flag,
        "sampling_rate" => sampling_rate: Number,
        "app_operation" => app_operation: Section<Operation<'a>>,
        "app_parent_context" => app_parent_context: Section<Context<'a>>,
        "app_initiator" => app_initiator: Section<Actor<'a>>,
        "app_target" => app_target: Section<Actor<'a>>,
        "extended_socket_ipv4" => extended_socket_ipv4: Section<Socket<'a>>,
        "extended_socket_ipv6" => extended_socket_ipv6: Section<Socket<'a>>,
    }
}

object! {
    struct Operation<'a>: Object<'a> {
        "operation" => operation: Text<'a>,
        "attributes" => attributes: Text<'a>,
        "status_descr" => status_descr: Text<'a>,
        "status" => status: Status,
        "req_bytes" => req_bytes: Number,
        "resp_bytes" => resp_bytes: Number,
        "uS" => duration_us: Number,
    }
}

object! {
    struct Context<'a>: Object<'a> {
        "application" => application: Text<'a>,
        "operation" => operation: Text<'a>,
        "attributes" => attributes: Text<'a>,
    }
}

object! {
    struct Actor<'a>: Object<'a> {
        "actor" => actor: Text<'a>,
    }
}

object! {
    struct Socket<'a>: Object<'a> {
        "protocol" => protocol: Number,
        "local_ip" => local_ip: Text<'a>,
        "remote_ip" => remote_ip: Text<'a>,
        "local_port" => local_port: Number,
        "remote_port" => remote_port: Number,
    }
}

object! {
    /// `counter_sample`: the counters of an application.
    struct CounterMessage<'a>: Object<'a> {
        "app_name" => app_name: Text<'a>,
        "service_port" => service_port: Number,
        "app_operations" => app_operations: Section<Operations>,
        "app_resources" => app_resources: Section<Resources>,
        "app_workers" => app_workers: Section<Workers>,
    }
}

object! {
    struct Operations: Object<'a> {
        "success" => success: Number,
        "other" => other: Number,
        "timeout" => timeout: Number,
        "internal_error" => internal_error: Number,
        "bad_request" => bad_request: Number,
        "forbidden" => forbidden: Number,
        "too_large" => too_large: Number,
        "not_implemented" => not_implemented: Number,
        "not_found" => not_found: Number,
        "unavailable" => unavailable: Number,
        "unauthorized" => unauthorized: Number,
    }
}

object! {
    struct Resources: Object<'a> {
        "user_time" => user_time: Number,
        "system_time" => system_time: Number,
        "mem_used" => mem_used: Number,
        "mem_max" => mem_max: Number,
        "fd_open" => fd_open: Number,
        "fd_max" => fd_max: Number,
        "conn_open" => conn_open: Number,
        "conn_max" => conn_max: Number,
    }
}

object! {
    struct Workers: Object<'a> {
        "workers_active" => workers_active: Number,
        "workers_idle" => workers_idle: Number,
        "workers_max" => workers_max: Number,
        "req_delayed" => req_delayed: Number,
        "req_dropped" => req_dropped: Number,
    }
}

impl<'de> Object<'de> for Message<'de> {
    fn member(&mut self, name: &str) -> Option<Member<'_, 'de>> {
        self.known.member(name)
    }

    fn other(&mut self, name: Text<'de>) -> Option<Place<'_, 'de>> {
        let before = self.unknown.as_ref().map_or(0, |(_, number)| *number);
        self.unknown = Some((name, before + 1));
        None
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use flowmote_core::record::flow::AppStatus;

    use super::*;
    use crate::modules::json::members;

    fn read(text: &str) -> Result<Message<'_>, String> {
        let mut message = Message::default();
        let read = members::read(&mut message, &mut serde_json::Deserializer::from_str(text));
        read.map(|()| message).map_err(|error| error.to_string())
    }

    #[test]
    fn null_and_missing_keys_are_the_same() {
        let text = r#"{"flow_sample":{"app_name":"a","service_port":null,"client":null,
            "app_operation":{"status":null,"uS":null,"attributes":null},"app_target":null},
            "counter_sample":null}"#;
        let message = read(text).unwrap();
        assert!(message.known.counter_sample.0.is_none() && message.unknown.is_none());
        let flow = message.known.flow_sample.0.unwrap();
        assert_eq!((flow.service_port.0, flow.client.0), (None, false));
        assert!(flow.app_target.0.is_none());
        let operation = flow.app_operation.0.unwrap();
        assert_eq!((operation.status.0, operation.duration_us.0), (AppStatus::SUCCESS, None));
        assert_eq!(operation.attributes.get(), None);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let message = read(r#"{"flow_sample":{"app_name":"plain"}}"#).unwrap();
        assert!(matches!(message.known.flow_sample.0.unwrap().app_name.0, Cow::Borrowed("plain")));
        let message = read(r#"{"flow_sample":{"app_name":"caf\u00e9"}}"#).unwrap();
        assert_eq!(message.known.flow_sample.0.unwrap().app_name.0, "café");
    }

    #[test]
    fn status_that_is_not_listed_is_other() {
        for (status, expected) in
            [("0", 0), ("10", 10), ("7.9", 7), ("11", 1), ("-1", 1), ("1e30", 1), ("-0.5", 1)]
        {
            let text = format!(r#"{{"flow_sample":{{"app_operation":{{"status":{status}}}}}}}"#);
            let flow = read(&text).unwrap().known.flow_sample.0.unwrap();
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
        assert_eq!((key.as_str(), count), ("b", 2));
        assert!(message.known.flow_sample.0.is_some());
    }
}
