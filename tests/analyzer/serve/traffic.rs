//! An agent with two ports that sends a TCP connection and its counters until it is dropped.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flowmote_core::record::counter::{IfCounters, IfType, PortName};
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, Encoding, FlowSample, Interface,
    SampleMeta,
};

/// Address of the agent.
pub(crate) const AGENT: &str = "192.0.2.1";
/// Addresses of the connection.
pub(crate) const SRC: &str = "198.51.100.1";
pub(crate) const DST: &str = "203.0.113.2";
/// The port by which the packets enter, and its name.
pub(crate) const PORT: u32 = 5;
pub(crate) const PORT_NAME: &str = "uplink5";

/// Sends samples for as long as it lives.
pub(crate) struct Traffic {
    ends: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
    /// The time of each datagram, in seconds since 1970.
    sent: Arc<Mutex<Vec<f64>>>,
}

/// What was sent, in all or per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) datagrams: f64,
    /// Bytes of the packets that the samples stand for.
    pub(crate) bytes: f64,
}

impl Sent {
    fn of(datagrams: f64) -> Self {
        Self { datagrams, bytes: datagrams * f64::from(SAMPLES * RATE * FRAME_LENGTH) }
    }
}

impl Traffic {
    /// Sends the connection to an address of this host.
    pub(crate) fn to(collector: SocketAddr) -> Self {
        Self::of(collector, |number| vec![connection(number)])
    }

    /// Sends the datagrams that `make` returns for each [`INTERVAL`] from 0, in time.
    pub(crate) fn of(
        collector: SocketAddr,
        make: impl Fn(u32) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let sent = Arc::<Mutex<Vec<f64>>>::default();
        let (flag, times) = (ends.clone(), sent.clone());
        let sender = thread::spawn(move || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a UDP socket");
            let start = Instant::now();
            for number in 0.. {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                for datagram in make(number) {
                    // The collector may be between two of its lives.
                    let _ = socket.send_to(&datagram, collector);
                }
                times.lock().expect("no thread panics while it holds the lock").push(now());
                thread::sleep((INTERVAL * (number + 1)).saturating_sub(start.elapsed()));
            }
        });
        Self { ends, sender: Some(sender), sent }
    }

    /// What was sent per second between two times, in seconds since 1970.
    pub(crate) fn rate(&self, from: f64, to: f64) -> Sent {
        let sent = self.sent.lock().expect("no thread panics while it holds the lock");
        let count = sent.iter().filter(|time| (from..to).contains(*time)).count();
        Sent::of(count as f64 / (to - from))
    }

    /// Ends the traffic. Returns all that was sent.
    pub(crate) fn stop(self) -> Sent {
        let sent = self.sent.clone();
        drop(self);
        let sent = sent.lock().expect("no thread panics while it holds the lock");
        Sent::of(sent.len() as f64)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.sender.take().map(JoinHandle::join);
    }
}

/// A datagram with samples of the connection, and with the counters of the port.
pub(crate) fn connection(number: u32) -> Vec<u8> {
    datagram(AGENT, SRC, SAMPLES, number)
}

/// The same of any agent, with as many samples of packets from `src`.
pub(crate) fn datagram(agent: &str, src: &str, samples: u32, number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(agent));
    let source = DataSource::interface(PORT);
    let frame = frame(src, DST);
    for sample in 0..samples {
        let sequence = number * samples + sample + 1;
        let pool = sequence.wrapping_mul(RATE);
        let sample = FlowSample {
            source,
            meta: SampleMeta { sampling_rate: RATE, sample_pool: pool, drops: 0 },
            input: Interface::Index(PORT),
            output: Interface::Index(PORT + 1),
            header: Some(sampled(&frame)),
            records: &[],
        };
        datagram.flow_sample(sequence, &sample).expect("room for a sample");
    }
    let counters = CounterSample {
        records: &[&counters(number * samples * RATE), &PortName { name: PORT_NAME }],
    };
    datagram.counter_sample(source, number + 1, &counters).expect("room for counters");
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

/// The head of the datagrams of an agent.
pub(crate) fn head(agent: &str) -> DatagramHead {
    DatagramHead {
        address: IpAddr::V4(agent.parse().expect("an address")),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    }
}

/// The counters of the port after `packets`.
fn counters(packets: u32) -> IfCounters {
    IfCounters {
        if_index: PORT,
        if_type: IfType::ETHERNET_CSMACD,
        if_speed: 1_000_000_000,
        if_status: IfCounters::ADMIN_UP | IfCounters::OPER_UP,
        if_in_octets: u64::from(packets) * u64::from(FRAME_LENGTH),
        if_in_ucast_pkts: packets,
        if_in_discards: 0,
        if_in_errors: 0,
        if_out_octets: 0,
        if_out_ucast_pkts: 0,
        if_out_discards: 0,
        if_out_errors: 0,
        ..IfCounters::UNKNOWN
    }
}

/// A packet of [`FRAME_LENGTH`] bytes of which these are the first.
pub(crate) fn sampled(frame: &[u8]) -> SampledHeader<'_> {
    SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: FRAME_LENGTH,
        stripped: 4,
        header: frame,
    }
}

/// Ethernet, IPv4 and TCP of a packet of [`FRAME_LENGTH`] bytes.
pub(crate) fn frame(src: &str, dst: &str) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv4Addr>().expect("an address").octets();
    let mut frame = vec![0x02, 0, 0, 0, 0, 0xb2, 0x02, 0, 0, 0, 0, 0xa1, 0x08, 0];
    let length = (FRAME_LENGTH - 18) as u16;
    frame.extend([0x45, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(address(src));
    frame.extend(address(dst));
    // Ports, numbers, a header of 20 bytes with ACK, window.
    frame.extend([0xc3, 0x50, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff]);
    frame.extend([0; 4]);
    frame
}

/// Time between two datagrams.
pub(crate) const INTERVAL: Duration = Duration::from_millis(50);
/// Samples in a datagram.
pub(crate) const SAMPLES: u32 = 4;
/// N of 1 in N.
pub(crate) const RATE: u32 = 10;
/// Bytes of a packet on the wire.
pub(crate) const FRAME_LENGTH: u32 = 1018;
