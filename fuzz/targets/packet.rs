//! Sampled packet: layers and 5-tuple. The first byte of the input is the header protocol.
#![no_main]

use flowmote_decoder::packet::{FiveTuple, Layer, Layers};
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&protocol, packet)) = input.split_first() else { return };
    let layers = Layers::new(protocol.into(), packet);
    let mut count = 0;
    let mut steps = layers.clone();
    for layer in layers.clone() {
        count += 1;
        assert_eq!(steps.step(), Some(layer.protocol()));
        layer.visit(&mut Ignore);
        if let Layer::Payload(payload) = layer {
            assert!(payload.len() <= packet.len());
        }
    }
    assert_eq!(steps.step(), None);
    assert!(count <= packet.len() + 1, "each layer consumes bytes");
    assert_eq!(FiveTuple::from_layers(layers.clone()), flowmote_vectors::five_tuple(layers));
});

struct Ignore;

impl Visitor for Ignore {
    fn value(&mut self, _: Field, _: Value<'_>) {}
    fn open(&mut self, _: Field, _: Shape) {}
    fn close(&mut self, _: Shape) {}
}
