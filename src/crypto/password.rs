//! A password, and the slow way from it to keys: Argon2id (RFC 9106).

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::secret::Secret;

/// What one guess at a password costs. One lane always: a client has one core to spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    /// The memory of one guess, in KiB.
    pub memory_kib: u32,
    /// The passes over that memory.
    pub passes: u32,
}

/// The first recommendation for memory-constrained environments (RFC 9106, section 4).
impl Default for KdfCost {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

/// Why a cost is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CostError {
    /// So little that guessing passwords would be cheap for whoever has the file.
    #[error("the cost is below the floor of {} KiB and {} passes", KdfCost::FLOOR.memory_kib, KdfCost::FLOOR.passes)]
    BelowFloor,
    /// So much that a file from elsewhere would stall the machine that opens it.
    #[error("the cost is above the ceiling of {} KiB and {} passes", KdfCost::CEILING.memory_kib, KdfCost::CEILING.passes)]
    AboveCeiling,
}

impl KdfCost {
    /// The least that is made or opened: 19 MiB, 2 passes.
    pub const FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2 };
    /// The most that is made or opened: 1 GiB, 20 passes.
    pub const CEILING: Self = Self { memory_kib: 1024 * 1024, passes: 20 };

    /// Whether this cost is allowed.
    ///
    /// # Errors
    /// As the variants of [`CostError`] say.
    pub fn check(self) -> Result<(), CostError> {
        if self.memory_kib < Self::FLOOR.memory_kib || self.passes < Self::FLOOR.passes {
            Err(CostError::BelowFloor)
        } else if self.memory_kib > Self::CEILING.memory_kib || self.passes > Self::CEILING.passes {
            Err(CostError::AboveCeiling)
        } else {
            Ok(())
        }
    }
}

/// A password as a person typed it, in the one form (NFC) that every keyboard's version of it has.
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password, or `None` when nothing was typed. `typed` is erased.
    #[must_use]
    pub fn new(typed: String) -> Option<Self> {
        let typed = Zeroizing::new(typed);
        if typed.is_empty() {
            return None;
        }
        // NFC makes a UTF-8 text at most three times as long: with the room for it nothing is moved,
        // so no part of the password stays behind unerased, but for what the iterator itself holds.
        let mut normal = Zeroizing::new(String::with_capacity(3 * typed.len()));
        normal.extend(typed.nfc());
        Some(Self(normal))
    }

    /// Whether two typings gave the same password; in constant time, but for their lengths.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// 64 bytes of key from this password: Argon2id, version 0x13, one lane.
    ///
    /// `None` when the machine has not that much memory. The caller has checked the cost.
    pub(super) fn stretch(&self, cost: KdfCost, salt: &[u8; 16]) -> Option<Secret<64>> {
        argon2id(self.0.as_bytes(), salt, cost)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Password(secret)")
    }
}

/// Argon2id over memory that is ours, so that it can be erased afterwards, and so that too much of it
/// is an answer and not the end of the program.
pub(super) fn argon2id<const N: usize>(password: &[u8], salt: &[u8], cost: KdfCost) -> Option<Secret<N>> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(N)).ok()?;
    let mut memory = Zeroizing::new(Vec::<Block>::new());
    memory.try_reserve_exact(params.block_count()).ok()?;
    memory.resize(params.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut stretched = None;
    let secret = Secret::filled(|out: &mut [u8; N]| {
        stretched = argon2.hash_password_into_with_memory(password, salt, out, memory.as_mut_slice()).ok();
    });
    stretched.map(|()| secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_same_however_its_accents_are_typed() {
        let composed = Password::new("caf\u{e9}".to_owned()).unwrap();
        let decomposed = Password::new("cafe\u{301}".to_owned()).unwrap();
        assert_eq!(*composed.0, *decomposed.0);
        assert!(composed.is_same_as(&decomposed));
        assert!(!composed.is_same_as(&Password::new("cafe".to_owned()).unwrap()));
        assert!(Password::new(String::new()).is_none());
    }

    #[test]
    fn room_is_enough_for_the_longest_normal_form() {
        // U+1D160 becomes three characters of its own size, the most that NFC ever makes of one.
        for character in ['\u{1D160}', '\u{FB2C}', '\u{390}', '\u{958}'] {
            let typed = character.to_string().repeat(100);
            let capacity = 3 * typed.len();
            let password = Password::new(typed).unwrap();
            assert_eq!(password.0.capacity(), capacity, "{character:?} was moved while it grew");
        }
    }

    #[test]
    fn cost_has_a_floor_and_a_ceiling() {
        let cost = |memory_kib, passes| KdfCost { memory_kib, passes }.check();
        assert_eq!(KdfCost::default().check(), Ok(()));
        assert_eq!((KdfCost::FLOOR.check(), KdfCost::CEILING.check()), (Ok(()), Ok(())));
        assert_eq!(cost(19 * 1024 - 1, 3), Err(CostError::BelowFloor));
        assert_eq!(cost(64 * 1024, 1), Err(CostError::BelowFloor));
        assert_eq!(cost(1024 * 1024 + 1, 2), Err(CostError::AboveCeiling));
        assert_eq!(cost(64 * 1024, 21), Err(CostError::AboveCeiling));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Password::new("hunter2".to_owned()).unwrap()), "Password(secret)");
    }
}
