//! `securechat setup-shell`: puts the completions and the manual pages where shells and `man` look.
//!
//! Everything lies under one folder `share`: the user's own, or that of a prefix. What is there and the
//! same is left alone, so that it can be run again after every update; the same names are taken away.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use etcetera::BaseStrategy;
use thiserror::Error;

use super::help;
use crate::{
    client::{self, Language, phrase::Phrase},
    printable::Printable,
    status,
    store::{self, StoreError},
};

/// A shell that finds completions by itself in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// bash, with the package bash-completion
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// What `setup-shell` is to do.
#[derive(Debug, Args)]
pub struct ShellSetup {
    /// Only for this shell, given once or more [default: bash, zsh and fish]
    #[arg(long = "shell", value_enum, value_name = "SHELL")]
    shells: Vec<Shell>,
    /// Write under DIR/share (such as /usr/local) instead of the user's own folder
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Take away again what it writes
    #[arg(long)]
    undo: bool,
}

/// What it says, in the words of the language that is spoken.
#[cfg(test)]
pub(super) const SAID: [&str; 11] = [
    WROTE,
    UNCHANGED,
    REMOVED,
    ABSENT,
    FOR_ZSH,
    FROM_NOW_ON,
    NO_FOLDER,
    NO_PAGES,
    NOT_WRITTEN,
    NAME_PREFIX,
    SYSTEMS,
];

const WROTE: &str = "wrote {path}";
const UNCHANGED: &str = "is there already: {path}";
const REMOVED: &str = "removed {path}";
const ABSENT: &str = "was not there: {path}";
const FOR_ZSH: &str = "for zsh, put this into ~/.zshrc before compinit: fpath=({path} $fpath)";
const FROM_NOW_ON: &str =
    "a shell that is started from now on completes; to undo it: the same command with --undo";

const NO_FOLDER: &str = "the platform's data folder is not known";
const NO_PAGES: &str = "could not make the manual pages";
const NOT_WRITTEN: &str = "could not write {path}";
const NAME_PREFIX: &str = "name a folder with --prefix";
const SYSTEMS: &str = "that folder is the system's: use sudo, or leave --prefix out for your own";

/// What was done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Wrote,
    Unchanged,
    Removed,
    Absent,
}

/// Why it was not done.
#[derive(Debug, Error)]
pub enum ShellSetupError {
    /// There is no folder to write to.
    #[error("{NO_FOLDER}")]
    NoFolder,
    /// The pages could not be made.
    #[error("{NO_PAGES}")]
    Pages(#[source] io::Error),
    /// A file or folder could not be read, written or removed.
    #[error("could not write {}", Printable::line(&path.to_string_lossy()))]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The same, as the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ShellSetupError {
    /// What its person reads: what happened, what caused it, what to do.
    #[must_use]
    pub fn last_words(&self) -> Vec<Phrase> {
        let (what, cause, hint): (_, Option<&io::Error>, _) = match self {
            Self::NoFolder => (help::say(NO_FOLDER), None, Some(NAME_PREFIX)),
            Self::Pages(source) => (help::say(NO_PAGES), Some(source), None),
            Self::Io { path, source } => {
                let systems = source.kind() == io::ErrorKind::PermissionDenied;
                (say(NOT_WRITTEN, path), Some(source), systems.then_some(SYSTEMS))
            }
            Self::Store(error) => (client::in_words(error), Some(&error.source), error.hint()),
        };
        client::last_words_of(&what, cause, hint.map(help::say).as_deref())
    }

    /// The exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::NoFolder => status::USAGE,
            Self::Pages(_) | Self::Io { .. } | Self::Store(_) => status::IO,
        }
    }
}

impl Shell {
    const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// Where it looks, under `share`.
    fn path(self) -> &'static str {
        match self {
            Self::Bash => "bash-completion/completions/securechat",
            Self::Zsh => "zsh/site-functions/_securechat",
            Self::Fish => "fish/vendor_completions.d/securechat.fish",
        }
    }

    fn completions(self) -> Vec<u8> {
        completions(match self {
            Self::Bash => clap_complete::Shell::Bash,
            Self::Zsh => clap_complete::Shell::Zsh,
            Self::Fish => clap_complete::Shell::Fish,
        })
    }
}

impl ShellSetup {
    /// Writes the files, or takes them away; what it did, a line each, and what is left to do.
    ///
    /// # Errors
    /// As the variants of [`ShellSetupError`] say; what was done until then stays.
    pub fn run(&self) -> Result<Vec<String>, ShellSetupError> {
        let share = self.share()?;
        let shells = if self.shells.is_empty() { &Shell::ALL[..] } else { &self.shells };
        let mut said = Vec::new();
        for (path, content) in files(shells)? {
            let path = share.join(path);
            let done = if self.undo { remove(&path)? } else { write(&path, &content)? };
            said.push(say(done.word(), &path));
        }
        if self.undo {
            return Ok(said);
        }
        if self.prefix.is_none() && shells.contains(&Shell::Zsh) {
            let folder = share.join(Shell::Zsh.path());
            said.push(say(FOR_ZSH, folder.parent().unwrap_or(&folder)));
        }
        said.push(help::say(FROM_NOW_ON));
        Ok(said)
    }

    fn share(&self) -> Result<PathBuf, ShellSetupError> {
        match &self.prefix {
            Some(prefix) => Ok(prefix.join("share")),
            None => match etcetera::choose_base_strategy() {
                Ok(folders) => Ok(folders.data_dir()),
                Err(_) => Err(ShellSetupError::NoFolder),
            },
        }
    }
}

impl Done {
    fn word(self) -> &'static str {
        match self {
            Self::Wrote => WROTE,
            Self::Unchanged => UNCHANGED,
            Self::Removed => REMOVED,
            Self::Absent => ABSENT,
        }
    }
}

/// The completions of a shell, as text.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut help::command(Language::spoken()), "securechat", &mut text);
    text
}

/// Writes one manual page a command into a folder, in the language that is spoken.
///
/// # Errors
/// When a page cannot be written.
pub fn write_man_pages(folder: &Path) -> std::io::Result<()> {
    for (name, page) in man_pages(Language::spoken())? {
        fs::write(folder.join(name), page)?;
    }
    Ok(())
}

/// The manual pages of this language, by their names. Operators' pages are English: `man` shows those where the others
/// have none.
fn man_pages(language: Language) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    clap_mangen::generate_to(help::definitions(language), folder.path())?;
    let mut pages = Vec::new();
    for page in fs::read_dir(folder.path())? {
        let page = page?;
        let name = PathBuf::from(page.file_name());
        let for_operators = name.to_string_lossy().starts_with("securechat-server");
        if language == Language::English || !for_operators {
            pages.push((name, help::man_page(language, fs::read_to_string(page.path())?).into_bytes()));
        }
    }
    pages.sort();
    Ok(pages)
}

/// Every file, by its path under `share`.
fn files(shells: &[Shell]) -> Result<Vec<(PathBuf, Vec<u8>)>, ShellSetupError> {
    let completions = shells.iter().map(|shell| (PathBuf::from(shell.path()), shell.completions()));
    let mut files: Vec<_> = completions.collect();
    for (language, folder) in [(Language::English, "man/man1"), (Language::French, "man/fr/man1")] {
        let pages = man_pages(language).map_err(ShellSetupError::Pages)?;
        files.extend(pages.into_iter().map(|(name, page)| (Path::new(folder).join(name), page)));
    }
    Ok(files)
}

/// These files are for everybody who may read the folder, and can be made again: no store, no sync.
fn write(path: &Path, content: &[u8]) -> Result<Done, ShellSetupError> {
    if store::read(path)?.is_some_and(|there| there == content) {
        return Ok(Done::Unchanged);
    }
    let failed = |source| ShellSetupError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)?;
    Ok(Done::Wrote)
}

fn remove(path: &Path) -> Result<Done, ShellSetupError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(Done::Removed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Done::Absent),
        Err(source) => Err(ShellSetupError::Io { path: path.to_owned(), source }),
    }
}

/// The words with this path in them.
fn say(words: &str, path: &Path) -> String {
    help::say(words).replace("{path}", Printable::line(&path.to_string_lossy()).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(prefix: &Path, undo: bool) -> Vec<String> {
        ShellSetup { shells: Vec::new(), prefix: Some(prefix.to_owned()), undo }.run().unwrap()
    }

    #[test]
    fn it_writes_where_shells_and_man_look_says_so_and_takes_it_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = setup(folder.path(), false);
        for path in ["bash-completion/completions/securechat", "zsh/site-functions/_securechat"] {
            assert!(
                fs::read_to_string(folder.path().join("share").join(path)).unwrap().contains("securechat")
            );
        }
        for path in [
            "fish/vendor_completions.d/securechat.fish",
            "man/man1/securechat-client.1",
            "man/fr/man1/securechat-client.1",
        ] {
            assert!(folder.path().join("share").join(path).is_file(), "{path}");
            assert!(first.iter().any(|line| line.starts_with("wrote ") && line.ends_with(path)), "{first:?}");
        }
        let again = setup(folder.path(), false);
        assert!(!again.iter().any(|line| line.starts_with("wrote ")), "{again:?}");
        let undone = setup(folder.path(), true);
        assert!(undone.iter().all(|line| line.starts_with("removed ")), "{undone:?}");
        let nothing = setup(folder.path(), true);
        assert!(nothing.iter().all(|line| line.starts_with("was not there: ")), "{nothing:?}");
    }

    #[test]
    fn the_manual_is_there_in_french_but_for_operators_pages() {
        let folder = tempfile::tempdir().unwrap();
        setup(folder.path(), false);
        let names = |of: &str| -> Vec<String> {
            let entries = fs::read_dir(folder.path().join("share").join(of)).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        let mut english = names("man/man1");
        english.retain(|name| !name.starts_with("securechat-server"));
        assert_eq!(names("man/fr/man1"), english);
        let read = |path: &str| fs::read_to_string(folder.path().join("share/man").join(path)).unwrap();
        let page = read("fr/man1/securechat-client-history.1");
        for french in [
            ".SH NOM\n",
            ".SH SYNOPSIS\n",
            "Chaque message est demandé au serveur",
            "[env\u{a0}:\u{a0}SECURECHAT_HOST]",
        ] {
            assert!(page.contains(french), "{french} in\n{page}");
        }
        for english in ["environment", ".SH NAME", "Possible", " the "] {
            assert!(!page.contains(english), "{english} in\n{page}");
        }
        assert!(read("man1/securechat-client-history.1").contains(".SH NAME\n"));
    }

    #[test]
    fn one_shell_alone_can_be_had_and_a_folder_that_is_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let only =
            ShellSetup { shells: vec![Shell::Fish], prefix: Some(folder.path().to_owned()), undo: false };
        only.run().unwrap();
        assert!(!folder.path().join("share/zsh").exists() && folder.path().join("share/fish").exists());
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = ShellSetup { shells: Vec::new(), prefix: Some(file), undo: false }.run().unwrap_err();
        assert_eq!(error.exit_status(), status::IO, "{error}");
        let said: Vec<String> = error.last_words().iter().map(|line| line.text().to_owned()).collect();
        assert!(said[0].starts_with("error: could not ") && said[1].starts_with("  because: "), "{said:?}");
    }
}
