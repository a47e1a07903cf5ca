//! Databases of series as their packages install them: Prometheus and VictoriaMetrics.

use core::net::{Ipv4Addr, SocketAddr};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use flowmote_lab::{DEADLINE, Program, skip, wait_until};
use serde_json::Value;

use crate::client::reply;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Prometheus,
    VictoriaMetrics,
}

/// A running database.
pub(crate) struct Database {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::VictoriaMetrics => "victoria-metrics",
        }
    }

    /// False, with a message, without its package.
    pub(crate) fn is_installed(self) -> bool {
        let mut command = Command::new(self.program());
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        let found = command.status().is_ok();
        if !found {
            skip(&format!("{} is missing", self.program()));
        }
        found
    }

    /// The command that receives on `address` and stores in `directory`.
    pub(crate) fn command(self, address: SocketAddr, directory: &Path) -> Command {
        let mut command = Command::new(self.program());
        let data = directory.join(self.program());
        match self {
            Self::Prometheus => {
                let config = directory.join("prometheus.yml");
                std::fs::write(&config, "").expect("a file");
                command.arg(format!("--config.file={}", config.display()));
                command.arg(format!("--storage.tsdb.path={}", data.display()));
                command.arg(format!("--web.listen-address={address}"));
                command.arg("--web.enable-remote-write-receiver");
            }
            Self::VictoriaMetrics => {
                command.arg(format!("-storageDataPath={}", data.display()));
                command.arg(format!("-httpListenAddr={address}"));
                command.arg("-search.latencyOffset=1ms");
            }
        }
        command
    }
}

impl Database {
    pub(crate) fn start(kind: Kind, address: SocketAddr, directory: &Path) -> Self {
        let database = Self { program: Program::start(kind.command(address, directory)), address };
        wait_until("the database", || database.value("vector(1)"));
        database
    }

    /// Where it receives remote write.
    pub(crate) fn url(address: SocketAddr) -> String {
        format!("http://{address}/api/v1/write")
    }

    /// The result of an expression; empty until the database runs.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let Ok(mut stream) = TcpStream::connect(self.address) else { return Vec::new() };
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        let path = format!("/api/v1/query?query={encoded}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let reply = reply(&mut stream);
        if reply.status == 503 {
            return Vec::new();
        }
        assert_eq!(reply.status, 200, "{expression}: {reply:?}");
        reply.json()["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The value of an expression with one series.
    pub(crate) fn value(&self, expression: &str) -> Option<f64> {
        match self.query(expression).as_slice() {
            [series] => series["value"][1].as_str()?.parse().ok(),
            [] => None,
            several => panic!("{expression}: {several:?}"),
        }
    }

    /// Waits until an expression has this value.
    pub(crate) fn wait_for(&self, expression: &str, value: f64) {
        let mut last = None;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(expression, || {
                last = self.value(expression);
                (last == Some(value)).then_some(())
            });
        }));
        assert!(found.is_ok(), "{expression} is {last:?} and not {value}");
    }
}

pub(crate) fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP socket");
    listener.local_addr().expect("its address")
}
