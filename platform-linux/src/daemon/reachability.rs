//! The part of `flowmote check` that concerns collectors: addresses, routes and packet sizes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Collector, Config, Host};
use crate::kernel::sys::udp::path_mtu;
use crate::links::Links;
use crate::modules::module::Findings;
use crate::output::resolver::lookup;
use crate::output::socket::{NamespaceSockets, connect};

/// Lists the collectors with their addresses, and those that nothing can be sent to.
pub(super) fn describe(config: &Config, links: &Links, findings: &mut Findings) {
    let resolved = look_up(&config.collectors);
    for collector in &config.collectors {
        let addresses = match &collector.host {
            Host::Address(ip) => {
                findings.line("collector", format_args!("{collector}"));
                vec![SocketAddr::new(*ip, collector.port)]
            }
            Host::Name(name) => match resolved.get(name.as_str()).unwrap_or(&Err(too_long())) {
                Ok(addresses) => {
                    let shown = list(addresses);
                    findings.line("collector", format_args!("{collector}: {shown}"));
                    addresses.iter().map(|ip| SocketAddr::new(*ip, collector.port)).collect()
                }
                Err(error) => {
                    let problem = format!("collector {collector}: name not resolved: {error}");
                    findings.problems.push(problem);
                    continue;
                }
            },
        };
        // `run` uses the first of the family of its source.
        let usable = |address: &&SocketAddr| collector.source.is_usable(address.ip());
        if let Some(address) = addresses.iter().find(usable) {
            describe_route(collector, *address, (config, links), findings);
        }
    }
}

fn describe_route(
    collector: &Collector,
    address: SocketAddr,
    (config, links): (&Config, &Links),
    findings: &mut Findings,
) {
    let Some(connected) = try_connect(collector, address, links) else { return };
    match connected {
        Ok(socket) => {
            let needed = config.datagram_bytes.saturating_add(header_bytes(address.ip()));
            let mtu = path_mtu(socket.as_fd(), address.is_ipv6()).ok().filter(|mtu| *mtu < needed);
            findings.warnings.extend(mtu.map(|mtu| too_small(collector, mtu, config)));
        }
        Err(error) => findings.problems.push(format!("collector {collector}: no socket: {error}")),
    }
}

/// The socket that `run` would open; `None` if its device does not exist, which is among the problems
/// already.
fn try_connect(
    collector: &Collector,
    address: SocketAddr,
    links: &Links,
) -> Option<io::Result<Rc<UdpSocket>>> {
    let (device, source) = (collector.device.as_deref(), &collector.source);
    if let Some(name) = &collector.namespace {
        let sockets = NamespaceSockets::open(name);
        return Some(sockets.and_then(|sockets| sockets.connect(address, device, source)));
    }
    let device = match device {
        Some(device) => Some(links.by_name(device)?.name.as_str()),
        None => None,
    };
    Some(connect(address, device, source).map(Rc::new))
}

fn too_small(collector: &Collector, mtu: u32, config: &Config) -> String {
    let overhead = match &collector.host {
        Host::Address(ip) => header_bytes(*ip),
        // Whichever address it has.
        Host::Name(_) => IPV6_HEADERS,
    };
    let (most, fits) = (config.datagram_bytes, mtu.saturating_sub(overhead));
    format!(
        "warning: collector {collector}: datagrams of {most} bytes are fragmented, because the path \
         carries packets of {mtu} bytes; set datagramBytes = {fits}"
    )
}

fn header_bytes(address: IpAddr) -> u32 {
    if address.is_ipv4() { IPV4_HEADERS } else { IPV6_HEADERS }
}

/// Resolves the names of all collectors at the same time: each without a reply takes as long as
/// the resolver's timeouts. Bounded in threads and in time.
fn look_up(collectors: &[Collector]) -> BTreeMap<String, io::Result<Vec<IpAddr>>> {
    let mut names: Vec<String> = collectors.iter().filter_map(name_of).collect();
    names.sort_unstable();
    names.dedup();
    let (count, answers) = (names.len(), start(names));
    let end = Instant::now() + PATIENCE;
    let mut resolved = BTreeMap::new();
    while resolved.len() < count
        && let Ok((name, addresses)) =
            answers.recv_timeout(end.saturating_duration_since(Instant::now()))
    {
        resolved.insert(name, addresses);
    }
    resolved
}

type Answers = Receiver<(String, io::Result<Vec<IpAddr>>)>;

/// Starts threads that take one name after another. Those that still wait end with the program.
fn start(names: Vec<String>) -> Answers {
    let (sender, answers) = mpsc::channel();
    let threads = names.len().min(MAX_THREADS);
    let names = Arc::new(Mutex::new(VecDeque::from(names)));
    for _ in 0..threads {
        let (names, sender) = (Arc::clone(&names), sender.clone());
        let next = move || names.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let resolve = move || {
            while let Some(name) = next() {
                let found =
                    lookup(&name, 0).map(|found| found.iter().map(SocketAddr::ip).collect());
                if sender.send((name, found)).is_err() {
                    return;
                }
            }
        };
        // Where no further thread can be started, the others take all names.
        let _ = thread::Builder::new().name("resolver".into()).stack_size(STACK).spawn(resolve);
    }
    answers
}

fn name_of(collector: &Collector) -> Option<String> {
    match &collector.host {
        Host::Name(name) => Some(name.clone()),
        Host::Address(_) => None,
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", PATIENCE.as_secs()))
}

/// IPv4 or IPv6 without options, and UDP.
const IPV4_HEADERS: u32 = 20 + 8;
const IPV6_HEADERS: u32 = 40 + 8;
/// A configuration file has at most 256 collectors.
const MAX_THREADS: usize = 64;
/// See `output/resolver.rs`.
const STACK: usize = 256 * 1024;
/// The C library gives up on one server after 10 s by default, resolv.conf(5).
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_resolved_once() {
        let collector = |text: &str| text.parse::<Collector>().unwrap();
        let mut collectors = vec![collector("192.0.2.1"), collector("localhost:7")];
        collectors.extend((0..100).map(|port| collector(&format!("localhost:{}", port + 1))));
        collectors.push(collector("192-0-2-1.invalid"));
        let resolved = look_up(&collectors);
        let names: Vec<&str> = resolved.keys().map(String::as_str).collect();
        assert_eq!(names, ["192-0-2-1.invalid", "localhost"]);
        assert!(resolved["localhost"].as_ref().unwrap().iter().all(IpAddr::is_loopback));
        assert!(resolved["192-0-2-1.invalid"].is_err());
    }

    #[test]
    fn more_names_than_threads_are_all_resolved() {
        let names = (0..200).map(|number| format!("127.0.0.{number}")).collect();
        let answers = start(names);
        assert_eq!(answers.iter().filter(|(_, found)| found.is_ok()).count(), 200);
    }

    #[test]
    fn advice_leaves_room_for_the_headers() {
        let config = Config::default();
        let advice = |text: &str| too_small(&text.parse().unwrap(), 1280, &config);
        assert!(advice("192.0.2.1").ends_with("datagramBytes = 1252"));
        assert!(advice("2001:db8::1").ends_with("datagramBytes = 1232"));
        assert!(advice("a.example").ends_with("datagramBytes = 1232"));
    }
}
