//! A program in a real terminal emulator: tmux, without anybody looking. Keys go in, and the screen that tmux made of
//! what the program wrote comes out.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

use super::{LOOK_AGAIN, PATIENCE, unbroken};

/// The emulator's settings: no status line that takes a row, keys passed on at once, and a program's last screen kept.
const SETTINGS: &str = "set -g status off
set -s escape-time 0
set -g remain-on-exit on
set -g history-limit 20000
set -g default-terminal tmux-256color
";

/// Whether there is a tmux that can be used.
pub fn is_there() -> bool {
    Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success())
}

/// One tmux server with the windows of one test; ended on drop, and the programs in it with it.
pub struct Tmux {
    folder: PathBuf,
}

impl Tmux {
    /// A tmux of the test's own, whose socket lies in this folder and whose programs are started there.
    pub fn starts_in(folder: &Path) -> Self {
        std::fs::write(folder.join("tmux.conf"), SETTINGS).expect("the emulator's settings");
        Self { folder: folder.to_owned() }
    }

    /// Starts a program in a window of so many columns and rows.
    pub fn opens(&self, name: &str, (columns, rows): (u16, u16), program: &Command) -> Window<'_> {
        let mut command = self.tmux();
        command.args(["new-session", "-d", "-s", name, "-x", &columns.to_string(), "-y", &rows.to_string()]);
        for (variable, value) in program.get_envs() {
            // What is to be unset is unset for the whole tmux: it hands its own environment on.
            if let Some(value) = value {
                let value = value.to_string_lossy();
                command.arg("-e").arg(format!("{}={value}", variable.to_string_lossy()));
            }
        }
        command.arg(program.get_program()).args(program.get_args());
        run(&mut command);
        Window { tmux: self, name: name.to_owned() }
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.current_dir(&self.folder).env("LC_ALL", "C.UTF-8");
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            let ours = name.starts_with("SECURECHAT_") || name.starts_with("TMUX");
            if ours || ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LANGUAGE"].contains(&&*name) {
                command.env_remove(&variable);
            }
        }
        command
            .arg("-u")
            .arg("-S")
            .arg(self.folder.join("tmux"))
            .arg("-f")
            .arg(self.folder.join("tmux.conf"));
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

/// One window, and the program in it.
pub struct Window<'t> {
    tmux: &'t Tmux,
    name: String,
}

impl Window<'_> {
    /// Presses keys: text and control characters. Enter is `\r`.
    pub fn types(&self, keys: &str) {
        run(self.tmux.tmux().args(["send-keys", "-t", &self.name, "-l", "--", keys]));
    }

    /// Presses a key by tmux's name for it: `Tab`, `Up`, `PageUp`, `C-l`, `M-b`, `F1`.
    pub fn presses(&self, key: &str) {
        run(self.tmux.tmux().args(["send-keys", "-t", &self.name, key]));
    }

    /// Pastes as a terminal does: in one piece, marked as a paste where the program asked for that.
    pub fn pastes(&self, text: &str) {
        run(self.tmux.tmux().args(["set-buffer", "--", text]));
        run(self.tmux.tmux().args(["paste-buffer", "-p", "-t", &self.name]));
    }

    /// Changes the window's size, as dragging its corner does.
    pub fn resizes(&self, (columns, rows): (u16, u16)) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        run(self.tmux.tmux().args(["resize-window", "-t", &self.name, "-x", &columns, "-y", &rows]));
    }

    /// The screen as it is: one line a row, blanks at the end left out.
    pub fn screen(&self) -> String {
        self.drawn(&[])
    }

    /// The screen with the sequences that paint it.
    pub fn painted(&self) -> String {
        self.drawn(&["-e"])
    }

    /// The screen, after all that scrolled away above it.
    pub fn everything(&self) -> String {
        self.drawn(&["-S", "-"])
    }

    fn drawn(&self, which: &[&str]) -> String {
        let drawn = run(self.tmux.tmux().args(["capture-pane", "-p", "-t", &self.name]).args(which));
        let mut screen = drawn.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        screen.truncate(screen.trim_end().len());
        screen + "\n"
    }

    /// Waits until the words are on the screen or have scrolled away, in however many rows.
    pub fn sees(&self, words: &str) {
        let wanted = unbroken(words);
        self.waits_until(words, |_| unbroken(&self.everything()).contains(&wanted));
    }

    /// Waits until the screen ends with the words, in however many rows.
    pub fn sees_last(&self, words: &str) {
        let wanted = unbroken(words);
        self.waits_until(words, |screen| unbroken(screen).ends_with(&wanted));
    }

    /// Waits until the screen is as it should be; panics with the screen when it does not become so.
    pub fn waits_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{}: {what:?} did not come; the screen:\n{}",
                self.name,
                self.everything()
            );
            // Nothing announces that a window changed.
            thread::sleep(LOOK_AGAIN);
        }
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("tmux runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("tmux writes UTF-8")
}
