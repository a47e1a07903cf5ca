//! Checks shared by the unit tests and the fuzz target.

use flowmote_core::{Agent, AgentConfig, DatagramHead, Duration, Encoding, Instant, SourceSlot};

use super::applications::MAX_APPLICATIONS;
use super::fifo::Stream;
use super::inbox::MAX_MESSAGE;
use super::intake::{Intake, Scene};
use crate::config::Config;
use crate::output::Output;
use crate::output::collectors::Collectors;

/// Handles a text as a datagram, and as what is read from a FIFO in pieces of some sizes: the work
/// ends, the number of applications is bounded, and the agent accepts each name and data source.
///
/// # Panics
/// If the module breaks one of these promises.
pub fn assert_sound(text: &[u8]) {
    let mut intake = Intake::default();
    let refused = with_scene(Instant::ZERO, |scene| {
        intake.input(text.get(..MAX_MESSAGE).or(Some(text)), scene);
        for size in [1, 100, 8192] {
            let mut stream = Stream::default();
            for piece in text.chunks(size) {
                stream.push(piece, |object| intake.input(object, scene));
            }
        }
        let stats = scene.output.agent.stats();
        (stats.unknown_source, stats.invalid_name)
    });
    assert!(intake.applications.sources().count() <= MAX_APPLICATIONS);
    assert_eq!(refused, (0, 0));
}

/// Passes the surroundings of messages to `handle`: the default configuration, and an agent without
/// collectors.
pub(super) fn with_scene<T>(now: Instant, handle: impl FnOnce(&mut Scene<'_, '_>) -> T) -> T {
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; MAX_APPLICATIONS + 1], [0xa5; 1400]);
    let head = DatagramHead {
        address: [192, 0, 2, 1].into(),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    };
    let (header_bytes, max_delay) = (128, Duration::ZERO);
    let config = AgentConfig { head, header_bytes, max_delay, discard_limit: 0, seed: 1 };
    let agent = Agent::new(config, &mut sources, &mut buffer);
    let mut output = Output::new(agent, Collectors::new(&[]));
    handle(&mut Scene { now, config: &Config::default(), output: &mut output })
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocation_counter::measure;
    use proptest::prelude::*;

    const MESSAGES: &str = r#"{"flow_sample":{"app_name":"a","service_port":80,"sampling_rate":2,
        "client":true,"app_operation":{"operation":"o","status":3,"uS":1.5},"app_target":
        {"actor":"x"},"extended_socket_ipv4":{"local_ip":"10.0.0.1","remote_ip":"nowhere"}}}
        {"counter_sample":{"app_name":"b","app_operations":{"success":1},"app_workers":{}}}
        {"rtmetric":{"datasource":"d","m":{"type":"gauge32","value":1},"t":{"type":"string",
        "value":"x"}}} {"rtflow":{"datasource":"f","a":{"type":"ip","value":"10.0.0.1"}}}"#;

    #[test]
    fn messages_are_sound() {
        assert_sound(MESSAGES.as_bytes());
        assert_sound(&[b'{'; 30_000]);
    }

    /// Messages after the first of an application: operations that become samples and those that do
    /// not, with every record, and counters.
    #[test]
    fn message_of_a_known_application_allocates_nothing() {
        let control = measure(|| drop(core::hint::black_box(Box::new(1_u8))));
        assert_eq!(control.count_total, 1, "the allocator counts");

        let objects = MESSAGES.split("}}}").next().map(|first| format!("{first}}}}}}}"));
        let operation = objects.unwrap();
        let counters = r#"{"counter_sample":{"app_name":"a","service_port":80,"app_operations":
            {"success":1},"app_resources":{"fd_open":7},"app_workers":{"workers_idle":2}}}"#;
        for (sampling, least, most) in [(1, COUNT, COUNT), (4000, 0, COUNT / 2)] {
            let text = format!(
                "sflow {{ collector {{ ip = 192.0.2.1 }} sampling = {sampling} json {{ }} }}"
            );
            let config = Config::parse(&text).config.unwrap();
            let mut intake = Intake::default();
            with_scene(Instant::ZERO, |scene| {
                let scene = &mut Scene { config: &config, output: scene.output, now: scene.now };
                for text in [&operation, counters] {
                    intake.input(Some(text.as_bytes()), scene);
                }
                let before = intake.counts;
                let made = measure(|| {
                    for _ in 0..COUNT {
                        intake.input(Some(operation.as_bytes()), scene);
                        intake.input(Some(counters.as_bytes()), scene);
                    }
                });
                assert_eq!(intake.counts.objects - before.objects, 2 * COUNT);
                let samples = intake.counts.samples - before.samples;
                assert!((least..=most).contains(&samples), "{samples} samples");
                assert_eq!((made.count_total, made.bytes_total), (0, 0), "{made:?}");
            });
        }
    }

    const COUNT: u64 = 1000;

    proptest! {
        #[test]
        fn arbitrary_text(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            assert_sound(&text);
        }

        /// Messages with some bytes replaced.
        #[test]
        fn damaged_messages(
            changes in proptest::collection::vec((0..MESSAGES.len(), any::<u8>()), 1..8)
        ) {
            let mut text = MESSAGES.as_bytes().to_vec();
            for (at, byte) in changes {
                text[at] = byte;
            }
            assert_sound(&text);
        }
    }
}
