//! Packets sampled by rules of nftables and iptables (`nflog { }`), in network namespaces.

use std::collections::HashMap;
use std::net::SocketAddr;

use flowmote_decoder::FlowSample;
use flowmote_lab::net::{
    Agent, Checked, Collector, Lab, Namespace, flood, ip_of, peer_ip_of, sampled_header,
    with_local_collector,
};
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;

/// Packets of this size are larger than what the kernel copies of each.
const SIZE: u32 = 1400;
const INTERNAL: u32 = 0x3FFF_FFFF;

/// An agent without `pcap { }` block.
fn config(probability: &str) -> String {
    with_local_collector(&format!("polling = 0 nflog {{ group = 5 probability = {probability} }}"))
}

/// Two namespaces, linked by `lan0`; `None`, and a line among the skipped, where the kernel or the
/// machine lacks something.
fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link6(1, (&host, "lan0"), (&peer, "lan0"));
    if let Err(reason) = is_supported(&lab, &host) {
        skip(&reason);
        return None;
    }
    Some((lab, host, peer))
}

fn is_supported(lab: &Lab, host: &Namespace) -> Result<(), String> {
    let errors = Checked::of(lab, host, &config("1")).problems;
    if errors.contains("no nfnetlink_log") {
        return Err(errors);
    }
    rules(lab, host, "table inet probe { chain input { numgen inc mod 2 == 0 log group 6; }; }")
}

/// Replaces the rules of nftables.
fn rules(lab: &Lab, namespace: &Namespace, text: &str) -> Result<(), String> {
    let path = lab.file("rules.nft", &format!("flush ruleset\n{text}\n"));
    let output = namespace.command("nft").arg("-f").arg(path).output();
    let output = output.map_err(|error| format!("nft: {error}"))?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or_else(|| format!("nft: {error}"))
}

/// Logs one in `rate` datagrams to port 9 that arrive, and every datagram to port 10 that leaves.
fn sample_one_in(rate: u32) -> String {
    format!(
        "table inet sampling {{
           chain input {{ type filter hook input priority 0;
             iifname lan0 udp dport 9 numgen inc mod {rate} == 0 log group 5; }}
           chain output {{ type filter hook output priority 0;
             oifname lan0 udp dport 10 log group 5; }}
         }}"
    )
}

fn to_host() -> SocketAddr {
    (ip_of(1).0, 9).into()
}

fn lengths(samples: &[FlowSample<'_>]) -> HashMap<(u32, u32, u32), usize> {
    let mut lengths = HashMap::new();
    for sample in samples {
        let header = sampled_header(sample);
        *lengths.entry((header.protocol, header.frame_length, header.stripped)).or_default() += 1;
    }
    lengths
}

#[test]
fn rule_with_numgen_gives_one_flow_sample_in_n_packets() {
    let Some((lab, host, peer)) = lab() else { return };
    rules(&lab, &host, &sample_one_in(10)).unwrap();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("0.1"));
    flood(&peer, to_host(), 1000, SIZE);
    flood(&peer, "[fd00:1::1]:9".parse().unwrap(), 500, SIZE);
    flood(&host, (peer_ip_of(1).0, 10).into(), 20, SIZE);
    let index = host.if_index("lan0");
    collector.wait_for("170 samples", |capture| capture.flow_samples().len() >= 170);
    let statistics = agent.statistics(1);
    assert!(statistics.contains("nflog group 5 (1 in 10): 170 samples, 0 drops"), "{statistics}");
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples_of(index);
    assert_eq!((samples.len(), capture.flow_samples().len()), (170, 170));
    for (sample, number) in samples.iter().zip(1..) {
        assert_eq!((sample.sampling_rate, sample.sample_pool, sample.drops), (10, 10 * number, 0));
    }
    let (received, sent) = samples.split_at(150);
    let ethernet = 14 + 4;
    let expected = HashMap::from([
        ((1, ethernet + 20 + 8 + SIZE, 4), 100),
        ((1, ethernet + 40 + 8 + SIZE, 4), 50),
    ]);
    assert_eq!(lengths(received), expected);
    assert!(received.iter().all(|sample| sampled_header(sample).header.len() == 128));
    assert!(
        received
            .iter()
            .all(|sample| (sample.input.value, sample.output.value) == (index, INTERNAL))
    );
    // The kernel has no link-layer header on output.
    assert_eq!(lengths(sent), HashMap::from([((11, 20 + 8 + SIZE, 0), 20)]));
    assert!(
        sent.iter().all(|sample| (sample.input.value, sample.output.value) == (INTERNAL, index))
    );
}

#[test]
fn forwarded_packet_has_both_interfaces() {
    let Some((lab, host, peer)) = lab() else { return };
    let other = lab.namespace();
    lab.link(2, (&host, "lan1"), (&other, "lan1"));
    peer.ip("route add 198.18.2.0/24 via 198.18.1.1");
    let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
    assert!(host.command("sh").args(["-c", forward]).status().unwrap().success());
    let table = "table inet sampling { chain forward { type filter hook forward priority 0;
        udp dport 9 log group 5 snaplen 64; }; }";
    rules(&lab, &host, table).unwrap();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("1"));
    flood(&peer, (peer_ip_of(2).0, 9).into(), 10, SIZE);
    let input = host.if_index("lan0");
    collector.wait_for("10 samples", |capture| capture.flow_samples_of(input).len() >= 10);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples();
    assert_eq!(lengths(&samples), HashMap::from([((1, 14 + 4 + 20 + 8 + SIZE, 4), 10)]));
    for sample in samples {
        let interfaces = (sample.input.value, sample.output.value);
        assert_eq!(interfaces, (input, host.if_index("lan1")));
        assert_eq!(sampled_header(&sample).header.len(), 14 + 64, "the rule's snaplen");
    }
}

#[test]
fn iptables_rule_is_sampled_too() {
    let Some((lab, host, peer)) = lab() else { return };
    let rule = "iptables -w -A INPUT -i lan0 -p udp --dport 9 -m statistic --mode nth --every 10 --packet 0 \
                -j NFLOG --nflog-group 5";
    let mut words = rule.split_whitespace();
    let output = host.command(words.next().unwrap()).args(words).output().unwrap();
    if !output.status.success() {
        return skip(String::from_utf8_lossy(&output.stderr).trim());
    }
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("0.1"));
    flood(&peer, to_host(), 1000, SIZE);
    collector.wait_for("100 samples", |capture| capture.flow_samples().len() >= 100);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples_of(host.if_index("lan0"));
    assert_eq!(lengths(&samples), HashMap::from([((1, 14 + 4 + 20 + 8 + SIZE, 4), 100)]));
}

#[test]
fn overrun_counts_each_lost_sample_once() {
    let Some((lab, host, peer)) = lab() else { return };
    rules(&lab, &host, &sample_one_in(1)).unwrap();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("1"));
    let index = host.if_index("lan0");
    // While the agent stands still, its receive queue overflows.
    agent.program().signal(Signal::SIGSTOP);
    flood(&peer, to_host(), 50_000, 100);
    agent.program().signal(Signal::SIGCONT);
    // The next packet shows how many were lost before it.
    let mut sent = 50_000;
    wait_until("the pool of all packets", || {
        flood(&peer, to_host(), 10, 100);
        sent += 10;
        let pool = || collector.so_far().pool_of(index);
        for _ in 0..10 {
            if pool() == sent {
                return Some(());
            }
            std::thread::sleep(core::time::Duration::from_millis(50));
        }
        None
    });
    let statistics = agent.statistics(1);
    let log = agent.stop();
    assert!(log.contains("nflog group 5: the receive queue overflowed (ENOBUFS)"), "{log}");
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples_of(index);
    let last = samples.last().unwrap();
    assert!(last.drops > 0, "{statistics}");
    assert_eq!(samples.len() as u32 + last.drops, last.sample_pool);
    let line = format!("{} samples, {} drops", samples.len(), last.drops);
    assert!(statistics.contains(&line), "{line}: {statistics}");
    assert!(statistics.contains("overruns of the nflog receive queue"), "{statistics}");
}

#[test]
fn reload_changes_the_rate_and_keeps_the_group() {
    let Some((lab, host, peer)) = lab() else { return };
    rules(&lab, &host, &sample_one_in(1)).unwrap();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut agent = Agent::start_with(&lab, &host, &config("1"));
    let mut total = 0;
    for probability in ["1", "0.5", "0.25"] {
        lab.file("flowmote.conf", &config(probability));
        agent.program().signal(Signal::SIGHUP);
        agent.wait_notified("READY=1");
        flood(&peer, to_host(), 100, SIZE);
        total += 100;
        collector.wait_for("samples", |capture| capture.flow_samples().len() >= total);
    }
    let log = agent.stop();
    assert!(!log.contains("no longer sampled"), "{log}");
    let capture = collector.finish();
    // Sequence numbers continue, and the pool only grows.
    capture.check();
    let samples = capture.flow_samples();
    let rates: Vec<_> = samples.chunks(100).map(|samples| samples[99].sampling_rate).collect();
    assert_eq!(rates, [1, 2, 4]);
    assert_eq!(samples.last().unwrap().sample_pool, 100 + 200 + 400);
}

/// The permitted and effective capabilities of a process.
fn capabilities(agent: &Agent) -> u64 {
    let path = format!("/proc/{}/status", agent.program().pid());
    let text = std::fs::read_to_string(path).expect("it runs");
    let set = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        u64::from_str_radix(line.trim(), 16).expect("a bit mask")
    };
    assert_eq!(set("CapPrm:"), set("CapEff:"));
    set("CapPrm:")
}

/// linux/capability.h.
const CAP_NET_ADMIN: u64 = 1 << 12;

#[test]
fn group_in_use_is_reported_and_bound_when_it_is_free() {
    let Some((lab, host, peer)) = lab() else { return };
    rules(&lab, &host, &sample_one_in(1)).unwrap();
    let first = Agent::start_with(&lab, &host, &config("1"));
    assert_eq!(capabilities(&first) & CAP_NET_ADMIN, 0, "given up after binding");
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let second = Agent::start_with(&lab, &host, &config("1"));
    let program = second.program();
    program.wait_for_line(0, "nflog group 5: another process has bound this group; retrying");
    assert_ne!(capabilities(&second) & CAP_NET_ADMIN, 0, "kept for the next attempts");
    let log = first.stop();
    assert!(log.contains("nflog group 5: sampling 1 in 1"), "{log}");
    program.wait_for_line(0, "nflog group 5: sampling 1 in 1");
    assert_eq!(capabilities(&second) & CAP_NET_ADMIN, 0, "given up after binding");
    flood(&peer, to_host(), 10, SIZE);
    collector.wait_for("samples", |capture| capture.flow_samples().len() >= 10);
    second.stop();
}

/// The user of the systemd unit, with or without CAP_NET_ADMIN in the unit.
#[test]
fn unit_needs_the_ambient_capability_net_admin() {
    let Some(_) = Lab::of_root() else { return };
    let Some((lab, host, peer)) = lab() else { return };
    rules(&lab, &host, &sample_one_in(1)).unwrap();
    let path = lab.file("flowmote.conf", &config("1"));
    let start = |caps: &str| Agent::start_as_unit(&lab, &host, caps, &path);
    let without = start("+net_raw,+bpf");
    without.program().wait_for_line(0, "nflog group 5: CAP_NET_ADMIN is missing");
    without.stop();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let with = start("+net_raw,+bpf,+net_admin");
    assert_eq!(capabilities(&with) & CAP_NET_ADMIN, 0, "given up after binding");
    flood(&peer, to_host(), 10, SIZE);
    collector.wait_for("samples", |capture| capture.flow_samples().len() >= 10);
    with.stop();
    collector.finish().check();
}

#[test]
fn check_describes_the_group_and_its_problems() {
    let Some((lab, host, _peer)) = lab() else { return };
    let config = config("0.0025");
    let check = || Checked::of(&lab, &host, &config);
    let free = check();
    assert!(free.passes && free.lines.contains("nflog           group 5: 1 in 400"), "{free:?}");
    let agent = Agent::start_with(&lab, &host, &config);
    let used = check();
    let warning = "warning: nflog group 5: another process has bound this group";
    assert!(used.passes && used.problems.contains(warning), "{used:?}");
    agent.stop();
}
