//! Random bytes, from the operating system.

use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use super::secret::Secret;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the operating system gives no random bytes")]
pub struct RandomError;

/// `N` random bytes.
///
/// # Errors
/// [`RandomError`]; there is no second source to fall back on, and nothing may go on without it.
pub fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    draw(&SystemRandom::new())
}

/// `N` random bytes that nobody may see.
pub(super) fn random_secret<const N: usize>() -> Result<Secret<N>, RandomError> {
    draw_secret(&SystemRandom::new())
}

/// `N` bytes of this source; tests give one that is known.
pub(super) fn draw<const N: usize>(source: &dyn SecureRandom) -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    source.fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// `N` bytes of this source that nobody may see.
pub(super) fn draw_secret<const N: usize>(source: &dyn SecureRandom) -> Result<Secret<N>, RandomError> {
    let mut filled = Ok(());
    let secret = Secret::filled(|bytes| filled = source.fill(bytes));
    filled.map_err(|_| RandomError)?;
    Ok(secret)
}
