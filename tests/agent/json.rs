//! Operations, counters and metrics of applications (`json { }`), in network namespaces.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use flowmote_decoder::counter::{AppOperations, AppResources, AppWorkers, HostParent};
use flowmote_decoder::flow::{
    AppInitiator, AppOperation, AppParentContext, AppTarget, ExtendedSocketIpv4, ExtendedSocketIpv6,
};
use flowmote_decoder::{DataSource, FlowSample, RtValue, Sample};
use flowmote_lab::net::{Agent, Capture, Collector, Lab, Namespace, send};
use flowmote_lab::wait_until;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// An agent that has applications only.
fn config(settings: &str) -> String {
    format!(
        "sflow {{ agent.cidr = 127.0.0.0/8 polling = 0 collector {{ ip = 127.0.0.1 }}\n{settings} }}"
    )
}

fn port() -> SocketAddr {
    ([127, 0, 0, 1], 36_343).into()
}

fn port6() -> SocketAddr {
    "[::1]:36343".parse().unwrap()
}

/// A namespace, a collector in it, and an agent with these settings.
fn start(settings: &str) -> Option<(Lab, Namespace, Collector, Agent)> {
    let lab = Lab::open()?;
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(settings));
    Some((lab, host, collector, agent))
}

/// Waits until the statistics contain a text, and returns them.
fn wait_for_statistics(agent: &Agent, text: &str) -> String {
    wait_until(text, || {
        let statistics = agent.statistics(1);
        statistics.contains(text).then_some(statistics)
    })
}

fn operation(app: &str, more: &str) -> String {
    format!(r#"{{"flow_sample":{{"app_name":"{app}"{more},"app_operation":{{"status":0}}}}}}"#)
}

fn sources(samples: &[FlowSample<'_>]) -> Vec<(u32, u32)> {
    samples.iter().map(|sample| (sample.source_id.class, sample.source_id.index)).collect()
}

fn logical(index: u32) -> DataSource {
    DataSource { class: 3, index }
}

/// Record of a sample, which must have it.
macro_rules! record {
    ($sample:expr, $record:ty) => {
        $sample.records().flatten().find_map(|record| record.read::<$record>()).unwrap()
    };
}

const FLOW: &str = r#"{"flow_sample":{
    "app_name":"shop","service_port":8080,"client":true,"sampling_rate":4,
    "app_operation":{"operation":"cart.add","attributes":"cc=visa","status_descr":"not here",
        "status":8,"req_bytes":5000000000,"resp_bytes":7,"uS":1234.9},
    "app_parent_context":{"application":"web","operation":"get","attributes":"a=1"},
    "app_initiator":{"actor":"customer-7"},"app_target":{"actor":"order-9"},
    "extended_socket_ipv4":{"protocol":6,"local_ip":"10.0.0.1","remote_ip":"10.0.0.2",
        "local_port":8080,"remote_port":40000},
    "extended_socket_ipv6":{"protocol":17,"local_ip":"fd00::1","remote_ip":"fd00::2",
        "local_port":1,"remote_port":2}}}"#;

#[test]
fn flow_sample_has_every_record_of_the_message() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    send(&host, port(), &[FLOW]);
    send(&host, port6(), &[operation("plain", "")]);
    collector.wait_for("samples", |capture| capture.flow_samples().len() == 2);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples();
    let sample = &samples[0];
    assert_eq!(sample.source_id, logical(8080));
    assert_eq!((sample.sampling_rate, sample.sample_pool, sample.drops), (4, 4, 0));
    // The client is this host.
    assert_eq!((sample.input.value, sample.output.value), (0x3fff_ffff, 0));
    let formats: Vec<_> = sample.records().flatten().map(|record| record.data_format().0).collect();
    assert_eq!(formats, [2202, 2203, 2204, 2205, 2100, 2101]);
    let operation = record!(sample, AppOperation<'_>);
    assert_eq!(operation.context.application.0, b"shop");
    assert_eq!(operation.context.operation.0, b"cart.add");
    assert_eq!(operation.context.attributes.0, b"cc=visa");
    assert_eq!(operation.status_descr.0, b"not here");
    assert_eq!((operation.req_bytes, operation.resp_bytes), (5_000_000_000, 7));
    assert_eq!((operation.duration_us, operation.status), (1234, 8));
    let parent = record!(sample, AppParentContext<'_>);
    assert_eq!(
        (parent.context.application.0, parent.context.operation.0),
        (&b"web"[..], &b"get"[..])
    );
    assert_eq!(record!(sample, AppInitiator<'_>).actor.0, b"customer-7");
    assert_eq!(record!(sample, AppTarget<'_>).actor.0, b"order-9");
    let socket = record!(sample, ExtendedSocketIpv4);
    assert_eq!((socket.protocol, socket.local_port, socket.remote_port), (6, 8080, 40_000));
    assert_eq!(socket.local_ip.to_string(), "10.0.0.1");
    let socket = record!(sample, ExtendedSocketIpv6);
    assert_eq!((socket.protocol, socket.remote_ip.to_string()), (17, "fd00::2".into()));
    // A server, with a stable index.
    let plain = &samples[1];
    assert_eq!((plain.input.value, plain.output.value), (0, 0x3fff_ffff));
    assert!((150_000..200_000).contains(&plain.source_id.index), "{:?}", plain.source_id);
    assert_eq!(plain.records().count(), 1);
}

const COUNTERS: &str = r#"{"counter_sample":{"app_name":"shop","service_port":8080,
    "app_operations":{"success":4294967301,"other":2,"not_found":3},
    "app_resources":{"user_time":1,"mem_used":5000000000,"fd_open":7},
    "app_workers":{"workers_active":3,"req_delayed":4}}}"#;

#[test]
fn counter_sample_is_forwarded_and_what_is_missing_is_unknown() {
    let Some((_lab, host, collector, agent)) = start("json { }") else { return };
    send(&host, port(), &[COUNTERS, r#"{"counter_sample":{"app_name":"bare"}}"#]);
    collector.wait_for("counters", |capture| capture.counters_samples().len() == 2);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.counters_of(3, 8080);
    let sample = &samples[0];
    let parent = record!(sample, HostParent);
    assert_eq!((parent.container_type, parent.container_index), (2, 1));
    let operations = record!(sample, AppOperations<'_>);
    assert_eq!(operations.application.0, b"shop");
    // A counter starts again at 0 behind 2^32 - 1.
    assert_eq!((operations.success, operations.other, operations.not_found), (5, 2, 3));
    assert_eq!((operations.timeout, operations.unauthorized), (u32::MAX, u32::MAX));
    let resources = record!(sample, AppResources);
    assert_eq!((resources.user_time, resources.system_time), (1, u32::MAX));
    assert_eq!((resources.mem_used, resources.mem_max), (5_000_000_000, 0));
    assert_eq!((resources.fd_open, resources.conn_max), (7, 0));
    let workers = record!(sample, AppWorkers);
    assert_eq!((workers.workers_active, workers.workers_max), (3, 0));
    assert_eq!((workers.req_delayed, workers.req_dropped), (4, u32::MAX));
    let bare = capture.counters_samples().into_iter().find(|it| it.source_id != logical(8080));
    let operations = record!(bare.unwrap(), AppOperations<'_>);
    assert_eq!((operations.application.0, operations.success), (&b"bare"[..], 0));
}

/// hsflowd divides by zero with `sampling = 0`, and its own rate is exact for small N only.
#[test]
fn samples_times_their_rate_are_the_operations() {
    let settings = "sampling = 3000 sampling.app.all = 1 sampling.app.none = 0 \
                    sampling.app.half = 5 json { fifo = ";
    let lab = Lab::open();
    let Some(lab) = lab else { return };
    let host = lab.namespace();
    let fifo = make_fifo(&lab);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let text = config(&format!("{settings}{} }}", fifo.display()));
    let agent = Agent::start_with(&lab, &host, &text);
    // A FIFO loses nothing: the writer waits.
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    let mut write = |app: &str, more: &str, count: u32| {
        let line = operation(app, more) + "\n";
        for _ in 0..count {
            writer.write_all(line.as_bytes()).unwrap();
        }
    };
    write("none", "", 100);
    write("all", "", 200);
    // 1 in 2 arrives, 5 / 2 = 2 more: 1 in 4.
    write("half", r#","sampling_rate":2"#, 4000);
    // Fewer arrive than would be sampled.
    write("few", r#","sampling_rate":5000"#, 50);
    write("most", "", 60_000);
    let total = 100 + 200 + 2 * 4000 + 5000 * 50 + 60_000;
    let statistics = wait_for_statistics(&agent, &format!("{total} operations"));
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let of = |app: &str| {
        let is_of = |sample: &FlowSample<'_>| {
            record!(sample, AppOperation<'_>).context.application.0 == app.as_bytes()
        };
        capture.flow_samples().into_iter().filter(is_of).collect::<Vec<_>>()
    };
    let near = |app: &str, rate: u32, pool: u32| {
        let samples = of(app);
        assert!(samples.iter().all(|sample| sample.sampling_rate == rate), "{app}");
        let (count, expected) = (samples.len() as f64, f64::from(pool) / f64::from(rate));
        // The standard deviation of skips on 1..=2N-1 is N / sqrt(3), so that of the number of
        // samples is sqrt(expected / 3); six of them.
        let slack = 6.0 * (expected / 3.0).sqrt();
        assert!((count - expected).abs() <= slack, "{app}: {count} of {expected}: {statistics}");
        let last = samples.last().unwrap().sample_pool;
        assert!(last <= pool && pool - last < 40 * rate, "{app}: pool {last}");
    };
    assert!(of("none").is_empty());
    assert_eq!(of("all").len(), 200);
    assert!(of("all").iter().zip(1..).all(|(sample, pool)| sample.sample_pool == pool));
    near("half", 4, 8000);
    assert_eq!(of("few").len(), 50);
    assert!(of("few").iter().all(|sample| sample.sampling_rate == 5000));
    assert_eq!(of("few")[49].sample_pool, 250_000);
    near("most", 3000, 60_000);
}

fn make_fifo(lab: &Lab) -> PathBuf {
    let path = lab.path().join("fifo");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&path, everybody).unwrap();
    path
}

/// A lone writer that closes costs hsflowd all of a CPU.
#[test]
fn fifo_may_be_closed_split_and_replaced() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let path = lab.path().join("fifo");
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let text = config(&format!("sampling = 1 json {{ fifo = {} }}", path.display()));
    let agent = Agent::start_with(&lab, &host, &text);
    let missing = format!("json: FIFO {}: No such file or directory", path.display());
    agent.program().wait_for_line(0, &missing);
    make_fifo(&lab);
    agent.program().wait_for_line(0, &format!("json: FIFO {}: open", path.display()));
    let write = |text: &str| {
        OpenOptions::new().write(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let count = |expected: usize| {
        let what = format!("{expected} samples");
        collector.wait_for(&what, |capture| capture.flow_samples().len() == expected);
    };
    let message = operation("a", "");
    let (head, tail) = message.split_at(40);
    write(head);
    write(&format!("{tail}{message}\n{message}"));
    count(3);
    // The rest of a broken line, and one that is too long, are lost; the next is not.
    write(&format!("{{\"flow_sample\":\"\n{message}\n"));
    count(4);
    write(&"x".repeat(30_000));
    write(&format!("\n{message}\n"));
    count(5);
    let statistics = agent.statistics(1);
    assert!(statistics.contains("1 JSON inputs of more than 10,000 bytes"), "{statistics}");
    assert!(statistics.contains("1 JSON objects with a syntax error"), "{statistics}");
    let mark = agent.program().mark();
    std::fs::remove_file(&path).unwrap();
    agent.program().wait_for_line(mark, ": closed");
    make_fifo(&lab);
    agent.program().wait_for_line(mark, ": open");
    write(&message);
    count(6);
    agent.stop();
    collector.finish().check();
}

/// The datagrams that corrupt hsflowd's memory, and other mistakes.
#[test]
fn hostile_datagrams_cost_a_counter() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let long = "p".repeat(9000);
    let deep = format!("{}{}", "[".repeat(4500), "]".repeat(4500));
    let context = format!(
        r#"{{"flow_sample":{{"app_name":"{long}","app_operation":{{"operation":"{}"}}}}}}"#,
        "o".repeat(500)
    );
    let parent = format!(
        r#"{{"flow_sample":{{"app_name":"long","app_operation":{{}},"app_parent_context":
           {{"application":"{long}"}}}}}}"#
    );
    let nested = format!(r#"{{"flow_sample":{{"app_name":{deep},"app_operation":{{}}}}}}"#);
    let ignored =
        format!(r#"{{"flow_sample":{{"app_name":"deep","other":{deep},"app_operation":{{}}}}}}"#);
    let too_large = format!("{{{}}}", " ".repeat(10_000));
    let datagrams: [&[u8]; 22] = [
        b"",
        b"   \n\0",
        // Syntax.
        b"{",
        b"flow_sample",
        br#"{"flow_sample":{"app_name":"x\n"#,
        b"{\"flow_sample\":{\"app_name\":\"\xff\",\"app_operation\":{}}}",
        br#"{"flow_sample":{"app_name":"\u0000\ud800","app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","sampling_rate":1e400,"app_operation":{}}}"#,
        // Types.
        deep.as_bytes(),
        nested.as_bytes(),
        br#"{"flow_sample":[1,2]}"#,
        br#"{"flow_sample":{"app_name":7,"app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","sampling_rate":-1,"app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","app_name":"b","app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","app_operation":["get"]}}"#,
        // Missing, unknown, out of range.
        br#"{"flow_sample":{"app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a"}}"#,
        br#"{"flow_samples":{}}"#,
        br#"{"flow_sample":{"app_name":"a","service_port":65536,"app_operation":{}}}"#,
        too_large.as_bytes(),
        // These are samples, with their texts cut.
        context.as_bytes(),
        parent.as_bytes(),
    ];
    send(&host, port(), &datagrams);
    send(&host, port(), &[ignored.as_bytes(), FLOW.as_bytes()]);
    collector.wait_for("the last", |capture| sources(&capture.flow_samples()).contains(&(3, 8080)));
    let statistics = agent.statistics(1);
    for expected in [
        "6 JSON objects with a syntax error",
        "7 values of the wrong type in JSON messages",
        "2 JSON messages without a key that they need",
        "1 JSON messages of an unknown kind",
        "1 ports and addresses in JSON messages that are none",
        "1 JSON inputs of more than 10,000 bytes",
    ] {
        assert!(statistics.contains(expected), "{expected}: {statistics}");
    }
    let log = agent.stop();
    for line in [
        "json: at byte 1, after \"{\": EOF while parsing an object at line 1 column 1",
        "json: at byte 0, after \"\": invalid type: sequence, expected an object in braces",
        "json: flow_sample without \"app_name\"",
        "json: \"flow_samples\" is none of flow_sample, counter_sample, rtmetric, rtflow",
        "json: \"service_port\" = 65536 is out of range 1..=65535",
        "json: more than 10000 bytes without an end",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples();
    let operation = record!(samples[0], AppOperation<'_>);
    assert_eq!(operation.context.application.0, &long.as_bytes()[..32]);
    assert_eq!(operation.context.operation.0, "o".repeat(32).as_bytes());
    let parent = record!(samples[1], AppParentContext<'_>);
    assert_eq!(parent.context.application.0, &long.as_bytes()[..32]);
    assert_eq!(record!(samples[2], AppOperation<'_>).context.application.0, b"deep");
}

#[test]
fn objects_of_a_datagram_are_independent() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let good = operation("a", "");
    let datagrams = [
        format!("{good}{good}\n {good}\0"),
        format!("{{\"flow_sample\":7}}{good}"),
        format!("{{\"flow_sample\":{{\"app_name\":\"x}}\n{good}"),
        format!("rubbish {good}"),
    ];
    send(&host, port(), &datagrams);
    collector.wait_for("samples", |capture| capture.flow_samples().len() == 6);
    let statistics = agent.statistics(1);
    assert!(statistics.contains("2 JSON objects with a syntax error"), "{statistics}");
    assert!(statistics.contains("1 values of the wrong type in JSON messages"), "{statistics}");
    agent.stop();
    collector.finish().check();
}

#[test]
fn applications_keep_their_identity_and_are_bounded() {
    let Some((lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let apps: Vec<String> = (0..300).map(|number| operation(&format!("app{number}"), "")).collect();
    for apps in apps.chunks(50) {
        send(&host, port(), apps);
    }
    wait_for_statistics(&agent, "44 JSON messages of applications beyond the bound");
    agent.stop();
    let first = collector.finish();
    first.check();
    let first = sources(&first.flow_samples());
    assert_eq!(first.len(), 256);
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 256);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("sampling = 1 json { }"));
    send(&host, port(), &apps[..3]);
    collector.wait_for("samples", |capture| capture.flow_samples().len() == 3);
    agent.stop();
    assert_eq!(sources(&collector.finish().flow_samples()), first[..3], "after a restart");
}

/// Two applications never share a data source, whose pool would then be that of neither.
#[test]
fn lowest_port_is_the_index_unless_it_is_taken() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let messages = ["a,9000", "a,80", "a,8080", "b,80", "b,81", "c,0"].map(|text| {
        let (app, port) = text.split_once(',').unwrap();
        operation(app, &format!(r#","service_port":{port}"#))
    });
    send(&host, port(), &messages);
    collector.wait_for("samples", |capture| capture.flow_samples().len() == 6);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let indexes: Vec<_> = sources(&capture.flow_samples()).into_iter().map(|it| it.1).collect();
    assert_eq!(indexes[..3], [9000, 80, 80]);
    assert!(indexes[3] >= 150_000, "80 belongs to a");
    assert_eq!(indexes[4], 81);
    assert!(indexes[5] >= 150_000);
}

/// hsflowd polls descriptor 0 then, with all of a CPU, or aborts.
#[test]
fn port_in_use_and_missing_ipv6_are_reported() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    host.set("net/ipv6/conf/lo/disable_ipv6", 1);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let first = Agent::start_with(&lab, &host, &config("sampling = 1 json { }"));
    let log = first.program();
    log.wait_for_line(0, "json: [::1]:36343: this host does not have the address");
    let second = Agent::start_with(&lab, &host, &config("sampling = 1 json { }"));
    let waits = "json: 127.0.0.1:36343: another process receives there; retrying every 5 s";
    second.program().wait_for_line(0, waits);
    first.stop();
    second.program().wait_for_line(0, "json: receiving on 127.0.0.1:36343");
    send(&host, port(), &[operation("a", "")]);
    collector.wait_for("a sample", |capture| capture.flow_samples().len() == 1);
    host.set("net/ipv6/conf/lo/disable_ipv6", 0);
    host.ip("address replace ::1/128 dev lo");
    second.program().wait_for_line(0, "json: receiving on [::1]:36343");
    second.stop();
}

#[test]
fn reload_changes_port_and_rate() {
    let Some((lab, host, collector, mut agent)) = start("sampling = 1 json { }") else { return };
    send(&host, port(), &[operation("a", "")]);
    collector.wait_for("a sample", |capture| capture.flow_samples().len() == 1);
    lab.file("flowmote.conf", &config("sampling.app.a = 0 json { udpport = 5000 }"));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    send(&host, ([127, 0, 0, 1], 5000).into(), &[operation("a", "")]);
    wait_for_statistics(&agent, "2 JSON objects, 2 operations, 1 samples");
    lab.file("flowmote.conf", &config(""));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    let log = agent.stop();
    assert!(log.contains("json: no longer receiving on port 36343"), "{log}");
    assert!(log.contains("json: no longer receiving on port 5000"), "{log}");
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().len(), 1);
}

#[test]
fn check_describes_the_inputs_and_their_problems() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let fifo = lab.path().join("fifo");
    let text = config(&format!("json {{ udpport = 36343 fifo = {} }}", fifo.display()));
    let path = lab.file("flowmote.conf", &text);
    let check = || {
        let mut command = host.command(flowmote_lab::net::flowmote());
        let output = command.args(["check", "--config"]).arg(&path).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (passes, text) = check();
    assert!(
        !passes && text.contains("json            UDP port 36343 of 127.0.0.1 and ::1"),
        "{text}"
    );
    let problem = format!("json: FIFO {}: No such file or directory", fifo.display());
    assert!(text.contains(&problem), "{text}");
    std::fs::write(&fifo, "").unwrap();
    assert!(check().1.contains("not a FIFO"));
    std::fs::remove_file(&fifo).unwrap();
    make_fifo(&lab);
    let (passes, text) = check();
    assert!(passes && text.contains(&format!("json            FIFO {}", fifo.display())), "{text}");
    let agent = Agent::start(&lab, &host, &format!("--config {}", path.display()));
    let (passes, text) = check();
    assert!(passes && text.contains("warning: json: 127.0.0.1:36343: another process"), "{text}");
    agent.stop();
}

/// The values of all `rtmetric` samples of a data source, in order, and the number of samples.
fn metrics(capture: &Capture, datasource: &str) -> (usize, Vec<String>) {
    let is_metric = |sample| match sample {
        Sample::RtMetric(metric) if metric.datasource.0 == datasource.as_bytes() => Some(metric),
        _ => None,
    };
    let samples: Vec<_> = capture.samples().into_iter().filter_map(is_metric).collect();
    let values =
        samples.iter().flat_map(|sample| sample.values()).map(|value| shown(value.unwrap()));
    (samples.len(), values.collect())
}

fn shown(value: RtValue<'_>) -> String {
    format!("{} {} {:?}", value.name, value.type_code, value.value)
}

#[test]
fn metrics_and_flows_of_users_are_sent_without_the_wrong_ones() {
    let Some((_lab, host, collector, agent)) = start("json { }") else { return };
    let metric = r#"{"rtmetric":{"ups":{"type":"gauge32","value":1},"datasource":"power",
        "name":{"type":"string","value":"x"},"text":{"type":"string","value":7},
        "volt":{"type":"gaugeFloat","value":230.5},"bad name":{"type":"gauge32","value":1}}}"#;
    let flow = r#"{"rtflow":{"datasource":"web","sampling_rate":10,
        "mac":{"type":"mac","value":"020304050607"},"who":{"type":"ip","value":"10.0.0.1"},
        "broken":{"type":"mac","value":1},"size":{"type":"int64","value":-5}}}"#;
    // hsflowd writes over the end of its buffer.
    let gauges = |count: usize| {
        let gauge = |number| format!(r#","g{number:03}":{{"type":"gauge32","value":{number}}}"#);
        (0..count).map(gauge).collect::<String>()
    };
    let many = format!(r#"{{"rtmetric":{{"datasource":"many"{}}}}}"#, gauges(250));
    let large = gauges(200).replace("gauge32", "int32");
    let large = format!(r#"{{"rtflow":{{"datasource":"large"{large}}}}}"#);
    let unnamed = r#"{"rtmetric":{"a":{"type":"gauge32","value":1}}}"#;
    let digit = r#"{"rtflow":{"datasource":"1","a":{"type":"int32","value":1}}}"#;
    send(&host, port(), &[metric, flow, &many, &large, unnamed, digit]);
    send(&host, port(), &[COUNTERS]);
    collector.wait_for("the last", |capture| !capture.counters_samples().is_empty());
    let statistics = agent.statistics(1);
    let log = agent.stop();
    let capture = collector.finish();
    capture.check();
    let power = ["ups 3 U32(1)", "name 0 Text(Text([120]))", "volt 5 F32(230.5)"];
    assert_eq!(metrics(&capture, "power"), (1, power.map(str::to_owned).to_vec()));
    let (samples, values) = metrics(&capture, "many");
    assert_eq!((samples, values.len()), (4, 250));
    assert!(values.iter().zip(0..).all(|(value, n)| *value == format!("g{n:03} 3 U32({n})")));
    let flows = capture.samples().into_iter();
    let flows: Vec<_> = flows
        .filter_map(|sample| if let Sample::RtFlow(flow) = sample { Some(flow) } else { None })
        .collect();
    assert_eq!(flows.len(), 1, "the large one is refused");
    assert_eq!((flows[0].datasource.0, flows[0].sampling_rate), (&b"web"[..], 10));
    let values: Vec<_> = flows[0].values().map(|value| value.unwrap().name.to_string()).collect();
    assert_eq!(values, ["mac", "who", "size"]);
    for expected in [
        "2 values of the wrong type in JSON messages",
        "2 names in JSON messages that collectors do not accept",
        "1 JSON messages without a key that they need",
        "1 JSON flows that need more than a datagram",
    ] {
        assert!(statistics.contains(expected), "{expected}: {statistics}");
    }
    for line in [
        "json: rtmetric: \"text\" needs a text in quotes",
        "json: rtmetric: \"bad name\" needs a name of up to 64 letters, digits, - and _",
        "json: rtflow \"large\" needs more than a datagram",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

/// Number before a text in the statistics; 0 if it is not there.
fn number(statistics: &str, what: &str) -> u64 {
    let before = statistics.split_once(what).map(|(before, _)| before.trim_end());
    let digits = before.and_then(|before| before.rsplit(' ').next());
    digits.map_or(0, |digits| digits.parse().expect("a number"))
}

#[test]
fn datagrams_that_do_not_fit_the_queue_are_counted() {
    let Some((_lab, host, collector, agent)) = start("sampling = 400 json { }") else { return };
    let messages = vec![operation("a", ""); 5000];
    // While the agent stands still, its receive queue overflows.
    agent.program().signal(Signal::SIGSTOP);
    send(&host, port(), &messages);
    agent.program().signal(Signal::SIGCONT);
    let lost = wait_until("all messages", || {
        let statistics = agent.statistics(1);
        let lost = number(&statistics, "JSON datagrams lost on the receive queue");
        (number(&statistics, "JSON objects,") + lost == 5000).then_some(lost)
    });
    assert!(lost > 0);
    // The sockets are watched again after a pause without a datagram.
    for _ in 0..3 {
        send(&host, port(), &messages[..50]);
        send(&host, port6(), &messages[..50]);
    }
    let total = format!("{} JSON objects", 5300 - lost);
    wait_for_statistics(&agent, &total);
    send(&host, port(), &messages[..1]);
    wait_for_statistics(&agent, &format!("{} JSON objects", 5301 - lost));
    let log = agent.stop();
    let line = format!("json: UDP port 36343: {lost} datagrams lost, the receive queue was full");
    assert!(log.contains(&line), "{line}: {log}");
    collector.finish().check();
}

/// Of the sockets it is more than one turn of the event loop reads.
#[test]
fn what_waits_at_the_end_is_read() {
    let Some(lab) = Lab::open() else { return };
    let fifo = make_fifo(&lab);
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let text = format!("sampling = 1 json {{ udpport = 36343 fifo = {} }}", fifo.display());
    let agent = Agent::start_with(&lab, &host, &config(&text));
    agent.program().wait_for_line(0, "json: receiving on [::1]:36343");
    let messages = vec![operation("a", ""); 400];
    agent.program().signal(Signal::SIGSTOP);
    send(&host, port(), &messages);
    send(&host, port6(), &messages);
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(messages.concat().as_bytes()).unwrap();
    agent.program().signal(Signal::SIGTERM);
    agent.stop_with(Signal::SIGCONT);
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().len(), 3 * messages.len());
}
