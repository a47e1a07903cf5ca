//! The identity of applications, and the bound of their number.

use flowmote_lab::net::{Agent, Collector, send};

use crate::{config, operation, port, sources, start, wait_for_statistics};

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
