//! The library for applications with the real agent: its example service in a network namespace.

use flowmote_decoder::counter::{AppOperations, AppResources, AppWorkers};
use flowmote_decoder::flow::{AppOperation, ExtendedSocketIpv4};
use flowmote_decoder::{DataSource, FlowSample, Sample};
use flowmote_lab::net::{Agent, Capture, Collector, Lab, Namespace, service};
use flowmote_lab::{Program, record, skip, wait_until};

const CONFIGURATION: &str = "sflow { agent.cidr = 127.0.0.0/8 polling = 0 sampling = 0
    sampling.app.service = 1 polling.app = 1 collector { ip = 127.0.0.1 } json { } }";

/// The service, with the settings that the agent publishes.
fn start_service(host: &Namespace, agent: &Agent) -> Option<Program> {
    let Some(program) = service() else {
        skip("there is no example; cargo build -p flowmote-app --example service");
        return None;
    };
    let settings = agent.runtime_directory().join("hsflowd.auto");
    wait_until("the settings", || settings.exists().then_some(()));
    let mut command = host.command(program);
    command.arg("127.0.0.1:8080").env("FLOWMOTE_AUTO", settings);
    let service = Program::start(command);
    service.wait_for_line(0, "http://127.0.0.1:8080/");
    Some(service)
}

/// The status line of the response to a request without headers.
fn get(host: &Namespace, path: &str) -> String {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET {path} HTTP/1.1\\r\\n\\r\\n' >&3; head -1 <&3"
    );
    let output = host.command("bash").args(["-c", &script]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn operations<'a>(samples: &[FlowSample<'a>]) -> Vec<AppOperation<'a>> {
    samples.iter().map(|sample| record!(sample, AppOperation<'_>)).collect()
}

fn flow_samples(capture: &Capture) -> usize {
    capture.flow_samples().len()
}

#[test]
fn every_request_of_a_service_arrives_at_the_collector() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    let Some(_service) = start_service(&host, &agent) else { return };
    // Until the library has read the settings: 400 is the rate without them.
    let mut before = 0;
    wait_until("a sample", || {
        assert_eq!(get(&host, "/hello"), "HTTP/1.1 200");
        before += 1;
        (flow_samples(&collector.so_far()) > 0).then_some(())
    });
    (0..20).for_each(|_| assert_eq!(get(&host, "/hello"), "HTTP/1.1 200"));
    (0..5).for_each(|_| assert_eq!(get(&host, "/missing"), "HTTP/1.1 404"));
    let found = |capture: &Capture| {
        operations(&capture.flow_samples()).iter().filter(|one| one.status == 8).count()
    };
    collector.wait_for("all samples", |capture| found(capture) == 5);
    let totals = |capture: &Capture| {
        let samples = capture.counters_of(3, 8080);
        let last = samples.last()?;
        let counts = record!(last, AppOperations<'_>);
        Some((counts.success, counts.not_found, record!(last, AppWorkers).workers_active))
    };
    collector.wait_for("all counters", |capture| totals(capture) == Some((before + 20, 5, 0)));
    collector.wait_for("metrics", |capture| {
        capture.samples().iter().any(|sample| {
            matches!(sample, Sample::RtMetric(metric) if metric.datasource.0 == b"service")
        })
    });
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let resources = record!(capture.counters_of(3, 8080)[0], AppResources);
    assert!(resources.mem_used > 100_000 && resources.fd_open >= 4, "{resources:?}");
    check_samples(&capture.flow_samples());
}

fn check_samples(samples: &[FlowSample<'_>]) {
    for (sample, number) in samples.iter().zip(1..) {
        assert_eq!(sample.source_id, DataSource { class: 3, index: 8080 });
        assert_eq!((sample.sampling_rate, sample.sample_pool, sample.drops), (1, number, 0));
        let sockets = record!(sample, ExtendedSocketIpv4);
        assert_eq!((sockets.protocol, sockets.local_port), (6, 8080));
    }
    let operations = operations(samples);
    let (served, missing) = operations.split_at(operations.len() - 5);
    assert!(served.len() >= 21, "{}", served.len());
    let parts = |operation: &AppOperation<'_>| {
        let attributes = String::from_utf8_lossy(operation.context.attributes.0).into_owned();
        (attributes, operation.status, operation.req_bytes)
    };
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\n\r\n").len() as u64;
    for operation in served {
        assert_eq!(operation.context.application.0, b"service");
        assert_eq!(operation.context.operation.0, b"GET");
        assert_eq!(parts(operation), ("path=/hello".into(), 0, request("/hello")));
        let response = "HTTP/1.1 200\r\nContent-Length: 6\r\n\r\nHello\n".len() as u64;
        assert_eq!(operation.resp_bytes, response);
    }
    let expected = ("path=/missing".to_owned(), 8, request("/missing"));
    assert!(missing.iter().all(|operation| parts(operation) == expected));
}

/// An agent that is not there costs the application nothing, and the next one is found
/// without a restart.
#[test]
fn service_continues_without_an_agent_and_reports_to_the_next_one() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    let Some(_service) = start_service(&host, &agent) else { return };
    let sampled_once_more = || {
        let before = flow_samples(&collector.so_far());
        wait_until("a sample", || {
            assert_eq!(get(&host, "/hello"), "HTTP/1.1 200");
            (flow_samples(&collector.so_far()) > before).then_some(())
        });
    };
    sampled_once_more();
    agent.stop();
    (0..10).for_each(|_| assert_eq!(get(&host, "/hello"), "HTTP/1.1 200"));
    let agent = Agent::start_with(&lab, &host, CONFIGURATION);
    sampled_once_more();
    agent.stop();
}
