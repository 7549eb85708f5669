//! The server's certificate and key as files: its own, made at the first start, or given ones.

use std::path::{Path, PathBuf};

use super::{ServerError, accounts::ACCOUNTS_FILE};
use crate::{
    store::{self, Action, StoreError},
    transport::ServerIdentity,
};

/// The server's own certificate in the data folder, PEM.
const CERTIFICATE_FILE: &str = "tls-cert.pem";

/// Its private key, PEM: whoever has it can stand in for the server.
const KEY_FILE: &str = "tls-key.pem";

/// Reads the identity; makes it when none is given and there is none yet.
pub(super) fn load(data: &Path, given: Option<&(PathBuf, PathBuf)>) -> Result<ServerIdentity, ServerError> {
    let (certificate, key) = match given {
        Some((certificate, key)) => (certificate.clone(), key.clone()),
        None => (data.join(CERTIFICATE_FILE), data.join(KEY_FILE)),
    };
    // The key is written first: a key without a certificate was never shown to anybody, if nobody has an account yet.
    if given.is_none() && !certificate.exists() {
        if key.exists() && data.join(ACCOUNTS_FILE).exists() {
            return Err(ServerError::Missing { missing: certificate, there: key });
        }
        let made = ServerIdentity::generate().map_err(|source| ServerError::Certificate {
            certificate: certificate.clone(),
            key: key.clone(),
            source,
        })?;
        store::replace(&key, made.key.as_bytes())?;
        store::replace(&certificate, made.certificate.as_bytes())?;
    }
    let texts = (text(&certificate)?, text(&key)?);
    ServerIdentity::from_pem(&texts.0, &texts.1).map_err(|source| ServerError::Certificate {
        certificate,
        key,
        source,
    })
}

/// What is wrong with the identity in a data folder, and with which file; `None` also when there is none,
/// as in the folder of a server that was given its certificate.
pub(super) fn fault(data: &Path) -> Option<(PathBuf, String)> {
    let (certificate, key) = (data.join(CERTIFICATE_FILE), data.join(KEY_FILE));
    match (certificate.exists(), key.exists()) {
        (false, false) => None,
        (false, true) => Some((certificate, "missing, although its key is there".to_owned())),
        (true, false) => Some((key, "missing, although its certificate is there".to_owned())),
        (true, true) => load(data, None).err().map(|error| (certificate, error.to_string())),
    }
}

fn text(path: &Path) -> Result<zeroize::Zeroizing<String>, StoreError> {
    let missing = || StoreError::at(Action::Read, path)(std::io::ErrorKind::NotFound.into());
    let bytes = store::read(path)?.ok_or_else(missing)?;
    // What is not text is not PEM either; the reader of it says so.
    Ok(zeroize::Zeroizing::new(String::from_utf8(bytes).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_identity_is_made_once_and_kept() {
        let data = tempfile::tempdir().unwrap();
        let one = load(data.path(), None).unwrap().fingerprint();
        assert_eq!(load(data.path(), None).unwrap().fingerprint(), one);
        std::fs::remove_file(data.path().join(KEY_FILE)).unwrap();
        assert!(
            matches!(load(data.path(), None), Err(ServerError::Store(_))),
            "never a second key in silence"
        );
    }

    #[test]
    fn given_files_that_do_not_belong_together_are_refused() {
        let data = tempfile::tempdir().unwrap();
        let (one, other) = (data.path().join("one"), data.path().join("other"));
        for folder in [&one, &other] {
            std::fs::create_dir(folder).unwrap();
            load(folder, None).unwrap();
        }
        let given = (one.join(CERTIFICATE_FILE), other.join(KEY_FILE));
        assert!(matches!(load(data.path(), Some(&given)), Err(ServerError::Certificate { .. })));
        let missing = (one.join("none"), other.join(KEY_FILE));
        assert!(matches!(load(data.path(), Some(&missing)), Err(ServerError::Store(_))));
    }
}
