//! Messages as they arrive: parsed, checked, and turned into samples.

use flowmote_core::{CounterRecord, HandleError, Instant, RtFlow};
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::application::{Application, Origin};
use super::applications::{Applications, MAX_APPLICATIONS};
use super::custom::{Custom, Mistake};
use super::inbox::MAX_MESSAGE;
use super::members;
use super::message::{CounterMessage, FlowMessage, Message};
use super::objects::{after_first, without_space};
use super::refusals::{Kind, Refusals};
use super::samples::{
    NoAddress, PARENT, app_operations, app_resources, app_workers, with_flow_sample,
};
use super::value::{Number, Text};
use crate::config::Config;
use crate::output::Output;

/// The state that messages change.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub(super) applications: Applications,
    pub(super) refusals: Refusals,
    pub(super) counts: Counts,
}

/// Totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Objects.
    pub(super) objects: u64,
    /// Operations that applications have reported, each once.
    pub(super) operations: u64,
    /// Flow samples passed to the agent.
    pub(super) samples: u64,
}

/// The surroundings of a message.
pub(super) struct Scene<'a, 'b> {
    pub(super) now: Instant,
    pub(super) config: &'a Config,
    pub(super) output: &'a mut Output<'b>,
}

impl Intake {
    /// Handles what was read; `None`: more than a message may have.
    pub(super) fn input(&mut self, text: Option<&[u8]>, scene: &mut Scene<'_, '_>) {
        match text {
            Some(text) => self.text(text, scene),
            None => {
                let text = format_args!("more than {MAX_MESSAGE} bytes without an end");
                self.refusals.count(scene.now, Kind::TooLarge, 1, text);
            }
        }
    }

    /// Handles the objects in a text, of which there may be several. One with an error has no
    /// effect.
    fn text(&mut self, text: &[u8], scene: &mut Scene<'_, '_>) {
        let mut rest = without_space(text);
        let mut valid = utf8(rest);
        while !rest.is_empty() {
            let mut message = Message::default();
            let mut reader = Deserializer::from_str(valid);
            let after = match members::read(&mut message, &mut reader) {
                Ok(()) => {
                    self.message(&message, scene);
                    // An iterator of serde_json is at the position of its reader.
                    let length = reader.into_iter::<IgnoredAny>().byte_offset();
                    rest.get(length..).unwrap_or_default()
                }
                Err(error) => {
                    match error.is_eof() && valid.len() < rest.len() {
                        true => self.refusals.no_utf8(scene.now, rest, valid.len()),
                        false => self.refusals.object(scene.now, rest, &error),
                    }
                    after_first(rest)
                }
            };
            let after = without_space(after);
            valid = match valid.get(rest.len() - after.len()..) {
                Some(left) if !left.is_empty() => left,
                _ => utf8(after),
            };
            rest = after;
        }
    }

    fn message(&mut self, message: &Message<'_>, scene: &mut Scene<'_, '_>) {
        self.counts.objects = self.counts.objects.saturating_add(1);
        if let Some(flow) = &message.known.flow_sample.0 {
            self.flow(flow, scene);
        }
        if let Some(counters) = &message.known.counter_sample.0 {
            self.counters(counters, scene);
        }
        if let Some(metrics) = &message.known.rtmetric.0 {
            self.metrics(metrics, scene);
        }
        if let Some(fields) = &message.known.rtflow.0 {
            self.fields(fields, scene);
        }
        if let Some((Text(key), count)) = &message.unknown {
            self.refusals.count(
                scene.now,
                Kind::Unknown,
                *count,
                format_args!("{key:?} is none of flow_sample, counter_sample, rtmetric, rtflow"),
            );
        }
    }

    fn flow(&mut self, message: &FlowMessage<'_>, scene: &mut Scene<'_, '_>) {
        let Self { applications, refusals, counts } = self;
        let Some(operation) = &message.app_operation.0 else {
            return missing(refusals, scene.now, "flow_sample", "app_operation");
        };
        let sender =
            Sender { message: "flow_sample", name: &message.app_name, port: message.service_port };
        let Some(application) = sender.find(applications, refusals, scene) else { return };
        let weight = message.sampling_rate.gauge().max(1);
        counts.operations = counts.operations.saturating_add(weight.into());
        let Some(meta) = application.count(scene.now, weight, operation.status.0) else { return };
        counts.samples = counts.samples.saturating_add(1);
        let identity = (&*application.name, application.source, meta);
        let mut refuse = |NoAddress(text): NoAddress<'_>| {
            let text = format_args!("{text:?} is not an address of the kind of its socket");
            refusals.count(scene.now, Kind::Address, 1, text);
        };
        with_flow_sample(message, operation, identity, &mut refuse, |sample| {
            scene.output.flow_sample(scene.now, sample);
        });
    }

    fn counters(&mut self, message: &CounterMessage<'_>, scene: &mut Scene<'_, '_>) {
        let Self { applications, refusals, .. } = self;
        let sender = Sender {
            message: "counter_sample",
            name: &message.app_name,
            port: message.service_port,
        };
        let Some(application) = sender.find(applications, refusals, scene) else { return };
        let own = message.app_operations.0.as_ref();
        let origin = if own.is_some() { Origin::Own } else { Origin::Added };
        application.sends_counters(scene.now, origin, scene.output);
        let operations = match own {
            Some(own) => app_operations(&application.name, own),
            // Every sample of an application has this record.
            None => application.added(),
        };
        let resources = message.app_resources.0.as_ref().map(app_resources);
        let workers = message.app_workers.0.as_ref().map(app_workers);
        let mut records: [&dyn CounterRecord; 4] = [&PARENT, &operations, &PARENT, &PARENT];
        let mut used = 2;
        let optional: [Option<&dyn CounterRecord>; 2] = [
            resources.as_ref().map(|record| record as _),
            workers.as_ref().map(|record| record as _),
        ];
        for (place, record) in records.iter_mut().skip(2).zip(optional.into_iter().flatten()) {
            *place = record;
            used += 1;
        }
        let records = records.get(..used).unwrap_or_default();
        scene.output.counter_records(scene.now, application.source, records);
    }
}

impl Intake {
    fn metrics(&mut self, message: &Custom<'_>, scene: &mut Scene<'_, '_>) {
        let Self { refusals, .. } = self;
        let Scene { now, config, output } = scene;
        let mut refuse = |mistake: Mistake<'_>| mistaken(refusals, *now, "rtmetric", &mistake);
        let datasource = match message.checked_datasource() {
            Ok(datasource) => datasource,
            Err(mistake) => return refuse(mistake),
        };
        let members = message.members(&mut refuse);
        let metrics = members.iter().filter_map(|(name, member)| {
            let wrong = |needs| refuse(Mistake { kind: Kind::Type, name, needs });
            member.metric().map_err(wrong).ok().map(|value| (*name, value))
        });
        let metrics: Vec<_> = metrics.collect();
        output.rt_metrics(*now, datasource, &metrics, config.datagram_bytes);
    }

    fn fields(&mut self, message: &Custom<'_>, scene: &mut Scene<'_, '_>) {
        let Self { refusals, .. } = self;
        let now = scene.now;
        let mut refuse = |mistake: Mistake<'_>| mistaken(refusals, now, "rtflow", &mistake);
        let datasource = match message.checked_datasource() {
            Ok(datasource) => datasource,
            Err(mistake) => return refuse(mistake),
        };
        let members = message.members(&mut refuse);
        let fields = members.iter().filter_map(|(name, member)| {
            let wrong = |needs| refuse(Mistake { kind: Kind::Type, name, needs });
            member.field().map_err(wrong).ok().map(|value| (*name, value))
        });
        let fields: Vec<_> = fields.collect();
        if fields.is_empty() {
            return;
        }
        let sampling_rate = message.sampling_rate.gauge().max(1);
        let flow = RtFlow { datasource, sampling_rate, sample_pool: 0, fields: &fields };
        if scene.output.rt_flow(now, &flow) == Err(HandleError::TooLarge) {
            let text = format_args!("rtflow {datasource:?} needs more than a datagram");
            refusals.count(now, Kind::Datagram, 1, text);
        }
    }
}

/// The beginning of a text that is UTF-8.
fn utf8(text: &[u8]) -> &str {
    str::from_utf8(text).unwrap_or_else(|error| {
        let valid = text.get(..error.valid_up_to()).unwrap_or_default();
        str::from_utf8(valid).unwrap_or_default()
    })
}

fn mistaken(refusals: &mut Refusals, now: Instant, message: &str, mistake: &Mistake<'_>) {
    let Mistake { kind, name, needs } = mistake;
    refusals.count(now, *kind, 1, format_args!("{message}: {name:?} needs {needs}"));
}

/// The application that a message names.
struct Sender<'a> {
    /// The kind of the message.
    message: &'static str,
    name: &'a Text<'a>,
    port: Number,
}

impl Sender<'_> {
    fn find<'a>(
        &self,
        applications: &'a mut Applications,
        refusals: &mut Refusals,
        scene: &mut Scene<'_, '_>,
    ) -> Option<&'a mut Application> {
        let Scene { now, config, output } = scene;
        let Some(name) = self.name.get() else {
            missing(refusals, *now, self.message, "app_name");
            return None;
        };
        let port = match self.port.0 {
            None | Some(0) => None,
            Some(number) => match u16::try_from(number) {
                Ok(port) => Some(port),
                Err(_) => {
                    let text =
                        format_args!("\"service_port\" = {number} is out of range 1..=65535");
                    refusals.count(*now, Kind::Address, 1, text);
                    return None;
                }
            },
        };
        let found = applications.find(*now, (name, port), config, output);
        if found.is_err() {
            let text = format_args!(
                "application {name:?}: {MAX_APPLICATIONS} others are followed already"
            );
            refusals.count(*now, Kind::Applications, 1, text);
        }
        found.ok()
    }
}

fn missing(refusals: &mut Refusals, now: Instant, message: &str, key: &str) {
    refusals.count(now, Kind::Missing, 1, format_args!("{message} without {key:?}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::json::testing::with_scene;
    use crate::modules::module::Statistics;

    /// Objects that were accepted and refused.
    fn read(text: &[u8]) -> (u64, u64) {
        let mut intake = Intake::default();
        with_scene(Instant::ZERO, |scene| intake.input(Some(text), scene));
        let mut statistics = Statistics::default();
        intake.refusals.report(&mut statistics);
        (intake.counts.objects, statistics.exceptions.iter().map(|(count, _)| count).sum())
    }

    #[test]
    fn object_that_is_no_utf8_leaves_the_others_alone() {
        let good = br#"{"rtflow":null}"#;
        for broken in [
            &b"{\"rtflow\":{\"datasource\":\"\xe9\"}}"[..],
            b"{\"a\":{\"b\":\"\xe9}\"},\"c\":\"\xe9\"}",
            b"{7,\"c\":\"\xe9\"}",
            b"\xff\xfe",
        ] {
            let text = [good, broken, good, good, broken].concat();
            assert_eq!(read(&text), (3, 2), "{broken:?}");
            assert_eq!(read(broken), (0, 1), "{broken:?}");
        }
        let text = "{\"rtflow\":null,\"rtmetric\":null}".replace("null", "null\u{a0}");
        assert_eq!(read(text.as_bytes()), (0, 1), "no space of JSON");
        assert_eq!(read("{\"rtflow\":{\"datasource\":\"é\"}}".as_bytes()), (1, 1), "a name");
    }
}
