//! The key file: a random secret under a password, as text; and what comes from the two.
//!
//! Whoever has the file can guess at passwords as fast as Argon2id lets them; whoever has only the
//! password, or only the server's files, has nothing. This module makes and reads the text; where it
//! lies on a disk is the client's business.

pub mod recovery;
mod text;

use thiserror::Error;

use super::{
    aead,
    identity::Identity,
    kdf,
    label::{Encoded, Label, encode},
    login::LoginKey,
    random::{RandomError, random, random_secret},
    secret::Secret,
    vault::Vault,
};
use crate::wire::{Bytes, Username};

pub use super::password::{CostError, KdfCost, Password};
pub use text::{FormatProblem, KeyFileFormatError};

/// The secret and its tag, in bytes.
const SEALED_BYTES: usize = 32 + 16;

/// Why a key file is not made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// The seal does not open. A wrong password and a damaged file are one and the same here: the
    /// seal's key comes from both, and there is nothing beside it to compare with.
    #[error("the password is wrong, or the key file is damaged")]
    WrongPassword,
    /// The cost is out of bounds.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// The machine has not the memory that the cost asks for.
    #[error("not enough memory to open the key file: it asks for {0} KiB")]
    Memory(u32),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A key file's contents: in clear who and how, sealed the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    username: Username,
    cost: KdfCost,
    salt: Bytes<16>,
    sealed: Bytes<SEALED_BYTES>,
}

/// What a key file and its password give: one key for each job.
#[derive(Debug)]
pub struct Unlocked {
    /// Who this user is to others. It stays when the password changes.
    pub identity: Identity,
    /// Seals what this user keeps. It stays when the password changes.
    pub vault: Vault,
    /// Logs in. It changes with the password.
    pub login: LoginKey,
    secret: Secret<32>,
}

impl KeyFile {
    /// Makes a key file with a fresh secret.
    ///
    /// # Errors
    /// [`KeyFileError::Cost`], [`KeyFileError::Memory`], [`KeyFileError::Random`].
    pub fn create(
        name: &Username,
        password: &Password,
        cost: KdfCost,
    ) -> Result<(Self, Unlocked), KeyFileError> {
        let secret = random_secret()?;
        Self::seal(name, password, cost, secret)
    }

    /// Opens it; this takes as long as its cost says.
    ///
    /// # Errors
    /// [`KeyFileError::WrongPassword`], [`KeyFileError::Memory`].
    pub fn open(&self, password: &Password) -> Result<Unlocked, KeyFileError> {
        let (seal_key, password_key) = stretch(password, self.cost, &self.salt)?;
        let opened = aead::open(&seal_key, SEAL_NONCE, self.encoded().as_bytes(), &self.sealed.0);
        let secret = opened.as_ref().and_then(|bytes| Secret::copied(bytes));
        Ok(Unlocked::new(secret.ok_or(KeyFileError::WrongPassword)?, &password_key))
    }

    /// Whose it is.
    #[must_use]
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// What one guess at its password costs.
    #[must_use]
    pub fn cost(&self) -> KdfCost {
        self.cost
    }

    fn seal(
        name: &Username,
        password: &Password,
        cost: KdfCost,
        secret: Secret<32>,
    ) -> Result<(Self, Unlocked), KeyFileError> {
        let salt = Bytes(random()?);
        let (seal_key, password_key) = stretch(password, cost, &salt)?;
        let mut file = Self { username: name.clone(), cost, salt, sealed: Bytes([0; SEALED_BYTES]) };
        let mut bytes = aead::with_room_for_tag(SEALED_BYTES);
        bytes.extend_from_slice(secret.expose());
        let sealed = aead::seal(&seal_key, SEAL_NONCE, file.encoded().as_bytes(), bytes);
        file.sealed.0.copy_from_slice(&sealed);
        Ok((file, Unlocked::new(secret, &password_key)))
    }

    /// Every field in clear, bound to the seal: a changed name or cost does not open.
    fn encoded(&self) -> Encoded {
        let fields: [&[u8]; 6] = [
            self.username.as_str().as_bytes(),
            text::KDF.as_bytes(),
            &self.cost.memory_kib.to_be_bytes(),
            &self.cost.passes.to_be_bytes(),
            &text::LANES.to_be_bytes(),
            &self.salt.0,
        ];
        encode(Label::KeyFile, &fields)
    }
}

/// The seal's key is used for one secret only: a salt is drawn for every file, and never kept for another.
const SEAL_NONCE: [u8; aead::NONCE_BYTES] = [0; aead::NONCE_BYTES];

/// From a password, the key that seals the secret and the key that goes into the login key. The cost
/// is checked here, the one place on every way to Argon2id.
fn stretch(
    password: &Password,
    cost: KdfCost,
    salt: &Bytes<16>,
) -> Result<(Secret<32>, Secret<32>), KeyFileError> {
    cost.check()?;
    let stretched = password.stretch(cost, &salt.0).ok_or(KeyFileError::Memory(cost.memory_kib))?;
    Ok(stretched.split())
}

impl Unlocked {
    /// The three keys. Identity and vault come from the secret alone, so that they outlive a password;
    /// the login key from secret and password, so that either alone logs nobody in.
    fn new(secret: Secret<32>, password_key: &Secret<32>) -> Self {
        // No salt (RFC 5869, section 3.1): the secret is uniform, and random for each user.
        let own = kdf::extract(&[], secret.expose());
        let both = kdf::extract(&[], Secret::joined(&secret, password_key).expose());
        Self {
            identity: Identity::from_seed(&kdf::expand(&own, &encode(Label::IdentityKey, &[]))),
            vault: Vault::new(kdf::expand(&own, &encode(Label::VaultKey, &[]))),
            login: LoginKey::from_seed(&kdf::expand(&both, &encode(Label::LoginKey, &[]))),
            secret,
        }
    }

    /// Keys that anybody can make, without the cost of a key file.
    #[cfg(any(test, fuzzing))]
    #[doc(hidden)]
    #[must_use]
    pub fn insecure(seed: u8) -> Self {
        let of = |byte| Secret::filled(|bytes| bytes.fill(byte));
        Self::new(of(seed), &of(!seed))
    }

    /// A key file with the same secret under another password, and its keys: identity and vault stay,
    /// the login key is another.
    ///
    /// It takes nothing back from a thief of the old file and password: the secret is the same.
    ///
    /// # Errors
    /// As [`KeyFile::create`].
    pub fn with_new_password(
        &self,
        name: &Username,
        password: &Password,
        cost: KdfCost,
    ) -> Result<(KeyFile, Self), KeyFileError> {
        let secret = Secret::filled(|bytes| bytes.copy_from_slice(self.secret.expose()));
        KeyFile::seal(name, password, cost, secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    /// One story, because every step costs an Argon2id.
    #[test]
    fn a_key_file_gives_the_same_keys_back_and_only_for_its_password() {
        let alice = "alice".parse().unwrap();
        let (file, made) = KeyFile::create(&alice, &password("one"), KdfCost::FLOOR).unwrap();
        let read: KeyFile = file.to_string().parse().unwrap();
        assert_eq!(read, file);
        assert_eq!(read.cost(), KdfCost::FLOOR);
        let opened = read.open(&password("one")).unwrap();
        assert_eq!(opened.identity.public(), made.identity.public());
        assert_eq!(opened.login.public(), made.login.public());
        assert_ne!(opened.login.public(), opened.identity.public());

        assert_eq!(file.open(&password("two")).err(), Some(KeyFileError::WrongPassword));
        let mut renamed = file.clone();
        renamed.username = "bob".parse().unwrap();
        assert_eq!(renamed.open(&password("one")).err(), Some(KeyFileError::WrongPassword));

        let (changed, after) = made.with_new_password(&alice, &password("two"), KdfCost::FLOOR).unwrap();
        assert_eq!(after.identity.public(), made.identity.public(), "others see the same person");
        assert_ne!(after.login.public(), made.login.public(), "the old password logs in no more");
        assert_ne!(changed.salt, file.salt, "the seal's key is never used twice");
        assert_eq!(after.secret.expose(), made.secret.expose());
    }

    #[test]
    fn a_cost_out_of_bounds_is_neither_made_nor_opened() {
        let cheap = KdfCost { memory_kib: 8, passes: 1 };
        let dear = KdfCost { memory_kib: u32::MAX, passes: 3 };
        let alice: Username = "alice".parse().unwrap();
        for (cost, error) in [(cheap, CostError::BelowFloor), (dear, CostError::AboveCeiling)] {
            let made = KeyFile::create(&alice, &password("one"), cost);
            assert_eq!(made.err(), Some(KeyFileError::Cost(error)));
            let file = KeyFile {
                username: alice.clone(),
                cost,
                salt: Bytes([1; 16]),
                sealed: Bytes([2; SEALED_BYTES]),
            };
            assert_eq!(file.open(&password("one")).err(), Some(KeyFileError::Cost(error)));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let unlocked =
            Unlocked::new(Secret::copied(&[0xAB; 32]).unwrap(), &Secret::copied(&[1; 32]).unwrap());
        let shown = format!("{unlocked:?}");
        assert!(shown.contains("secret: Secret(32 bytes)") && shown.contains("Vault(Secret(32 bytes))"));
        assert!(!shown.contains("171"), "{shown}");
    }
}
