//! XDR (RFC 4506) as sFlow uses it: big-endian words at the tail of a buffer of fixed size.

/// Appends XDR values to a buffer that it borrows.
///
/// A value that does not fit is not written, and neither is anything after it: the encoder
/// remembers the overflow, the caller asks once, at the end of a structure, and throws the
/// structure away as a whole. So encoders read like the tables of the specification.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// After an overflow no longer than what was written, so that nothing more fits.
    buffer: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Encoder<'a> {
    /// An encoder at the start of `buffer`.
    #[must_use]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0, overflow: false }
    }

    /// Bytes written, always a multiple of 4.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a value did not fit.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// What was written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// `unsigned int`, an enum, a flag.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `int`.
    pub fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `unsigned hyper`: 8 bytes, aligned to 4 only.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// `float`, IEEE 754 single precision.
    pub fn f32(&mut self, value: f32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `double`, IEEE 754 double precision.
    pub fn f64(&mut self, value: f64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Several `unsigned int` at the price of one check. Inlined, or it is there once for each
    /// number of words.
    #[inline(always)]
    pub fn words<const N: usize>(&mut self, words: [u32; N]) {
        self.all_words(&words);
    }

    fn all_words(&mut self, words: &[u32]) {
        let Some(tail) = self.tail(words.len().wrapping_mul(4)) else { return };
        let slots = tail.as_chunks_mut().0.iter_mut();
        slots.zip(words).for_each(|(slot, word)| *slot = word.to_be_bytes());
    }

    /// `opaque[n]`: no length word, zero padding to a multiple of 4.
    #[inline]
    pub fn opaque_fixed(&mut self, bytes: &[u8]) {
        // No slice is longer than isize::MAX, so nothing wraps.
        let Some(tail) = self.tail(bytes.len().wrapping_add(3) & !3) else { return };
        // The last word first, so that its padding is zero whatever the buffer held.
        if bytes.len() & 3 != 0
            && let Some(word) = tail.last_chunk_mut::<4>()
        {
            *word = [0; 4];
        }
        if let Some((body, _)) = tail.split_at_mut_checked(bytes.len()) {
            body.copy_from_slice(bytes);
        }
    }

    /// `opaque<>`: a length word, the bytes, zero padding to a multiple of 4.
    pub fn opaque(&mut self, bytes: &[u8]) {
        // A slice too long for its length word is too long for any buffer of ours.
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.opaque_fixed(bytes);
    }

    /// `string<max>`: like [`opaque`](Self::opaque), cut at the last character that ends within
    /// `max` bytes.
    pub fn string(&mut self, string: &str, max: usize) {
        let end = string.floor_char_boundary(max);
        self.opaque(string.as_bytes().get(..end).unwrap_or_default());
    }

    /// A MAC address: `opaque[6]`, so 8 bytes.
    pub fn mac(&mut self, mac: [u8; 6]) {
        self.opaque_fixed(&mac);
    }

    /// Bytes left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buffer.len().saturating_sub(self.len)
    }

    /// Notes a value that does not fit.
    #[cold]
    pub(crate) fn overflow(&mut self) {
        let buffer = core::mem::take(&mut self.buffer);
        self.buffer = buffer.get_mut(..self.len).unwrap_or_default();
        self.overflow = true;
    }

    /// Overwrites the word at `offset`, once its value is known: lengths and counts.
    pub(crate) fn patch(&mut self, offset: usize, value: u32) {
        if let Some(slot) = self.buffer.get_mut(offset..).and_then(<[u8]>::first_chunk_mut) {
            *slot = value.to_be_bytes();
        }
    }

    fn bytes<const N: usize>(&mut self, bytes: &[u8; N]) {
        if let Some(slot) = self.tail(N).and_then(<[u8]>::first_chunk_mut) {
            *slot = *bytes;
        }
    }

    /// The next `len` bytes, claimed; `None` and the overflow noted if there are not as many.
    #[inline]
    fn tail(&mut self, len: usize) -> Option<&mut [u8]> {
        let start = self.len;
        // Neither is longer than a slice can be, so their sum does not wrap.
        let end = start.wrapping_add(len);
        if end > self.buffer.len() {
            self.overflow();
            return None;
        }
        self.len = end;
        self.buffer.get_mut(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_bytes() {
        let mut buffer = [0xa5; 64];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.u32(1);
        xdr.i32(-1);
        xdr.u64(0x0102_0304_0506_0708);
        xdr.f32(1.0);
        xdr.string("abcde", 255);
        xdr.mac([1, 2, 3, 4, 5, 6]);
        xdr.words([7, 8]);
        assert!(!xdr.overflowed());
        assert_eq!(
            xdr.written(),
            [
                0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 0x3f, 0x80, 0, 0, 0, 0,
                0, 5, b'a', b'b', b'c', b'd', b'e', 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 7, 0,
                0, 0, 8
            ]
        );
    }

    #[test]
    fn padding_is_zero_for_every_remainder() {
        for len in 0..=8 {
            let mut buffer = [0xa5; 16];
            let mut xdr = Encoder::new(&mut buffer);
            xdr.opaque(&[0xff; 8][..len]);
            let written = xdr.written();
            assert_eq!(written.len(), 4 + len.next_multiple_of(4));
            assert!(written[4 + len..].iter().all(|&byte| byte == 0), "length {len}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_stops_everything_behind_it() {
        let mut buffer = [0xa5; 8];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.u32(1);
        xdr.u64(2);
        xdr.u32(3);
        assert!(xdr.overflowed());
        assert_eq!(xdr.written(), [0, 0, 0, 1]);
        assert_eq!(xdr.remaining(), 0);
        assert_eq!(buffer[4..], [0xa5; 4]);
    }

    #[test]
    fn opaque_at_the_edge_of_the_buffer() {
        let mut buffer = [0xa5; 8];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.opaque(&[1, 2, 3, 4]);
        assert!(!xdr.overflowed());
        let mut buffer = [0xa5; 8];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.opaque(&[1, 2, 3, 4, 5]);
        assert!(xdr.overflowed());
        assert_eq!(xdr.written(), [0, 0, 0, 5], "the body is missing, and the structure void");
    }

    #[test]
    fn strings_are_cut_between_characters() {
        let mut buffer = [0xa5; 16];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.string("aé", 2);
        assert_eq!(xdr.written(), [0, 0, 0, 1, b'a', 0, 0, 0]);
    }
}
