//! The running agent allocates nothing for a packet, sampled or not: the path from the ring of a
//! packet socket, or of tc hooks, to the sockets of the collectors, under a counting allocator. A request to the kernel
//! for the way of a forwarded packet allocates; these packets are the host's own.

use core::net::Ipv4Addr;
use core::num::NonZeroU32;
use std::env;
use std::net::UdpSocket;
use std::time::Instant;

use allocation_counter::measure;
use flowmote::clock;
use flowmote::config::Direction;
use flowmote::config::SocketLookup;
use flowmote::links::Links;
use flowmote::modules::taps::capture::{
    Attachment, Capture, Hooks, TableSize, Tap, TapOptions, Way,
};
use flowmote::modules::taps::paths::Paths;
use flowmote::modules::taps::sample::with_flow_sample;
use flowmote::modules::tcp;
use flowmote::output::Output;
use flowmote::output::collectors::Collectors;
use flowmote::output::resolver::Resolver;
use flowmote_core::{Agent, AgentConfig, DataSource, Duration, SourceSlot};
use flowmote_lab::net::{Lab, peer_ip_of};
use flowmote_lab::sim;
use flowmote_lab::{DEADLINE, skip, skip_part};

const PACKETS: usize = 5000;
/// Sockets that send them in turn.
const SENDERS: usize = 200;
/// ARPHRD_ETHER.
const ETHERNET: u16 = 1;
/// Set in the process inside the namespace; its value is the ifIndex to sample.
const INSIDE: &str = "FLOWMOTE_LAB_INTERFACE";

#[test]
fn sampled_packet_allocates_nothing() {
    if let Ok(index) = env::var(INSIDE) {
        return inside(index.parse().expect("an ifIndex"));
    }
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    // A tap opens in the namespace of its process, so this test starts itself again inside it.
    let mut inside = host.command(env::current_exe().expect("this test"));
    inside.args(["--exact", "sampled_packet_allocates_nothing", "--nocapture"]);
    inside.env(INSIDE, host.if_index("lan0").to_string());
    let output = inside.output().expect("this test");
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", text.concat());
    assert!(text.concat().contains("1 passed"), "{}", text.concat());
}

fn inside(if_index: u32) {
    let control = measure(|| drop(std::hint::black_box(Box::new(if_index))));
    assert_eq!(control.count_total, 1, "the allocator counts");

    let tap = || Tap::open(&tap_options(if_index)).expect("a tap");
    sample(if_index, &mut tap(), None);
    // Packets of UDP only, whose sockets are looked up as those of TCP are.
    let lookup = SocketLookup { udp: true, tunnel: true };
    sample(if_index, &mut tap(), Some(lookup));
    match Hooks::open(TableSize::roomy(&[if_index]), 4 << 20, Attachment::Tcx) {
        Ok(mut hooks) => {
            hooks.join(&tap_options(if_index)).expect("tc hooks");
            hooks.start_one(if_index);
            sample(if_index, &mut hooks, None);
        }
        Err(reason) => skip_part(&format!("tc hooks: {reason}")),
    }
}

fn sample(if_index: u32, tap: &mut dyn Capture, lookup: Option<SocketLookup>) {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a collector");
    let address = receiver.local_addr().expect("its address").to_string();
    let mut collectors = Collectors::new(&[address.parse().expect("a collector")]);
    let resolver = Resolver::new().expect("a resolver");
    collectors.maintain(clock::now(), &resolver);
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 2], [0; 1400]);
    let mut agent = Agent::new(agent_config(), &mut sources, &mut buffer);
    let source = DataSource::interface(if_index);
    agent.add_source(clock::now(), source, Duration::ZERO).expect("a source");
    let mut output = Output::new(agent, collectors);

    let (mut paths, links) = (Paths::default(), Links::open().expect("rtnetlink"));
    paths.update(&links);
    if let Some(lookup) = lookup {
        match tcp::annotator(lookup, &links) {
            Ok(annotator) => output.annotate_by(clock::now(), Some(annotator)),
            Err(reason) => return skip(&reason),
        }
    }

    let open = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
    let senders: Vec<UdpSocket> = (0..SENDERS).map(|_| open()).collect();
    let mut senders = senders.iter().cycle();
    let mut samples = 0;
    let start = Instant::now();
    let info = measure(|| {
        while samples < PACKETS && start.elapsed() < DEADLINE {
            // Small batches, so that the ring never overflows.
            for sender in senders.by_ref().take(16) {
                let _ = sender.send_to(&[0x5a; 100], (peer_ip_of(1).0, 9));
            }
            let now = clock::now();
            let drained = tap.drain(4096, &mut |packet| {
                let sides = paths.sides(now, if_index, packet);
                with_flow_sample(if_index, packet, sides, |sample| output.flow_sample(now, sample));
            });
            output.release(now);
            samples += drained.expect("the ring").samples;
        }
    });
    let stats = output.agent.stats();
    assert!(samples >= PACKETS, "{samples} samples within {DEADLINE:?}");
    assert!(stats.flow_samples >= PACKETS as u64 - 8 && stats.datagrams > 100, "{stats:?}");
    let sent = output.collectors.iter().map(|destination| destination.stats().sent).sum::<u64>();
    assert_eq!(sent, stats.datagrams);
    assert_eq!((info.count_total, info.bytes_total), (0, 0), "allocations: {info:?}");
}

fn tap_options(if_index: u32) -> TapOptions {
    TapOptions {
        if_index,
        name: "lan0".into(),
        sampling_rate: NonZeroU32::MIN,
        configured_rate: NonZeroU32::MIN,
        direction: Direction::Both,
        header_bytes: 128,
        promiscuous: false,
        way: Way::Socket,
        hardware_type: ETHERNET,
        loopback: false,
        mtu: 1500,
        ring: None,
    }
}

fn agent_config() -> AgentConfig {
    AgentConfig { max_delay: Duration::from_millis(100), seed: 1, ..sim::config() }
}
