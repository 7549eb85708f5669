//! A password that a script gives: from a file that only its owner can read, or from an open descriptor. Never
//! from the command line or the environment, where others can see it.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    client::{phrase::Phrase, terminal::ask_beside, words},
    crypto::key_file::Password,
};

/// The most that a password may have, in bytes: what has more is no password, but some other file.
pub(in crate::client) const PASSWORD_BYTES_MAX: usize = 4096;

/// Where the password comes from: the first line there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// A file. Nobody but its owner may have any access to it.
    File(PathBuf),
    /// A descriptor that was open when the program was started.
    Descriptor(u32),
    /// The terminal, whose person is asked.
    Terminal,
}

/// Why there is no password.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// It cannot be read.
    #[error("the password could not be read from {}: {source}", path.display())]
    Read {
        /// From where.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Others have access to the file.
    #[error("others than its owner have access to the password file {} (mode {mode:04o})", path.display())]
    NotPrivate {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// No text, too much of it, or none.
    #[error("the first line of {} is no password", path.display())]
    NotAPassword {
        /// Of which file.
        path: PathBuf,
    },
}

impl PasswordSource {
    /// Reads it.
    pub(in crate::client) fn read(&self) -> Result<Password, PasswordError> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Terminal => return asked(),
            // Opened by its name, as no descriptor is made from a number without trusting the number.
            Self::Descriptor(number) => PathBuf::from(format!("/dev/fd/{number}")),
        };
        let failed = |source| PasswordError::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        if matches!(self, Self::File(_)) {
            private(&file, &path)?;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX + 2));
        let most = PASSWORD_BYTES_MAX as u64 + 2;
        file.take(most).read_to_end(&mut bytes).map_err(failed)?;
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= PASSWORD_BYTES_MAX);
        let password = text.and_then(|text| Password::new(text.to_owned()));
        password.ok_or(PasswordError::NotAPassword { path })
    }
}

/// Asked of the person at the terminal, wherever standard output goes.
fn asked() -> Result<Password, PasswordError> {
    let path = PathBuf::from("/dev/stdin");
    let typed = ask_beside(&Phrase::from(words::PASSWORD_QUESTION));
    let typed = typed.map_err(|source| PasswordError::Read { path: path.clone(), source })?;
    Password::new(typed).ok_or(PasswordError::NotAPassword { path })
}

#[cfg(unix)]
fn private(file: &File, path: &std::path::Path) -> Result<(), PasswordError> {
    use std::os::unix::fs::MetadataExt;

    let failed = |source| PasswordError::Read { path: path.to_owned(), source };
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(PasswordError::NotPrivate { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn private(_: &File, _: &std::path::Path) -> Result<(), PasswordError> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn read(bytes: &[u8], mode: u32) -> Result<Password, PasswordError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        PasswordSource::File(path).read()
    }

    #[test]
    fn the_first_line_is_the_password_and_nothing_else_is_one() {
        let is = |bytes: &[u8]| {
            read(bytes, 0o600).is_ok_and(|read| read.is_same_as(&Password::new("a b".into()).unwrap()))
        };
        for bytes in [&b"a b"[..], b"a b\n", b"a b\r\n", b"a b\nsecond line\n"] {
            assert!(is(bytes), "{bytes:?}");
        }
        let long = vec![b'x'; PASSWORD_BYTES_MAX + 1];
        for bytes in [&b""[..], b"\nsecond", b"\xff\n", &long] {
            assert!(matches!(read(bytes, 0o600), Err(PasswordError::NotAPassword { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o602, 0o777] {
            assert!(matches!(read(b"a b", mode), Err(PasswordError::NotPrivate { .. })), "{mode:o}");
        }
        for mode in [0o600, 0o400] {
            assert!(read(b"a b", mode).is_ok(), "{mode:o}");
        }
    }
}
