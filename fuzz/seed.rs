//! Writes the seed corpus of each fuzz target: the test vectors, the packets sampled in them (for
//! the firmware after an ARP reply), captures that contain them, and the configuration files of the
//! repository.
//!
//! `cargo run --example seed -- DIRECTORY`, then `cargo +nightly fuzz cmin TARGET DIRECTORY/TARGET`
//! to drop seeds that add no coverage.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::{Datagram, FlowRecords, Sample};

fn main() -> io::Result<()> {
    let to = PathBuf::from(env::args().nth(1).expect("a directory"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, payload) in flowmote_vectors::all() {
        write(&to.join("datagram"), &name, &payload)?;
        write(&to.join("ingest"), &name, &timed(&payload))?;
        for (at, packet) in packets(&payload).iter().enumerate() {
            write(&to.join("packet"), &format!("{name}-{at}"), packet)?;
            write(&to.join("firmware"), &format!("{name}-{at}"), &frames(&packet[1..]))?;
        }
    }
    // Only short ones: the capture readers do not inspect the payload.
    for (name, payload) in flowmote_vectors::synthetic() {
        if payload.len() < 120 {
            write(&to.join("capture"), &format!("{name}.pcap"), &pcap(&payload))?;
            write(&to.join("capture"), &format!("{name}.pcapng"), &pcapng(&payload))?;
        }
    }
    let mut configurations = files(&root.join("platform-linux/src/config/testdata"))?;
    configurations.push(root.join("platform-linux/flowmote.conf"));
    for path in configurations {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        write(&to.join("configuration"), &name, &fs::read(path)?)?;
    }
    Ok(())
}

/// Input of the target `ingest`: a datagram, and once more a second later.
fn timed(payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let timed = [&[high, low, 10], payload].concat();
    timed.repeat(2)
}

/// The sampled packets of a datagram, each after one byte with its header protocol.
fn packets(payload: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let Ok(datagram) = Datagram::parse(payload) else { return packets };
    for sample in datagram.samples().flatten() {
        let records: FlowRecords<'_> = match sample {
            Sample::Flow(sample) => sample.records(),
            Sample::Discarded(sample) => sample.records(),
            _ => continue,
        };
        for header in records.flatten().filter_map(|record| record.read::<SampledHeader<'_>>()) {
            packets.push([&[header.protocol as u8], header.header].concat());
        }
    }
    packets
}

/// Input of the target `firmware`: an ARP reply to its request, an ARP request and a packet, each
/// after its length.
fn frames(packet: &[u8]) -> Vec<u8> {
    let arp = |operation| {
        let head = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
        let ends = [2, 0, 0, 0, 0, 2, 192, 0, 2, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1];
        [&head[..], &ends].concat()
    };
    let frames = [&arp(2)[..], &arp(1), packet];
    frames.iter().flat_map(|frame| [&(frame.len() as u16).to_be_bytes(), *frame].concat()).collect()
}

/// A pcap file in little endian with two Ethernet frames (draft-ietf-opsawg-pcap).
fn pcap(payload: &[u8]) -> Vec<u8> {
    let frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0], &ipv4_udp(payload)[..]].concat();
    let length = frame.len() as u32;
    let mut file = words([0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x0004_0000, 1]);
    for second in 0..2 {
        file.extend(words([second, 0, length, length]));
        file.extend(&frame);
    }
    file
}

/// A pcapng file in little endian with one IPv4 packet (draft-ietf-opsawg-pcapng).
fn pcapng(payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4_udp(payload);
    let length = packet.len() as u32;
    packet.resize(packet.len().next_multiple_of(4), 0);
    let block = 32 + packet.len() as u32;
    let mut file = words([0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    file.extend(words([1, 20, 228, 0x0004_0000, 20]));
    file.extend(words([6, block, 0, 0, 0, length, length]));
    file.extend(&packet);
    file.extend(words([block]));
    file
}

fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A packet from 192.0.2.1 to 192.0.2.2, port 6343, without checksums.
fn ipv4_udp(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    let ([udp_0, udp_1], [ip_0, ip_1]) = ((length + 8).to_be_bytes(), (length + 28).to_be_bytes());
    let ip = [0x45, 0, ip_0, ip_1, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    let udp = [0x18, 0xc7, 0x18, 0xc7, udp_0, udp_1, 0, 0];
    [&ip[..], &udp, payload].concat()
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join(name), bytes)
}
