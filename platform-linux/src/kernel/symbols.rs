//! Names of functions of the kernel by their addresses (`/proc/kallsyms`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

/// The symbols of the kernel. The file is read anew for addresses that are not known yet: it has
/// megabytes, and the addresses of interest are few.
#[derive(Debug)]
pub(crate) struct Symbols {
    file: File,
    known: BTreeMap<u64, Option<Box<str>>>,
}

impl Symbols {
    /// Opens the file. Its addresses are 0 without `CAP_SYSLOG` at this moment; later reads need no
    /// capability (kernel/kallsyms.c, `kallsyms_open`).
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { file: File::open("/proc/kallsyms")?, known: BTreeMap::new() })
    }

    /// The function at an address, if it was looked up and has a name.
    pub(crate) fn get(&self, address: u64) -> Option<&str> {
        self.known.get(&address)?.as_deref()
    }

    /// Notes an address to be looked up. Returns true if [`look_up`](Self::look_up) should be called;
    /// never for more than some hundred addresses, because there is always another one.
    pub(crate) fn request(&mut self, address: u64) -> bool {
        let is_new = self.known.len() < MAX_KNOWN && !self.known.contains_key(&address);
        if is_new {
            self.known.insert(address, None);
        }
        is_new
    }

    /// Looks up all addresses without a name. Reads the whole file, some 50 ms.
    pub(crate) fn look_up(&mut self) {
        let mut nearest: BTreeMap<u64, (u64, Box<str>)> = BTreeMap::new();
        let wanted: Vec<u64> =
            self.known.iter().filter(|(_, name)| name.is_none()).map(|(at, _)| *at).collect();
        if self.file.rewind().is_err() {
            return;
        }
        let mut lines = BufReader::new(&self.file);
        let mut line = String::new();
        while let Ok(1..) = lines.read_line(&mut line) {
            if let Some((start, name)) = parse(&line) {
                for address in wanted.iter().filter(|&&address| address >= start) {
                    let found = nearest.entry(*address).or_default();
                    if start > found.0 {
                        *found = (start, name.into());
                    }
                }
            }
            line.clear();
        }
        for (address, (start, name)) in nearest {
            // Beyond the longest function it is the address of something else.
            if address.wrapping_sub(start) < MAX_FUNCTION {
                self.known.insert(address, Some(name));
            }
        }
    }
}

/// Address and name of a function, of a line like `ffffffff81000000 T _text`, after which
/// the name of a module may follow.
fn parse(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let is_function = matches!(words.next()?, "t" | "T" | "w" | "W");
    (is_function && address != 0).then_some((address, words.next()?))
}

/// A host drops packets in some dozens of places.
const MAX_KNOWN: usize = 512;
const MAX_FUNCTION: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_functions() {
        assert_eq!(parse("ffffffff81234560 T udp_rcv\n"), Some((0xffff_ffff_8123_4560, "udp_rcv")));
        assert_eq!(
            parse("ffffffffc0000000 t f\t[nf_tables]\n"),
            Some((0xffff_ffff_c000_0000, "f"))
        );
        assert_eq!(parse("ffffffff82000000 D jiffies\n"), None, "data");
        assert_eq!(parse("0000000000000000 T udp_rcv\n"), None, "without CAP_SYSLOG");
        assert_eq!(parse("\n"), None);
    }

    #[test]
    fn address_belongs_to_the_function_before_it() {
        let path = std::env::temp_dir().join(format!("flowmote-symbols-{}", std::process::id()));
        let text = "1000 T first\n3000 t third\n2000 T second\n2800 D data\n4000000 T far\n";
        std::fs::write(&path, text).unwrap();
        let mut symbols = Symbols { file: File::open(&path).unwrap(), known: BTreeMap::new() };
        std::fs::remove_file(&path).unwrap();
        for address in [0x1000, 0x2fff, 0x3001, 0xfff, 0x20_0000] {
            assert!(symbols.request(address));
            assert!(!symbols.request(address), "once");
            assert_eq!(symbols.get(address), None);
        }
        symbols.look_up();
        assert_eq!(symbols.get(0x1000), Some("first"));
        assert_eq!(symbols.get(0x2fff), Some("second"));
        assert_eq!(symbols.get(0x3001), Some("third"));
        assert_eq!(symbols.get(0xfff), None);
        assert_eq!(symbols.get(0x20_0000), None, "too far from any function");
    }

    #[test]
    fn number_of_addresses_is_bounded() {
        let file = File::open("/proc/kallsyms").unwrap();
        let mut symbols = Symbols { file, known: BTreeMap::new() };
        let requested = (1..10_000).filter(|address| symbols.request(*address)).count();
        assert_eq!(requested, MAX_KNOWN);
    }
}
