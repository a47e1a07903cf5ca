//! The native interface against its own description, by schemathesis.

use std::fs;
use std::process::Command;

use flowmote_lab::toolchain::target_directory;
use flowmote_lab::{skip, wait_until};

use crate::client::Server;
use crate::traffic::{AGENT, Traffic};

#[test]
fn replies_are_those_of_the_openapi_document() {
    let program = target_directory("").join("schemathesis/bin/st");
    if !program.is_file() {
        skip("schemathesis is missing; tests/setup installs it");
        return;
    }
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    server.put("/flow/pairs/json", "{keys:'ipsource,ipdestination',value:'bytes',values:'frames'}");
    wait_until("a flow", || server.json("/api/v1/flows/pairs").get(0).map(drop));
    let directory = tempfile::tempdir().unwrap();
    let names = format!("{PARAMETERS}\"path.agent\" = {AGENT:?}\n");
    let config = directory.path().join("schemathesis.toml");
    fs::write(&config, names).unwrap();
    let mut schemathesis = Command::new(program);
    schemathesis.current_dir(directory.path()).arg("--config-file").arg(config);
    schemathesis.args(["run", &format!("http://{}/api/v1/openapi.json", server.http)]);
    schemathesis.args(["--checks", "all", "--phases", "coverage,fuzzing"]);
    schemathesis.args(["--max-examples", "20", "--seed", "1", "--no-color"]);
    let output = schemathesis.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    // It read the schemas, and found the flow.
    for warning in ["Unresolvable references", "Missing test data"] {
        assert!(!report.contains(warning), "{report}");
    }
}

/// Values of parameters whose form the document cannot describe.
const PARAMETERS: &str = r#"[parameters]
"path.name" = "pairs"
"query.keys" = "src,dst"
"query.value" = "bytes"
"query.values" = "frames,avg:bytes"
"query.filter" = "dport=443"
"query.fs" = ","
"query.region" = "us-east-1"
"query.from" = "-5m"
"query.to" = "now"
"query.step" = "10s"
"#;
