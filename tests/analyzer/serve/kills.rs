//! The program is killed while samples come in and settings change. All that it acknowledged is there
//! when it starts again.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;

use flowmote_core::Random;
use flowmote_lab::DEADLINE;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::client::Server;
use crate::traffic::Traffic;

/// A setting whose versions are numbers.
struct Setting {
    path: String,
    /// The body of a version.
    body: fn(u32) -> String,
    /// The version in a reply.
    version: fn(&Value) -> Option<u32>,
}

/// The version of a setting that was acknowledged, and the one that was sent last.
#[derive(Clone, Copy, Debug, Default)]
struct Versions {
    acknowledged: u32,
    sent: u32,
}

/// The settings of a writer: no other one changes them.
fn settings(writer: usize) -> Vec<Setting> {
    let flow = |name: &str| Setting {
        path: format!("/flow/{name}{writer}/json"),
        body: |version| format!("{{keys:'ipsource',value:'bytes',n:{version}}}"),
        version: |reply| Some(reply["n"].as_f64()? as u32),
    };
    let threshold = Setting {
        path: format!("/threshold/limit{writer}/json"),
        body: |version| format!("{{metric:'pairs0',value:{version},byFlow:true}}"),
        version: |reply| Some(reply["value"].as_f64()? as u32),
    };
    let group = Setting {
        path: format!("/group/sites{writer}/json"),
        body: |version| format!("{{v{version}:['10.0.0.0/8']}}"),
        version: |reply| reply.as_object()?.keys().next()?.strip_prefix('v')?.parse().ok(),
    };
    vec![flow("pairs"), threshold, group, flow("hosts")]
}

/// Puts new versions until the server is gone. Reports each one that is acknowledged.
fn write(http: SocketAddr, writer: usize, versions: &mut [Versions], acknowledged: &Sender<()>) {
    let settings = settings(writer);
    loop {
        for (setting, versions) in settings.iter().zip(&mut *versions) {
            versions.sent += 1;
            match put(http, &setting.path, &(setting.body)(versions.sent)) {
                Ok(reply) if reply.starts_with("HTTP/1.1 204 ") => {
                    versions.acknowledged = versions.sent;
                    // The test needs no more of them.
                    let _ = acknowledged.send(());
                }
                Ok(reply) if !reply.contains("\r\n\r\n") => return,
                Ok(reply) => panic!("{}: {reply}", setting.path),
                Err(_) => return,
            }
        }
    }
}

fn put(http: SocketAddr, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(http)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let length = body.len();
    let head = "Host: localhost\r\nConnection: close";
    write!(stream, "PUT {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

/// Three writers put settings under load until the program is killed, after a number of them.
fn round(directory: &Path, versions: &mut [Vec<Versions>], puts: u32) {
    let mut server = Server::with_state(directory);
    check(&server, versions);
    let _traffic = Traffic::to(server.sflow);
    let (sender, acknowledged) = mpsc::channel();
    let http = server.http;
    thread::scope(|scope| {
        for (writer, versions) in versions.iter_mut().enumerate() {
            let sender = sender.clone();
            scope.spawn(move || write(http, writer, versions, &sender));
        }
        for _ in 0..puts {
            acknowledged.recv_timeout(DEADLINE).expect("a setting is acknowledged");
        }
        server.program.signal(Signal::SIGKILL);
        server.program.wait();
    });
}

/// Each setting has the version that was acknowledged, or the one that was on its way.
fn check(server: &Server, versions: &mut [Vec<Versions>]) {
    let mut wrong = BTreeMap::new();
    for (writer, versions) in versions.iter_mut().enumerate() {
        for (setting, versions) in settings(writer).iter().zip(versions) {
            let reply = server.get(&setting.path);
            let found =
                if reply.status == 404 { Some(0) } else { (setting.version)(&reply.json()) };
            match found {
                Some(found) if found == versions.acknowledged || found == versions.sent => {
                    *versions = Versions { acknowledged: found, sent: found };
                }
                _ => drop(wrong.insert(setting.path.clone(), (*versions, reply.body))),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn acknowledged_settings_survive_kills_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    let mut versions = vec![vec![Versions::default(); settings(0).len()]; 3];
    for _ in 0..20 {
        round(directory.path(), &mut versions, 1 + random.below(30));
    }
    check(&Server::with_state(directory.path()), &mut versions);
    let all = versions.iter().flatten();
    assert!(all.clone().all(|versions| versions.acknowledged > 0), "{versions:?}");
    assert!(!directory.path().join("settings.json.damaged").exists());
}
