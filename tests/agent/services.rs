//! Services, containers and pods (`systemd { }`, `docker { }`, `containerd { }`, `k8s { }`): real
//! cgroups, made by the test as their managers make them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flowmote_decoder::counter::{
    HostAdapters, HostDescr, HostParent, VirtCpu, VirtNetIo, VirtNode,
};
use flowmote_decoder::flow::{ExtendedEntities, ExtendedTcpInfo};
use flowmote_decoder::{CountersSample, FlowSample};
use flowmote_lab::net::{
    Agent, Capture, Checked, Collector, Connections, Lab, LinkCounters, Namespace, flood, helper,
    ip_of, peer_ip_of, with_local_collector,
};
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;

const HOST: (u32, u32) = (2, 1);
const ENTITY: u32 = 3;
// Directions of packets, as their socket sees them.
const RECEIVED: u32 = 1;
const SENT: u32 = 2;
const ID: &str = "00f1c4e60c7c0b1b6d2a77d0a4a21b0e8b0b84a3b9d3a6dfe7a1d1b0c9e8f7a6";
const UID: &str = "5d1ff72a_7a4e_4b6c_9d58_0d1f2f1f7a10";

/// A slice of cgroups that disappears with the test. There is one at a time: every agent of the host
/// has the cgroups of all tests.
struct Slice {
    path: PathBuf,
    processes: Vec<Child>,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Slice {
    /// `None`, and a line among the skipped, where the test may not make cgroups of version 2.
    fn new(name: &str) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let Some(mount) = mounts.lines().find(|line| line.contains(" - cgroup2 ")) else {
            skip("no cgroups of version 2 are mounted");
            return None;
        };
        let root = Path::new(mount.split(' ').nth(4).expect("a mount point"));
        let path = root.join(format!("flowmote{}{name}.slice", std::process::id()));
        if let Err(error) = fs::create_dir(&path) {
            skip(&format!("{}: {error}", path.display()));
            return None;
        }
        Some(Self { path, processes: Vec::new(), _alone: alone })
    }

    fn make(&self, name: &str) {
        fs::create_dir_all(self.path.join(name)).unwrap();
    }

    /// Runs a command in a cgroup of the slice.
    fn run(&mut self, cgroup: &str, mut command: Command) -> u32 {
        self.make(cgroup);
        let child = command.stdin(Stdio::null()).spawn().expect("a process");
        let pid = child.id();
        self.processes.push(child);
        fs::write(self.path.join(cgroup).join("cgroup.procs"), pid.to_string()).unwrap();
        pid
    }

    /// CPU time in milliseconds.
    fn cpu_time(&self, cgroup: &str) -> u32 {
        let stat = fs::read_to_string(self.path.join(cgroup).join("cpu.stat")).unwrap();
        let usec = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
        (usec.parse::<u64>().unwrap() / 1000) as u32
    }

    fn end_processes(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Removes a cgroup, which the kernel allows some time after the end of its processes.
    fn remove(&self, cgroup: &str) {
        wait_until("an empty cgroup", || fs::remove_dir(self.path.join(cgroup)).ok());
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        self.end_processes();
        wait_until("empty cgroups", || {
            remove_below(&self.path);
            (!self.path.exists()).then_some(())
        });
    }
}

/// The files of a cgroup go with its directory.
fn remove_below(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
        }
    }
    let _ = fs::remove_dir(path);
}

fn config(blocks: &str) -> String {
    with_local_collector(&format!("polling = 1 {blocks}"))
}

fn start(lab: &Lab, host: &Namespace, blocks: &str) -> Agent {
    Agent::start_with(lab, host, &config(blocks))
}

/// The record of this type in a sample.
macro_rules! record {
    ($sample:expr, $type:ty) => {
        $sample.records().flatten().find_map(|record| record.read::<$type>())
    };
}

/// The samples of the entity with this name.
fn samples<'a>(capture: &'a Capture, name: &str) -> Vec<CountersSample<'a>> {
    let is_of_name = |sample: &CountersSample<'a>| {
        let descr = record!(sample, HostDescr<'a>);
        sample.source_id.class == ENTITY
            && descr.is_some_and(|descr| descr.hostname.to_str() == Ok(name))
    };
    capture.counters_samples().into_iter().filter(is_of_name).collect()
}

fn burn() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "while :; do :; done"]);
    command
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    command.arg("3600");
    command
}

#[test]
fn service_has_the_cpu_time_of_its_cgroup() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("cpu") else { return };
    let host = lab.namespace();
    let name = format!("flowmote{}-busy.service", std::process::id());
    slice.run(&name, burn());
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = start(&lab, &host, "systemd { }");
    collector.wait_for("two polls", |capture| samples(capture, &name).len() >= 2);
    slice.end_processes();
    let used = slice.cpu_time(&name);
    assert!(used > 0);
    let last = |capture: &Capture| {
        let cpu = samples(capture, &name).last().and_then(|sample| record!(sample, VirtCpu));
        cpu.map(|cpu| cpu.cpu_time)
    };
    collector.wait_for("the final CPU time", |capture| last(capture) == Some(used));
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = samples(&capture, &name);
    let sources: Vec<_> = samples.iter().map(|sample| sample.source_id.index).collect();
    assert!(sources.iter().all(|index| *index == sources[0]), "{sources:?}");
    assert!((100_000..150_000).contains(&sources[0]));
    let descr = record!(samples[0], HostDescr<'_>).unwrap();
    assert_eq!((descr.os_name, descr.uuid.0[6] >> 4), (2, 5), "Linux, and a UUID of version 5");
    let parent = record!(samples[0], HostParent).unwrap();
    assert_eq!((parent.container_type, parent.container_index), HOST);
    let cpu = record!(samples[0], VirtCpu).unwrap();
    let cpus = std::thread::available_parallelism().unwrap().get() as u32;
    assert_eq!((cpu.state, cpu.nr_virt_cpu), (1, cpus));
    let host = capture.counters_of(HOST.0, HOST.1);
    let node = host.iter().find_map(|sample| record!(sample, VirtNode)).expect("virt_node");
    assert!(node.num_domains >= 1 && node.cpus == cpus);
}

#[test]
fn container_of_a_pod_appears_and_disappears_without_a_wait_for_the_next_search() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("pods") else { return };
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    // The regular searches are far apart.
    let agent = start(&lab, &host, "refreshVMs = 3600 containerd { } k8s { }");
    wait_until("the first search", || {
        agent.program().log().contains("pods have counters").then_some(())
    });
    let pod = format!("kubepods-burstable-pod{UID}.slice");
    let container = format!("{pod}/cri-containerd-{ID}.scope");
    slice.run(&container, sleep());
    let (pod_name, name) = ("5d1ff72a-7a4", "00f1c4e60c7c");
    collector.wait_for("the container and its pod", |capture| {
        !samples(capture, name).is_empty() && !samples(capture, pod_name).is_empty()
    });
    let capture = collector.so_far();
    let pod = samples(&capture, pod_name)[0].source_id;
    let uuid = record!(samples(&capture, pod_name)[0], HostDescr<'_>).unwrap().uuid;
    assert_eq!(&uuid.0[..4], [0x5d, 0x1f, 0xf7, 0x2a], "the UID of the pod");
    let parent = record!(samples(&capture, name)[0], HostParent).unwrap();
    assert_eq!((parent.container_type, parent.container_index), (pod.class, pod.index));
    slice.end_processes();
    slice.remove(&container);
    wait_until("statistics without the container", || {
        let statistics = agent.statistics(1);
        statistics
            .contains("services and containers: 0 services, 0 containers, 1 pods")
            .then_some(())
    });
    agent.stop();
    collector.finish().check();
}

#[test]
fn container_has_the_traffic_of_its_network() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("net") else { return };
    let (host, container) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "veth0"), (&container, "eth0"));
    let sleep_in = |namespace: &Namespace| {
        let mut command = namespace.command("sleep");
        command.arg("3600");
        command
    };
    slice.run(&format!("docker-{ID}.scope/init"), sleep_in(&container));
    let other = ID.replace('0', "1");
    slice.run(&format!("docker-{other}.scope"), sleep_in(&host));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = start(&lab, &host, "docker { }");
    let (name, without) = (&ID[..12], &other[..12]);
    collector.wait_for("a poll of each", |capture| {
        !samples(capture, name).is_empty() && !samples(capture, without).is_empty()
    });
    flood(&host, (peer_ip_of(1).0, 9).into(), 300, 100);
    flood(&container, (ip_of(1).0, 9).into(), 200, 100);
    let kernel = LinkCounters::of(&container, "eth0");
    assert!(kernel.rx_packets >= 300 && kernel.tx_packets >= 200);
    let last = |capture: &Capture| {
        samples(capture, name).last().and_then(|sample| record!(sample, VirtNetIo))
    };
    collector.wait_for("counters that are up to date", |capture| {
        last(capture).is_some_and(|sent| sent.rx_bytes == kernel.rx_bytes)
    });
    let log = agent.stop();
    // No Docker runs here.
    assert_eq!(log.matches("containers have their ids as names").count(), 1, "{log}");
    let capture = collector.finish();
    capture.check();
    let sent = last(&capture).unwrap();
    let packets = (u64::from(sent.rx_packets), u64::from(sent.tx_packets));
    assert_eq!(packets, (kernel.rx_packets, kernel.tx_packets));
    assert_eq!((sent.tx_bytes, sent.rx_errs, sent.tx_errs), (kernel.tx_bytes, 0, 0));
    let others = samples(&capture, without);
    assert!(others.iter().all(|sample| record!(sample, VirtNetIo).is_none()), "the host's network");
}

#[test]
fn container_has_its_port_of_the_bridge_as_adapter() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("port") else { return };
    let (host, container) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "veth0"), (&container, "eth0"));
    host.ip("link add bridge0 up type bridge\nlink set veth0 master bridge0");
    let mut sleep = container.command("sleep");
    sleep.arg("3600");
    slice.run(&format!("docker-{ID}.scope"), sleep);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = start(&lab, &host, "docker { }");
    // The address that the lab gives to the second end of link 1.
    let expected = [(host.if_index("veth0"), vec!["02:00:00:00:01:02".to_owned()])];
    // So that the bridge learns the address.
    flood(&container, (ip_of(1).0, 9).into(), 1, 100);
    collector.wait_for("the interface with the address", |capture| {
        let last = samples(capture, &ID[..12]).into_iter().next_back();
        let record = last.and_then(|sample| record!(sample, HostAdapters<'_>));
        record.is_some_and(|record| {
            let adapters = record.adapters.iter().map(|adapter| {
                let addresses = adapter.mac_address.iter().map(|mac| mac.to_string());
                (adapter.if_index, addresses.collect::<Vec<_>>())
            });
            adapters.eq(expected.clone())
        })
    });
    agent.stop();
    collector.finish().check();
}

#[test]
fn restarted_service_has_a_new_sequence_and_the_same_source() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("restart") else { return };
    let host = lab.namespace();
    let name = format!("flowmote{}-again.service", std::process::id());
    slice.run(&name, burn());
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = start(&lab, &host, "systemd { refreshVMs = 10 }");
    collector.wait_for("three polls", |capture| samples(capture, &name).len() >= 3);
    slice.end_processes();
    slice.remove(&name);
    slice.run(&name, sleep());
    collector.wait_for("the sequence from 1 again", |capture| {
        let samples = samples(capture, &name);
        samples.iter().filter(|sample| sample.sequence_number == 1).count() == 2
    });
    agent.stop();
    let capture = collector.finish();
    let samples = samples(&capture, &name);
    let sources: Vec<_> = samples.iter().map(|sample| sample.source_id).collect();
    assert!(sources.iter().all(|source| *source == sources[0]), "{sources:?}");
    let mut before: Option<(u32, u32)> = None;
    for sample in &samples {
        let now = (sample.sequence_number, record!(sample, VirtCpu).unwrap().cpu_time);
        let falls = before.is_some_and(|before| now.1 < before.1);
        assert!(!falls || now.0 == 1, "a fall without a new sequence: {before:?} {now:?}");
        before = Some(now);
    }
}

#[test]
fn check_counts_what_the_blocks_select() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(slice) = Slice::new("check") else { return };
    let host = lab.namespace();
    slice.make(&format!("docker-{ID}.scope"));
    let text = Checked::of(&lab, &host, &config("docker { }")).lines;
    let line = text.lines().find(|line| line.starts_with("cgroups ")).expect("a line");
    let containers = line.split(", ").nth(1).and_then(|part| part.split(' ').next());
    let count: u32 = containers.and_then(|count| count.parse().ok()).expect("a number");
    assert!(count >= 1 && line.contains("0 services"), "{line}");
}

#[test]
fn reload_without_the_block_ends_the_data_sources() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("reload") else { return };
    let host = lab.namespace();
    let name = format!("flowmote{}-reload.service", std::process::id());
    slice.run(&name, sleep());
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut agent = start(&lab, &host, "systemd { }");
    collector.wait_for("a poll", |capture| !samples(capture, &name).is_empty());
    lab.file("flowmote.conf", &config(""));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    let seen = samples(&collector.so_far(), &name).len();
    collector.wait_for("two polls of the host", {
        let before = collector.so_far().counters_of(HOST.0, HOST.1).len();
        move |capture| capture.counters_of(HOST.0, HOST.1).len() >= before + 2
    });
    let statistics = agent.statistics(1);
    assert!(!statistics.contains("services and containers:"), "{statistics}");
    agent.stop();
    let capture = collector.finish();
    // A sample that was on its way may still have arrived.
    assert!(samples(&capture, &name).len() <= seen + 1);
}

#[test]
fn sampled_packet_names_the_service_of_its_socket() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("marks") else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let name = format!("flowmote{}-marked.service", std::process::id());
    let to = SocketAddr::from((ip_of(1).0, 5001));
    // The sockets are those of the cgroup that the process has when it opens them.
    let script = format!("sleep 0.5; exec {} echo {to}", helper().display());
    let mut server = host.command("sh");
    server.args(["-c", &script]);
    slice.run(&name, server);
    wait_until("the server", || {
        host.proc_net("tcp").contains(":1389 00000000:0000 0A").then_some(())
    });
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let blocks = "sampling = 1 pcap { dev = lan0 } systemd { markTraffic = on }";
    let agent = start(&lab, &host, blocks);
    collector.wait_for("the service", |capture| !samples(capture, &name).is_empty());
    let mut connections = Connections::to(&peer, to, 1);
    connections.exchange(20_000);
    let marked = |capture: &Capture| {
        let entities = |sample: &FlowSample<'_>| record!(sample, ExtendedEntities);
        capture.flow_samples().iter().filter_map(entities).collect::<Vec<_>>()
    };
    collector.wait_for("marked packets", |capture| marked(capture).len() > 40);
    agent.stop();
    let capture = collector.finish();
    let service = samples(&capture, &name)[0].source_id.index;
    let (mut sent, mut received) = (0, 0);
    for entities in marked(&capture) {
        match (entities.src_ds_class, entities.src_ds_index, entities.dst_ds_class) {
            (ENTITY, index, 0) if index == service => sent += 1,
            (0, 0, ENTITY) if entities.dst_ds_index == service => received += 1,
            _ => panic!("{entities:?}"),
        }
    }
    assert!(sent > 10 && received > 10, "{sent} {received}");
    let states =
        capture.flow_samples().iter().filter_map(|sample| record!(sample, ExtendedTcpInfo)).count();
    assert_eq!(states, 0, "there is no tcp block");
}

/// At a bridge only the address shows which container a packet belongs to.
#[test]
fn packet_of_a_bridge_has_the_state_of_the_socket_in_its_container() {
    let Some(lab) = Lab::of_root() else { return };
    let Some(mut slice) = Slice::new("tcp") else { return };
    let (host, container, server) = (lab.namespace(), lab.namespace(), lab.namespace());
    lab.link(1, (&host, "port1"), (&container, "eth0"));
    lab.link(2, (&host, "port2"), (&server, "eth0"));
    for number in 1..=2 {
        host.ip(&format!(
            "link add br{number} up type bridge\naddress flush dev port{number}\n\
             link set port{number} master br{number}\naddress add 198.18.{number}.1/24 dev br{number}"
        ));
    }
    container.ip("route add default via 198.18.1.1");
    server.ip("route add default via 198.18.2.1");
    host.set("net/ipv4/ip_forward", 1);
    let mut sleep = container.command("sleep");
    sleep.arg("3600");
    slice.run(&format!("docker-{ID}.scope"), sleep);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let blocks = "sampling = 1 pcap { dev = br1 } docker { markTraffic = on } tcp { }";
    let agent = start(&lab, &host, blocks);
    collector.wait_for("the container", |capture| !samples(capture, &ID[..12]).is_empty());
    let mut connections = Connections::open(&container, &server, (peer_ip_of(2).0, 5001).into(), 1);
    connections.exchange(20_000);
    let states = |capture: &Capture| {
        let both = |sample: &FlowSample<'_>| {
            let entities = record!(sample, ExtendedEntities)?;
            Some((entities.src_ds_index, record!(sample, ExtendedTcpInfo)?.dir))
        };
        capture.flow_samples().iter().filter_map(both).collect::<Vec<_>>()
    };
    collector.wait_for("their states", |capture| states(capture).len() > 20);
    agent.stop();
    let capture = collector.finish();
    let index = samples(&capture, &ID[..12])[0].source_id.index;
    // The server is behind a bridge too, and no container.
    let expected = [(index, SENT), (0, RECEIVED)];
    let states = states(&capture);
    assert!(states.iter().all(|state| expected.contains(state)), "{states:?}");
    assert!(expected.iter().all(|state| states.contains(state)), "{states:?}");
}
