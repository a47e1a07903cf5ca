//! Counter samples hold the counters of the kernel.

use core::net::Ipv4Addr;
use std::collections::HashMap;
use std::fs;

use flowmote_decoder::counter::{
    HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo, IfCounters, Mib2IpGroup, Mib2UdpGroup,
    PortName,
};
use flowmote_decoder::{CountersSample, DataFormat, DataSource};
use flowmote_lab::net::{
    Agent, Capture, Collector, Lab, LinkCounters, flood, if_counters, ip_of, peer_ip_of, send_frame,
};

const HOST: (u32, u32) = (2, 1);
const ADAPTERS: DataFormat = DataFormat::new(0, 2001);
const UNKNOWN: u32 = u32::MAX;

fn last_counters(capture: &Capture, if_index: u32) -> Option<IfCounters> {
    if_counters(capture.counters_of(0, if_index).last()?)
}

fn formats(sample: &CountersSample<'_>) -> Vec<DataFormat> {
    sample.records().flatten().map(|record| record.data_format()).collect()
}

#[test]
fn interface_counters_equal_those_of_the_kernel() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 0 -i lan1 -p 1 -o 127.0.0.1:6343");
    let (lan0, lan1) = (host.if_index("lan0"), host.if_index("lan1"));
    flood(&peer, (ip_of(1).0, 9).into(), 500, 100);
    let multicast = [&[1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 1, 2, 0x88, 0xb5][..], &[0; 60]].concat();
    send_frame(&peer, "lan0", &multicast);
    let kernel = LinkCounters::of(&host, "lan0");
    assert!(kernel.rx_packets > 500 && kernel.tx_packets > 0);
    collector.wait_for("counters that are up to date", |capture| {
        last_counters(capture, lan0).is_some_and(|sent| sent.if_in_octets == kernel.rx_bytes)
            && last_counters(capture, lan1).is_some()
    });
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let sent = last_counters(&capture, lan0).expect("lan0 was polled");
    assert_eq!((sent.if_index, sent.if_type), (lan0, 53), "propVirtual");
    assert_eq!(
        (sent.if_speed, sent.if_direction),
        (10_000_000_000, 1),
        "speed and direction of a veth pair"
    );
    assert_eq!((sent.if_status, sent.if_promiscuous_mode), (3, 0));
    let [rx, multicast, rx_dropped, tx, tx_dropped] = [
        kernel.rx_packets,
        kernel.multicast,
        kernel.rx_dropped,
        kernel.tx_packets,
        kernel.tx_dropped,
    ]
    .map(|count| count as u32);
    assert_eq!(sent.if_in_ucast_pkts, rx - multicast);
    assert_eq!((sent.if_in_multicast_pkts, sent.if_in_broadcast_pkts), (multicast, UNKNOWN));
    assert_eq!((sent.if_in_discards, sent.if_in_errors), (rx_dropped, 0));
    assert_eq!((sent.if_out_octets, sent.if_out_ucast_pkts), (kernel.tx_bytes, tx));
    assert_eq!((sent.if_out_discards, sent.if_out_errors), (tx_dropped, 0));
    for (index, name) in [(lan0, "lan0"), (lan1, "lan1")] {
        let samples = capture.counters_of(0, index);
        let record = samples[0].records().flatten().find_map(|record| record.read::<PortName>());
        assert_eq!(record.expect("1005").name.to_str(), Ok(name));
    }
    assert!(capture.flow_samples().is_empty(), "N = 0 is off");
}

#[test]
fn link_state_is_reported() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1000 -p 1 -o 127.0.0.1:6343");
    let lan0 = host.if_index("lan0");
    let wait_for_status = |status: u32| {
        collector.wait_for(&format!("status {status}"), |capture| {
            last_counters(capture, lan0).is_some_and(|sent| sent.if_status == status)
        });
    };
    wait_for_status(3);
    peer.ip("link set lan0 down\n");
    wait_for_status(1);
    host.ip("link set lan0 down\n");
    wait_for_status(0);
    peer.ip("link set lan0 up\n");
    host.ip("link set lan0 up\n");
    wait_for_status(3);
    agent.stop();
    collector.finish().check();
}

#[test]
fn host_counters_equal_those_of_proc() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    flood(&host, (Ipv4Addr::LOCALHOST, 9).into(), 10, 10);
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1000 -p 1 -o 127.0.0.1:6343");
    collector.wait_for("the host twice", |capture| capture.counters_of(HOST.0, HOST.1).len() >= 2);
    let table = host.proc_net("snmp");
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.counters_of(HOST.0, HOST.1);
    let [first, .., last] = &samples[..] else { unreachable!("two at least") };
    let formats = formats(first);
    for number in [2000, 2001, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010] {
        assert!(formats.contains(&DataFormat::new(0, number)), "0:{number} in {formats:?}");
    }
    check_identity(first);
    check_cpu(first, last);
    check_memory_and_disks(first);
    check_network(first, &table);
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check_identity(sample: &CountersSample<'_>) {
    let descr: HostDescr<'_> = sample.records().flatten().find_map(|record| record.read()).unwrap();
    assert_eq!(descr.hostname.to_str(), Ok(read("/proc/sys/kernel/hostname").trim()));
    assert_eq!(descr.os_release.to_str(), Ok(read("/proc/sys/kernel/osrelease").trim()));
    assert_eq!(descr.os_name, 2);
    let machine = if cfg!(target_arch = "x86_64") { 3 } else { 10 };
    assert_eq!(descr.machine_type, machine);
}

fn check_cpu(first: &CountersSample<'_>, last: &CountersSample<'_>) {
    let [before, after] = [first, last].map(|sample| -> HostCpu {
        sample.records().flatten().find_map(|record| record.read()).unwrap()
    });
    let cpus = read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
    assert_eq!(before.cpu_num as usize, cpus);
    assert!((0.0..1000.0).contains(&before.load_one), "{}", before.load_one);
    let uptime: f64 = read("/proc/uptime").split(' ').next().unwrap().parse().unwrap();
    assert!((0.0..60.0).contains(&(uptime - f64::from(after.uptime))), "{}", after.uptime);
    assert!(after.proc_total > 10, "{}", after.proc_total);
    for (what, before, after) in [
        ("user", before.cpu_user, after.cpu_user),
        ("system", before.cpu_system, after.cpu_system),
        ("idle", before.cpu_idle, after.cpu_idle),
        ("steal", before.cpu_steal.unwrap(), after.cpu_steal.unwrap()),
        ("interrupts", before.interrupts, after.interrupts),
        ("context switches", before.contexts, after.contexts),
    ] {
        assert!(after.wrapping_sub(before) < 1 << 31, "{what} decreases");
    }
    assert_ne!(before.contexts, after.contexts, "context switches do not grow");
    let busy =
        after.cpu_user.wrapping_sub(before.cpu_user) + after.cpu_idle.wrapping_sub(before.cpu_idle);
    let passed = 1000 * (after.uptime - before.uptime + 2) * cpus as u32;
    assert!(busy <= passed, "{busy} ms within {passed} ms of all CPUs");
}

fn check_memory_and_disks(sample: &CountersSample<'_>) {
    let memory: HostMemory = sample.records().flatten().find_map(|record| record.read()).unwrap();
    let table = read("/proc/meminfo");
    let kilobytes = |key: &str| -> u64 {
        let line = table.lines().find(|line| line.starts_with(key)).expect(key);
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert_eq!(memory.mem_total, kilobytes("MemTotal:") * 1024);
    assert_eq!(memory.swap_total, kilobytes("SwapTotal:") * 1024);
    assert!(memory.mem_free + memory.mem_buffers + memory.mem_cached <= memory.mem_total);
    let disk: HostDiskIo = sample.records().flatten().find_map(|record| record.read()).unwrap();
    assert!(disk.disk_free <= disk.disk_total && disk.disk_total > 0, "{disk:?}");
    assert!((0..=10_000).contains(&disk.part_max_used.0), "{disk:?}");
}

fn check_network(sample: &CountersSample<'_>, table: &str) {
    let now = snmp(table);
    let ip: Mib2IpGroup = sample.records().flatten().find_map(|record| record.read()).unwrap();
    assert_eq!(ip.ip_default_ttl, now["Ip:DefaultTTL"]);
    assert!((1..=now["Ip:InReceives"]).contains(&ip.ip_in_receives), "{ip:?}");
    // The 10 datagrams sent before the agent started had no receiver.
    let udp: Mib2UdpGroup = sample.records().flatten().find_map(|record| record.read()).unwrap();
    assert_eq!(udp.udp_no_ports, 10, "{udp:?}");
    assert!(udp.udp_in_datagrams <= now["Udp:InDatagrams"], "{udp:?}");
}

/// A container: its only interface is a veth end whose peer is on the host.
#[test]
fn veth_of_a_container_counts_as_its_adapter() {
    let Some(lab) = Lab::open() else { return };
    let (container, host) = (lab.namespace(), lab.namespace());
    lab.link(1, (&container, "eth0"), (&host, "veth1"));
    let collector = Collector::start(&container, "127.0.0.1:6343");
    let text = "sflow { polling = 1 sampling = 1 collector { ip = 127.0.0.1 } \
                pcap { dev.pattern = ^eth } }";
    let agent = Agent::start_with(&lab, &container, text);
    flood(&container, (peer_ip_of(1).0, 9).into(), 100, 100);
    flood(&host, (ip_of(1).0, 9).into(), 50, 100);
    let kernel = LinkCounters::of(&container, "eth0");
    let eth0 = container.if_index("eth0");
    let net_io = |sample: &CountersSample<'_>| -> Option<HostNetIo> {
        sample.records().flatten().find_map(|record| record.read())
    };
    collector.wait_for("the traffic in host_net_io", |capture| {
        let last = capture.counters_of(HOST.0, HOST.1).last().and_then(net_io);
        last.is_some_and(|net| net.bytes_in == kernel.rx_bytes && net.bytes_out == kernel.tx_bytes)
    });
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.counters_of(HOST.0, HOST.1);
    let net = samples.last().and_then(net_io).unwrap();
    assert_eq!((net.pkts_in, net.pkts_out), (kernel.rx_packets as u32, kernel.tx_packets as u32));
    let adapters = samples[0].records().flatten().find(|record| record.data_format() == ADAPTERS);
    let adapters = adapters.expect("host_adapters").bytes();
    assert_eq!(adapters[..8], [[0, 0, 0, 1], eth0.to_be_bytes()].concat(), "eth0 alone");
    assert!(!capture.flow_samples_of(eth0).is_empty(), "the pattern selects it");
}

/// The veth ends of containers and the bridge between them are no adapters.
#[test]
fn host_without_an_adapter_has_unknown_network_counters() {
    let Some(lab) = Lab::open() else { return };
    let (host, container) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "veth1"), (&container, "eth0"));
    host.ip("link add docker0 type bridge\nlink set veth1 master docker0\nlink set docker0 up\n");
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i veth1 -n 0 -p 1 -o 127.0.0.1:6343");
    flood(&container, (ip_of(1).0, 9).into(), 50, 100);
    collector.wait_for("the host", |capture| !capture.counters_of(HOST.0, HOST.1).is_empty());
    agent.stop();
    let capture = collector.finish();
    let sample = &capture.counters_of(HOST.0, HOST.1)[0];
    let net: HostNetIo = sample.records().flatten().find_map(|record| record.read()).unwrap();
    assert_eq!((net.bytes_in, net.pkts_in), (u64::MAX, UNKNOWN));
}

/// `Ip:InReceives` and so on, of /proc/net/snmp.
fn snmp(table: &str) -> HashMap<String, u32> {
    let lines: Vec<&str> = table.lines().collect();
    let mut numbers = HashMap::new();
    for pair in lines.chunks_exact(2) {
        let [names, values] = pair else { unreachable!("chunks of two") };
        let group = names.split(':').next().unwrap();
        for (name, value) in names.split(' ').zip(values.split(' ')).skip(1) {
            let value: i64 = value.parse().expect("a number");
            numbers.insert(format!("{group}:{name}"), value as u32);
        }
    }
    numbers
}

#[test]
fn first_polls_are_spread_over_the_interval() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    let mut options = "-n 1000000 -p 4 -o 127.0.0.1:6343".to_owned();
    for net in 1..=12 {
        let name = format!("lan{net}");
        lab.link(net, (&host, &name), (&peer, &name));
        options += &format!(" -i {name}");
    }
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, &options);
    let first_polls = |capture: &Capture| {
        let mut first: HashMap<DataSource, u32> = HashMap::new();
        for datagram in capture.datagrams() {
            for sample in datagram.samples().flatten() {
                if let flowmote_decoder::Sample::Counters(sample) = sample {
                    first.entry(sample.source_id).or_insert(datagram.uptime);
                }
            }
        }
        first.into_values().collect::<Vec<u32>>()
    };
    collector.wait_for("all 13 sources", |capture| first_polls(capture).len() == 13);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let times = first_polls(&capture);
    let spread = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert!((1000..=5000).contains(&spread), "{spread} ms between the first polls");
}
