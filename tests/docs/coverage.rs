//! The columns of docs/coverage.md are the structures that core encodes, that the Linux agent sends
//! and that the analyzer decodes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use flowmote::links::Links;
use flowmote::modules::host::HostCounters;
use flowmote::modules::interfaces::InterfaceReading;
use flowmote::modules::taps::capture::{Origin, Packet, PacketKind, VlanTag};
use flowmote::modules::taps::sample::with_flow_sample;
use flowmote::modules::workloads::WorkloadReading;
use flowmote::output::waiting::Notes;
use flowmote_core::record::{counter as c, flow as f};
use flowmote_core::{
    CounterRecord, CounterSample, DataSource, DatagramBuilder, DatagramHead, DiscardedPacket,
    DropReason, Encoding, FlowRecord, FlowSample, Instant, Interface, RtFlow, RtMetric, SampleMeta,
    for_each_counter_record, for_each_flow_record,
};
use flowmote_decoder::record::{Records, Space};
use flowmote_decoder::{Counter, DataFormat, Datagram, Flow, Sample};

/// The number of records in a list of core.
macro_rules! count {
    ($($module:ident::$record:ident,)*) => {
        [$(stringify!($record)),*].len()
    };
}

/// `enterprise:format`, as in the table and in the output of the analyzer.
type Number = String;
type Numbers = BTreeSet<Number>;

/// A row of the page.
struct Row {
    name: String,
    core: bool,
    linux: bool,
    analyzer: bool,
}

type Table = BTreeMap<Number, Row>;

#[test]
fn analyzer_column_lists_exactly_the_decoded_structures() {
    for (heading, names) in [
        ("Samples", decoded_samples()),
        ("Flow records", decoded_records::<Flow>()),
        ("Counter records", decoded_records::<Counter>()),
    ] {
        let table = table(heading);
        assert_eq!(
            marked(&table, |row| row.analyzer),
            names.keys().cloned().collect(),
            "{heading}"
        );
        for (number, name) in names {
            assert_eq!(table[&number].name, name, "name of {number}");
        }
    }
}

#[test]
fn vectors_hold_only_listed_structures_and_decode_as_marked() {
    let tables = [table("Samples"), table("Flow records"), table("Counter records")];
    let mut vectors = 0;
    for (file, payload) in flowmote_vectors::synthetic() {
        let Ok(datagram) = Datagram::parse(&payload) else { continue };
        vectors += 1;
        for sample in datagram.samples().flatten() {
            let decodes = !matches!(sample, Sample::Unknown(_));
            expect(&tables[0], &file, sample.data_format(), decodes);
            match sample {
                Sample::Flow(sample) => expect_all(&tables[1], &file, sample.records()),
                Sample::Discarded(sample) => expect_all(&tables[1], &file, sample.records()),
                Sample::Counters(sample) => expect_all(&tables[2], &file, sample.records()),
                _ => {}
            }
        }
    }
    assert!(vectors > 100, "only {vectors} vectors were found");
}

#[test]
fn core_column_lists_exactly_the_encoded_structures() {
    let mut numbers = Numbers::new();
    with_flow_records(&mut |records| {
        assert_eq!(records.len(), for_each_flow_record!(count), "a record of core is missing here");
        for record in records {
            numbers.insert(decoded_alone(Some(*record), None));
        }
    });
    assert_eq!(marked(&table("Flow records"), |row| row.core), numbers);

    let mut numbers = Numbers::new();
    with_counter_records(&mut |records| {
        assert_eq!(
            records.len(),
            for_each_counter_record!(count),
            "a record of core is missing here"
        );
        for record in records {
            numbers.insert(decoded_alone(None, Some(*record)));
        }
    });
    assert_eq!(marked(&table("Counter records"), |row| row.core), numbers);
    assert_eq!(marked(&table("Samples"), |row| row.core), encoded_samples());
}

#[test]
fn linux_column_lists_exactly_the_sent_records() {
    assert_eq!(marked(&table("Flow records"), |row| row.linux), sent_flow_records());
    assert_eq!(marked(&table("Counter records"), |row| row.linux), sent_counter_records());
}

/// Sample kinds are detected by calls in the sources of the agent. Flow and counter
/// samples have two encodings each.
#[test]
fn linux_column_lists_exactly_the_sent_samples() {
    let source = sources(&root().join("platform-linux/src"));
    let calls = [
        (".handle_flow_sample(", ["0:1", "0:3"].as_slice()),
        ("agent.poll(", &["0:2", "0:4"]),
        ("output.discard(", &["0:5"]),
        ("output.rt_metrics(", &["4300:1002"]),
        ("output.rt_flow(", &["4300:1003"]),
    ];
    let called = calls.iter().filter(|(call, _)| source.contains(call));
    let sent: Numbers = called.flat_map(|(_, kinds)| *kinds).map(ToString::to_string).collect();
    assert_eq!(marked(&table("Samples"), |row| row.linux), sent);
}

/// Rows under a heading: `| number | name | yes or no | yes or no | yes or no | remark |`.
fn table(heading: &str) -> Table {
    let page = fs::read_to_string(root().join("docs/coverage.md")).unwrap();
    let section = page.split("\n## ").find(|part| part.starts_with(heading)).expect(heading);
    let mut table = Table::new();
    for line in section.lines().filter(|line| line.starts_with("| ") && line.contains(':')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, name, core, linux, analyzer, ..] = cells[..] else {
            panic!("not a row of the table: {line}");
        };
        let [core, linux, analyzer] = [core, linux, analyzer].map(|word| match word {
            "yes" => true,
            "no" => false,
            other => panic!("{other:?} is neither yes nor no: {line}"),
        });
        let name = name.trim_matches('`').to_owned();
        let known = table.insert(number.to_owned(), Row { name, core, linux, analyzer });
        assert!(known.is_none(), "{number} is listed twice");
    }
    assert!(!table.is_empty(), "no table under {heading}");
    table
}

fn marked(table: &Table, column: fn(&Row) -> bool) -> Numbers {
    table.iter().filter(|(_, row)| column(row)).map(|(number, _)| number.clone()).collect()
}

/// Number and name of each record of a number space that the analyzer decodes.
fn decoded_records<S: Space>() -> BTreeMap<Number, String> {
    formats().filter_map(|format| Some((format.to_string(), S::name(format)?.to_owned()))).collect()
}

fn decoded_samples() -> BTreeMap<Number, String> {
    let known = |format| {
        let payload = datagram_of_one_sample(format);
        let sample = Datagram::parse(&payload).unwrap().samples().next().unwrap();
        Some((DataFormat::to_string(&format), sample.unwrap().name()?.to_owned()))
    };
    // 0:0 is no sample but a fault.
    formats().filter(|format| format.0 != 0).filter_map(known).collect()
}

/// Formats 0 to 4095 of all enterprises known to define sFlow structures.
fn formats() -> impl Iterator<Item = DataFormat> {
    const ENTERPRISES: [u32; 7] = [0, 1991, 4300, 4413, 5703, 8800, 43_874];
    let all = |enterprise| (0..4096).map(move |format| DataFormat::new(enterprise, format));
    ENTERPRISES.into_iter().flat_map(all)
}

/// A sample of this format whose body is zeros, long enough for every fixed part.
fn datagram_of_one_sample(format: DataFormat) -> Vec<u8> {
    let head = [5, 1, 0xc000_0201, 0, 1, 0, 1, format.0, 64];
    let mut payload: Vec<u8> = head.into_iter().flat_map(u32::to_be_bytes).collect();
    payload.resize(payload.len() + 64, 0);
    payload
}

fn expect(table: &Table, file: &str, format: DataFormat, decodes: bool) {
    // The numbers in this vector are unassigned.
    if file == "unknown-everything" && !decodes {
        return;
    }
    let row = table.get(&format.to_string());
    let row = row.unwrap_or_else(|| panic!("{file}: {format} is not in the table"));
    assert_eq!(row.analyzer, decodes, "{file}: {format}");
}

fn expect_all<S: Space>(table: &Table, file: &str, records: Records<'_, S>) {
    for record in records.flatten() {
        expect(table, file, record.data_format(), record.name().is_some());
    }
}

/// Encodes a sample of one record and returns the number under which the analyzer decodes it, to
/// the last byte.
fn decoded_alone(flow: Option<&dyn FlowRecord>, counter: Option<&dyn CounterRecord>) -> Number {
    let mut buffer = [0xa5; 1400];
    let mut builder = DatagramBuilder::new(&mut buffer, head(Encoding::Compact));
    if let Some(record) = flow {
        builder.flow_sample(1, &FlowSample { records: &[record], ..sample() }).unwrap();
    }
    if let Some(record) = counter {
        let sample = CounterSample { records: &[record] };
        builder.counter_sample(DataSource::HOST, 1, &sample).unwrap();
    }
    let datagram = Datagram::parse(builder.finish(1, 0)).unwrap();
    match datagram.samples().next().unwrap().unwrap() {
        Sample::Flow(sample) => number_of_one(sample.records()),
        Sample::Counters(sample) => number_of_one(sample.records()),
        other => panic!("{other:?}"),
    }
}

fn number_of_one<S: Space>(mut records: Records<'_, S>) -> Number {
    let record = records.next().unwrap().unwrap();
    assert!(record.name().is_some(), "{} is unknown to the analyzer", record.data_format());
    assert_eq!(record.check(), Ok(0), "{}", record.data_format());
    record.data_format().to_string()
}

/// All Rust sources under a directory, without their tests.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            text.push_str(source.split("\n#[cfg(test)]\n").next().unwrap());
        }
    }
    text
}

fn encoded_samples() -> Numbers {
    let mut numbers = Numbers::new();
    for encoding in [Encoding::Compact, Encoding::Expanded] {
        let mut buffer = [0xa5; 1400];
        let mut builder = DatagramBuilder::new(&mut buffer, head(encoding));
        let discarded = DiscardedPacket {
            source: DataSource::interface(1),
            input: 1,
            output: 0,
            reason: DropReason::UNKNOWN,
            header: HEADER,
            records: &[],
        };
        builder.flow_sample(1, &sample()).unwrap();
        builder.counter_sample(DataSource::HOST, 1, &CounterSample { records: &[] }).unwrap();
        builder.discarded_packet(1, 0, &discarded).unwrap();
        builder.rt_metric(&RtMetric { datasource: "a", metrics: &[] }).unwrap();
        let flow = RtFlow { datasource: "a", sampling_rate: 1, sample_pool: 0, fields: &[] };
        builder.rt_flow(&flow).unwrap();
        let datagram = Datagram::parse(builder.finish(1, 0)).unwrap();
        numbers.extend(datagram.samples().map(|sample| sample.unwrap().data_format().to_string()));
    }
    numbers
}

/// The numbers of the records that the module for applications makes.
fn of_applications(records: &[(&str, &str)]) -> Numbers {
    let source = include_str!("../../platform-linux/src/modules/json/samples.rs");
    let made = records.iter().filter(|(made, _)| source.contains(made));
    made.map(|(_, number)| (*number).to_owned()).collect()
}

/// Records of a packet with a VLAN tag, which has all possible ones, and of an operation.
fn sent_flow_records() -> Numbers {
    let packet = Packet {
        header: &[0; 64],
        frame_length: 68,
        stripped: 4,
        kind: PacketKind::Host,
        origin: Origin::Unknown,
        vlan: Some(VlanTag { tpid: 0x8100, tci: 7 }),
        timestamp_ns: 1,
        if_index: 7,
        hardware_type: 1,
        meta: SampleMeta::default(),
    };
    let sides = (Interface::Index(1), Interface::Unknown);
    let mut numbers = of_applications(&[
        (" ExtendedSocketIpv4,", "0:2100"),
        (" ExtendedSocketIpv6,", "0:2101"),
        (" AppOperation,", "0:2202"),
        (" AppParentContext,", "0:2203"),
        (" AppInitiator,", "0:2204"),
        (" AppTarget,", "0:2205"),
    ]);
    with_flow_sample(1, &packet, sides, |sample| {
        numbers.extend(sample.header.iter().map(|header| number(header.format())));
        numbers.extend(sample.records.iter().map(|record| number(record.format())));
    });
    numbers.extend(all_notes().records().map(|record| number(record.format())));
    numbers.extend(made_in_sources());
    numbers
}

/// What the host adds to samples.
fn all_notes() -> Notes {
    let tcp = f::ExtendedTcpInfo {
        dir: f::PacketDirection::SENT,
        snd_mss: 0,
        rcv_mss: 0,
        unacked: 0,
        lost: 0,
        retrans: 0,
        pmtu: 0,
        rtt: 0,
        rttvar: 0,
        snd_cwnd: 0,
        reordering: 0,
        min_rtt: 0,
    };
    Notes { tcp: Some(tcp), entities: Some(f::ExtendedEntities::default()) }
}

/// Records of the modules that a test cannot call, by the places that make them.
fn made_in_sources() -> Numbers {
    let source = sources(&root().join("platform-linux/src/modules"));
    let places = [
        ("ExtendedEgressQueue {", "0:1036"),
        ("ExtendedFunction {", "0:1038"),
        ("ExtendedTransit {", "0:1039"),
        ("ExtendedQueue {", "0:1040"),
        ("ExtendedHwTrap {", "0:1041"),
        ("ExtendedLinuxDropReason {", "0:1042"),
    ];
    let made = places.iter().filter(|(place, _)| source.contains(place));
    made.map(|(_, number)| (*number).to_owned()).collect()
}

/// Records of this host, of an interface and of a container with all optional counters.
fn sent_counter_records() -> Numbers {
    let mut numbers = of_applications(&[
        ("HostParent ", "0:2002"),
        ("AppOperations ", "0:2202"),
        ("AppResources ", "0:2203"),
        ("AppWorkers ", "0:2206"),
    ]);
    let mut emit = |records: &[&dyn CounterRecord]| {
        numbers.extend(records.iter().map(|record| number(record.format())));
    };
    let links = Links::open().unwrap();
    HostCounters::new("/", None).unwrap().read(Instant::ZERO, &links).records(&mut emit);
    let interface = InterfaceReading {
        name: "eth0".into(),
        if_counters: c::IfCounters::UNKNOWN,
        ethernet: Some(c::EthernetCounters::UNKNOWN),
        lag_port: Some(c::LagPortStats::UNKNOWN),
    };
    interface.records(&mut emit);
    let container = WorkloadReading {
        name: "web".into(),
        uuid: [0; 16],
        adapters: vec![(1, vec![[2; 6]])],
        parent: c::HostParent::UNKNOWN,
        cpu: c::VirtCpu::UNKNOWN,
        memory: Some(c::VirtMemory::UNKNOWN),
        disk_io: Some(c::VirtDiskIo::UNKNOWN),
        net_io: Some(c::VirtNetIo::UNKNOWN),
    };
    container.records(&mut emit);
    // In the samples of the host while there are containers.
    emit(&[&c::VirtNode::UNKNOWN]);
    // In the samples of an interface with an optical module.
    emit(&[&c::Sfp::UNKNOWN]);
    // In the samples of the host while there are GPUs.
    emit(&[&c::NvidiaGpu::UNKNOWN]);
    numbers
}

fn number(format: flowmote_core::DataFormat) -> Number {
    DataFormat(format.word()).to_string()
}

fn head(encoding: Encoding) -> DatagramHead {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    DatagramHead { address, sub_agent_id: 0, encoding, max_bytes: 1400 }
}

fn sample() -> FlowSample<'static> {
    FlowSample {
        source: DataSource::interface(1),
        meta: SampleMeta::default(),
        input: Interface::Index(1),
        output: Interface::Internal,
        header: None,
        records: &[],
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One of each flow record that core has.
fn with_flow_records(emit: &mut dyn FnMut(&[&dyn FlowRecord])) {
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    let ports = (1, 2);
    let socket4 = f::SocketIpv4 {
        protocol: 6,
        local_ip: v4,
        remote_ip: v4,
        local_port: ports.0,
        remote_port: ports.1,
    };
    let socket6 = f::SocketIpv6 {
        protocol: 6,
        local_ip: v6,
        remote_ip: v6,
        local_port: ports.0,
        remote_port: ports.1,
    };
    let context = f::AppContext { application: "a", operation: "b", attributes: "c" };
    emit(&[
        &HEADER,
        &f::SampledEthernet { length: 64, src_mac: [2; 6], dst_mac: [4; 6], ether_type: 0x0800 },
        &f::SampledIpv4 {
            length: 46,
            protocol: 17,
            src_ip: v4,
            dst_ip: v4,
            src_port: ports.0,
            dst_port: ports.1,
            tcp_flags: 0,
            tos: 0,
        },
        &f::SampledIpv6 {
            length: 46,
            protocol: 17,
            src_ip: v6,
            dst_ip: v6,
            src_port: ports.0,
            dst_port: ports.1,
            tcp_flags: 0,
            priority: 0,
        },
        &f::ExtendedSwitch::default(),
        &f::ExtendedRouter { nexthop: Some(IpAddr::V6(v6)), ..Default::default() },
        &f::ExtendedGateway { communities: &[1], ..Default::default() },
        &f::ExtendedEgressQueue { queue: 1 },
        &f::ExtendedAcl { number: 1, name: "a", direction: f::AclDirection::new(1) },
        &f::ExtendedFunction { symbol: "a" },
        &f::ExtendedTransit { delay: 1 },
        &f::ExtendedQueue { depth: 1 },
        &f::ExtendedHwTrap { group: "a", trap: "b" },
        &f::ExtendedLinuxDropReason { reason: "a" },
        &f::ExtendedTimestamp { nanoseconds: 1 },
        &f::ExtendedSocketIpv4(socket4),
        &f::ExtendedSocketIpv6(socket6),
        &f::ExtendedProxySocketIpv4(socket4),
        &f::ExtendedProxySocketIpv6(socket6),
        &f::AppOperation {
            context,
            status_descr: "",
            req_bytes: 1,
            resp_bytes: 1,
            duration_us: 1,
            status: f::AppStatus::new(0),
        },
        &f::AppParentContext { context },
        &f::AppInitiator { actor: "a" },
        &f::AppTarget { actor: "a" },
        &f::HttpRequest {
            method: f::HttpMethod::new(0),
            protocol: 1001,
            uri: "/",
            host: "a",
            referer: "",
            useragent: "",
            xff: "",
            authuser: "",
            mime_type: "",
            req_bytes: 1,
            resp_bytes: 1,
            duration_us: 1,
            status: 200,
        },
        &f::ExtendedProxyRequest { uri: "/", host: "a" },
        &f::ExtendedTcpInfo {
            dir: f::PacketDirection::new(1),
            snd_mss: 1,
            rcv_mss: 1,
            unacked: 1,
            lost: 1,
            retrans: 1,
            pmtu: 1,
            rtt: 1,
            rttvar: 1,
            snd_cwnd: 1,
            reordering: 1,
            min_rtt: 1,
        },
        &f::ExtendedEntities::default(),
    ]);
}

/// One of each counter record that core has.
fn with_counter_records(emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
    emit(&[
        &c::IfCounters::UNKNOWN,
        &c::EthernetCounters::UNKNOWN,
        &c::VlanCounters::UNKNOWN,
        &c::LagPortStats::UNKNOWN,
        &c::Sfp { lanes: &[c::SfpLane::default()], ..c::Sfp::UNKNOWN },
        &c::PfcCounters::UNKNOWN,
        &c::Processor::UNKNOWN,
        &c::QueueLength::UNKNOWN,
        &c::OfPort::UNKNOWN,
        &c::PortName { name: "eth0" },
        &c::HostDescr { hostname: "a", ..c::HostDescr::UNKNOWN },
        &c::HostAdapters { adapters: &[c::HostAdapter { if_index: 1, mac_address: &[[2; 6]] }] },
        &c::HostParent::UNKNOWN,
        &c::HostCpu::UNKNOWN,
        &c::HostMemory::UNKNOWN,
        &c::HostDiskIo::UNKNOWN,
        &c::HostNetIo::UNKNOWN,
        &c::Mib2IpGroup::UNKNOWN,
        &c::Mib2IcmpGroup::UNKNOWN,
        &c::Mib2TcpGroup::UNKNOWN,
        &c::Mib2UdpGroup::UNKNOWN,
        &c::VirtNode::UNKNOWN,
        &c::VirtCpu::UNKNOWN,
        &c::VirtMemory::UNKNOWN,
        &c::VirtDiskIo::UNKNOWN,
        &c::VirtNetIo::UNKNOWN,
        &c::HttpCounters::UNKNOWN,
        &c::AppOperations { application: "a", ..c::AppOperations::UNKNOWN },
        &c::AppResources::UNKNOWN,
        &c::AppWorkers::UNKNOWN,
        &c::NvidiaGpu::UNKNOWN,
    ]);
}

const HEADER: f::SampledHeader<'static> = f::SampledHeader {
    protocol: f::HeaderProtocol::ETHERNET,
    frame_length: 64,
    stripped: 4,
    header: &[2; 60],
};
