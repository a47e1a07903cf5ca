//! Nanoseconds of an operation: `cargo bench -p flowmote-app`.
//!
//! The best of several rounds, so that other work of the machine does not count. Messages go to a
//! socket of the benchmark, so no agent is needed.

use std::hint::black_box;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use flowmote_app::{Application, Status};

fn main() {
    if std::env::var_os(VARIABLE).is_some() {
        return measure();
    }
    // The library reads the variable once in the life of a process.
    let agent = UdpSocket::bind("127.0.0.1:0").expect("a port on the loopback interface");
    let port = agent.local_addr().expect("a bound socket").port();
    let path = std::env::temp_dir().join(format!("flowmote-bench-{}.auto", std::process::id()));
    publish(&path, port);
    let program = std::env::current_exe().expect("the path of this program");
    let status = Command::new(program).env(VARIABLE, &path).status();
    let _ = std::fs::remove_file(&path);
    assert!(status.is_ok_and(|status| status.success()), "the measurement failed");
}

fn publish(path: &Path, port: u16) {
    let text = format!(
        "rev_start=1\njsonPort={port}\nsampling.app.never=4000000000\nsampling.app.usual=400\n\
         sampling.app.always=1\nrev_end=1\n"
    );
    std::fs::write(path, text).expect("a temporary file");
}

fn measure() {
    for (name, rate, text) in [
        ("never", 4_000_000_000, "not chosen"),
        ("usual", 400, "1 in 400, all together"),
        ("always", 1, "chosen and sent"),
    ] {
        let app = Application::new(name);
        while app.sampling_rate() != rate {
            thread::sleep(Duration::from_millis(10));
        }
        let best = (0..ROUNDS).map(|_| round(app)).min_by(f64::total_cmp);
        println!("{text:<24} {:8.1} ns", best.unwrap_or_default());
        black_box(app.losses());
    }
}

/// Nanoseconds of an operation, with all of its values set.
fn round(app: Application) -> f64 {
    let start = Instant::now();
    for number in 0..OPERATIONS {
        let mut operation = app.operation("checkout");
        operation.attributes(format_args!("items={number}")).request_bytes(100);
        operation.response_bytes(black_box(2000));
        operation.finish(Status::Success);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(OPERATIONS)
}

const VARIABLE: &str = "FLOWMOTE_AUTO";
const ROUNDS: u32 = 10;
const OPERATIONS: u32 = 200_000;
