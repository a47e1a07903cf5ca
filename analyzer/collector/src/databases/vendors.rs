//! The registry of the IEEE: the vendors of MAC addresses.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use flowmote_decoder::MacAddress;

/// Vendors by the first three bytes of their addresses (MA-L).
#[derive(Debug)]
pub(super) struct Vendors(HashMap<[u8; 3], Box<str>>);

impl Vendors {
    /// Reads `oui.txt` or `oui.csv` as the IEEE publishes them.
    ///
    /// # Errors
    /// The file cannot be read, or contains no assignment.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let failed = |error| format!("cannot read {}: {error}", file.display());
        let bytes = fs::read(file).map_err(|error| failed(error.to_string()))?;
        let vendors = if bytes.starts_with(CSV_HEADING) { csv(&bytes) } else { text(&bytes) };
        if vendors.is_empty() {
            return Err(failed("no assignment as in oui.txt or oui.csv of the IEEE".to_owned()));
        }
        Ok(Self(vendors))
    }

    /// The vendor of an address.
    pub(super) fn name(&self, MacAddress([a, b, c, ..]): MacAddress) -> Option<&str> {
        self.0.get(&[a, b, c]).map(|name| &**name)
    }
}

/// Lines with a prefix, `(hex)` and a name: `28-6F-B9   (hex) Example`. Those of the address have no mark.
fn text(bytes: &[u8]) -> HashMap<[u8; 3], Box<str>> {
    let text = String::from_utf8_lossy(bytes);
    let assignment = |line: &str| {
        let (prefix, name) = line.split_once("(hex)")?;
        Some((parse(&prefix.trim().replace('-', ""))?, name.trim().into()))
    };
    text.lines().filter_map(assignment).collect()
}

/// Records such as `MA-L,002272,American Micro-Fuel Device Corp.,2181 Buchanan Loop …`.
fn csv(bytes: &[u8]) -> HashMap<[u8; 3], Box<str>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let assignment = |record: csv::ByteRecord| {
        let field = |at| String::from_utf8_lossy(record.get(at).unwrap_or_default());
        Some((parse(&field(1))?, field(2).trim().into()))
    };
    reader.byte_records().map_while(Result::ok).filter_map(assignment).collect()
}

/// Six hexadecimal digits. Longer ones are parts of an assignment to the IEEE itself (MA-M, MA-S).
fn parse(digits: &str) -> Option<[u8; 3]> {
    let [_, bytes @ ..] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    (digits.len() == 6).then_some(bytes)
}

const CSV_HEADING: &[u8] = b"Registry,";

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of the published files, with their line ends.
    const TEXT: &str = "OUI/MA-L                                                    Organization\r\n\
        company_id                                                  Organization\r\n\
        \x20                                                           Address\r\n\r\n\
        02-00-5E   (hex)\t\tExample Networks, Inc.\r\n\
        02005E     (base 16)\t\tExample Networks, Inc.\r\n\
        \t\t\t\t1 Main (hex) Street\r\n\t\t\t\tDE\r\n\r\n\
        AA-BB-CC   (hex)\t\tSmall G\u{fc}ter\r\n";
    const CSV: &str = "Registry,Assignment,Organization Name,Organization Address\r\n\
        MA-L,02005E,\"Example \"\"Networks\"\", Inc.\",\"1 Main Street\r\nXX 1\"\r\n\
        MA-M,AABBCCD,Part of a block,XX\r\n\
        MA-L,AABBCC,Small G\u{fc}ter,XX\r\n";

    fn name(vendors: &HashMap<[u8; 3], Box<str>>, prefix: [u8; 3]) -> Option<&str> {
        vendors.get(&prefix).map(|name| &**name)
    }

    #[test]
    fn both_forms_are_read() {
        let (text, csv) = (text(TEXT.as_bytes()), csv(CSV.as_bytes()));
        assert_eq!(name(&text, [0x02, 0, 0x5e]), Some("Example Networks, Inc."));
        assert_eq!(name(&csv, [0x02, 0, 0x5e]), Some("Example \"Networks\", Inc."));
        for vendors in [text, csv] {
            assert_eq!(name(&vendors, [0xaa, 0xbb, 0xcc]), Some("Small G\u{fc}ter"));
            assert_eq!(vendors.len(), 2);
        }
    }
}
