//! `serve`: receives datagrams, and serves metrics, flows and events over HTTP.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::args::ServeArguments;
use crate::http::{self, Guard};
use crate::hub::Hub;
use crate::receive::{Batch, Receiver, Signals};
use crate::state::State;
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Receives and serves until a signal or the time limit.
pub(crate) fn run(arguments: &ServeArguments) -> Result<()> {
    let guard = guard(arguments)?;
    let signals = Signals::block()?;
    let receiver = Receiver::bind(&arguments.listen, arguments.senders.allow())?;
    let listener = bind(arguments.http)?;
    let state = State::open(arguments.state.as_deref())?;
    receiver.announce()?;
    eprintln_lossy(format_args!("serving http://{}/", listener.local_addr()?));
    let hub = Arc::new(Hub::new(1, arguments.memory.0, state, receiver.drops()?));
    if arguments.presets {
        hub.define_presets()?;
    }
    let served = hub.clone();
    let guard = Guard { counters: hub.http.clone(), ..guard };
    thread::Builder::new().name("serve".to_owned()).spawn(move || {
        if let Err(error) = http::serve(listener, served, guard) {
            eprintln_lossy(format_args!("flowmote-analyzer: HTTP ended: {error}"));
        }
    })?;
    let deadline = arguments.duration.and_then(|time| Instant::now().checked_add(time));
    receive(receiver, &signals, &hub, deadline)?;
    let tally = hub.first(|analyzer| analyzer.tally().to_string());
    eprintln_lossy(format_args!("{}\n{}", tally.unwrap_or_default(), hub.drops));
    Ok(())
}

/// Who may do what. An address that others can reach needs a decision.
fn guard(arguments: &ServeArguments) -> Result<Guard> {
    let token = match &arguments.token_file {
        None => None,
        Some(path) => {
            let named = |error| format!("cannot read the token in {}: {error}", path.display());
            let token = fs::read_to_string(path).map_err(named)?.trim().to_owned();
            if token.is_empty() {
                return Err(format!("{} contains no token", path.display()).into());
            }
            Some(token)
        }
    };
    let protected = token.is_some() || arguments.read_only || arguments.open;
    if !arguments.http.ip().is_loopback() && !protected {
        return Err(format!(
            "{} can be reached from other hosts: choose --token-file FILE, --read-only, or --open, \
             which lets everyone define flows",
            arguments.http
        )
        .into());
    }
    Ok(Guard {
        read_only: arguments.read_only,
        token,
        names: arguments.names.clone(),
        counters: Arc::default(),
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot serve HTTP on {address}: {error}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Adds datagrams to the analyzer, and lets time pass in it.
fn receive(
    mut receiver: Receiver,
    signals: &Signals,
    hub: &Hub,
    deadline: Option<Instant>,
) -> io::Result<()> {
    let (mut batch, mut ticked) = (Batch::new(), Instant::now());
    while deadline.is_none_or(|deadline| Instant::now() < deadline) {
        let wake = signals.wait([Some(receiver.as_fd())], Some(TICK))?;
        if wake.ends != 0 || wake.hangup {
            return Ok(());
        }
        if wake.report
            && let Some(tally) = hub.first(|analyzer| analyzer.tally().line())
        {
            eprintln_lossy(format_args!("{tally}, {}", hub.drops));
        }
        for _ in 0..MAX_BATCHES {
            receiver.receive(&mut batch, usize::MAX)?;
            if batch.is_empty() {
                break;
            }
            hub.ingest(0, &batch);
        }
        if ticked.elapsed() >= TICK {
            hub.tick();
            ticked = Instant::now();
        }
    }
    Ok(())
}

/// Time between two checks of thresholds.
const TICK: Duration = Duration::from_millis(50);
/// Batches between two checks of signals and clock.
const MAX_BATCHES: usize = 16;
