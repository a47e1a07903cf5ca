//! Flow samples and counter samples of applications, and their rates.

use std::fs::OpenOptions;
use std::io::Write;

use flowmote_decoder::FlowSample;
use flowmote_decoder::counter::{AppOperations, AppResources, AppWorkers, HostParent};
use flowmote_decoder::flow::{
    AppInitiator, AppOperation, AppParentContext, AppTarget, ExtendedSocketIpv4, ExtendedSocketIpv6,
};
use flowmote_lab::net::{Agent, Collector, Lab, send};
use flowmote_lab::record;

use crate::{
    COUNTERS, FLOW, config, logical, make_fifo, operation, port, port6, start, wait_for_statistics,
};

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
