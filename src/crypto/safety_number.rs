//! The safety number: sixty digits over the identities of two people, the same on both sides.
//!
//! Unlike a code it needs no run of the agreement: it may be compared at any time, and over any way
//! that the server cannot change. It must therefore stand up to somebody who computes for years.

use std::fmt;

use subtle::ConstantTimeEq;

use super::label::{Label, hash};
use crate::wire::{Bytes, Username};

/// The digits of a safety number.
const DIGITS: usize = 60;

/// They are shown in groups of so many.
pub const GROUP_DIGITS: usize = 5;

/// The number of two people: 199 bits of a hash over both names and both identity keys.
///
/// Whoever stands between the two shows each of them an identity of his own, and both numbers are then
/// to be the same: a collision of 199 bits, about 2^100 hashes. If one of the two sees the true
/// identity it takes a second preimage, 2^199. Both names and both identities are in the one hash, so
/// that work done for one pair is of no use against another, and no slow hash is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafetyNumber([u8; DIGITS]);

impl SafetyNumber {
    /// The number of two members, each with a name and an identity key, in whatever order.
    #[must_use]
    pub fn of(one: (&Username, &Bytes<32>), other: (&Username, &Bytes<32>)) -> Self {
        let (lower, higher) = if one.0 < other.0 { (one, other) } else { (other, one) };
        let fields: [&[u8]; 4] =
            [lower.0.as_str().as_bytes(), &lower.1.0, higher.0.as_str().as_bytes(), &higher.1.0];
        Self::from_hash(hash(Label::SafetyNumber, &fields))
    }

    /// The last sixty decimal digits of the hash, read as one number: 2^256 is so far above 10^60 that
    /// no digit is favoured noticeably.
    fn from_hash(mut number: [u8; 32]) -> Self {
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev() {
            let mut remainder = 0_u16;
            for byte in &mut number {
                let part = remainder << 8 | u16::from(*byte);
                // `remainder < 10`, so the quotient is below 256.
                *byte = u8::try_from(part / 10).unwrap_or_default();
                remainder = part % 10;
            }
            *digit = b'0' + u8::try_from(remainder).unwrap_or_default();
        }
        Self(digits)
    }

    /// The twelve groups of five digits.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.chunks(GROUP_DIGITS).map(|group| std::str::from_utf8(group).unwrap_or_default())
    }

    /// Whether this is what was typed or pasted, blanks, line breaks and hyphens aside; in constant time.
    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        digits(typed).is_some_and(|typed| self.0.ct_eq(&typed).into())
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, group) in self.groups().enumerate() {
            if at > 0 {
                out.write_str(" ")?;
            }
            out.write_str(group)?;
        }
        Ok(())
    }
}

/// Whether a text is sixty digits, blanks, line breaks and hyphens aside.
#[must_use]
pub fn looks_like_safety_number(typed: &str) -> bool {
    digits(typed).is_some()
}

fn digits(typed: &str) -> Option<[u8; DIGITS]> {
    let is_said = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'-';
    let said: Vec<u8> = typed.bytes().filter(is_said).take(DIGITS + 1).collect();
    let sixty: [u8; DIGITS] = said.try_into().ok()?;
    sixty.iter().all(u8::is_ascii_digit).then_some(sixty)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(name: &str) -> Username {
        name.parse().unwrap()
    }

    fn number(alice: u8, bob: u8) -> SafetyNumber {
        SafetyNumber::of((&name("alice"), &Bytes([alice; 32])), (&name("bob"), &Bytes([bob; 32])))
    }

    #[test]
    fn both_sides_have_the_same_number_in_twelve_groups_of_five() {
        let (alice, bob) = (name("alice"), name("bob"));
        let (of_alice, of_bob) = (Bytes([1; 32]), Bytes([2; 32]));
        let shown = SafetyNumber::of((&alice, &of_alice), (&bob, &of_bob)).to_string();
        assert_eq!(SafetyNumber::of((&bob, &of_bob), (&alice, &of_alice)).to_string(), shown);
        assert_eq!(shown.split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
        assert!(shown.bytes().all(|byte| byte == b' ' || byte.is_ascii_digit()), "{shown}");
    }

    #[test]
    fn another_identity_or_name_on_either_side_is_another_number() {
        let (carol, same) = (name("carol"), Bytes([1; 32]));
        let with_carol = SafetyNumber::of((&name("alice"), &same), (&carol, &Bytes([2; 32])));
        for other in [number(3, 2), number(1, 3), number(2, 1), with_carol] {
            assert_ne!(other, number(1, 2));
        }
    }

    #[test]
    fn the_digits_are_those_of_the_hash_as_one_number() {
        let mut hash = [0; 32];
        hash[30..].copy_from_slice(&12_345_u16.to_be_bytes());
        assert!(SafetyNumber::from_hash(hash).to_string().ends_with("00000 12345"));
        // 2^256 - 1, modulo 10^60.
        let last = "42357 09850 08687 90785 32699 84665 64056 40394 57584 00791 31296 39935";
        assert_eq!(SafetyNumber::from_hash([0xff; 32]).to_string(), last);
    }

    #[test]
    fn a_number_is_typed_in_any_groups_and_nothing_else_is_one() {
        let shown = number(1, 2).to_string();
        let twelve: Vec<&str> = shown.split(' ').collect();
        for typed in [shown.clone(), shown.replace(' ', ""), twelve.join("-"), twelve.join("\n ")] {
            assert!(looks_like_safety_number(&typed) && number(1, 2).matches(&typed), "{typed:?}");
            assert!(!number(1, 3).matches(&typed));
        }
        for typed in ["", "123456", &shown[1..], &format!("{shown}1"), &shown.replace(' ', "a")] {
            assert!(!looks_like_safety_number(typed), "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn one_other_digit_is_another_number(at in 0..DIGITS, other in 1_u8..10) {
            let mut digits = number(1, 2).0;
            digits[at] = b'0' + (digits[at] - b'0' + other) % 10;
            let typed = std::str::from_utf8(&digits).unwrap();
            prop_assert!(looks_like_safety_number(typed) && !number(1, 2).matches(typed));
        }
    }
}
