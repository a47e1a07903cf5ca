//! [`Links`] against the real kernel, in network namespaces.

use nix::poll::{PollFd, PollFlags};

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::*;
use crate::kernel::testing::{ip, run_in_network_namespaces};

#[test]
fn in_a_network_namespace() {
    run_in_network_namespaces(&[
        "links::tests::life_of_a_link",
        "links::tests::overrun_is_repaired_by_a_dump",
        "links::tests::peer_leads_into_the_namespace_of_a_process",
    ]);
}

#[test]
fn function_below_a_physical_master_is_not_counted_twice() {
    let mut links = Links::open().unwrap();
    let mut template = links.iter().next().unwrap().clone();
    template.kind = None;
    template.device = true;
    let link = |index, master| Link { index, master, ..template.clone() };
    let (netvsc, function) = (link(1001, None), link(1002, Some(1001)));
    let bond = Link { kind: Some("bond".to_owned()), device: false, ..link(1003, None) };
    let member = link(1004, Some(1003));
    for link in [&netvsc, &function, &bond, &member] {
        links.table.upsert(link.clone(), &mut Vec::new());
    }
    assert!(links.counts_once(&netvsc) && !links.counts_once(&function));
    assert!(links.counts_once(&member) && !links.counts_once(&bond));
}

fn poll(links: &mut Links) -> Vec<LinkEvent> {
    let mut events = Vec::new();
    links.poll(1000, &mut events).unwrap();
    events
}

/// Polls each time the descriptor is readable, until the table is as expected.
fn poll_until(links: &mut Links, expected: impl Fn(&Links) -> bool) -> Vec<LinkEvent> {
    let mut events = poll(links);
    while !expected(links) {
        let mut readable = [PollFd::new(links.as_fd(), PollFlags::POLLIN)];
        let ready = nix::poll::poll(&mut readable, LIMIT).unwrap();
        assert_ne!(ready, 0, "no further notification");
        events.extend(poll(links));
    }
    events
}

/// Milliseconds; longer than any notification takes.
const LIMIT: u16 = 10_000;

fn index(links: &Links, name: &str) -> u32 {
    links.by_name(name).unwrap_or_else(|| panic!("no link {name}")).index
}

#[test]
#[ignore = "in_a_network_namespace runs it in one"]
fn life_of_a_link() {
    let mut links = Links::open().unwrap();
    let at_first: Vec<_> = links.iter().cloned().collect();
    assert_eq!(poll(&mut links), []);

    ip("link add va type veth peer name vb");
    let added = poll(&mut links);
    let (va, vb) = (index(&links, "va"), index(&links, "vb"));
    assert!(added.contains(&LinkEvent::Added(va)) && added.contains(&LinkEvent::Added(vb)));
    let link = links.get(va).unwrap();
    assert_eq!((link.kind.as_deref(), link.hardware), (Some("veth"), libc::ARPHRD_ETHER));
    assert_eq!((link.parent, link.speed_bps), (Some(vb), Some(10_000_000_000)));
    assert_eq!((link.admin_up, link.carrier, link.is_real()), (false, false, false));

    // The carrier follows asynchronously (net/core/link_watch.c).
    let state = Changes { state: true, ..Changes::default() };
    ip("link set va up");
    ip("link set vb up");
    let up = poll_until(&mut links, |links| links.get(va).is_some_and(|va| va.carrier));
    assert!(up.contains(&LinkEvent::Changed(va, state)) && links.get(va).unwrap().admin_up);
    ip("link property add dev va altname to-the-core-router-in-rack-7 altname enp0s5");
    ip("link set va alias uplink#1");
    let other = LinkEvent::Changed(va, Changes { other: true, ..Changes::default() });
    let named = poll_until(&mut links, |links| links.by_name("uplink#1").is_some());
    assert!(named.contains(&other), "{named:?}");
    let names = ["to-the-core-router-in-rack-7", "enp0s5", "uplink#1"];
    assert_eq!(links.get(va).unwrap().other_names, names);
    assert!(names.iter().all(|name| index(&links, name) == va));
    ip("link set vb alias va");
    poll_until(&mut links, |links| links.get(vb).is_some_and(|vb| vb.is_called("va")));
    assert_eq!(index(&links, "va"), va, "a name comes before the alias of another link");
    ip("link set vb alias x");
    ip("addr add 198.51.100.1/24 dev va");
    ip("-6 addr add 2001:db8::1/64 dev va nodad");
    let addresses = |links: &Links| -> Vec<_> {
        let link = links.get(va).unwrap();
        let global = link.addresses.iter().filter(|address| address.scope == 0);
        global.map(|address| (address.ip.to_string(), address.prefix_len)).collect()
    };
    let both = [("198.51.100.1".to_owned(), 24), ("2001:db8::1".to_owned(), 64)];
    let changed = poll_until(&mut links, |links| addresses(links) == both);
    assert!(changed.contains(&LinkEvent::AddressesChanged(va)));
    ip("addr del 198.51.100.1/24 dev va");
    assert!(poll(&mut links).contains(&LinkEvent::AddressesChanged(va)));
    assert_eq!(addresses(&links), both[1..]);

    ip("link set vb down");
    let lost = poll_until(&mut links, |links| links.get(va).is_some_and(|va| !va.carrier));
    assert!(lost.contains(&LinkEvent::Changed(va, state)) && links.get(va).unwrap().admin_up);

    ip("link set va down");
    ip("link set va name uplink");
    assert!(poll(&mut links).contains(&LinkEvent::Renamed(va)));
    assert_eq!(index(&links, "uplink"), va);
    assert!(links.by_name("va").is_none());

    ip("link add bridge0 type bridge");
    ip("link set uplink master bridge0");
    let ported = poll(&mut links);
    let br = index(&links, "bridge0");
    assert!(
        ported
            .iter()
            .any(|event| matches!(event, LinkEvent::Changed(i, c) if *i == va && c.master))
    );
    assert_eq!(links.get(va).unwrap().master, Some(br));
    assert_eq!(links.get(va).unwrap().master_kind.as_deref(), Some("bridge"));
    // Reported as RTM_DELLINK of the bridge port: the link itself must stay in the table.
    ip("link set uplink nomaster");
    let unported = poll(&mut links);
    assert!(!unported.contains(&LinkEvent::Removed(va)));
    assert_eq!(links.get(va).unwrap().master, None);

    ip("link del uplink");
    let removed = poll(&mut links);
    assert!(removed.contains(&LinkEvent::Removed(va)) && removed.contains(&LinkEvent::Removed(vb)));
    assert!(links.get(va).is_none());

    ip("link add va type veth peer name vb");
    assert!(poll(&mut links).contains(&LinkEvent::Added(index(&links, "va"))));
    assert_ne!(index(&links, "va"), va, "a link that is created again has a new index");
    for _ in 0..20 {
        ip("link set va address 02:00:00:00:00:07");
        ip("link del va");
        ip("link add va type veth peer name vb");
        poll(&mut links);
    }
    ip("link del va");
    ip("link del bridge0");
    poll(&mut links);
    assert_eq!(links.iter().cloned().collect::<Vec<_>>(), at_first, "the table is as at the start");
    assert_eq!(links.stats(), LinksStats::default());
}

#[test]
#[ignore = "in_a_network_namespace runs it in one"]
fn overrun_is_repaired_by_a_dump() {
    let mut links = Links::open().unwrap();
    ip("link add gone type veth peer name gone2");
    ip("link add kept type veth peer name kept2");
    poll(&mut links);
    let (gone, kept) = (index(&links, "gone"), index(&links, "kept"));
    // More notifications than the queue holds: three links up and down in one batch.
    let mut batch = String::new();
    for mtu in 0..1500 {
        batch += &format!("link set kept mtu {}\nlink set kept2 mtu {}\n", 1000 + mtu, 1000 + mtu);
    }
    batch += "link set kept name stayed\nlink del gone\nlink add new type veth peer name new2\n";
    let file = std::env::temp_dir().join(format!("flowmote-links-{}", std::process::id()));
    std::fs::write(&file, batch).unwrap();
    ip(&format!("-batch {}", file.display()));
    std::fs::remove_file(&file).unwrap();

    let mut events = Vec::new();
    for _ in 0..100_000 {
        links.poll(64, &mut events).unwrap();
        if links.stats().overruns > 0 && !links.stale {
            break;
        }
    }
    events.extend(poll(&mut links));
    let new = index(&links, "new");
    for event in [LinkEvent::Added(new), LinkEvent::Removed(gone), LinkEvent::Renamed(kept)] {
        assert_eq!(events.iter().filter(|&&e| e == event).count(), 1, "{event:?}");
    }
    assert!(links.stats().overruns > 0 && links.stats().dumps > 0);
    assert_eq!(links.stats().malformed, 0);
    assert_eq!(links.get(kept).unwrap().mtu, 2499);
}

#[test]
#[ignore = "in_a_network_namespace runs it in one"]
fn peer_leads_into_the_namespace_of_a_process() {
    let mut peers = Peers::open().unwrap();
    // Ends with its standard input, at the latest when this process does.
    let mut process =
        Command::new("unshare").args(["-n", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let pid = process.id();
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    while std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap() == own {
        sleep(Duration::from_millis(1));
    }
    assert_eq!(peers.namespace_of(pid), None, "no link leads there");
    ip("link add bridge0 type bridge");
    ip(&format!("link add port master bridge0 up type veth peer name eth0 netns {pid}"));
    ip("link add here type veth peer name there");
    let links = Links::open().unwrap();
    let id = peers.namespace_of(pid);
    let port = links.by_name("port").unwrap();
    assert!(id.is_some() && port.elsewhere == id && port.parent.is_none());
    assert_eq!(links.by_name("here").unwrap().elsewhere, None);
    assert_eq!(peers.stations(port), [[0_u8; 6]; 0], "those of the port itself are none");
    ip("link set bridge0 up");
    let inside = ["-t", &pid.to_string(), "-n", "ip", "link", "set", "eth0", "up"];
    let address = ["address", "02:00:00:00:00:07"];
    assert!(Command::new("nsenter").args(inside).args(address).status().unwrap().success());
    // It sends reports of its multicast groups.
    while peers.stations(port) != [[2, 0, 0, 0, 0, 7]] {
        sleep(Duration::from_millis(10));
    }
    assert!(peers.stats(port.index).unwrap().rx_packets > 0);
    drop(process.stdin.take());
    process.wait().unwrap();
    assert_eq!(peers.namespace_of(pid), None, "the process has ended");
}
