//! The six digits that two people read to each other.

use std::fmt;

use subtle::ConstantTimeEq;

/// The digits of a code.
const DIGITS: usize = 6;

/// One member's code for one key: six digits.
///
/// Whoever sits between two people has made another key with each, and can neither choose it nor try
/// again without the people noticing: one chance in a million.
#[derive(Clone)]
pub struct Code([u8; DIGITS]);

impl Code {
    /// The last six decimal digits of a number.
    pub(super) fn from_number(number: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            // A remainder by ten is a digit.
            *digit += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        Self(digits)
    }

    /// Whether this is what was typed, blanks and hyphens aside; in constant time.
    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        digits(typed).is_some_and(|typed| self.0.ct_eq(&typed).into())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(out, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Code(six digits)")
    }
}

/// Whether a text is six digits, blanks and hyphens aside: a code rather than a word.
#[must_use]
pub fn looks_like_code(typed: &str) -> bool {
    digits(typed).is_some()
}

fn digits(typed: &str) -> Option<[u8; DIGITS]> {
    let kept: Vec<u8> = typed.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).collect();
    let six: [u8; DIGITS] = kept.try_into().ok()?;
    six.iter().all(u8::is_ascii_digit).then_some(six)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_with_its_zeros() {
        assert_eq!(Code::from_number(42).to_string(), "000042");
        assert_eq!(Code::from_number(1_234_567_890).to_string(), "567890");
        assert_eq!(Code::from_number(u64::MAX).to_string(), "551615");
    }

    #[test]
    fn a_code_may_be_typed_in_groups() {
        let code = Code::from_number(12_345);
        for typed in ["012345", "012 345", "012-345", " 01-23 45 "] {
            assert!(code.matches(typed) && looks_like_code(typed), "{typed:?}");
        }
        assert!(looks_like_code("123456") && !code.matches("123456"));
        for typed in ["12345", "0123456", "yes", "", "01234a", "०१२३४५"] {
            assert!(!code.matches(typed) && !looks_like_code(typed), "{typed:?}");
        }
    }

    #[test]
    fn debug_shows_no_digit() {
        assert_eq!(format!("{:?}", Code::from_number(123_456)), "Code(six digits)");
    }
}
