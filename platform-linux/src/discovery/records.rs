//! SRV and TXT records of a reply.

use std::io;

use simple_dns::rdata::RData;
use simple_dns::{Packet, ResourceRecord};

use crate::config::Discovered;
use crate::discovery::Found;

/// Reads the two replies. An empty one has no records.
pub(super) fn read(collectors: &[u8], settings: &[u8]) -> io::Result<Found> {
    let mut discovered = Discovered::default();
    let mut shortest = None;
    for reply in [collectors, settings].into_iter().filter(|reply| !reply.is_empty()) {
        let packet = Packet::parse(reply).map_err(io::Error::other)?;
        for record in packet.answers.iter().filter(|record| add(record, &mut discovered)) {
            shortest = Some(shortest.map_or(record.ttl, |ttl: u32| ttl.min(record.ttl)));
        }
    }
    // Without a record there is no TTL: the records may be published any time.
    let valid_secs = shortest.map_or(EMPTY, |ttl| ttl.clamp(SHORTEST, LONGEST));
    Ok(Found { discovered, valid_secs })
}

/// Takes what a record contains. Returns false if it is of another kind.
fn add(record: &ResourceRecord<'_>, discovered: &mut Discovered) -> bool {
    let Discovered { collectors, settings } = discovered;
    match &record.rdata {
        RData::SRV(service) if collectors.len() < MOST => {
            let host = service.target.to_string();
            // The root as target: the service is decidedly not available (RFC 2782).
            if !host.is_empty() && host != "." {
                collectors.push((host.trim_end_matches('.').to_owned(), service.port));
            }
        }
        RData::TXT(text) => {
            let room = MOST.saturating_sub(settings.len());
            let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
            let pairs = text.iter_raw().take(room);
            settings.extend(pairs.map(|(key, value)| (lossy(key), lossy(value.unwrap_or(b"")))));
        }
        _ => return false,
    }
    true
}

/// Collectors, and settings, that are read of a reply.
const MOST: usize = 64;
/// Seconds between two lookups.
const SHORTEST: u32 = 10;
const LONGEST: u32 = 86_400;
/// As long as hsflowd waits after a failure.
const EMPTY: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::rdata::{A, SRV, TXT};
    use simple_dns::{CLASS, Name};

    fn record(ttl: u32, rdata: RData<'static>) -> ResourceRecord<'static> {
        ResourceRecord::new(Name::new_unchecked("_sflow._udp.example.com"), CLASS::IN, ttl, rdata)
    }

    fn srv(target: &'static str, port: u16) -> RData<'static> {
        RData::SRV(SRV { priority: 0, weight: 1, port, target: Name::new_unchecked(target) })
    }

    fn reply(answers: Vec<ResourceRecord<'static>>) -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        packet.answers = answers;
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn records_of_both_replies_are_read() {
        let address = RData::A(A { address: 0xc000_0207 });
        let collectors = reply(vec![
            record(300, srv("a.example.com", 6343)),
            record(60, srv("b.example.com", 7000)),
            record(1, address),
        ]);
        let text = TXT::new().with_string("txtvers=1").unwrap();
        let text =
            text.with_string("sampling=400").unwrap().with_string("agent.cidr=!10/8").unwrap();
        let text = text.with_string("odd").unwrap().with_string("a=b=c").unwrap();
        let settings = reply(vec![record(120, RData::TXT(text))]);
        let Found { discovered, valid_secs } = read(&collectors, &settings).unwrap();
        assert_eq!(
            discovered.collectors,
            [("a.example.com".to_owned(), 6343), ("b.example.com".to_owned(), 7000)]
        );
        let pairs: Vec<_> =
            discovered.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected = [
            ("txtvers", "1"),
            ("sampling", "400"),
            ("agent.cidr", "!10/8"),
            ("odd", ""),
            ("a", "b=c"),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(valid_secs, 60, "an address is not asked for");
    }

    #[test]
    fn hostile_replies_are_bounded() {
        let many = (0..500).map(|_| record(0, srv("a.example", 1))).collect();
        let found = read(&reply(many), &[]).unwrap();
        assert_eq!((found.discovered.collectors.len(), found.valid_secs), (MOST, SHORTEST));
        let gone = read(&reply(vec![record(u32::MAX, srv(".", 0))]), &[]).unwrap();
        assert_eq!((gone.discovered, gone.valid_secs), (Discovered::default(), LONGEST));
        let none = read(&reply(vec![record(5, RData::A(A { address: 1 }))]), &[]).unwrap();
        assert_eq!((none.discovered, none.valid_secs), (Discovered::default(), 300));
        // Names that point to themselves, and every cut of a reply.
        let mut looping = reply(vec![record(1, srv("a.example", 1))]);
        looping[12..14].copy_from_slice(&[0xc0, 12]);
        assert!(read(&looping, &[]).is_err());
        let whole = reply(vec![record(1, srv("a.example", 1))]);
        for length in 1..whole.len() {
            assert!(read(&whole[..length], &[]).is_err(), "{length}");
        }
    }
}
