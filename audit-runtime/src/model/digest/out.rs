//! A growing run of bytes with a cursor. Room is made once for a whole key or string, and short texts are copied by
//! a few fixed-size moves, which is what most keys and values are.

/// Room beyond the text itself that [`Out::room`] callers may overwrite.
const SLACK: usize = 32;

#[derive(Default)]
pub(super) struct Out {
    /// Initialised to its end; only the bytes before `len` count.
    bytes: Vec<u8>,
    len: usize,
    sanitise: bool,
}

impl Out {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Whether numbers that JSON does not have become texts instead of refusals.
    pub(super) fn sanitise(&mut self, yes: bool) {
        self.sanitise = yes;
    }

    pub(super) fn sanitises(&self) -> bool {
        self.sanitise
    }

    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// At least this many bytes to write to, and some more; [`advance`](Self::advance) makes them count.
    #[inline]
    pub(super) fn room(&mut self, needed: usize) -> &mut [u8] {
        if self.bytes.len() - self.len < needed + SLACK {
            self.grow(needed);
        }
        &mut self.bytes[self.len..]
    }

    #[inline]
    pub(super) fn advance(&mut self, written: usize) {
        self.len += written;
        debug_assert!(self.len <= self.bytes.len());
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, needed: usize) {
        let target = (self.len + needed + SLACK).max(2 * self.bytes.len()).max(1024);
        self.bytes.resize(target, 0);
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.room(1)[0] = byte;
        self.advance(1);
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        copy(self.room(bytes.len()), bytes);
        self.advance(bytes.len());
    }

    /// Appends the piece of another run that starts here, by whole blocks; what a block takes along too much is
    /// overwritten by the next piece.
    #[inline]
    pub(super) fn extend_from(&mut self, other: &Self, start: usize, end: usize) {
        let to = self.room(end - start);
        let from = &other.bytes[start..];
        let mut at = 0;
        while at < end - start {
            match (to.get_mut(at..at + SLACK), from.get(at..at + SLACK)) {
                (Some(to), Some(from)) => to.copy_from_slice(from),
                _ => to[at..end - start].copy_from_slice(&from[at..end - start]),
            }
            at += SLACK;
        }
        self.advance(end - start);
    }
}

/// Copies a text to the front of a longer slice.
#[inline]
pub(super) fn copy(to: &mut [u8], from: &[u8]) {
    let length = from.len();
    if let (Some(head), Some(tail)) = (from.first_chunk::<16>(), from.last_chunk::<16>()) {
        if length <= 32 {
            to[..16].copy_from_slice(head);
            to[length - 16..length].copy_from_slice(tail);
        } else {
            to[..length].copy_from_slice(from);
        }
    } else if let (Some(head), Some(tail)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        to[..8].copy_from_slice(head);
        to[length - 8..length].copy_from_slice(tail);
    } else if let (Some(head), Some(tail)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        to[..4].copy_from_slice(head);
        to[length - 4..length].copy_from_slice(tail);
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}
