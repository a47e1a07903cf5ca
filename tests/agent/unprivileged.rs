//! In a user namespace bpf(2) is refused: the classic BPF filter samples, and its limits are reported.

use flowmote_lab::net::{
    Agent, Collector, Lab, LinkCounters, flood, flowmote, ip_of, peer_ip_of, sampled_header,
    transfer,
};

#[test]
fn classic_filter_samples_and_reports_its_limits() {
    let Some(lab) = Lab::unprivileged() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let options = "-i lan0 -n 10 -o 127.0.0.1:6343";
    let mut check = host.command(flowmote());
    let checked = check.arg("check").args(options.split(' ')).output().expect("flowmote check");
    assert!(checked.status.success(), "{checked:?}");
    let report = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(report.contains("classic BPF filter"), "{report}");
    let warning = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(warning.contains("lan0") && warning.contains("sample_pool"), "{warning}");

    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, &format!("{options} -p 1"));
    flood(&peer, (ip_of(1).0, 9).into(), 50_000, 100);
    let packets = LinkCounters::of(&host, "lan0").packets();
    let index = host.if_index("lan0");
    // Probability 1/10: 50,000 packets give 5,000 samples; 400 is six standard deviations.
    collector.wait_for("samples", |capture| capture.flow_samples_of(index).len() >= 4600);
    let log = agent.stop();
    assert!(log.contains("classic BPF filter") && log.contains("sample_pool"), "{log}");
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples_of(index);
    let estimate = samples.len() as f64 * 10.0;
    let error = (estimate / packets as f64 - 1.0).abs();
    assert!(error <= 4.0 / (samples.len() as f64).sqrt(), "{estimate} for {packets}");
    assert!(samples.iter().all(|sample| sample.sampling_rate == 10));
}

#[test]
fn classic_filter_is_exact_at_1_in_1() {
    let Some(lab) = Lab::unprivileged() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    let wire = transfer(&host, &peer, (peer_ip_of(1).0, 5001).into(), 1_000_000);
    let index = host.if_index("lan0");
    collector.wait_for("all segments", |capture| {
        capture.flow_samples_of(index).last().is_some_and(|last| {
            capture.flow_samples_of(index).len() as u64 + u64::from(last.drops) >= wire.segments()
        })
    });
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples_of(index);
    let last = samples.last().expect("samples");
    assert_eq!(samples.len() as u64 + u64::from(last.drops), wire.segments());
    assert!(samples.iter().all(|sample| sampled_header(sample).frame_length <= 1518));
}
