//! Capture files for `read`.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;

/// A pcap file of datagrams to port 6343, one microsecond apart.
pub(crate) fn capture(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
    for (at, payload) in payloads.iter().enumerate() {
        let frame = frame(payload);
        let len = frame.len() as u32;
        file.extend(words(&[1_700_000_000, at as u32, len, len]));
        file.extend(frame);
    }
    file
}

/// Words in the byte order of the file.
pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An Ethernet frame with the payload, from 192.0.2.7:12345.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 7, 192, 0, 2, 8, 0x30, 0x39, 0x18, 0xc7]);
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

/// A file that is removed when the test ends.
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Temporary {
    pub(crate) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("flowmote-analyzer-{}-{name}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
