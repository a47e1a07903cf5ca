//! No input makes the decoder panic, loop, or return more than its bytes can hold.

use flowmote_decoder::packet::{FiveTuple, Layer, Layers};
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_vectors::{all as vectors, five_tuple, walk};
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let _ = walk(&bytes);
    }

    /// Arbitrary bytes after a valid header, so that the readers of samples are reached.
    #[test]
    fn arbitrary_samples(kind in 1u32..6, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut payload = [5u32, 0, 0, 0, 0, 9].map(u32::to_be_bytes).concat();
        payload.extend(kind.to_be_bytes());
        payload.extend((body.len() as u32).to_be_bytes());
        payload.extend(body);
        let _ = walk(&payload);
    }

    /// The same for versions 2 and 4, whose samples have no length.
    #[test]
    fn arbitrary_samples_of_versions_2_and_4(
        version in prop_oneof![Just(2u32), Just(4)],
        kind in 1u32..4,
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut payload = [version, 1, 0, 0, 0, 9, kind].map(u32::to_be_bytes).concat();
        payload.extend(body);
        let _ = walk(&payload);
    }

    /// Vectors of versions 2 and 4 with a few changed words, most of them numbers of structures.
    #[test]
    fn mutated_versions_2_and_4(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u32..8), 1..6),
    ) {
        let vectors = VECTORS.with(Clone::clone);
        let old: Vec<_> = vectors.iter().filter(|(name, _)| name.starts_with("version-")).collect();
        let (_, mut payload) = old[pick.index(old.len())].clone();
        for (at, word) in changes {
            let at = 4 + 4 * at.index(payload.len() / 4 - 1);
            payload[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        let _ = walk(&payload);
    }

    /// Vectors with a few changed bytes, so that most of the structure remains.
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

    /// Vectors with one word changed to a value near an overflow.
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
        let layers = Layers::new(protocol, &packet);
        prop_assert!(layers.clone().count() <= packet.len() + 1);
        prop_assert_eq!(FiveTuple::from_layers(layers.clone()), five_tuple(layers));
    }

    /// Packets that begin with valid headers, so that the readers of later ones are reached.
    #[test]
    fn stacked_headers(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut packet: Vec<u8> = picks.iter().flat_map(|pick| pick.get(HEADERS).to_vec()).collect();
        packet.extend(noise);
        for protocol in [0, 1, 7, 11, 12, 13, 15, 16, 17] {
            let layers = Layers::new(protocol, &packet);
            prop_assert!(layers.clone().count() <= packet.len() + 1);
            prop_assert_eq!(FiveTuple::from_layers(layers.clone()), five_tuple(layers));
            assert_cut_adds_no_field(protocol, &packet);
        }
    }
}

/// Checks that a cut packet yields only fields of the whole one.
fn assert_cut_adds_no_field(protocol: u32, packet: &[u8]) {
    let whole = shown(Layers::new(protocol, packet));
    for len in 0..packet.len() {
        let cut = shown(Layers::captured(protocol, &packet[..len], packet.len()));
        for ((name, fields), (whole_name, whole_fields)) in cut.iter().zip(&whole) {
            if matches!(*name, "truncated" | "payload") {
                break;
            }
            assert_eq!(name, whole_name, "cut at {len}");
            let added = fields.iter().find(|field| !whole_fields.contains(field));
            assert_eq!(added, None, "{name}, cut at {len}: {whole_fields:?}");
        }
    }
}

/// Name and fields of each layer.
fn shown(layers: Layers<'_>) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let fields = |layer: Layer<'_>| {
        let mut fields = Fields::default();
        layer.visit(&mut fields);
        (layer.name(), fields.0)
    };
    layers.map(fields).collect()
}

#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visitor for Fields {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.0.push((field.name, format!("{value:?}")));
    }

    fn open(&mut self, _: Field, _: Shape) {}

    fn close(&mut self, _: Shape) {}
}

/// Headers that select one another.
const HEADERS: &[&[u8]] = &[
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 8, 0],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47, 0, 1, 0x10, 64, 0, 1, 0x11, 64],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x64, 0x11, 0, 0, 5, 0, 42, 0, 0x21],
    &[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    &[0x46, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0],
    &[0x45, 0, 0, 0, 0, 0, 0, 2, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    &[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    &[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 51, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    &[
        0x60, 0, 0, 0, 0, 0, 0, 64, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6,
        6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8,
    ],
    // With right checksums: they are recognised where no field names IP.
    &[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0x66, 0xe4, 10, 0, 0, 1, 10, 0, 0, 2],
    &[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0x66, 0xbb, 10, 0, 0, 1, 10, 0, 0, 2],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47, 0, 1, 0x11, 64],
    &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x26, 6, 0x40, 0, 0, 0x88, 0xe7, 0x70, 1, 2, 3],
    &[0, 0, 0, 0],
    &[0, 0, 0x88, 0xbe],
    &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0xa4, 7, 0, 0, 0, 9],
    &[0x20, 1, 0x64, 0, 0, 58, 7, 0],
    &[
        8, 1, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 0, 0, 0xaa, 0xaa, 3, 0,
        0, 0, 8, 0,
    ],
    &[0x9c, 0x41, 0x06, 0xa5, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 7],
    &[0x9c, 0x41, 0x12, 0xb6, 0, 0, 0, 0, 0x0c, 0, 0, 1, 0, 0, 5, 0],
    &[60, 0, 1, 4, 0, 0, 0, 0],
    &[44, 0, 1, 4, 0, 0, 0, 0],
    &[6, 0, 0, 8, 0, 0, 0, 1],
    &[132, 0, 0, 0, 0, 0, 0, 1],
    &[0x9c, 0x41, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0x10, 0, 0, 0, 0, 0],
    &[0x9c, 0x41, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 1, 0],
];

fn config() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

thread_local! {
    static VECTORS: std::rc::Rc<Vec<(String, Vec<u8>)>> = std::rc::Rc::new(vectors());
}

/// Each word of each vector as a count or length of four billion; `walk` checks the bounds.
#[test]
fn counts_and_lengths_are_bounded_by_the_datagram() {
    for (_, payload) in vectors() {
        for at in (0..payload.len().saturating_sub(3)).step_by(4) {
            let mut payload = payload.clone();
            payload[at..at + 4].fill(0xff);
            let _ = walk(&payload);
        }
    }
}
