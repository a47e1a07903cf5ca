//! Questions to name servers: UDP, and TCP for a reply that does not fit.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use resolv_conf::ScopedIp;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use crate::seed::seed;

/// The name servers of the host and how often they are asked, resolv.conf(5).
#[derive(Debug)]
pub(super) struct Servers {
    addresses: Vec<SocketAddr>,
    timeout: Duration,
    attempts: u32,
    /// The first domain of the search list.
    pub(super) domain: Option<String>,
}

/// The kind of records that are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Srv,
    Txt,
}

impl Servers {
    /// Reads `/etc/resolv.conf`. Without it a server on this host is asked, as by the C library.
    pub(super) fn of_this_host() -> Self {
        Self::read(&fs::read("/etc/resolv.conf").unwrap_or_default())
    }

    fn read(text: &[u8]) -> Self {
        let (config, _) = resolv_conf::Config::parse_with_errors(text);
        let servers = config.get_nameservers_or_local();
        let domain = config.get_last_search_or_domain().next();
        Self {
            addresses: servers.iter().take(MAX_SERVERS).map(address).collect(),
            timeout: Duration::from_secs(config.timeout.clamp(1, 10).into()),
            attempts: config.attempts.clamp(1, 3),
            domain: domain.map(|domain| domain.to_string()).or_else(|| config.get_system_domain()),
        }
    }

    /// Asks one server after the other. Returns the reply, which has the records.
    ///
    /// # Errors
    /// `NotFound` for a name that does not exist, else the error of the last server, with its address.
    pub(super) fn ask(&self, name: &str, kind: Kind) -> io::Result<Vec<u8>> {
        let mut outcome = Err(io::Error::new(ErrorKind::NotFound, "the host has no name server"));
        for server in (0..self.attempts).flat_map(|_| &self.addresses) {
            outcome = exchange(*server, &query(name, kind)?, self.timeout)
                .map_err(|error| of_server(server.ip(), &error));
            match &outcome {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(_) => {}
            }
        }
        outcome
    }
}

/// The address of a server. A link-local one has the interface as its scope.
fn address(server: &ScopedIp) -> SocketAddr {
    match server {
        ScopedIp::V4(ip) => SocketAddr::new((*ip).into(), PORT),
        ScopedIp::V6(ip, scope) => {
            let index = scope.as_deref().and_then(|name| if_nametoindex(name).ok());
            SocketAddrV6::new(*ip, PORT, 0, index.unwrap_or(0)).into()
        }
    }
}

/// The error in words. A read that timed out is `WouldBlock`, whose text is no reason.
fn of_server(server: IpAddr, error: &io::Error) -> io::Error {
    let text = match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("no reply from {server} in time"),
        ErrorKind::NotFound => error.to_string(),
        _ => format!("{server}: {error}"),
    };
    io::Error::new(error.kind(), text)
}

fn query(name: &str, kind: Kind) -> io::Result<Vec<u8>> {
    let kind = match kind {
        Kind::Srv => TYPE::SRV,
        Kind::Txt => TYPE::TXT,
    };
    let name = Name::new(name).map_err(io::Error::other)?;
    let question = Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false);
    let mut packet = Packet::new_query(seed() as u16);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(question);
    packet.build_bytes_vec().map_err(io::Error::other)
}

fn exchange(server: SocketAddr, query: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
    let end = Instant::now() + timeout;
    let reply = by_udp(server, query, end)?;
    let is_cut = Packet::parse(&reply).map_or(true, |it| it.has_flags(PacketFlag::TRUNCATION));
    let reply = if is_cut { by_tcp(server, query, end)? } else { reply };
    check(query, &reply)?;
    Ok(reply)
}

/// Waits for the reply to this question; whatever else arrives is left alone.
fn by_udp(server: SocketAddr, query: &[u8], end: Instant) -> io::Result<Vec<u8>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => [0_u8; 4].into(),
        SocketAddr::V6(_) => [0_u8; 16].into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(query)?;
    let mut buffer = vec![0; MAX_REPLY];
    loop {
        socket.set_read_timeout(Some(remaining(end)?))?;
        let length = socket.recv(&mut buffer)?;
        let reply = buffer.get(..length).unwrap_or_default();
        if reply.get(..2) == query.get(..2) && has_plausible_counts(reply) {
            return Ok(reply.to_vec());
        }
    }
}

fn by_tcp(server: SocketAddr, query: &[u8], end: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, remaining(end)?)?;
    stream.set_write_timeout(Some(remaining(end)?))?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    read_until(&mut stream, &mut length, end)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    read_until(&mut stream, &mut reply, end)?;
    Ok(reply)
}

/// Fills the buffer, or fails at `end` even if a byte arrives now and then.
fn read_until(stream: &mut TcpStream, buffer: &mut [u8], end: Instant) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        stream.set_read_timeout(Some(remaining(end)?))?;
        match stream.read(rest)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            length => filled += length,
        }
    }
    Ok(())
}

fn remaining(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::new(ErrorKind::TimedOut, "no reply"));
    }
    Ok(left)
}

/// Checks that a reply is one to this question, and that the server knows the name.
fn check(query: &[u8], reply: &[u8]) -> io::Result<()> {
    let malformed = || io::Error::new(ErrorKind::InvalidData, "the reply is malformed");
    if !has_plausible_counts(reply) {
        return Err(malformed());
    }
    let (query, reply) = (Packet::parse(query), Packet::parse(reply));
    let (query, reply) = query.ok().zip(reply.ok()).ok_or_else(malformed)?;
    let is_reply = reply.has_flags(PacketFlag::RESPONSE) && reply.id() == query.id();
    // Servers may change the case of a name.
    let name = |packet: &Packet<'_>| {
        packet.questions.first().map(|question| question.qname.to_string().to_ascii_lowercase())
    };
    if !is_reply || name(&reply) != name(&query) {
        return Err(malformed());
    }
    match reply.rcode() {
        RCODE::NoError => Ok(()),
        RCODE::NameError => Err(io::Error::new(ErrorKind::NotFound, "there is no such name")),
        code => Err(io::Error::other(format!("the name server replied {code:?}"))),
    }
}

/// Returns false for a reply that claims more records than it has bytes for, each at least 5: the
/// parser would reserve memory for them.
fn has_plausible_counts(reply: &[u8]) -> bool {
    let counts = reply.get(4..12).unwrap_or_default().chunks_exact(2);
    let records: usize =
        counts.map(|pair| pair.iter().fold(0, |n, b| n << 8 | usize::from(*b))).sum();
    reply.len() >= HEADER && records.saturating_mul(5) <= reply.len()
}

const PORT: u16 = 53;
/// As MAXNS of the C library, resolv.conf(5).
const MAX_SERVERS: usize = 3;
const MAX_REPLY: usize = 4096;
const HEADER: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{RData, TXT};
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn servers_and_domain_of_resolv_conf() {
        let text = b"search a.example b.example\nnameserver 192.0.2.1\nnameserver fe80::1%lo\n\
            nameserver 2001:db8::1\nnameserver 192.0.2.4\noptions timeout:99 attempts:0\n";
        let servers = Servers::read(text);
        assert_eq!(servers.domain.as_deref(), Some("a.example"));
        assert_eq!(servers.addresses.len(), MAX_SERVERS);
        assert_eq!(servers.addresses[0], "192.0.2.1:53".parse().unwrap());
        assert_eq!(servers.addresses[1], "[fe80::1%1]:53".parse().unwrap(), "lo is 1");
        assert_eq!((servers.timeout.as_secs(), servers.attempts), (10, 1));
        assert_eq!(Servers::read(b"").addresses[0], "127.0.0.1:53".parse().unwrap());
    }

    type Reply = fn(&[u8]) -> Vec<u8>;

    /// The outcome of a question to a server that sends these replies, made of the question.
    fn outcome(replies: Vec<Reply>) -> io::Result<Vec<u8>> {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let serve = thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            for reply in replies {
                server.send_to(&reply(&buffer[..length]), from).unwrap();
            }
        });
        let result = exchange(address, &query("_sflow._udp.a", Kind::Srv).unwrap(), WAIT);
        serve.join().unwrap();
        result
    }

    fn reply(query: &[u8], code: RCODE) -> Vec<u8> {
        let query = Packet::parse(query).unwrap();
        let mut reply = Packet::new_reply(query.id());
        reply.questions.clone_from(&query.questions);
        *reply.rcode_mut() = code;
        reply.build_bytes_vec().unwrap()
    }

    fn good(query: &[u8]) -> Vec<u8> {
        reply(query, RCODE::NoError)
    }

    const WAIT: Duration = Duration::from_secs(20);

    #[test]
    fn reply_to_another_question_is_left_alone() {
        let other_id = |query: &[u8]| {
            let mut other = good(query);
            other[0] ^= 1;
            other
        };
        let greedy = |query: &[u8]| [&query[..4], &[0xff; 8]].concat();
        assert!(outcome(vec![other_id, |_| vec![], |_| vec![0; 11], greedy, good]).is_ok());
        let other_name = |query: &[u8]| {
            let mut other = good(query);
            other[14] ^= 4;
            other
        };
        let error = outcome(vec![other_name]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let error = outcome(vec![<[u8]>::to_vec]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "the question itself");
    }

    #[test]
    fn reply_that_does_not_fit_a_datagram_is_read_by_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = UdpSocket::bind(address).unwrap();
        let whole = |query: &[u8]| {
            let query = Packet::parse(query).unwrap();
            let mut reply = Packet::new_reply(query.id());
            reply.questions.clone_from(&query.questions);
            let long = "x".repeat(250);
            let text = TXT::new().with_string(&long).unwrap();
            let record = ResourceRecord::new(
                query.questions[0].qname.clone(),
                CLASS::IN,
                60,
                RData::TXT(text),
            );
            reply.answers = vec![record; 20];
            reply.build_bytes_vec().unwrap()
        };
        let serve = thread::spawn(move || {
            let mut query = [0; 512];
            let (length, from) = server.recv_from(&mut query).unwrap();
            let mut cut = good(&query[..length]);
            cut[2] |= 0x02;
            server.send_to(&cut, from).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 2 + length];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked[2..], query[..length]);
            let reply = whole(&query[..length]);
            let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, &reply[..]].concat()).unwrap();
            reply
        });
        let found = exchange(address, &query("_sflow._udp.a", Kind::Txt).unwrap(), WAIT).unwrap();
        assert!(found.len() > MAX_REPLY);
        assert_eq!(found, serve.join().unwrap());
    }

    #[test]
    fn refusal_is_an_error_with_its_reason() {
        let error = outcome(vec![|query| reply(query, RCODE::NameError)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = outcome(vec![|query| reply(query, RCODE::Refused)]).unwrap_err();
        assert_eq!(error.to_string(), "the name server replied Refused");
    }

    #[test]
    fn silence_is_an_error_that_names_the_server() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addresses = vec![silent.local_addr().unwrap()];
        let timeout = Duration::from_millis(10);
        let servers = Servers { addresses, timeout, attempts: 2, domain: None };
        let error = servers.ask("_sflow._udp.a", Kind::Txt).unwrap_err();
        assert_eq!(error.to_string(), "no reply from 127.0.0.1 in time");
        silent.set_nonblocking(true).unwrap();
        let questions = (0..9).filter(|_| silent.recv(&mut [0; 512]).is_ok()).count();
        assert_eq!(questions, 2, "one an attempt");
    }
}
