//! Text of keys and filters: compiled or refused, then read from a packet. The bytes of a key are
//! read as its text.

use flowmote_decoder::{Datagram, Sample};
use flowmote_engine::keys::{Context, Filter, KeyBuffer, Keys, Packet, fields};
use flowmote_engine::lookup::Lookup;

/// Compiles the text, and reads a packet with it.
///
/// # Panics
/// If a key does not have its fields.
pub fn keys(input: &[u8]) {
    assert!(fields(input).count() <= input.len());
    let Ok(text) = str::from_utf8(input) else { return };
    let (keys, filter) = (Keys::parse(text), Filter::parse(text));
    let lookup = Lookup::default();
    let context = Context::new(&lookup);
    with_packet(|packet| {
        if let Ok(keys) = &keys {
            let mut buffer = KeyBuffer::new();
            if keys.write(packet, &context, &mut buffer) {
                assert_eq!(fields(buffer.bytes()).count(), keys.len());
            }
        }
        if let Ok(filter) = &filter {
            filter.matches(packet, &context);
        }
    });
}

/// A sample of Ethernet, IPv4 and TCP.
fn with_packet(read: impl FnOnce(&Packet<'_>)) {
    static DATAGRAM: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| flowmote_vectors::named("header-ethernet-ipv4"));
    let datagram = Datagram::parse(&DATAGRAM).expect("a vector");
    let agent = datagram.agent_address;
    for sample in datagram.samples().flatten() {
        if let Sample::Flow(sample) = sample {
            return read(&Packet::flow(agent, &sample));
        }
    }
    panic!("the vector has no flow sample");
}
