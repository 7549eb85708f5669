//! A key file on paper and back: `securechat client key export` and `import`.
//!
//! Nothing is opened, so no password is asked for: the form holds the secret as the key file does, sealed.
//! What is put in place was never there before: a key file is not overwritten.

use std::path::{Path, PathBuf};

use chrono::Utc;
use thiserror::Error;

use super::{
    address::ServerAddress,
    home::{self, HomeError, ServerFolder},
    phrase::Phrase,
    words,
};
use crate::{
    crypto::key_file::{
        KeyFile, KeyFileFormatError,
        recovery::{RecoveryError, RecoveryForm},
    },
    printable::Printable,
    status,
    store::{self, StoreError},
    wire::Username,
};

/// What is read of a form, in bytes: more than one ever has.
pub const KEY_COPY_BYTES_MAX: u64 = 65_536;

/// How a copy of a key file begins, unlike a form.
const KEY_FILE_BEGIN: &str = "securechat key file";

/// Which key file is to be printed, and where to.
#[derive(Debug)]
pub struct KeyExport {
    /// The folder that holds one folder a server.
    pub home: PathBuf,
    /// Which server; `None` for the only one.
    pub server: Option<ServerAddress>,
    /// Whose; `None` for the only one.
    pub user: Option<Username>,
    /// A new file to write to.
    pub output: Option<PathBuf>,
}

/// Where a key file that is read is to go.
#[derive(Debug)]
pub struct KeyImport {
    /// The folder that holds one folder a server.
    pub home: PathBuf,
    /// Nobody named that folder: the commands that are shown need not either.
    pub home_is_default: bool,
    /// Which server, whatever the form says.
    pub server: Option<ServerAddress>,
}

/// Why a key file was not printed or not read.
#[derive(Debug, Error)]
pub enum KeyCopyError {
    /// There is no account in that home.
    #[error("there is no key file under {}", shown(.0))]
    NoAccount(PathBuf),
    /// Several could be meant.
    #[error("there are several accounts here: name one")]
    Several(Vec<(ServerAddress, Username)>),
    /// The named one is not here.
    #[error("there is no account here for {named}")]
    NotHere {
        /// What was named, as it is typed.
        named: String,
        /// What is here.
        here: Vec<(ServerAddress, Username)>,
    },
    /// A change of password is not finished.
    #[error(
        "a change of {0}'s password, or the making of the account, was cut short: two key files may be in force"
    )]
    Unfinished(Username),
    /// What was read is no form.
    #[error("that is no recovery form: {0}")]
    Form(#[from] RecoveryError),
    /// What was read begins as a key file, and is none.
    #[error("that is no key file: {0}")]
    KeyFile(#[from] KeyFileFormatError),
    /// A copy of a key file does not say for which server it is.
    #[error("a copy of a key file does not say for which server it is")]
    WhichServer,
    /// The server that the form says cannot be one.
    #[error("the form names no server: {:?}", Printable::line(.0).as_str())]
    NoServer(String),
    /// Another key file is where this one would go.
    #[error("another key file of {user} is there already: {}; it is left as it is", shown(path))]
    Taken {
        /// Whose.
        user: Username,
        /// Where.
        path: PathBuf,
    },
    /// This machine's files.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The same, as the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was to be read could not be.
    #[error("could not read {}", shown(path))]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl KeyCopyError {
    /// What its person reads: what happened, what caused it, what to do.
    #[must_use]
    pub fn last_words(&self) -> Vec<Phrase> {
        words::key_copy_last_words(self)
    }

    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::NoAccount(_) | Self::NotHere { .. } => status::NO_INPUT,
            Self::Several(_) | Self::WhichServer | Self::NoServer(_) => status::USAGE,
            Self::Form(_) | Self::KeyFile(_) | Self::Unfinished(_) => status::DATA,
            Self::Home(HomeError::Store(_)) | Self::Store(_) | Self::Read { .. } | Self::Taken { .. } => {
                status::IO
            }
            Self::Home(_) => status::DATA,
        }
    }
}

/// The form of a key file as it is printed; or where it was written.
///
/// # Errors
/// As the variants of [`KeyCopyError`] say.
pub fn export_key(export: &KeyExport) -> Result<Phrase, KeyCopyError> {
    let (server, user) = whose(export)?;
    let folder = ServerFolder::open(&export.home, &server)?;
    // What waits for the server's answer may be in force, or not: only a login tells.
    let [(key_file, waiting)] =
        folder.key_files(&user)?.try_into().map_err(|_| KeyCopyError::Unfinished(user.clone()))?;
    if waiting {
        return Err(KeyCopyError::Unfinished(user));
    }
    let form = RecoveryForm::new(&server.to_string(), &key_file)?;
    let printed = words::recovery_form(&form, folder.server_pin()?.as_ref(), Utc::now());
    let Some(path) = &export.output else { return Ok(printed) };
    store::create(path, format!("{}\n", printed.text()).as_bytes())?;
    Ok(words::recovery_form_written(path))
}

/// The account that is meant: what was named, or the only one there is.
fn whose(export: &KeyExport) -> Result<(ServerAddress, Username), KeyCopyError> {
    let here = home::accounts(&export.home)?;
    if here.is_empty() {
        return Err(KeyCopyError::NoAccount(export.home.clone()));
    }
    let named = |server: &ServerAddress, user: &Username| {
        export.server.as_ref().is_none_or(|named| named == server)
            && export.user.as_ref().is_none_or(|named| named == user)
    };
    let mut found: Vec<_> = here.iter().filter(|(server, user)| named(server, user)).cloned().collect();
    match found.pop() {
        Some(only) if found.is_empty() => Ok(only),
        Some(_) => Err(KeyCopyError::Several(here)),
        None => {
            let server = export.server.as_ref().map(|server| format!("--host {server}"));
            let user = export.user.as_ref().map(|user| format!("--user {user}"));
            let named = server.into_iter().chain(user).collect::<Vec<_>>().join(" ");
            Err(KeyCopyError::NotHere { named, here })
        }
    }
}

/// What is said at a terminal before a form is read there.
#[must_use]
pub fn form_is_typed() -> Phrase {
    words::FORM_IS_TYPED.into()
}

/// Puts the key file of a form, or a copy of one, in its place: what was done.
///
/// # Errors
/// As the variants of [`KeyCopyError`] say; then nothing was changed.
pub fn import_key(import: &KeyImport, text: &str) -> Result<Phrase, KeyCopyError> {
    let (named, key_file) = if text.trim_start().starts_with(KEY_FILE_BEGIN) {
        (None, text.trim_start().parse::<KeyFile>()?)
    } else {
        let form = RecoveryForm::read(text)?;
        let server = form.server().parse().map_err(|_| KeyCopyError::NoServer(form.server().to_owned()));
        (Some(server), form.key_file().clone())
    };
    let server: ServerAddress = match (&import.server, named) {
        (Some(server), _) => server.clone(),
        (None, Some(server)) => server?,
        (None, None) => return Err(KeyCopyError::WhichServer),
    };
    let folder = ServerFolder::open(&import.home, &server)?;
    let user = key_file.username().clone();
    let path = folder.key_file_path(&user);
    if let Some(there) = folder.existing_key_file(&user) {
        let same = store::read(&there)?.is_some_and(|bytes| bytes == key_file.to_string().as_bytes());
        if same && there == path {
            return Ok(words::key_file_is_the_same(&user, &path));
        }
        return Err(KeyCopyError::Taken { user, path: there });
    }
    match store::create(&path, key_file.to_string().as_bytes()) {
        Err(error) if error.source.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(KeyCopyError::Taken { user, path })
        }
        written => {
            written?;
            let home = home_option(&import.home, import.home_is_default);
            Ok(words::key_file_imported(&user, &path, &format!("{server}{home}")))
        }
    }
}

/// The command that prints this key file. Short, as it is for pasting: what is the only one there is not named.
pub(super) fn export_command(
    server: &ServerAddress,
    home: &Path,
    home_is_default: bool,
    user: &Username,
) -> String {
    let only = home::accounts(home).is_ok_and(|here| here == [(server.clone(), user.clone())]);
    let which = if only { String::new() } else { format!(" --host {server} --user {user}") };
    format!("securechat client key export{}{which}", home_option(home, home_is_default))
}

/// The home as an option of a command, where it has to be named.
fn home_option(home: &Path, is_default: bool) -> String {
    if is_default { String::new() } else { format!(" --home {}", quoted(home)) }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = shown(path);
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=~".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn shown(path: &Path) -> String {
    Printable::line(&path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::key_file::{KdfCost, Password};

    const SERVER: &str = "chat.example.org:4117";

    fn home_with(names: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let folder = ServerFolder::open(home.path(), &SERVER.parse().unwrap()).unwrap();
        for name in names {
            let password = Password::new("one".into()).unwrap();
            let (file, _) = KeyFile::create(&name.parse().unwrap(), &password, KdfCost::FLOOR).unwrap();
            folder.put_new_key_file(&file).unwrap();
            folder.adopt_new_key_file(file.username()).unwrap();
        }
        home
    }

    fn export(home: &Path, user: Option<&str>) -> Result<Phrase, KeyCopyError> {
        let user = user.map(|user| user.parse().unwrap());
        export_key(&KeyExport { home: home.to_owned(), server: None, user, output: None })
    }

    fn import(home: &Path, text: &str) -> Result<Phrase, KeyCopyError> {
        import_key(&KeyImport { home: home.to_owned(), home_is_default: false, server: None }, text)
    }

    fn key_file(home: &Path, name: &str) -> String {
        std::fs::read_to_string(home.join("chat.example.org~4117").join(format!("{name}.txt"))).unwrap()
    }

    #[test]
    fn the_only_account_is_printed_and_read_elsewhere_with_its_password_unasked() {
        let (here, there) = (home_with(&["alice"]), tempfile::tempdir().unwrap());
        let printed = export(here.path(), None).unwrap();
        import(there.path(), printed.text()).unwrap();
        assert_eq!(key_file(there.path(), "alice"), key_file(here.path(), "alice"));
        // Once more is no harm, and another key file is not overwritten.
        assert_eq!(import(there.path(), printed.text()).unwrap().id(), "key_file_is_the_same");
        let other = export(home_with(&["alice"]).path(), None).unwrap();
        assert!(matches!(import(there.path(), other.text()), Err(KeyCopyError::Taken { .. })));
        assert_eq!(key_file(there.path(), "alice"), key_file(here.path(), "alice"));
    }

    #[test]
    fn what_is_meant_is_asked_for_where_it_is_not_plain() {
        let two = home_with(&["alice", "bob"]);
        let error = export(two.path(), None).unwrap_err();
        assert_eq!(error.exit_status(), status::USAGE);
        let said: String = error.last_words().iter().map(|line| line.text().to_owned() + "\n").collect();
        assert!(
            said.contains(&format!(
                "hint: the accounts here: --host {SERVER} --user alice; --host {SERVER} --user bob"
            )),
            "{said}"
        );
        assert!(export(two.path(), Some("bob")).unwrap().text().contains("bob at chat.example.org:4117"));
        let error = export(two.path(), Some("carol")).unwrap_err();
        assert_eq!(error.last_words()[0].text(), "error: there is no account here for --user carol");
        let nobody = tempfile::tempdir().unwrap();
        assert!(matches!(export(nobody.path(), None), Err(KeyCopyError::NoAccount(_))));
        assert!(matches!(export(&nobody.path().join("none"), None), Err(KeyCopyError::NoAccount(_))));
    }

    #[test]
    fn a_password_change_that_was_cut_short_is_not_printed() {
        let home = home_with(&["alice"]);
        let folder = home.path().join("chat.example.org~4117");
        std::fs::copy(folder.join("alice.txt"), folder.join("alice.txt.new")).unwrap();
        assert!(matches!(export(home.path(), None), Err(KeyCopyError::Unfinished(_))));
    }

    #[test]
    fn a_copy_of_a_key_file_is_read_too_for_a_server_that_is_named() {
        let (here, there) = (home_with(&["alice"]), tempfile::tempdir().unwrap());
        let copy = key_file(here.path(), "alice");
        assert!(matches!(import(there.path(), &copy), Err(KeyCopyError::WhichServer)));
        let server = Some(SERVER.parse().unwrap());
        let import = KeyImport { home: there.path().to_owned(), home_is_default: false, server };
        import_key(&import, &copy).unwrap();
        assert_eq!(key_file(there.path(), "alice"), copy);
    }

    #[test]
    fn the_command_that_is_shown_can_be_pasted_and_names_no_more_than_it_has_to() {
        let (one, two) = (home_with(&["bob"]), home_with(&["alice", "bob"]));
        let (server, bob): (ServerAddress, Username) = (SERVER.parse().unwrap(), "bob".parse().unwrap());
        let command = |home: &Path, is_default| export_command(&server, home, is_default, &bob);
        assert_eq!(command(one.path(), true), "securechat client key export");
        assert_eq!(
            command(two.path(), true),
            "securechat client key export --host chat.example.org:4117 --user bob"
        );
        let named = format!("securechat client key export --home {}", one.path().display());
        assert_eq!(command(one.path(), false), named);
        assert_eq!(home_option(Path::new("/my home/it's"), false), r" --home '/my home/it'\''s'");
    }

    #[test]
    fn what_is_said_of_a_key_file_that_was_read_leads_to_where_it_is() {
        let (here, there) = (home_with(&["alice"]), tempfile::tempdir().unwrap());
        let printed = export(here.path(), None).unwrap();
        let said = import(there.path(), printed.text()).unwrap();
        let home = there.path().display();
        assert!(
            said.text().contains(&format!("securechat client --host {SERVER} --home {home}\n")),
            "{}",
            said.text()
        );
        let default = tempfile::tempdir().unwrap();
        let import = KeyImport { home: default.path().to_owned(), home_is_default: true, server: None };
        let said = import_key(&import, printed.text()).unwrap();
        assert!(!said.text().contains("--home"), "{}", said.text());
    }

    #[test]
    fn a_printed_form_fits_a_screen_of_80_columns() {
        for language in [words::Language::English, words::Language::French] {
            let use_of_it = words::template("recovery_form_use", language).replace("{now}", "2026-11-24");
            assert!(use_of_it.lines().all(|line| line.chars().count() <= 80), "{use_of_it}");
        }
        let printed = export(home_with(&["alice"]).path(), None).unwrap();
        assert!(printed.text().lines().all(|line| line.len() <= 80), "{}", printed.text());
    }
}
