//! Bytes that nobody may see: erased when dropped, and never shown by `Debug`.

use std::fmt;

use zeroize::Zeroize;

/// `N` secret bytes.
///
/// On the heap, so that moving the value leaves no copies on the stack behind. That is the best that
/// can be done and not a promise: registers, swapped pages and the insides of ring are beyond it.
pub(super) struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// `N` zeros, filled in place by `fill`: the secret is never anywhere else.
    pub(super) fn filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// A copy of these bytes, or `None` when they are not `N`.
    pub(super) fn copied(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; N] = bytes.try_into().ok()?;
        Some(Self(Box::new(*bytes)))
    }

    /// The bytes.
    pub(super) fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl Secret<64> {
    /// Two secrets, one after the other.
    pub(super) fn joined(one: &Secret<32>, other: &Secret<32>) -> Self {
        Self::filled(|bytes| {
            let (head, tail) = bytes.split_at_mut(32);
            head.copy_from_slice(one.expose());
            tail.copy_from_slice(other.expose());
        })
    }

    /// The two halves.
    pub(super) fn split(&self) -> (Secret<32>, Secret<32>) {
        let (head, tail) = self.0.split_at(32);
        (Secret::filled(|half| half.copy_from_slice(head)), Secret::filled(|half| half.copy_from_slice(tail)))
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({N} bytes)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_length_and_nothing_else() {
        let secret = Secret::<32>::copied(&[0xAB; 32]).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(32 bytes)");
        assert!(Secret::<32>::copied(&[0; 31]).is_none());
    }

    #[test]
    fn halves_come_back_in_order() {
        let one = Secret::copied(&[1; 32]).unwrap();
        let other = Secret::copied(&[2; 32]).unwrap();
        let (head, tail) = Secret::joined(&one, &other).split();
        assert_eq!((head.expose(), tail.expose()), (&[1; 32], &[2; 32]));
    }
}
