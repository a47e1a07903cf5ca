//! One operation of an application.

use core::fmt::Display;
use core::num::NonZeroU32;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::application::Application;
use crate::json::{Bounded, Object};
use crate::status::Status;

/// An operation in progress, such as a request that is served.
///
/// It is counted, and if it was chosen also reported, when it ends: by [`finish`](Self::finish), or
/// when it is dropped, as for an early return or a future that is cancelled. Its duration is the
/// time between. Values are formatted only if the operation was chosen; texts are cut where sFlow
/// cuts them.
#[derive(Debug)]
#[must_use = "an operation ends when it is dropped"]
pub struct Operation {
    application: Application,
    /// Of its end, if nothing else is stated.
    status: Status,
    /// `None`: not chosen.
    details: Option<Box<Details>>,
}

#[derive(Debug)]
struct Details {
    started: Instant,
    rate: NonZeroU32,
    operation: Bounded,
    is_client: bool,
    attributes: Bounded,
    description: Bounded,
    request_bytes: u64,
    response_bytes: u64,
    initiator: Bounded,
    target: Bounded,
    parent: Option<[Bounded; 3]>,
    sockets: Option<(u8, SocketAddr, SocketAddr)>,
}

impl Operation {
    #[inline]
    pub(crate) fn start(
        application: Application,
        name: impl Display,
        chosen: Option<NonZeroU32>,
    ) -> Self {
        let details = chosen.map(|rate| Details::start(rate, name));
        Self { application, status: Status::Other, details }
    }

    /// Ends the operation.
    #[inline]
    pub fn finish(mut self, status: Status) {
        self.status = status;
    }

    /// The status of an operation that is dropped without [`finish`](Self::finish), instead of
    /// [`Status::Other`].
    #[inline]
    pub fn unless_finished(&mut self, status: Status) -> &mut Self {
        self.status = status;
        self
    }

    /// Returns true if this operation was chosen. Otherwise what is set in it has no effect, so that
    /// a value that is costly to find need not be.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.details.is_some()
    }

    /// The application requested the operation from another one, instead of serving it.
    #[inline]
    pub fn client(&mut self) -> &mut Self {
        self.set(|details| details.is_client = true)
    }

    /// Describes the operation, by `name=value&name=value` for example; at most 255 bytes.
    #[inline]
    pub fn attributes(&mut self, attributes: impl Display) -> &mut Self {
        self.set(|details| details.attributes = Bounded::new(attributes, MAX_ATTRIBUTES))
    }

    /// Describes the status; at most 64 bytes, of which hsflowd keeps 32.
    #[inline]
    pub fn description(&mut self, description: impl Display) -> &mut Self {
        self.set(|details| details.description = Bounded::new(description, MAX_DESCRIPTION))
    }

    /// Size of the request.
    #[inline]
    pub fn request_bytes(&mut self, bytes: u64) -> &mut Self {
        self.set(|details| details.request_bytes = bytes)
    }

    /// Size of the response.
    #[inline]
    pub fn response_bytes(&mut self, bytes: u64) -> &mut Self {
        self.set(|details| details.response_bytes = bytes)
    }

    /// The user or the program that caused the operation; at most 64 bytes.
    #[inline]
    pub fn initiator(&mut self, actor: impl Display) -> &mut Self {
        self.set(|details| details.initiator = Bounded::new(actor, MAX_ACTOR))
    }

    /// The user or the program that it concerns; at most 64 bytes.
    #[inline]
    pub fn target(&mut self, actor: impl Display) -> &mut Self {
        self.set(|details| details.target = Bounded::new(actor, MAX_ACTOR))
    }

    /// The operation that this one is a part of, of this or another application.
    #[inline]
    pub fn parent(
        &mut self,
        application: impl Display,
        operation: impl Display,
        attributes: impl Display,
    ) -> &mut Self {
        self.set(|details| {
            details.parent = Some([
                Bounded::new(application, MAX_NAME),
                Bounded::new(operation, MAX_NAME),
                Bounded::new(attributes, MAX_ATTRIBUTES),
            ]);
        })
    }

    /// The TCP connection that was used. Without effect if one address is IPv4 and the other IPv6.
    #[inline]
    pub fn tcp(&mut self, local: SocketAddr, remote: SocketAddr) -> &mut Self {
        self.set(|details| details.sockets = Some((TCP, local, remote)))
    }

    /// The UDP addresses that were used. Without effect if one is IPv4 and the other IPv6.
    #[inline]
    pub fn udp(&mut self, local: SocketAddr, remote: SocketAddr) -> &mut Self {
        self.set(|details| details.sockets = Some((UDP, local, remote)))
    }

    #[inline]
    fn set(&mut self, set: impl FnOnce(&mut Details)) -> &mut Self {
        if let Some(details) = &mut self.details {
            set(details);
        }
        self
    }
}

impl Drop for Operation {
    #[inline]
    fn drop(&mut self) {
        self.application.count(self.status);
        if let Some(details) = &self.details {
            details.send(self.application, self.status);
        }
    }
}

impl Details {
    #[cold]
    fn start(rate: NonZeroU32, name: impl Display) -> Box<Self> {
        Box::new(Self {
            rate,
            operation: Bounded::new(name, MAX_NAME),
            is_client: false,
            attributes: Bounded::default(),
            description: Bounded::default(),
            request_bytes: 0,
            response_bytes: 0,
            initiator: Bounded::default(),
            target: Bounded::default(),
            parent: None,
            sockets: None,
            // Last, because all of the above is no part of the operation.
            started: Instant::now(),
        })
    }

    #[cold]
    fn send(&self, application: Application, status: Status) {
        let microseconds = u32::try_from(self.started.elapsed().as_micros()).unwrap_or(u32::MAX);
        let mut message = String::new();
        Object::write(&mut message, |object| {
            object.object("flow_sample", |sample| {
                application.identify(sample);
                sample.plain("sampling_rate", self.rate);
                if self.is_client {
                    sample.plain("client", true);
                }
                sample.object("app_operation", |members| {
                    self.write_operation(members, status, microseconds);
                });
                self.write_context(sample);
            });
        });
        application.send(&message);
    }

    fn write_operation(&self, members: &mut Object<'_>, status: Status, microseconds: u32) {
        members.string("operation", self.operation.as_str());
        members.string("attributes", self.attributes.as_str());
        members.string("status_descr", self.description.as_str());
        members.plain("status", status.number());
        members.plain("req_bytes", self.request_bytes);
        members.plain("resp_bytes", self.response_bytes);
        members.plain("uS", microseconds);
    }

    fn write_context(&self, sample: &mut Object<'_>) {
        if let Some([application, operation, attributes]) = &self.parent {
            sample.object("app_parent_context", |members| {
                members.string("application", application.as_str());
                members.string("operation", operation.as_str());
                members.string("attributes", attributes.as_str());
            });
        }
        for (name, actor) in [("app_initiator", &self.initiator), ("app_target", &self.target)] {
            if !actor.as_str().is_empty() {
                sample.object(name, |members| members.string("actor", actor.as_str()));
            }
        }
        if let Some((protocol, local, remote)) = self.sockets {
            write_sockets(sample, protocol, (local, remote));
        }
    }
}

fn write_sockets(sample: &mut Object<'_>, protocol: u8, (local, remote): (SocketAddr, SocketAddr)) {
    // A socket for both versions reports IPv4 addresses as ::ffff:0:0/96.
    let addresses = (local.ip().to_canonical(), remote.ip().to_canonical());
    let name = match addresses {
        (IpAddr::V4(_), IpAddr::V4(_)) => "extended_socket_ipv4",
        (IpAddr::V6(_), IpAddr::V6(_)) => "extended_socket_ipv6",
        _ => return,
    };
    sample.object(name, |members| {
        members.plain("protocol", protocol);
        members.string("local_ip", &addresses.0.to_string());
        members.string("remote_ip", &addresses.1.to_string());
        members.plain("local_port", local.port());
        members.plain("remote_port", remote.port());
    });
}

// The limits of the sFlow structures, in bytes.
const MAX_NAME: usize = 32;
const MAX_ATTRIBUTES: usize = 255;
const MAX_DESCRIPTION: usize = 64;
const MAX_ACTOR: usize = 64;

const TCP: u8 = 6;
const UDP: u8 = 17;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;
    use std::cell::Cell;

    #[test]
    fn operation_is_reported_with_all_that_is_known() {
        let (lab, app) = Lab::with_application("shop");
        let app = app.service_port(443);
        let mut operation = app.operation(format_args!("buy {}", "\"tea\""));
        operation.client().attributes("a=1&b=2").description("card refused");
        operation.request_bytes(u64::MAX).response_bytes(20);
        operation.initiator("mary").target("bank").parent("web", "GET /", "q=1");
        operation.tcp("[::ffff:192.0.2.1]:99".parse().unwrap(), "192.0.2.2:7".parse().unwrap());
        assert!(operation.is_sampled());
        operation.finish(Status::Forbidden);
        let mut message = lab.received();
        let microseconds = message["flow_sample"]["app_operation"]["uS"].take();
        assert!(microseconds.as_u64().unwrap() < 60_000_000, "{microseconds}");
        let expected = serde_json::json!({ "flow_sample": {
            "app_name": "shop", "service_port": 443, "sampling_rate": 1, "client": true,
            "app_operation": {
                "operation": "buy \"tea\"", "attributes": "a=1&b=2",
                "status_descr": "card refused", "status": 5,
                "req_bytes": u64::MAX, "resp_bytes": 20, "uS": null
            },
            "app_parent_context": {
                "application": "web", "operation": "GET /", "attributes": "q=1"
            },
            "app_initiator": { "actor": "mary" },
            "app_target": { "actor": "bank" },
            "extended_socket_ipv4": {
                "protocol": 6, "local_ip": "192.0.2.1", "remote_ip": "192.0.2.2",
                "local_port": 99, "remote_port": 7
            },
        }});
        assert_eq!(message, expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let (lab, app) = Lab::with_application("shop");
        let mut operation = app.operation("x");
        operation.udp("192.0.2.1:1".parse().unwrap(), "[2001:db8::1]:2".parse().unwrap());
        operation.finish(Status::Success);
        let sample = lab.received()["flow_sample"].take();
        let names: Vec<_> = sample.as_object().unwrap().keys().collect();
        assert_eq!(names, ["app_name", "app_operation", "sampling_rate"]);
        let mut operation = app.operation("x");
        operation.udp("[2001:db8::2]:1".parse().unwrap(), "[2001:db8::1]:2".parse().unwrap());
        operation.finish(Status::Success);
        let socket = lab.received()["flow_sample"]["extended_socket_ipv6"].take();
        assert_eq!((&socket["protocol"], &socket["local_ip"]), (&17.into(), &"2001:db8::2".into()));
    }

    #[test]
    fn dropped_operation_has_the_status_that_was_chosen() {
        let (lab, app) = Lab::with_application("shop");
        let status = |lab: &Lab| lab.received()["flow_sample"]["app_operation"]["status"].take();
        drop(app.operation("x"));
        assert_eq!(status(&lab), Status::Other.number());
        app.operation("x").unless_finished(Status::Timeout);
        assert_eq!(status(&lab), Status::Timeout.number());
        let mut operation = app.operation("x");
        operation.unless_finished(Status::Timeout);
        operation.finish(Status::Success);
        assert_eq!(status(&lab), Status::Success.number());
        assert!(lab.is_silent(), "each once");
    }

    #[test]
    fn operation_that_was_not_chosen_formats_nothing() {
        struct Counted<'a>(&'a Cell<u32>);
        impl Display for Counted<'_> {
            fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.set(self.0.get() + 1);
                Ok(())
            }
        }
        let (lab, app) = Lab::with_application("shop");
        let formatted = Cell::new(0);
        let value = || Counted(&formatted);
        let run = || {
            let mut operation = app.operation(value());
            operation.attributes(value()).description(value()).initiator(value()).target(value());
            operation.parent(value(), value(), value());
            operation.finish(Status::Success);
        };
        run();
        assert_eq!((formatted.take(), lab.received().is_object()), (8, true));
        lab.publish("sampling=0");
        run();
        assert_eq!((formatted.take(), lab.is_silent()), (0, true));
    }

    /// Longer texts than sFlow keeps, each character escaped as six.
    #[test]
    fn longest_message_fits_into_what_the_agent_reads() {
        let (lab, app) = Lab::with_application("\u{1}".repeat(99));
        let app = app.service_port(u16::MAX);
        let long = "\u{1}".repeat(9999);
        let address = "[fd00:1111:2222:3333:4444:5555:6666:7777]:65535".parse().unwrap();
        let mut operation = app.operation(&long);
        operation.client().attributes(&long).description(&long).initiator(&long).target(&long);
        operation.request_bytes(u64::MAX).response_bytes(u64::MAX).tcp(address, address);
        operation.parent(&long, &long, &long).unless_finished(Status::Unauthorized);
        drop(operation);
        let length = lab.receive().unwrap().len();
        assert!((4000..MAX_MESSAGE).contains(&length), "{length}");
    }

    /// Bytes that the agent, as hsflowd, reads of a datagram.
    const MAX_MESSAGE: usize = 10_000;
}
