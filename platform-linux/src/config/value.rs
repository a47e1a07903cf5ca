//! Parsers for values: numbers, speeds, switches, addresses, names.
//!
//! They are stricter than hsflowd, which ends a number at the first character that is no digit
//! (`25abc` is 25) and multiplies suffixes in 32 bits (`5G` is 705032704).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::diagnostic::quoted;

/// A whole number as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: u64,
    /// A leading `0` made the value differ from its decimal reading, which is rarely intended.
    pub(crate) octal: bool,
}

/// Parses a whole number: decimal, `0x` hexadecimal or `0` octal, with an optional suffix out of
/// `suffixes`. In `KMG`, each is a thousand times the one before.
pub(crate) fn number(text: &str, suffixes: &str) -> Result<Number, String> {
    let malformed = || format!("{} is not a whole number", quoted(text));
    let (digits, multiplier) = split_suffix(text, suffixes);
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (digits.get(2..).unwrap_or_default(), 16),
        [b'0', _, ..] => (digits.get(1..).unwrap_or_default(), 8),
        _ => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        let octal = radix == 8 && digits.chars().all(|c| c.is_ascii_digit());
        let why = if octal { " (a leading 0 makes it octal)" } else { "" };
        return Err(malformed() + why);
    }
    // Only digits are left, so the only possible error is the size.
    let value = u64::from_str_radix(digits, radix).ok().and_then(|n| n.checked_mul(multiplier));
    match value {
        Some(value) => Ok(Number { value, octal: radix == 8 && value > 7 }),
        None => Err(format!("{} is too large", quoted(text))),
    }
}

/// Parses `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{} is neither on nor off", quoted(text))),
    }
}

/// Parses an address that is not unspecified; `[...]` around an IPv6 address is allowed.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.contains('%') {
        return Err(format!("{} contains a zone; remove it", quoted(text)));
    }
    let address = bare
        .parse::<IpAddr>()
        .map_err(|_| format!("{} is not an IPv4 or IPv6 address", quoted(text)))?;
    if address.is_unspecified() {
        return Err(format!("{} is an unspecified address", quoted(text)));
    }
    Ok(address)
}

/// Parses a UUID: 32 hexadecimal digits, with or without dashes.
pub(super) fn uuid(text: &str) -> Result<[u8; 16], String> {
    let malformed = || format!("{} is not a UUID of 32 hexadecimal digits", quoted(text));
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    // from_str_radix alone accepts a sign.
    if digits.len() != 32 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    u128::from_str_radix(&digits, 16).map(u128::to_be_bytes).map_err(|_| malformed())
}

/// Checks a name of a device. Alternative names and aliases can have any character.
pub(crate) fn device(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the device name is empty".into());
    }
    Ok(text.into())
}

/// Parses the name of a network namespace, a file name for `ip netns`.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if text.contains('/') || matches!(text, "" | "." | "..") {
        return Err(format!("{} is not a name of ip-netns(8)", quoted(text)));
    }
    Ok(text.to_owned())
}

/// Returns true if `device`, as written in a configuration, is the name or one of the other names
/// of an interface.
pub(super) fn is_called(device: &str, name: &str, other_names: &[String]) -> bool {
    name == device || other_names.iter().any(|other| other == device)
}

/// Checks a host name (RFC 1123, underscores allowed). A name in the form of an IPv4 address is
/// an error.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label_is_good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // The last label of a name has a letter; without this check `10.0.0.256` is a name.
    let numeric = name.rsplit('.').next().is_none_or(|l| l.chars().all(|c| c.is_ascii_digit()));
    if name.len() > 253 || numeric || !name.split('.').all(label_is_good) {
        return Err(format!("{} is neither an address nor a host name", quoted(text)));
    }
    Ok(text.into())
}

/// An address block, `10.0.0.0/8`; address bits outside the mask are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix_len: u8,
}

impl Cidr {
    /// The block of the first `prefix_len` bits of `address`; `None` if it has fewer.
    pub fn new(address: IpAddr, prefix_len: u8) -> Option<Self> {
        (prefix_len <= width(address)).then_some(Self { address, prefix_len })
    }

    /// Returns true if `address` is in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (mine, theirs) = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (left_aligned_v4(a), left_aligned_v4(b)),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits()),
            _ => return false,
        };
        // With a mask of 0 bits the shift is 128 and checked_shr gives `None`: all addresses match.
        let shift = 128 - u32::from(self.prefix_len.min(128));
        (mine ^ theirs).checked_shr(shift).unwrap_or(0) == 0
    }
}

impl core::fmt::Display for Cidr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// Parses an address block, `address/bits` or `address/mask`.
pub(super) fn cidr(text: &str) -> Result<Cidr, String> {
    let malformed = || format!("{} is not an address block such as 10.0.0.0/8", quoted(text));
    let (address, bits) = text.split_once('/').ok_or_else(malformed)?;
    let address = address.parse::<IpAddr>().map_err(|_| malformed())?;
    if let Ok(mask) = bits.parse::<IpAddr>() {
        return prefix_len(mask)
            .filter(|_| mask.is_ipv4() == address.is_ipv4())
            .and_then(|bits| Cidr::new(address, bits))
            .ok_or_else(|| format!("{}: not a mask for this kind of address", quoted(text)));
    }
    let bits = number(bits, "").map_err(|_| malformed())?.value;
    u8::try_from(bits)
        .ok()
        .and_then(|bits| Cidr::new(address, bits))
        .ok_or_else(|| format!("{}: the mask is out of range 0..={}", quoted(text), width(address)))
}

/// A range of link speeds: `1G-10G`, `10G-` or a single speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeedRange {
    /// Lowest speed in bit/s.
    pub min: u64,
    /// Highest speed in bit/s, inclusive.
    pub max: u64,
}

impl SpeedRange {
    /// Returns true if a speed in bit/s is in the range. `None`, an unknown speed, counts as 0 as
    /// in hsflowd, so that `speed = 0-` selects every link.
    pub fn contains(&self, if_speed: Option<u64>) -> bool {
        (self.min..=self.max).contains(&if_speed.unwrap_or(0))
    }
}

/// Parses `a`, `a-b` or `a-` with suffixes K, M, G, T and P.
pub(super) fn speed_range(text: &str) -> Result<SpeedRange, String> {
    let speed = |part: &str| {
        let wrong = |_| format!("{} is not a speed such as 1G, 1G-10G or 10G-", quoted(text));
        number(part, SPEED_SUFFIXES).map(|speed| speed.value).map_err(wrong)
    };
    let (min, max) = match text.split_once('-') {
        None => (speed(text)?, speed(text)?),
        Some((min, "")) => (speed(min)?, u64::MAX),
        Some((min, max)) => (speed(min)?, speed(max)?),
    };
    if max < min {
        return Err(format!("{}: the range ends below its start", quoted(text)));
    }
    Ok(SpeedRange { min, max })
}

/// Parses the speed in `sampling.10G`, in bit/s; fractions are allowed (`2.5G`).
pub(super) fn speed_name(text: &str) -> Option<u64> {
    let (digits, multiplier) = split_suffix(text, SPEED_SUFFIXES);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_decimal = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_decimal(whole) || !is_decimal(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = fraction.parse::<u64>().ok()?.checked_mul(multiplier)? / scale;
    whole.parse::<u64>().ok()?.checked_mul(multiplier)?.checked_add(fraction)
}

/// Splits off a suffix and returns its multiplier, 1 without a suffix.
fn split_suffix<'a>(text: &'a str, suffixes: &str) -> (&'a str, u64) {
    let last = text.chars().last().map(|c| c.to_ascii_uppercase());
    let found = suffixes.chars().zip(1_u32..).find(|&(suffix, _)| Some(suffix) == last);
    let Some((_, power)) = found else { return (text, 1) };
    let digits = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    (digits, 1000_u64.saturating_pow(power))
}

/// The length of a mask written as an address; `None` if a 1 follows a 0.
fn prefix_len(mask: IpAddr) -> Option<u8> {
    let bits = match mask {
        IpAddr::V4(mask) => left_aligned_v4(mask),
        IpAddr::V6(mask) => mask.to_bits(),
    };
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then_some(ones).and_then(|ones| u8::try_from(ones).ok())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn left_aligned_v4(address: Ipv4Addr) -> u128 {
    u128::from(address.to_bits()) << (Ipv6Addr::BITS - Ipv4Addr::BITS)
}

/// Suffixes of numbers.
pub(crate) const NUMBER_SUFFIXES: &str = "KMG";
/// Suffixes of speeds.
pub(super) const SPEED_SUFFIXES: &str = "KMGTP";

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Result<u64, String> {
        number(text, NUMBER_SUFFIXES).map(|n| n.value)
    }

    #[test]
    fn numbers_in_all_bases_and_sizes() {
        assert_eq!(plain("0"), Ok(0));
        assert_eq!(plain("400"), Ok(400));
        assert_eq!(plain("1K"), Ok(1000));
        assert_eq!(plain("2m"), Ok(2_000_000));
        assert_eq!(plain("5G"), Ok(5_000_000_000));
        assert_eq!(plain("0x10"), Ok(16));
        assert_eq!(plain("0x1K"), Ok(1000));
        assert_eq!(number("010", ""), Ok(Number { value: 8, octal: true }));
        assert_eq!(number("007", ""), Ok(Number { value: 7, octal: false }));
        assert_eq!(number("0", ""), Ok(Number { value: 0, octal: false }));
        assert_eq!(plain("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn malformed_numbers_are_errors() {
        for text in ["", "25abc", "-1", "+1", "K", "0x", "1T", "1_000", "0x-1", "٣", "é", "1é"] {
            assert_eq!(plain(text), Err(format!("{text:?} is not a whole number")));
        }
        assert_eq!(
            plain("09"),
            Err("\"09\" is not a whole number (a leading 0 makes it octal)".into())
        );
        for text in ["18446744073709551616", "18446744073709551G"] {
            assert_eq!(plain(text), Err(format!("{text:?} is too large")));
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(address("10.0.0.1"), Ok(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(address("[::1]"), Ok(IpAddr::from(Ipv6Addr::LOCALHOST)));
        assert_eq!(address("::"), Err("\"::\" is an unspecified address".into()));
        assert_eq!(
            address("10.0.0.256"),
            Err("\"10.0.0.256\" is not an IPv4 or IPv6 address".into())
        );
        assert_eq!(
            address("fe80::1%eth0"),
            Err("\"fe80::1%eth0\" contains a zone; remove it".into())
        );
    }

    #[test]
    fn address_blocks() {
        let block = cidr("10.1.2.3/8").unwrap();
        assert!(block.contains([10, 255, 0, 1].into()));
        assert!(!block.contains([11, 0, 0, 1].into()));
        assert!(!block.contains(Ipv6Addr::LOCALHOST.into()));
        assert!(cidr("0.0.0.0/0").unwrap().contains([255; 4].into()));
        assert!(cidr("::/0").unwrap().contains(Ipv6Addr::from_bits(u128::MAX).into()));
        assert!(!cidr("::1/128").unwrap().contains(Ipv6Addr::UNSPECIFIED.into()));
        assert!(!cidr("1.2.3.4/32").unwrap().contains([1, 2, 3, 5].into()));
        assert_eq!(
            cidr("::1/100000"),
            Err("\"::1/100000\": the mask is out of range 0..=128".into())
        );
        assert_eq!(cidr("10.0.0.0/255.240.0.0"), cidr("10.0.0.0/12"));
        assert_eq!(cidr("2001:db8::/ffff:ffff::"), cidr("2001:db8::/32"));
        for text in ["10.0.0.0/255.0.255.0", "10.0.0.0/ffff::", "2001:db8::/255.0.0.0"] {
            let expected = format!("{text:?}: not a mask for this kind of address");
            assert_eq!(cidr(text), Err(expected));
        }
        assert_eq!(
            cidr("1.2.3.4/33"),
            Err("\"1.2.3.4/33\": the mask is out of range 0..=32".into())
        );
        for text in ["1.2.3.4", "/8", "1.2.3.4/", "1.2.3.4/8x", "eth0/8", "1.2.3.4/8/8"] {
            let expected = format!("{text:?} is not an address block such as 10.0.0.0/8");
            assert_eq!(cidr(text), Err(expected));
        }
    }

    #[test]
    fn speed_ranges() {
        assert_eq!(
            speed_range("1G-1T"),
            Ok(SpeedRange { min: 10_u64.pow(9), max: 10_u64.pow(12) })
        );
        assert_eq!(speed_range("0-"), Ok(SpeedRange { min: 0, max: u64::MAX }));
        assert_eq!(
            speed_range("2P"),
            Ok(SpeedRange { min: 2 * 10_u64.pow(15), max: 2 * 10_u64.pow(15) })
        );
        assert!(speed_range("0-").unwrap().contains(None));
        assert!(!speed_range("1-").unwrap().contains(None));
        assert_eq!(speed_range("2G-1G"), Err("\"2G-1G\": the range ends below its start".into()));
        for text in ["", "-", "-1G", "fast", "1G-2G-3G", "99999P"] {
            let expected = format!("{text:?} is not a speed such as 1G, 1G-10G or 10G-");
            assert_eq!(speed_range(text), Err(expected));
        }
    }

    #[test]
    fn speed_names() {
        assert_eq!(speed_name("100M"), Some(100_000_000));
        assert_eq!(speed_name("2.5G"), Some(2_500_000_000));
        assert_eq!(speed_name("10g"), Some(10_000_000_000));
        assert_eq!(speed_name("1000"), Some(1000));
        for text in ["", "G", "10GB", "1.G", ".5G", "1.2.3G", "99999P", "1.0000000001G"] {
            assert_eq!(speed_name(text), None, "{text:?}");
        }
    }

    #[test]
    fn uuids() {
        let expected = [
            0x0d, 0x7b, 0xc3, 0x66, 0x0d, 0x7b, 0x53, 0x66, 0x8d, 0x7b, 0xc3, 0x66, 0x0d, 0x7b,
            0xc3, 0x66,
        ];
        assert_eq!(uuid("0d7bc366-0d7b-5366-8d7b-c3660d7bc366"), Ok(expected));
        assert_eq!(uuid("0D7BC3660D7B53668D7BC3660D7BC366"), Ok(expected));
        for text in
            ["", "0d7b", "+d7bc366-0d7b-5366-8d7b-c3660d7bc366", "zz7bc3660d7b53668d7bc3660d7bc366"]
        {
            assert_eq!(uuid(text), Err(format!("{text:?} is not a UUID of 32 hexadecimal digits")));
        }
    }

    #[test]
    fn host_names() {
        for text in ["collector", "sflow.example.com", "a_b.example.", "1and1.com"] {
            assert_eq!(host_name(text).as_deref(), Ok(text));
        }
        for text in ["", ".", "10.0.0.256", "10.0", "a..b", "-a", "a-", "a b", "a:1", "é.com"] {
            assert_eq!(
                host_name(text),
                Err(format!("{text:?} is neither an address nor a host name"))
            );
        }
    }
}
