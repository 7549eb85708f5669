//! Key files, identities, the agreement on a key, sealed messages: PROTOCOL.md, sections 3 to 7.
//!
//! The only folder that names ring, ml-kem and argon2. It does no input or output and asks nobody
//! anything: bytes and typed values in, typed values out. In reading order:
//!
//! - [`label`]: the one table of labels and the one encoding of everything hashed, signed or sealed;
//! - `secret`, `kdf`, `aead`, [`random`], `signature`, `x25519`, `kem`: the primitives, each wrapped
//!   once so that it can be called in one way only;
//! - [`key_file`], [`identity`], [`login`], [`vault`]: one person and what is theirs;
//! - [`agreement`], [`resume`]: two people and one key; [`safety_number`]: their two identities;
//! - [`conversation_key`], [`session`], [`hash`]: what the key does.

// The primitives.
mod aead;
mod kdf;
mod kem;
pub mod label;
pub mod random;
mod secret;
mod signature;
mod x25519;

// One person.
pub mod identity;
pub mod key_file;
pub mod login;
mod password;
pub mod vault;

// Two people and one key.
mod agreed;
pub mod agreement;
mod code;
pub mod conversation_key;
pub mod resume;
pub mod safety_number;

// What the key does.
pub mod hash;
mod plain;
pub mod receipt;
mod seen;
pub mod session;

#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wycheproof;
