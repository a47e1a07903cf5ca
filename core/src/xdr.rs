//! XDR (RFC 4506) as sFlow uses it: big-endian words in a buffer of fixed size.

/// An encoder that appends XDR values to a borrowed buffer.
///
/// A value that does not fit is not written, nor is any value after it. The caller checks
/// [`overflowed`](Self::overflowed) once, at the end of a structure, and discards the structure as
/// a whole. This way encoders read like the tables of the specification.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Cut to the bytes written after an overflow, so that nothing more fits.
    buffer: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Encoder<'a> {
    /// Creates an encoder at the start of `buffer`.
    #[must_use]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0, overflow: false }
    }

    /// Returns the bytes written, a multiple of 4.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns true if a value did not fit.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflow
    }

    /// Returns the bytes written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// Writes an `unsigned int`, an enum or a flag.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes an `int`.
    pub fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes an `unsigned hyper`: 8 bytes, aligned to 4 only.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a `float`, IEEE 754 single precision.
    pub fn f32(&mut self, value: f32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a `double`, IEEE 754 double precision.
    pub fn f64(&mut self, value: f64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes several `unsigned int` with one bounds check.
    // Inlined, so that the program does not contain a copy for each number of words.
    #[inline(always)]
    pub fn words<const N: usize>(&mut self, words: [u32; N]) {
        self.all_words(&words);
    }

    fn all_words(&mut self, words: &[u32]) {
        let Some(tail) = self.tail(words.len().wrapping_mul(4)) else { return };
        let slots = tail.as_chunks_mut().0.iter_mut();
        slots.zip(words).for_each(|(slot, word)| *slot = word.to_be_bytes());
    }

    /// Writes an `opaque[n]`: no length word, zero padding to a multiple of 4.
    #[inline]
    pub fn opaque_fixed(&mut self, bytes: &[u8]) {
        // No slice is longer than isize::MAX, so the sum does not wrap.
        let Some(tail) = self.tail(bytes.len().wrapping_add(3) & !3) else { return };
        // The last word first: its padding must be zero whatever the buffer contained.
        if bytes.len() & 3 != 0
            && let Some(word) = tail.last_chunk_mut::<4>()
        {
            *word = [0; 4];
        }
        if let Some((body, _)) = tail.split_at_mut_checked(bytes.len()) {
            body.copy_from_slice(bytes);
        }
    }

    /// Writes an `opaque<>`: a length word, the bytes, zero padding to a multiple of 4.
    pub fn opaque(&mut self, bytes: &[u8]) {
        // A slice that is too long for its length word overflows the buffer anyway.
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.opaque_fixed(bytes);
    }

    /// Writes a `string<max>`: as [`opaque`](Self::opaque), cut after the last character that ends
    /// within `max` bytes.
    pub fn string(&mut self, string: &str, max: usize) {
        let end = string.floor_char_boundary(max);
        self.opaque(string.as_bytes().get(..end).unwrap_or_default());
    }

    /// Writes a MAC address, `opaque[6]`: 8 bytes.
    pub fn mac(&mut self, mac: [u8; 6]) {
        self.opaque_fixed(&mac);
    }

    /// Returns the bytes left in the buffer.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buffer.len().saturating_sub(self.len)
    }

    /// Records an overflow and makes the buffer full.
    #[cold]
    pub(crate) fn overflow(&mut self) {
        // Moved out, because a reborrow through `&mut self` does not live as long as `'a`.
        let buffer = core::mem::take(&mut self.buffer);
        self.buffer = buffer.get_mut(..self.len).unwrap_or_default();
        self.overflow = true;
    }

    /// Overwrites the word at `offset`, for lengths that are known after the structure is written.
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

    /// Claims the next `len` bytes; `None` after recording the overflow if there are fewer.
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
    fn values_are_these_bytes() {
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
    fn nothing_is_written_after_a_value_that_does_not_fit() {
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
        assert_eq!(xdr.written(), [0, 0, 0, 5], "the body is missing and the structure void");
    }

    #[test]
    fn strings_are_cut_between_characters() {
        let mut buffer = [0xa5; 16];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.string("aé", 2);
        assert_eq!(xdr.written(), [0, 0, 0, 1, b'a', 0, 0, 0]);
    }
}
