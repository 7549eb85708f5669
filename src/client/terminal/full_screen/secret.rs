//! A line that is typed and not shown, erased when it is over. Pure.

use std::fmt;

use zeroize::Zeroize;

/// The most bytes of a hidden line. All of them are had from the beginning: text that grows leaves copies behind.
const SECRET_BYTES_MAX: usize = 4096;

/// The hidden line; see the module.
pub(super) struct Secret(String);

impl Default for Secret {
    fn default() -> Self {
        Self(String::with_capacity(SECRET_BYTES_MAX))
    }
}

impl Secret {
    /// Adds to the end; false when it would be too long.
    pub(super) fn push(&mut self, text: &str) -> bool {
        let fits = self.0.len() + text.len() <= SECRET_BYTES_MAX;
        if fits {
            self.0.push_str(text);
        }
        fits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn pop(&mut self) {
        // What was taken off is overwritten with what comes next, or erased with the rest.
        self.0.pop();
    }

    pub(super) fn clear(&mut self) {
        self.0.zeroize();
    }

    /// The line, to whoever asked for it; they erase it.
    pub(super) fn take(&mut self) -> String {
        std::mem::replace(&mut self.0, String::with_capacity(SECRET_BYTES_MAX))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_has_a_limit_and_is_never_moved_while_it_grows() {
        let mut secret = Secret::default();
        let place = secret.0.as_ptr();
        assert!(secret.push("open sesame"));
        assert_eq!(format!("{secret:?}"), "Secret");
        assert!(secret.push(&"a".repeat(SECRET_BYTES_MAX - 11)));
        assert!(!secret.push("a"));
        assert_eq!(secret.0.as_ptr(), place);
        secret.clear();
        assert_eq!(secret.take(), "");
        assert!(secret.push("é"));
        secret.pop();
        assert_eq!(secret.take(), "");
    }
}
