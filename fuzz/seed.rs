//! `cargo run --example seed -- DIRECTORY` writes what fuzzing begins with: the test vectors, the
//! packets sampled in them, and the configuration files of the repository.
//! `cargo +nightly fuzz cmin TARGET DIRECTORY/TARGET` then makes few of many.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flowmote_analyzer::flow::SampledHeader;
use flowmote_analyzer::{Datagram, FlowRecords, Sample};

fn main() -> io::Result<()> {
    let to = PathBuf::from(env::args().nth(1).expect("a directory"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for vectors in ["published", "synthetic"] {
        for path in files(&root.join("tests/vectors").join(vectors))? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let payload = unhex(&fs::read_to_string(path)?);
            write(&to.join("datagram"), &name, &payload)?;
            for (at, packet) in packets(&payload).iter().enumerate() {
                write(&to.join("packet"), &format!("{name}-{at}"), packet)?;
            }
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

/// The sampled packets, each behind a byte for its header protocol.
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

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join(name), bytes)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
