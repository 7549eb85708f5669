//! Writing a message in the person's own editor.
//!
//! What is written lies for that time in a file that only they can read, in a folder of its own: in memory where the
//! system has a folder for that (`XDG_RUNTIME_DIR`), else among its temporary files. Both are removed however the editor
//! ends. Erasing what a disk held cannot be promised.

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use tempfile::TempDir;

use super::LINE_BYTES_MAX;
use crate::client::{phrase::Phrase, words};

/// Where no editor is named.
const EDITOR_DEFAULT: &str = "vi";

/// What a shell ends with that does not find a command.
const NOT_FOUND: i32 = 127;

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum ComposeError {
    /// There is no file to write in.
    File(io::Error),
    /// The shell that starts the editor cannot be started.
    Start(io::Error),
    /// There is no such editor.
    NotThere(String),
    /// It ended with an error, so what was written in it is not taken.
    Failed(ExitStatus),
    /// What was written is not UTF-8.
    NotText,
    /// What was written has more bytes than a line may have.
    TooLong,
}

impl ComposeError {
    /// What its person reads.
    pub(super) fn said(&self) -> Phrase {
        let why = match self {
            Self::File(error) => words::editor_has_no_file(error),
            Self::Start(error) => words::editor_not_started(error),
            Self::NotThere(editor) => words::editor_not_there(editor),
            Self::Failed(status) => match status.code() {
                Some(code) => words::editor_failed(code),
                None => words::EDITOR_KILLED.into(),
            },
            Self::NotText => words::EDITOR_LEFT_NO_TEXT.into(),
            Self::TooLong => words::editor_left_too_much(LINE_BYTES_MAX),
        };
        words::not_composed(why.text())
    }
}

/// What a person says of several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Several {
    /// They are one message.
    Send,
    /// They are to be gone on with.
    Edit,
    /// They are not to be sent.
    Drop,
}

impl Several {
    /// Reads the answer; nothing when it is none.
    pub(super) fn read(answer: &str) -> Option<Self> {
        let meant = [
            (words::is_yes(answer), Self::Send),
            (words::is_no(answer), Self::Drop),
            (words::is_edit(answer), Self::Edit),
        ];
        meant.into_iter().find_map(|(is, answer)| is.then_some(answer))
    }
}

/// With what an editor is to begin that a typed line asks for: `/edit`, and what follows it.
pub(super) fn begun_by_command(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("/edit")?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
}

/// The person's editor, as they name it: `VISUAL`, else `EDITOR`; it may have arguments.
pub(super) fn editor() -> String {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env::var(name).ok());
    named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| EDITOR_DEFAULT.to_owned())
}

/// Has a text written in the editor, beginning with `start`; without line ends after its last line.
///
/// The terminal is the editor's as long as this takes.
pub(super) fn compose(editor: &str, start: &str) -> Result<String, ComposeError> {
    let folder = private_folder().map_err(ComposeError::File)?;
    let path = folder.path().join("message.txt");
    // Editors expect the last line to have an end.
    let end = if start.is_empty() { "" } else { "\n" };
    write_new(&path, &format!("{start}{end}")).map_err(ComposeError::File)?;
    // As other programs do it: the name may be a command with arguments, which the shell takes apart.
    let shell = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&path).status();
    let status = shell.map_err(ComposeError::Start)?;
    match status.code() {
        Some(0) => {}
        Some(NOT_FOUND) => return Err(ComposeError::NotThere(editor.to_owned())),
        _ => return Err(ComposeError::Failed(status)),
    }
    let mut written = Vec::new();
    let most = LINE_BYTES_MAX as u64 + 1;
    let read = fs::File::open(&path).and_then(|file| file.take(most).read_to_end(&mut written));
    read.map_err(ComposeError::File)?;
    if written.len() > LINE_BYTES_MAX {
        return Err(ComposeError::TooLong);
    }
    let mut written = String::from_utf8(written).map_err(|_| ComposeError::NotText)?;
    written.truncate(written.trim_end_matches(['\n', '\r']).len());
    Ok(written)
}

fn private_folder() -> io::Result<TempDir> {
    let in_memory = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
    let within = in_memory.unwrap_or_else(env::temp_dir);
    let private = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("securechat-").permissions(private).tempdir_in(within)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An editor that is a script: what it does with the file, which is `$1`.
    fn editor_that(does: &str) -> String {
        format!("sh -c '{does}' sh")
    }

    #[test]
    fn the_command_may_say_what_to_begin_with() {
        assert_eq!(begun_by_command("/edit"), Some(""));
        assert_eq!(begun_by_command("/edit hello bob"), Some("hello bob"));
        assert_eq!(begun_by_command("/editor"), None);
        assert_eq!(begun_by_command("edit"), None);
    }

    #[test]
    fn what_was_typed_is_what_the_editor_starts_with_and_its_result_is_taken() {
        let written = compose(&editor_that(r#"printf "and more\n\n" >> "$1""#), "a line").unwrap();
        assert_eq!(written, "a line\nand more");
    }

    #[test]
    fn only_its_owner_can_read_the_file_and_it_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let look =
            format!(r#"stat -c "%a %n" "$1" "$(dirname "$1")" > {0}; cp "$1" {0}.text"#, report.display());
        compose(&editor_that(&look), "secret").unwrap();
        let report = fs::read_to_string(report).unwrap();
        let lines: Vec<(&str, &str)> = report.lines().map(|line| line.split_once(' ').unwrap()).collect();
        assert_eq!(lines.iter().map(|(mode, _)| *mode).collect::<Vec<_>>(), ["600", "700"]);
        assert!(lines.iter().all(|(_, path)| !Path::new(path).exists()), "{report}");
    }

    #[test]
    fn an_editor_that_fails_sends_nothing_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let fail = format!(r#"echo "$1" > {}; exit 3"#, report.display());
        assert!(matches!(compose(&editor_that(&fail), "secret"), Err(ComposeError::Failed(_))));
        assert!(!Path::new(fs::read_to_string(report).unwrap().trim_end()).exists());
        let error = compose("/nowhere/editor -w", "").unwrap_err();
        assert_eq!(
            error.said().text(),
            "nothing was sent: there is no editor /nowhere/editor -w on this machine; VISUAL or EDITOR can name another"
        );
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        let binary = editor_that(r#"printf "\377" > "$1""#);
        assert!(matches!(compose(&binary, ""), Err(ComposeError::NotText)));
        let long = editor_that(&format!(r#"head -c {} /dev/zero > "$1""#, LINE_BYTES_MAX + 1));
        assert!(matches!(compose(&long, ""), Err(ComposeError::TooLong)));
    }
}
