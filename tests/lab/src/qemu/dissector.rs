//! Wireshark as a second decoder of the frames of a board, independent of ours.

use std::process::Command;

use flowmote_decoder::Datagram;

use super::Link;
use crate::skipped::skip_part;

/// An sFlow datagram as tshark reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dissected {
    sequence_number: u32,
    /// Number of samples.
    samples: u32,
}

impl Link {
    /// Decodes all sFlow datagrams of the link with tshark and compares the first of them with
    /// these. Reported as skipped if tshark is not installed.
    ///
    /// # Panics
    /// When tshark decodes others, or finds one malformed.
    pub fn check_dissected<'d>(&self, datagrams: impl IntoIterator<Item = Datagram<'d>>) {
        let Some(dissected) = self.dissect() else { return };
        let ours: Vec<Dissected> = datagrams.into_iter().map(Dissected::from).collect();
        // More may have arrived since.
        assert_eq!(dissected.get(..ours.len()), Some(&ours[..]));
    }

    fn dissect(&self) -> Option<Vec<Dissected>> {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(self.pcap()).args(["-n", "-d", "udp.port==6343,sflow"]);
        command.args(["-o", "ip.check_checksum:TRUE", "-Y", "sflow", "-T", "fields"]);
        // Do not dissect sampled packets, which may be malformed or sFlow themselves.
        command.args(["-o", "sflow.enable_dissection:FALSE", "-E", "separator=|"]);
        for field in ["sflow_245.sequence_number", "sflow_245.numsamples", "_ws.malformed"] {
            command.args(["-e", field]);
        }
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                skip_part(&format!("tshark: {error}"));
                return None;
            }
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows = String::from_utf8(output.stdout).expect("tshark writes ASCII here");
        Some(rows.lines().map(Dissected::read).collect())
    }
}

impl From<Datagram<'_>> for Dissected {
    /// The expected output of tshark.
    fn from(datagram: Datagram<'_>) -> Self {
        Self { sequence_number: datagram.sequence_number, samples: datagram.num_samples }
    }
}

impl Dissected {
    fn read(row: &str) -> Self {
        let fields: Vec<&str> = row.split('|').collect();
        let [sequence_number, samples, ""] = fields[..] else { panic!("tshark: {row}") };
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("tshark: {row}"));
        Self { sequence_number: number(sequence_number), samples: number(samples) }
    }
}
