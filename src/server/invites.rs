//! Invitation codes: one small file a code in the folder `invites`, named by the code's hash.
//!
//! The command that makes codes only adds files, and the server only takes them, so neither waits for
//! the other and the server needs no restart. A code is used once because a file is renamed once: who
//! renames it to `HASH.NAME` has claimed it for that name. After a crash a claim whose account was made
//! is dropped, and one whose account was not made is free again. No code is ever on the disk.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{
    accounts::Accounts,
    error::{Chain, ServerError},
    fail_stop::FailStop,
};
use crate::{
    crypto::{hash::invitation_hash, random::random},
    store::{self, StoreError},
    wire::{InvitationCode, Username},
};

/// The folder's name in the data folder.
pub(super) const INVITES_FOLDER: &str = "invites";

/// What is kept of a code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invite {
    created: DateTime<Utc>,
    expires: DateTime<Utc>,
}

/// The codes of a data folder.
#[derive(Debug)]
pub(super) struct Invites {
    folder: PathBuf,
    fail_stop: FailStop,
}

/// A code that is somebody's now: used, or given back.
#[derive(Debug)]
pub(super) struct Claim {
    free: PathBuf,
    claimed: PathBuf,
    fail_stop: FailStop,
}

/// Makes one-time codes for a data folder, whether its server runs or not. They are nowhere but in the answer.
///
/// # Errors
/// [`ServerError::NoData`] when there is no such folder; else what the machine refused.
pub fn invite(data: &Path, count: usize, valid_for: Duration) -> Result<Vec<InvitationCode>, ServerError> {
    if !data.is_dir() {
        return Err(ServerError::NoData { folder: data.to_owned() });
    }
    let folder = data.join(INVITES_FOLDER);
    store::create_folder(&folder)?;
    let created = Utc::now();
    let valid_for = TimeDelta::from_std(valid_for).unwrap_or(TimeDelta::MAX);
    let expires = created.checked_add_signed(valid_for).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let invite = Invite { created, expires };
    let text = serde_json::to_vec(&invite).map_err(|fault| ServerError::system("a text")(fault.into()))?;
    let mut codes = Vec::with_capacity(count);
    for _ in 0..count {
        let code = InvitationCode::new(random()?);
        store::create(&folder.join(file_name(&code)), &text)?;
        codes.push(code);
    }
    Ok(codes)
}

impl Invites {
    /// Opens the codes of a data folder that the caller has locked, and settles what a crash left claimed.
    pub(super) fn load(data: &Path, accounts: &Accounts, fail_stop: FailStop) -> Result<Self, StoreError> {
        let invites = Self { folder: data.join(INVITES_FOLDER), fail_stop };
        let listed = match store::list(&invites.folder) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(invites),
            listed => listed?,
        };
        for path in listed {
            let settled = match claimed_by(&path) {
                Some((free, name)) if !accounts.exists(&name) => store::rename(&path, &free),
                Some(_) => store::remove(&path),
                None => is_expired(&path).and_then(|over| if over { store::remove(&path) } else { Ok(()) }),
            };
            if let Err(reason) = settled {
                warn!(reason = %Chain(&reason), "an invitation code could not be settled");
            }
        }
        Ok(invites)
    }

    /// Takes a code for a name, if it is one that is free and not expired.
    pub(super) fn claim(&self, code: &InvitationCode, name: &Username) -> Result<Option<Claim>, StoreError> {
        let free = self.folder.join(file_name(code));
        let claimed = self.folder.join(format!("{}.{name}", file_name(code)));
        match self.fail_stop.watch(store::rename(&free, &claimed)) {
            Ok(()) => {}
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        if is_expired(&claimed)? {
            self.fail_stop.watch(store::remove(&claimed))?;
            return Ok(None);
        }
        Ok(Some(Claim { free, claimed, fail_stop: self.fail_stop.clone() }))
    }
}

/// Whether its time is over. What says no time lets nobody in.
fn is_expired(path: &Path) -> Result<bool, StoreError> {
    let text = store::read(path)?.unwrap_or_default();
    Ok(serde_json::from_slice::<Invite>(&text).map_or(true, |invite| invite.expires <= Utc::now()))
}

/// What is wrong with a file among the codes, if anything.
pub(super) fn fault(path: &Path) -> Result<Option<&'static str>, StoreError> {
    let text = store::read(path)?.unwrap_or_default();
    let is_one = serde_json::from_slice::<Invite>(&text).is_ok();
    Ok(if is_one { None } else { Some("not an invitation: it lets nobody in") })
}

/// Whether a code was taken, by somebody whose account is being made at this moment.
pub(super) fn is_claimed(path: &Path) -> bool {
    claimed_by(path).is_some()
}

impl Claim {
    /// The account is made: the code is gone for good.
    pub(super) fn used(self) {
        if let Err(reason) = self.fail_stop.watch(store::remove(&self.claimed)) {
            // Under its present name it lets nobody in; the next start removes it.
            warn!(reason = %Chain(&reason), "a used invitation code could not be removed");
        }
    }

    /// The account was not made: the code is free again.
    pub(super) fn give_back(self) {
        if self.fail_stop.stopped() {
            // The disk may have the account all the same: the next start finds out.
            return;
        }
        if let Err(reason) = self.fail_stop.watch(store::rename(&self.claimed, &self.free)) {
            warn!(reason = %Chain(&reason), "an invitation code could not be given back before the next start");
        }
    }
}

fn file_name(code: &InvitationCode) -> String {
    HEXLOWER.encode(invitation_hash(code).as_bytes())
}

/// For a claimed code: its free name, and whose it is. A hash has no dot, so the first one ends it.
fn claimed_by(path: &Path) -> Option<(PathBuf, Username)> {
    let (hash, name) = path.file_name()?.to_str()?.split_once('.')?;
    Some((path.with_file_name(hash), name.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::wire::Bytes;

    const DAY: Duration = Duration::from_secs(86_400);

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn opened(folder: &Path) -> Invites {
        Invites::load(folder, &Accounts::load(folder, FailStop::default()).unwrap(), FailStop::default())
            .unwrap()
    }

    #[test]
    fn a_code_lets_one_in_once_while_the_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let invites = opened(folder.path());
        let [code, other] = invite(folder.path(), 2, DAY).unwrap().try_into().unwrap();
        assert!(invites.claim(&InvitationCode::new([0; 10]), &name("mallory")).unwrap().is_none());
        let claim = invites.claim(&code, &name("alice")).unwrap().unwrap();
        assert!(invites.claim(&code, &name("bob")).unwrap().is_none());
        claim.give_back();
        invites.claim(&code, &name("bob")).unwrap().unwrap().used();
        assert!(invites.claim(&code, &name("bob")).unwrap().is_none());
        assert!(invites.claim(&other, &name("carol")).unwrap().is_some());
    }

    #[test]
    fn of_many_who_have_one_code_one_gets_in() {
        let folder = tempfile::tempdir().unwrap();
        let invites = opened(folder.path());
        let code = invite(folder.path(), 1, DAY).unwrap()[0];
        let claims = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..16 {
                let (invites, claims) = (&invites, &claims);
                scope.spawn(move || {
                    if invites.claim(&code, &name(&format!("user{n}"))).unwrap().is_some() {
                        claims.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(claims.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_expired_code_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let invites = opened(folder.path());
        let codes = invite(folder.path(), 2, Duration::ZERO).unwrap();
        assert!(invites.claim(&codes[0], &name("alice")).unwrap().is_none());
        drop(opened(folder.path()));
        assert_eq!(
            fs::read_dir(folder.path().join(INVITES_FOLDER)).unwrap().count(),
            0,
            "and is cleared away"
        );
    }

    #[test]
    fn after_a_crash_a_claim_is_settled_by_whether_the_account_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::load(folder.path(), FailStop::default()).unwrap();
        let invites = Invites::load(folder.path(), &accounts, FailStop::default()).unwrap();
        let [made, not_made] = invite(folder.path(), 2, DAY).unwrap().try_into().unwrap();
        let _crashed = invites.claim(&made, &name("al.ice")).unwrap().unwrap();
        let _crashed = invites.claim(&not_made, &name("bob")).unwrap().unwrap();
        accounts.register(&name("al.ice"), Bytes([1; 32])).unwrap();
        let invites = opened(folder.path());
        assert!(invites.claim(&made, &name("carol")).unwrap().is_none());
        assert!(invites.claim(&not_made, &name("carol")).unwrap().is_some());
    }

    #[test]
    fn no_code_is_on_the_disk_and_no_folder_is_made_by_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let code = invite(folder.path(), 1, DAY).unwrap()[0].to_string();
        for file in fs::read_dir(folder.path().join(INVITES_FOLDER)).unwrap().flatten() {
            let text = format!("{:?}{}", file.file_name(), fs::read_to_string(file.path()).unwrap());
            assert!(!text.contains(&code) && !text.contains(&code.replace('-', "")), "{text}");
        }
        let missing = folder.path().join("mistyped");
        assert!(matches!(invite(&missing, 1, DAY), Err(ServerError::NoData { .. })));
        assert!(!missing.exists());
    }
}
