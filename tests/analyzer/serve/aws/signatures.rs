//! Signature Version 4: published clients with keys of a file, and what each mode permits.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;

use super::host::Host;
use super::requests::send;
use super::{CURRENT, OLD, accept_with};
use crate::client::{Server, serve};

/// A file with the key that clients have by default.
fn keys() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("keys");
    write(&file, "AKIDEXAMPLE secret\n");
    (directory, file)
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("its owner");
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path of plain characters")
}

#[test]
fn published_clients_sign() {
    let (_directory, file) = keys();
    let server = Server::start(&["--access-keys", path(&file), "--signatures", "required"]);
    let _host = Host::unlisted(&server);
    for client in ["cw_list_metrics.py", "sigv4_negative.py", "signed.py", "three_protocols.py"] {
        for environment in [CURRENT, OLD] {
            if client == "three_protocols.py" && environment == OLD {
                continue;
            }
            if !accept_with(&server, environment, client, &[("FLOWMOTE_SIGN", "1")]) {
                return;
            }
        }
    }
    let counted = server.get("/metrics").body;
    let refused = counted
        .lines()
        .find_map(|line| line.strip_prefix("flowmote_aws_signatures_refused_total "));
    let refused: u64 = refused.and_then(|count| count.parse().ok()).expect("a counter");
    assert!(refused >= 10, "{refused}");
}

#[test]
fn unsigned_requests_are_refused_if_signatures_are_required() {
    let (_directory, file) = keys();
    let server = Server::start(&["--access-keys", path(&file), "--signatures", "required"]);
    let reply = send(&server, "ListMetrics", &json!({}));
    assert_eq!(
        (reply.status, &reply.json()["__type"]),
        (403, &json!("MissingAuthenticationToken"))
    );
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = "Action=DescribeRegions&Version=2016-11-15";
    let reply = server.send("POST", "/", form, body);
    assert_eq!(reply.status, 403, "{reply:?}");
    assert!(reply.body.contains("<Code>AuthFailure</Code>"), "{reply:?}");
    let logs = "X-Amz-Target: Logs_20140328.DescribeLogGroups\r\n";
    let reply = server.send("POST", "/", logs, "{}");
    assert_eq!(reply.json()["__type"], "MissingAuthenticationTokenException");
    // Other resources have the guard of before.
    assert_eq!(server.get("/version").status, 200);
    // Without --signatures they are optional on a loopback address.
    let server = Server::start(&["--access-keys", path(&file)]);
    assert_eq!(send(&server, "ListMetrics", &json!({})).status, 200);
}

/// Who is unknown does not make the server hold what it sends.
#[test]
fn large_body_is_refused_before_it_is_sent() {
    let (_directory, file) = keys();
    let server = Server::start(&["--access-keys", path(&file), "--signatures", "required"]);
    let reply = |length: &str| {
        let mut stream = TcpStream::connect(server.http).expect("a connection");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\n{length}\r\n\
             X-Amz-Target: GraniteServiceVersion20100801.PutMetricData\r\n\r\n",
            server.http
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a time");
        let mut reply = [0; 12];
        stream.read_exact(&mut reply).map(|()| String::from_utf8_lossy(&reply).into_owned()).ok()
    };
    for length in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        assert_eq!(reply(length).as_deref(), Some("HTTP/1.1 403"), "{length}");
    }
    // The body of a small one is read: it shows the service.
    assert_eq!(reply("Content-Length: 60000"), None);
}

#[test]
fn token_counts_as_a_signature() {
    let (directory, file) = keys();
    let token = directory.path().join("token");
    write(&token, "of the page");
    let server = Server::start(&["--access-keys", path(&file), "--token-file", path(&token)]);
    let target = "X-Amz-Target: GraniteServiceVersion20100801.ListMetrics\r\n";
    let bearer = format!("{target}Authorization: Bearer of the page\r\n");
    assert_eq!(server.send("POST", "/", &bearer, "{}").status, 200);
    let wrong = format!("{target}Authorization: Bearer of a page\r\n");
    assert_eq!(server.send("POST", "/", &wrong, "{}").status, 403);
    assert_eq!(server.send("POST", "/", target, "{}").status, 403);
    accept_with(&server, CURRENT, "sigv4_negative.py", &[]);
}

#[test]
fn keys_are_read_again_on_sighup() {
    let (_directory, file) = keys();
    let server = Server::start(&["--access-keys", path(&file), "--signatures", "required"]);
    write(&file, "AKIDOTHER secret");
    server.program.signal(Signal::SIGHUP);
    server.program.wait_for_line(0, "access keys are read again: 1");
    let key = [("FLOWMOTE_AK", "AKIDOTHER")];
    if !accept_with(&server, CURRENT, "sigv4_negative.py", &key) {
        return;
    }
    // A file with an error leaves the keys as they are.
    write(&file, "AKIDOTHER");
    server.program.signal(Signal::SIGHUP);
    server.program.wait_for_line(0, "the access keys of before stay in use");
    assert!(accept_with(&server, CURRENT, "sigv4_negative.py", &key));
}

#[test]
fn options_that_cannot_work_are_errors_at_the_start() {
    let (_directory, file) = keys();
    let fails = |options: &[&str], text: &str| {
        let output = serve(&["--http", "127.0.0.1:0"]).args(options).output().expect("it ends");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(text), "{options:?}: {error}");
        assert!(!error.contains("hidden"), "{error}");
    };
    fails(&["--signatures", "required"], "--signatures needs --access-keys FILE");
    fails(&["--access-keys", "/nonexistent"], "cannot read the access keys in /nonexistent");
    write(&file, "# none\n");
    fails(&["--access-keys", path(&file)], "contains no access key");
    write(&file, "AKID hidden\nAKID hidden\n");
    fails(&["--access-keys", path(&file)], ":2: the key has a secret already");
}

#[test]
fn keys_that_all_can_read_have_a_warning() {
    let (_directory, file) = keys();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("its owner");
    let server = Server::start(&["--access-keys", path(&file)]);
    server.program.wait_for_line(0, "all users of this host can read");
}
