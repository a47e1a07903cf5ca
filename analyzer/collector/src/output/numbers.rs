//! Numbers and addresses as text, without the overhead of `core::fmt`: formatting dominates the time of
//! JSON output.

use core::net::Ipv4Addr;

use flowmote_decoder::MacAddress;

/// Appends text to a byte buffer; an extension trait of `Vec<u8>`.
pub(super) trait Put {
    fn put_decimal(&mut self, number: impl itoa::Integer);
    /// Appends the last six digits, with leading zeros.
    fn put_six_digits(&mut self, number: u32);
    /// Appends two lower-case digits per byte.
    fn put_hex(&mut self, bytes: &[u8]);
    fn put_ipv4(&mut self, address: Ipv4Addr);
    fn put_mac(&mut self, address: MacAddress);
}

impl Put for Vec<u8> {
    #[inline]
    fn put_decimal(&mut self, number: impl itoa::Integer) {
        self.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn put_six_digits(&mut self, number: u32) {
        let places = [100_000, 10_000, 1000, 100, 10, 1];
        self.extend_from_slice(&places.map(|place| b'0' + (number / place % 10) as u8));
    }

    fn put_hex(&mut self, bytes: &[u8]) {
        let start = self.len();
        self.resize(start + 2 * bytes.len(), 0);
        let added = self.get_mut(start..).unwrap_or_default();
        for (pair, byte) in added.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = digits(*byte);
        }
    }

    fn put_ipv4(&mut self, address: Ipv4Addr) {
        let [a, b, c, d] = address.octets();
        self.put_decimal(a);
        for octet in [b, c, d] {
            self.push(b'.');
            self.put_decimal(octet);
        }
    }

    fn put_mac(&mut self, address: MacAddress) {
        let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] = address.0.map(digits);
        const C: u8 = b':';
        self.extend_from_slice(&[a, b, C, c, d, C, e, f, C, g, h, C, i, j, C, k, l]);
    }
}

/// The two hexadecimal digits of a byte.
#[inline]
fn digits(byte: u8) -> [u8; 2] {
    // No branch and no table, so that the compiler vectorizes the loop over bytes.
    [byte >> 4, byte & 0x0f].map(|nibble| nibble + b'0' + (b'a' - b'0' - 10) * u8::from(nibble > 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = vec![0xa5; 3];
        write(&mut out);
        assert_eq!(out.drain(..3).as_slice(), [0xa5; 3]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_equals_that_of_core_fmt() {
        for number in [0, 9, 10, 99, 100, 4_294_967_296, u64::MAX] {
            assert_eq!(put(|out| out.put_decimal(number)), number.to_string());
        }
        for micros in [0, 1, 10, 987_654, 999_999] {
            assert_eq!(put(|out| out.put_six_digits(micros)), format!("{micros:06}"));
        }
        let all: Vec<u8> = (0..=255).collect();
        let hex: String = all.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(put(|out| out.put_hex(&all)), hex);
        for octets in [[0, 9, 10, 99], [100, 199, 200, 255]] {
            let address = Ipv4Addr::from(octets);
            assert_eq!(put(|out| out.put_ipv4(address)), address.to_string());
        }
        let mac = MacAddress([0, 0x0f, 0xf0, 0xff, 0x9a, 0xa9]);
        assert_eq!(put(|out| out.put_mac(mac)), mac.to_string());
    }
}
