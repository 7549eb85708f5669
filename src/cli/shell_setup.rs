//! `securechat setup-shell`: puts the completions and the manual pages where shells and `man` look.
//!
//! Everything lies under one folder `share`: the user's own, or that of a prefix. What is there and the
//! same is left alone, so that it can be run again after every update; the same names are taken away.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory, ValueEnum};
use etcetera::BaseStrategy;
use thiserror::Error;

use super::Cli;
use crate::{
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
    #[error("the platform's data folder is not known")]
    NoFolder,
    /// The pages could not be made.
    #[error("could not make the manual pages")]
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
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NoFolder => Some("name a folder with --prefix"),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("that folder is the system's: use sudo, or leave --prefix out for your own")
            }
            Self::Store(error) => error.hint(),
            Self::Pages(_) | Self::Io { .. } => None,
        }
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
            said.push(format!("{} {}", done.word(), shown(&path)));
        }
        if self.undo {
            return Ok(said);
        }
        if self.prefix.is_none() && shells.contains(&Shell::Zsh) {
            let folder = share.join(Shell::Zsh.path());
            let folder = folder.parent().map(shown).unwrap_or_default();
            said.push(format!("for zsh, put this into ~/.zshrc before compinit: fpath=({folder} $fpath)"));
        }
        said.push(
            "a shell that is started from now on completes; to undo it: the same command with --undo".into(),
        );
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
            Self::Wrote => "wrote",
            Self::Unchanged => "is there already",
            Self::Removed => "removed",
            Self::Absent => "was not there",
        }
    }
}

/// The completions of a shell, as text.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "securechat", &mut text);
    text
}

/// Writes one manual page a command into a folder.
///
/// # Errors
/// When a page cannot be written.
pub fn write_man_pages(folder: &Path) -> std::io::Result<()> {
    clap_mangen::generate_to(Cli::command(), folder)
}

/// Every file, by its path under `share`.
fn files(shells: &[Shell]) -> Result<Vec<(PathBuf, Vec<u8>)>, ShellSetupError> {
    let completions = shells.iter().map(|shell| (PathBuf::from(shell.path()), shell.completions()));
    let mut files: Vec<_> = completions.collect();
    let folder = tempfile::tempdir().map_err(ShellSetupError::Pages)?;
    write_man_pages(folder.path()).map_err(ShellSetupError::Pages)?;
    let mut pages = Vec::new();
    for page in fs::read_dir(folder.path()).map_err(ShellSetupError::Pages)? {
        let page = page.map_err(ShellSetupError::Pages)?;
        let content = fs::read(page.path()).map_err(ShellSetupError::Pages)?;
        pages.push((Path::new("man/man1").join(page.file_name()), content));
    }
    pages.sort();
    files.extend(pages);
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

fn shown(path: &Path) -> String {
    Printable::line(&path.to_string_lossy()).to_string()
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
        for path in ["fish/vendor_completions.d/securechat.fish", "man/man1/securechat-client.1"] {
            assert!(folder.path().join("share").join(path).is_file(), "{path}");
            assert!(first.iter().any(|line| line.starts_with("wrote ") && line.ends_with(path)), "{first:?}");
        }
        let again = setup(folder.path(), false);
        assert!(!again.iter().any(|line| line.starts_with("wrote ")), "{again:?}");
        let undone = setup(folder.path(), true);
        assert!(undone.iter().all(|line| line.starts_with("removed ")), "{undone:?}");
        let nothing = setup(folder.path(), true);
        assert!(nothing.iter().all(|line| line.starts_with("was not there ")), "{nothing:?}");
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
    }
}
