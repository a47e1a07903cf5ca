//! Capture file, pcap or pcapng, and the search for datagrams in its packets.
#![no_main]

use flowmote_decoder::capture::{CaptureReader, Found, find_udp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(mut reader) = CaptureReader::new(file) else { return };
    let mut total = 0;
    while let Ok(Some(packet)) = reader.next_packet() {
        total += packet.bytes.len();
        assert!(total <= file.len(), "the packets are longer than the file");
        for link_type in [packet.link_type, 1] {
            if let Found::Udp { payload, .. } = find_udp(link_type, packet.bytes, 6343) {
                assert!(payload.len() < packet.bytes.len(), "the payload excludes the headers");
            }
        }
    }
});
