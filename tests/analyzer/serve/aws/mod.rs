//! The interface of CloudWatch: published clients against the real program, by boto3 of today (JSON) and of
//! 2023 (query), and its replies in all three protocols.

mod alarms;
mod flow_logs;
mod flows;
mod history;
pub(crate) mod host;
mod logs;
mod math;
mod ports;
mod put;
mod requests;
mod signatures;
mod statsd;

use std::path::Path;
use std::process::Command;

use flowmote_lab::skip;
use flowmote_lab::toolchain::target_directory;

use crate::client::Server;
use host::{Host, INSTANCE};

/// Runs a client with the Python of a virtual environment that `tests/setup` makes; false without it.
fn accept(server: &Server, environment: &str, client: &str) -> bool {
    accept_with(server, environment, client, &[])
}

/// The same with further variables.
fn accept_with(
    server: &Server,
    environment: &str,
    client: &str,
    variables: &[(&str, &str)],
) -> bool {
    let python = target_directory("").join(environment).join("bin/python");
    if !python.exists() {
        skip(&format!("{environment} of PyPI is missing; tests/setup installs it"));
        return false;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/clients/aws");
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join(client));
    command.env("FLOWMOTE_URL", format!("http://{}", server.http));
    command.env("FLOWMOTE_INSTANCE", INSTANCE).envs(variables.iter().copied());
    // Settings of whoever runs the tests are none of these clients'.
    command.env("AWS_CONFIG_FILE", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().expect("Python starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{environment} {client}: {}", text(&output.stderr));
    assert!(text(&output.stdout).contains("ok"), "{client}: {}", text(&output.stdout));
    true
}

#[test]
fn commands_of_readme_have_output() {
    let folder = target_directory("").join(CURRENT).join("bin");
    if !folder.join("python3").exists() {
        return skip(&format!("{CURRENT} of PyPI is missing; tests/setup installs it"));
    }
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let readme = include_str!("../../../../README.md");
    let block = readme.split("```").find(|block| block.contains("import boto3"));
    let block = block.expect("commands").replace("i-0123456789abcdef0", INSTANCE);
    let block = block.replace("http://127.0.0.1:8008", &format!("http://{}", server.http));
    let (settings, commands): (Vec<&str>, Vec<&str>) =
        block.trim().lines().partition(|line| line.starts_with("export "));
    assert_eq!((settings.len(), commands.len()), (1, 3), "{block}");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    for command in commands {
        let mut shell = Command::new("sh");
        shell.arg("-ec").arg(format!("{}\n{command}", settings[0])).env("PATH", &path);
        shell.env("AWS_CONFIG_FILE", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        let output = shell.output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!["", "[]", "{}"].contains(&text.trim()), "{command}: {text}");
    }
}

#[test]
fn clients_of_cloudwatch_pass() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    for client in CLIENTS {
        for environment in [CURRENT, OLD] {
            // It sends the bytes of all protocols itself.
            if client == "three_protocols.py" && environment == OLD {
                continue;
            }
            if !accept(&server, environment, client) {
                return;
            }
        }
    }
}

const CLIENTS: [&str; 5] = [
    "cw_list_metrics.py",
    "cw_errors.py",
    "cw_put_then_get.py",
    "cw_math.py",
    "three_protocols.py",
];
const CURRENT: &str = "aws";
const OLD: &str = "aws-old";
