//! A small HTTP service that reports its requests to the sFlow agent of the host.
//!
//! ```text
//! cargo run -p flowmote-app --example service -- 127.0.0.1:8080
//! curl http://127.0.0.1:8080/hello
//! ```
//!
//! With `json { }` and `sampling.app.service = 1` in the configuration of the agent, each request is
//! an application sample at the collector.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flowmote_app::{Application, Counters, Operation, Status, Workers};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    println!("http://{address}/");
    let app = Application::new("service").service_port(address.port());
    let active = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&active);
    let started = Instant::now();
    app.counters(move || {
        // Also a good moment for metrics.
        app.metrics("service").counter("uptime", started.elapsed().as_secs()).send();
        let active = counted.load(Ordering::Relaxed);
        Counters {
            workers: Some(Workers { active, ..Workers::default() }),
            ..Counters::of_this_process()
        }
    });
    for client in listener.incoming() {
        let (client, active) = (client?, Arc::clone(&active));
        thread::spawn(move || {
            active.fetch_add(1, Ordering::Relaxed);
            // A client that goes away ends its operation as a timeout.
            let _ = serve(&client, app);
            active.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}

/// Serves one request, of any length up to the empty line.
fn serve(mut client: &TcpStream, app: Application) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut lines = BufReader::new(client).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut operation = app.operation(request.split(' ').next().unwrap_or_default());
    operation.unless_finished(Status::Timeout).tcp(client.local_addr()?, client.peer_addr()?);
    let mut bytes = request.len() + 2;
    for line in lines {
        let line = line?;
        bytes += line.len() + 2;
        if line.is_empty() {
            break;
        }
    }
    operation.request_bytes(bytes as u64);
    let (code, body) = respond(&request, &mut operation);
    let head = format!("HTTP/1.1 {code}\r\nContent-Length: {}\r\n\r\n", body.len());
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())?;
    operation.response_bytes((head.len() + body.len()) as u64);
    operation.finish(Status::from_http(code));
    Ok(())
}

fn respond(request: &str, operation: &mut Operation) -> (u16, String) {
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    operation.attributes(format_args!("path={path}"));
    match (method, path.strip_prefix('/')) {
        ("GET", Some("hello")) => (200, "Hello\n".to_owned()),
        ("GET", Some(_)) => (404, "There is only /hello\n".to_owned()),
        ("GET", None) | ("", _) => (400, String::new()),
        _ => (405, String::new()),
    }
}
