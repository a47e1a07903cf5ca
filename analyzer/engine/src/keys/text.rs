//! Text composed without allocation.

use core::fmt;

/// Text of at most `N` bytes; what does not fit is cut off at a character.
#[derive(Clone, Copy)]
pub(super) struct ShortText<const N: usize> {
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> ShortText<N> {
    pub(super) const fn new() -> Self {
        Self { len: 0, bytes: [0; N] }
    }

    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Appends `text`; returns false if part of it does not fit.
    pub(super) fn push(&mut self, text: &str) -> bool {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        let fits = text.floor_char_boundary(free.len().min(text.len()));
        for (to, from) in free.iter_mut().zip(text.bytes().take(fits)) {
            *to = from;
        }
        self.len += fits;
        fits == text.len()
    }
}

impl<const N: usize> fmt::Debug for ShortText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl<const N: usize> fmt::Write for ShortText<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.push(text) { Ok(()) } else { Err(fmt::Error) }
    }
}
