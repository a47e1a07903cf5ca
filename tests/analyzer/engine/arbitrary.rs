//! The entries of the fuzz targets with random changes of the test vectors and of the corpus: what a
//! fuzzer finds by coverage, this finds by chance in each run of the tests.

use std::fs;
use std::path::Path;

use flowmote_core::Random;
use flowmote_entries::{ingest, keys};

#[test]
fn changed_datagrams_are_ingested() {
    let vectors: Vec<Vec<u8>> = flowmote_vectors::all().into_iter().map(|(_, it)| it).collect();
    let mut random = Random::new(1);
    for _ in 0..300 {
        let mut input = Vec::new();
        for _ in 0..1 + random.below(5) {
            let mut datagram = pick(&mut random, &vectors).clone();
            let changes = random.below(4);
            change(&mut random, &mut datagram, changes);
            input.extend((datagram.len() as u16).to_be_bytes());
            input.push(random.below(24) as u8);
            input.extend(&datagram);
        }
        ingest(&input);
    }
}

#[test]
fn changed_texts_are_compiled_or_refused() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/keys");
    let files = fs::read_dir(corpus).expect("the corpus").flatten();
    let mut texts: Vec<Vec<u8>> = files.map(|it| fs::read(it.path()).expect("a file")).collect();
    texts.sort();
    let mut random = Random::new(1);
    for _ in 0..3000 {
        let mut text = pick(&mut random, &texts).clone();
        let changes = 1 + random.below(6);
        change(&mut random, &mut text, changes);
        keys(&text);
    }
}

fn pick<'a>(random: &mut Random, items: &'a [Vec<u8>]) -> &'a Vec<u8> {
    &items[random.below(items.len() as u32) as usize]
}

/// Overwrites, cuts or doubles parts.
fn change(random: &mut Random, bytes: &mut Vec<u8>, changes: u32) {
    for _ in 0..changes {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len() as u32) as usize;
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_within(at..),
            2 => drop(bytes.remove(at)),
            // A length or a number becomes another one.
            3 => bytes[at] = [0, 1, 0x7f, 0xff][random.below(4) as usize],
            _ => bytes[at] = random.next_u32() as u8,
        }
    }
}
