//! `serve`: receives datagrams, and serves metrics, flows and events over HTTP.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{self, IsTerminal};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::args::ServeArguments;
use crate::aws::{self, Keys, Mode, Signatures, statsd};
use crate::cost::Prices;
use crate::databases;
use crate::export::Exports;
use crate::flow_logs;
use crate::history::History;
use crate::http::{self, Guard};
use crate::hub::Hub;
use crate::receive::{Allow, Batch, Drops, Endpoint, Pause, Receiver, Signals, Socket};
use crate::relay::Relay;
use crate::resolver::Resolver;
use crate::state::State;
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Receives and serves until a signal or the time limit.
pub(crate) fn run(arguments: &ServeArguments) -> Result<()> {
    let guard = guard(arguments)?;
    let signatures = signatures(arguments)?;
    let databases = databases::open(&arguments.databases)?;
    let prices = arguments.prices.as_deref().map(Prices::open).transpose()?;
    let signals = Signals::block()?;
    let allow = arguments.senders.allow();
    let sockets = Socket::group(&arguments.listen, &allow, arguments.threads)?;
    let statsd =
        arguments.statsd.as_ref().map(|address| bind_statsd(address, &allow)).transpose()?;
    let listener = bind(arguments.http)?;
    let state = State::open(arguments.state.as_deref())?;
    let first = sockets.first().ok_or("no socket")?;
    first.announce()?;
    let listening = first.local_address()?;
    eprintln_lossy(format_args!("serving http://{}/", listener.local_addr()?));
    let mut drops = Drops::default();
    for socket in &sockets {
        drops.add(socket.drops()?);
    }
    let relay = Relay::new(listening);
    let memory = arguments.memory.0;
    let flow_logs = arguments.flow_logs.options(flow_history(arguments));
    let exports = Exports::new(&arguments.export, memory)?;
    let hub = Hub::new(sockets.len(), memory, state, drops, relay, flow_logs, exports);
    let hub = Arc::new(hub);
    hub.set_databases(&databases);
    hub.aws.admission.set_signatures(signatures);
    if let Some(prices) = prices {
        hub.set_prices(prices);
    }
    let resolver = Resolver::default();
    hub.set_addresses(&resolver.names());
    if arguments.presets {
        hub.define_presets()?;
    }
    let recording = record(arguments, &hub)?;
    aws::start(hub.clone(), arguments.export.client()?)?;
    let guard = Guard { counters: hub.http.clone(), ..guard };
    Exports::start(&hub)?;
    let flow_logs = flow_logs::start(hub.clone(), Hub::record_memory(memory))?;
    serve(listener, hub.clone(), guard)?;
    let receiving = sockets.into_iter().enumerate();
    let receiving = receiving.map(|(number, socket)| receive(number, socket, hub.clone()));
    let mut receiving = receiving.collect::<io::Result<Vec<_>>>()?;
    if let Some(socket) = statsd {
        let interval = arguments.statsd_interval;
        receiving.push(statsd::start(hub.clone(), socket, interval, memory / STATSD)?);
    }
    let ended = control(arguments, &signals, &hub, resolver, receiving);
    // What is open is kept, also after an error of a socket.
    flow_logs.end();
    statsd::finish(&hub);
    aws::save(&hub);
    hub.exports.finish();
    recording.into_iter().for_each(aws::Recording::finish);
    eprintln_lossy(format_args!("{}\n{}", hub.tally(), hub.drops));
    Ok(ended?)
}

/// The directory of the history of flows, and its size.
fn flow_history(arguments: &ServeArguments) -> Option<(PathBuf, u64)> {
    let directory = arguments.state.as_deref()?.join("flows");
    let limit = arguments.flow_history.0 as u64;
    (limit > 0).then_some((directory, limit))
}

/// Starts the thread that keeps the history of metrics.
fn record(arguments: &ServeArguments, hub: &Arc<Hub>) -> io::Result<Option<aws::Recording>> {
    let Some(directory) = &arguments.state else {
        eprintln_lossy("no history of metrics and flows: it needs --state DIR");
        return Ok(None);
    };
    let limit = arguments.history.0 as u64;
    if limit == 0 {
        return Ok(None);
    }
    let history = History::new(directory, limit, hub.history_memory);
    hub.aws.set_history(history, hub.unix_ms(hub.now()));
    aws::record(hub)
}

/// Starts the thread that serves HTTP.
fn serve(listener: TcpListener, hub: Arc<Hub>, guard: Guard) -> io::Result<()> {
    let serve = move || {
        if let Err(error) = http::serve(listener, hub, guard) {
            eprintln_lossy(format_args!("flowmote-analyzer: HTTP ended: {error}"));
        }
    };
    thread::Builder::new().name("serve".to_owned()).spawn(serve).map(drop)
}

/// Binds the address of StatsD. Who reaches a loopback address is no sender of the network.
fn bind_statsd(address: &Endpoint, allow: &Allow) -> Result<Socket> {
    let addresses = address.resolve()?;
    let is_local = addresses.iter().all(|address| address.ip().is_loopback());
    let allow = if is_local { Allow::default() } else { allow.clone() };
    let socket = Socket::bind(address, allow)?;
    eprintln_lossy(format_args!("StatsD on {}", socket.local_address()?));
    Ok(socket)
}

/// A receiving thread. It ends after an error only.
type Receiving = JoinHandle<io::Result<Infallible>>;

/// Starts a thread that adds the datagrams of a socket to its analyzer.
fn receive(number: usize, socket: Socket, hub: Arc<Hub>) -> io::Result<Receiving> {
    let receive = move || {
        let (mut receiver, mut batch) = (Receiver::of(socket), Batch::new());
        let mut pause = Pause::default();
        loop {
            receiver.receive(&mut batch, usize::MAX)?;
            if batch.is_empty() {
                pause.drained();
                receiver.wait()?;
                pause.collect();
            } else {
                hub.ingest(number, &batch);
            }
        }
    };
    thread::Builder::new().name(format!("receive {number}")).spawn(receive)
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

/// How signatures are checked. Without keys nobody could have one.
fn signatures(arguments: &ServeArguments) -> Result<Signatures> {
    let keys = arguments.access_keys.as_deref().map(access_keys).transpose()?;
    let default = match (&keys, arguments.http.ip().is_loopback()) {
        (None, _) => Mode::Off,
        (Some(_), true) => Mode::Optional,
        (Some(_), false) => Mode::Required,
    };
    let mode = arguments.signatures.unwrap_or(default);
    if mode != Mode::Off && keys.is_none() {
        return Err("--signatures needs --access-keys FILE, with the keys that are checked".into());
    }
    Ok(Signatures { mode, keys: keys.unwrap_or_default() })
}

/// Reads access keys, and warns if others can.
fn access_keys(path: &Path) -> core::result::Result<Keys, String> {
    let (keys, warning) = Keys::read(path)?;
    if let Some(warning) = warning {
        eprintln_lossy(format_args!("flowmote-analyzer: {warning}"));
    }
    Ok(keys)
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot serve HTTP on {address}: {error}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Lets time pass in the analyzers, and follows signals until the end.
fn control(
    arguments: &ServeArguments,
    signals: &Signals,
    hub: &Hub,
    mut resolver: Resolver,
    mut receiving: Vec<Receiving>,
) -> io::Result<()> {
    let deadline = arguments.duration.and_then(|time| Instant::now().checked_add(time));
    while deadline.is_none_or(|deadline| Instant::now() < deadline) {
        let wake = signals.wait([], Some(TICK))?;
        if wake.ends != 0 || wake.hangup && io::stderr().is_terminal() {
            return Ok(());
        }
        if wake.hangup {
            reload(arguments, hub);
        }
        if wake.report {
            eprintln_lossy(format_args!("{}, {}", hub.tally().line(), hub.drops));
        }
        hub.tick();
        resolver.tick(hub.now());
        if let Some(ended) = receiving.iter().position(JoinHandle::is_finished) {
            let ended = receiving.swap_remove(ended).join();
            // The cause of a panic was printed when it happened.
            let panicked = |_| Err(io::Error::other("a thread that receives has panicked"));
            return ended.unwrap_or_else(panicked).map(|never| match never {});
        }
    }
    Ok(())
}

/// Reads databases and access keys again. If one cannot be used, the old ones stay in use.
fn reload(arguments: &ServeArguments, hub: &Hub) {
    match databases::open(&arguments.databases) {
        Ok(databases) => {
            hub.set_databases(&databases);
            eprintln_lossy("databases are read again");
        }
        Err(error) => eprintln_lossy(format_args!(
            "flowmote-analyzer: {error}; the databases of before stay in use"
        )),
    }
    match arguments.access_keys.as_deref().map(access_keys) {
        None => {}
        Some(Ok(keys)) => {
            eprintln_lossy(format_args!("access keys are read again: {}", keys.count()));
            hub.aws.admission.set_keys(keys);
        }
        Some(Err(error)) => eprintln_lossy(format_args!(
            "flowmote-analyzer: {error}; the access keys of before stay in use"
        )),
    }
}

/// The part of the memory for values of StatsD between two collections: one of so many.
const STATSD: usize = 128;
/// Time between two checks of thresholds.
const TICK: Duration = Duration::from_millis(50);
