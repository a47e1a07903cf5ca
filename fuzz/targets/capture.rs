//! Capture file, pcap or pcapng, and the search for datagrams in its packets and their fragments.
#![no_main]

use flowmote_decoder::capture::{CaptureReader, Found, Reassembly, find_udp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(mut reader) = CaptureReader::new(file) else { return };
    let mut total = 0;
    let mut reassembly = Reassembly::default();
    while let Ok(Some(packet)) = reader.next_packet() {
        total += packet.bytes.len();
        assert!(total <= file.len(), "the packets are longer than the file");
        for link_type in [packet.link_type, 1, 101, 105, 127, 178, 239] {
            match find_udp(link_type, packet.bytes, 6343) {
                Found::Udp { payload, .. } => {
                    assert!(payload.len() < packet.bytes.len(), "the payload excludes the headers");
                }
                Found::Fragment(fragment) => {
                    while reassembly.overdue(packet.time).is_some() {}
                    if let Some(whole) = reassembly.add(packet.time, &fragment) {
                        assert!(whole.bytes.len() <= 65_575, "longer than any IP packet");
                    }
                }
                Found::Other | Found::UnsupportedLink => {}
            }
        }
    }
    while reassembly.rest().is_some() {}
});
