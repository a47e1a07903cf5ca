//! The commands of the documentation, run as they are written.

use crate::{start, wait_for_statistics};

/// The commands of a page that send to the agent, each with its interpreter.
fn examples(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    blocks.filter(|block| block.contains("36343")).filter_map(|block| {
        let (language, script) = block.split_once('\n')?;
        match language {
            "python" => Some(("python3", script)),
            _ => script.contains("/dev/udp/").then_some(("bash", script)),
        }
    })
}

#[test]
fn examples_of_the_documentation_are_understood() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let pages = [
        include_str!("../../../docs/applications.md"),
        include_str!("../../../docs/application-library.md"),
    ];
    // The statistics have the line before the first message, so that a rate can begin at 0.
    wait_for_statistics(&agent, "applications: 0 JSON objects, 0 operations, 0 samples");
    let mut count = 0;
    for (interpreter, script) in pages.into_iter().flat_map(examples) {
        let status = host.command(interpreter).args(["-c", script]).status().expect(interpreter);
        assert!(status.success(), "{interpreter}: {script}");
        count += 1;
    }
    assert_eq!(count, 3);
    let statistics = wait_for_statistics(&agent, &format!("{count} JSON objects, 2 operations"));
    assert!(statistics.contains("1 samples of user metrics"), "{statistics}");
    assert!(!statistics.contains("JSON objects with a syntax error"), "{statistics}");
    assert!(!statistics.contains("of an unknown kind"), "{statistics}");
    agent.stop();
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().len(), 2);
}
