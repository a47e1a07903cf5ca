//! No input makes the decoder panic, loop or read what is not there.

mod common;

use common::{vectors, walk};
use flowmote_analyzer::packet::Layers;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let _ = walk(&bytes);
    }

    /// A valid header, so that the arbitrary bytes are reached.
    #[test]
    fn arbitrary_samples(kind in 1u32..6, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut payload = [5u32, 0, 0, 0, 0, 9].map(u32::to_be_bytes).concat();
        payload.extend(kind.to_be_bytes());
        payload.extend((body.len() as u32).to_be_bytes());
        payload.extend(body);
        let _ = walk(&payload);
    }

    /// A few bytes of a real datagram changed: most of it still has its structure.
    #[test]
    fn mutated_vectors(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let (_, mut payload) = vectors[pick.index(vectors.len())].clone();
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let _ = walk(&payload);
    }

    /// As above on words, with the values that overflow.
    #[test]
    fn mutated_words(
        pick in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        word in prop_oneof![Just(u32::MAX), Just(0x7fff_ffff), Just(0xffff_fffd), 0u32..64],
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let (_, mut payload) = vectors[pick.index(vectors.len())].clone();
        let at = at.index(payload.len()) & !3;
        if let Some(place) = payload.get_mut(at..at + 4) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        let _ = walk(&payload);
    }

    #[test]
    fn arbitrary_packets(
        protocol in 0u32..20,
        packet in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let layers = Layers::new(protocol, &packet).count();
        prop_assert!(layers <= packet.len() + 1);
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

thread_local! {
    static VECTORS: std::rc::Rc<Vec<(String, Vec<u8>)>> = std::rc::Rc::new(vectors());
}
