//! Custom metrics of the agent itself: counters of drivers (`ethtool { }`) and of the host (`host-metrics { }`).

use std::collections::BTreeMap;

use flowmote_decoder::Sample;
use flowmote_decoder::visit::Value;
use flowmote_lab::net::{
    Agent, Capture, Checked, Collector, Lab, Namespace, flood, peer_ip_of, with_local_collector,
};
use flowmote_lab::{skip_part, wait_until};
use nix::sys::signal::Signal;

/// The last value of each metric of a data source, and its type number.
fn metrics(capture: &Capture, datasource: &str) -> BTreeMap<String, (u32, String)> {
    let mut metrics = BTreeMap::new();
    for sample in capture.samples() {
        let Sample::RtMetric(metric) = sample else { continue };
        for value in metric.values().map(Result::unwrap) {
            let text = match value.value {
                Value::Text(text) => text.to_string(),
                Value::U32(number) => number.to_string(),
                Value::U64(number) => number.to_string(),
                Value::F64(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            if metric.datasource.to_string() == datasource {
                metrics.insert(value.name.to_string(), (value.type_code, text));
            }
        }
    }
    metrics
}

const TEXT: u32 = 0;
const COUNTER: u32 = 2;
const GAUGE: u32 = 4;

fn config(block: &str) -> String {
    with_local_collector(&format!("polling = 1 {block}"))
}

fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link6(1, (&host, "eth0"), (&peer, "eth0"));
    Some((lab, host, peer))
}

/// The counters of the veth driver as ethtool prints them, under the names of the agent.
fn by_ethtool(host: &Namespace) -> Option<BTreeMap<String, u64>> {
    let output = host.command("ethtool").args(["-S", "eth0"]).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let Some((name, value)) = line.trim().split_once(": ") else { continue };
        let name: String = name.chars().filter(|c| !c.is_ascii_digit()).collect();
        let name = format!("ethtool_{}", name.replace("__", "_"));
        *sums.entry(name).or_default() += value.parse::<u64>().unwrap();
    }
    Some(sums)
}

#[test]
fn counters_of_a_driver_are_those_of_ethtool() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let all = config("ethtool { counters = . }");
    let text = Checked::of(&lab, &host, &all).lines;
    assert!(text.contains("driver counters of eth0 (veth, "), "{text}");
    let mut agent = Agent::start_with(&lab, &host, &all);
    flood(&peer, (flowmote_lab::net::ip_of(1).0, 9).into(), 100, 100);
    flood(&host, (peer_ip_of(1).0, 9).into(), 50, 100);
    let Some(expected) = by_ethtool(&host) else { return skip_part("ethtool is not installed") };
    assert!(expected.len() > 3, "{expected:?}");
    let last = || metrics(&collector.so_far(), "nic-eth0");
    wait_until("the values of ethtool", || {
        let metrics = last();
        let same = |(name, value): (&String, &u64)| {
            metrics.get(name).is_some_and(|found| *found == (COUNTER, value.to_string()))
        };
        expected.iter().all(same).then_some(())
    });
    let index = host.if_index("eth0").to_string();
    assert_eq!(last()["ethtool_driver"], (TEXT, "veth".to_owned()));
    assert_eq!(last()["ethtool_ifindex"], (TEXT, index));
    // Without a pattern, counters of losses only; without the block, drivers of clouds only.
    let reload = |agent: &mut Agent, block: &str| {
        lab.file("flowmote.conf", &config(block));
        agent.program().signal(Signal::SIGHUP);
        agent.wait_notified("READY=1");
    };
    reload(&mut agent, "ethtool { }");
    let mark = collector.so_far().received().len();
    collector.wait_for("losses", |capture| {
        let polls = capture.received()[mark..].len();
        polls > 3 && metrics(capture, "nic-eth0").keys().any(|name| name.contains("drop"))
    });
    reload(&mut agent, "");
    agent.stop();
    collector.finish().check();
    let text = Checked::of(&lab, &host, &config("ethtool { }")).lines;
    assert!(text.contains("driver counters of eth0 (veth, "), "{text}");
    let text = Checked::of(&lab, &host, &config("")).lines;
    assert!(!text.contains("driver counters"), "no driver of a cloud: {text}");
}

#[test]
fn host_metrics_are_sent_by_group() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("host-metrics { percpu = on }"));
    flood(&peer, "[fd00:1::1]:9".parse().unwrap(), 30, 100);
    let last = || metrics(&collector.so_far(), "host");
    wait_until("datagrams without a port", || {
        let (kind, count) = last().get("udp6_noports")?.clone();
        assert_eq!(kind, COUNTER);
        (count == "30").then_some(())
    });
    let all = last();
    assert_eq!(all["files_open"].0, GAUGE);
    assert!(all["files_max"].1.parse::<u64>().unwrap() > 1000, "{all:?}");
    assert_eq!(all["cpu_0_busy"].0, COUNTER);
    for name in ["ip6_inreceives", "icmp6_inmsgs", "ip6_outrequests"] {
        assert_eq!(all[name].0, COUNTER, "{name}");
    }
    let has = |path: &str| std::fs::read_to_string(path).is_ok();
    assert_eq!(all.contains_key("psi_cpu_some_total"), has("/proc/pressure/cpu"));
    agent.stop();
    collector.finish().check();
    let without = config("host-metrics { psi = off ipv6 = off conntrack = off }");
    let text = Checked::of(&lab, &host, &without).lines;
    assert!(text.contains("host metrics    2 beside the counters"), "{text}");
}
