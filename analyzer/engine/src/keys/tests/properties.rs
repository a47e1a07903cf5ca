//! Properties: arbitrary text and bytes never panic, and keys survive their bytes.

use super::*;

/// A generator that is the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

const PIECES: [&str; 36] = [
    "ipsource=1",
    "ipttl",
    "ipsource",
    "tcpflags",
    "src.1",
    "or",
    "null",
    "if",
    "group",
    "range",
    "prefix",
    "stack",
    "ä",
    ":",
    ":",
    ":",
    "[",
    "]",
    "\\",
    ",",
    "=",
    "!",
    "~",
    "&",
    "|",
    "(",
    ")",
    "{",
    "}",
    ".",
    "*",
    "1",
    "null",
    " ",
    "10.0.0.1",
    "\u{0}",
];

#[test]
fn arbitrary_text_is_compiled_or_refused() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let packet = tcp_packet();
    let lookup = Lookup::default();
    let context = Context::new(&lookup);
    let (mut keys, mut filters) = (0, 0);
    for _ in 0..3000 {
        let length = 1 + random.below(12);
        let text: String = (0..length).map(|_| random.pick(&PIECES)).collect();
        if let Ok(parsed) = Keys::parse(&text) {
            keys += 1;
            with(&packet, |packet| parsed.write(packet, &context, &mut KeyBuffer::new()));
        }
        if let Ok(parsed) = Filter::parse(&text) {
            filters += 1;
            with(&packet, |packet| parsed.matches(packet, &context));
        }
    }
    assert!(keys > 20 && filters > 20, "{keys} keys and {filters} filters are valid");
}

#[test]
fn values_survive_their_bytes() {
    let long = "ä".repeat(2000);
    let mut buffer = KeyBuffer::new();
    let mut random = Random(99);
    for round in 0..2000 {
        let number = (random.below(usize::MAX) >> random.below(64)) as u64;
        let values = [
            Value::Number(number),
            Value::Number(u64::MAX),
            Value::Number(0),
            Value::Signed(-1 - (number >> 1) as i64),
            Value::Float(number as f64 + 0.5),
            Value::Bool(round % 2 == 0),
            Value::V4((number as u32).into()),
            Value::V6(u128::from(number).into()),
            Value::Bits { value: number as u32 & 0x1ff, width: 9 },
            Value::from(format!("text {number}")),
            Value::from(""),
            Value::Mac(flowmote_decoder::MacAddress([number as u8; 6])),
        ];
        buffer.clear();
        values.iter().for_each(|value| buffer.push(value));
        assert_eq!(fields(buffer.bytes()).collect::<Vec<_>>(), values);
    }
    buffer.clear();
    buffer.push(&Value::from(long.as_str()));
    let cut: Vec<_> = fields(buffer.bytes()).collect();
    assert_eq!(cut, [Value::from(&long[..1024])]);
}

#[test]
fn key_of_any_length_is_whole_and_padded_with_zeros() {
    let mut buffer = KeyBuffer::new();
    for length in 0..80 {
        for number in [0, 7, 300, u64::MAX] {
            buffer.clear();
            (0..length).for_each(|_| buffer.push(&Value::Bool(true)));
            buffer.push(&Value::Number(number));
            let found: Vec<_> = fields(buffer.bytes()).collect();
            let (last, before) = found.split_last().unwrap();
            assert_eq!((last, before.len()), (&Value::Number(number), length));
            let bytes = buffer.bytes();
            let padded = buffer.padded::<18>().map(|padded| padded.split_at(bytes.len()));
            match padded {
                Some((key, rest)) => assert!(key == bytes && rest.iter().all(|byte| *byte == 0)),
                None => assert!(bytes.len() > 18),
            }
        }
    }
}

#[test]
fn equal_texts_are_equal_bytes() {
    let bytes = |value: Value<'_>| {
        let mut buffer = KeyBuffer::new();
        buffer.push(&value);
        buffer.bytes().to_vec()
    };
    for number in [0, 1, 255, 256, 65535, 65536, u64::from(u32::MAX), u64::MAX] {
        let expected = bytes(Value::Number(number));
        assert_eq!(bytes(Value::from(number.to_string())), expected);
        if let Ok(signed) = i64::try_from(number) {
            assert_eq!(bytes(Value::Signed(signed)), expected);
        }
    }
    assert_ne!(bytes(Value::from("01")), bytes(Value::Number(1)));
    // A default is of the kind of its key, so both make one flow.
    let syn = Keys::parse("null:tcpflags:000010010").unwrap();
    let (mut absent, mut present) = (KeyBuffer::new(), KeyBuffer::new());
    let lookup = Lookup::default();
    let context = Context::new(&lookup);
    let udp = flow_sample(&[header(&ethernet(0x0800, &ipv4(17, &udp(1, 2, &[]))))]);
    with(&udp, |packet| syn.write(packet, &context, &mut absent));
    with(&tcp_packet(), |packet| syn.write(packet, &context, &mut present));
    assert_eq!(absent.bytes(), present.bytes());
}

#[test]
fn arbitrary_bytes_are_fields_or_end() {
    let mut random = Random(7);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.below(40) as u8).collect();
        assert!(fields(&bytes).count() <= bytes.len());
    }
}
