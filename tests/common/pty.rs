//! A program on a pseudo-terminal: keys go in, and a screen comes out as a person would see it.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    num::NonZeroU16,
    process::Command,
    sync::Arc,
    thread,
    time::Instant,
};

use expectrl::process::{
    Process,
    unix::{Signal, UnixProcess, WaitStatus},
};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{LOOK_AGAIN, PATIENCE, unbroken};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;
const SCROLLBACK_ROWS: usize = 20_000;

/// A program and the terminal it believes to be on; killed on drop.
pub struct Pty {
    process: UnixProcess,
    keys: File,
    watched: Arc<Watched>,
    ended: Option<WaitStatus>,
}

struct Watched {
    screen: Mutex<Screen>,
    changed: Condvar,
}

/// What the program drew so far.
pub struct Screen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    closed: bool,
}

impl Pty {
    /// Starts a program on a terminal of 24 rows of 80 columns, with echo on as in a shell.
    pub fn spawn(mut command: Command) -> Self {
        command.env("TERM", "xterm-256color");
        Self::spawn_as_is(command)
    }

    /// Starts a program on a terminal whose kind (`TERM`) is what the command says.
    pub fn spawn_as_is(command: Command) -> Self {
        let process = UnixProcess::spawn_command(in_a_shell(&command)).expect("a pseudo-terminal");
        let keys = process.get_raw_handle().expect("the terminal's other end");
        let drawn = process.get_raw_handle().expect("the terminal's other end");
        let size = |cells| NonZeroU16::new(cells).expect("not zero");
        let parser = vt100::Parser::new(size(ROWS), size(COLUMNS), SCROLLBACK_ROWS);
        let screen = Screen { parser, raw: Vec::new(), closed: false };
        let watched = Arc::new(Watched { screen: Mutex::new(screen), changed: Condvar::new() });
        let watcher = Arc::clone(&watched);
        thread::spawn(move || watcher.watch(drawn));
        Self { process, keys, watched, ended: None }
    }

    /// Presses keys: text, control characters, escape sequences. Enter is `\r`.
    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until the words are on the screen, in however many rows.
    pub fn sees(&self, words: &str) {
        let wanted = unbroken(words);
        self.waits_until(words, |screen| unbroken(&screen.contents()).contains(&wanted));
    }

    /// Waits until the line the cursor is in reads so (blanks at its end do not count).
    pub fn sees_line_typed(&self, line: &str) {
        self.waits_until(line, |screen| screen.line_typed() == line);
    }

    /// Waits until the screen is as it should be; panics with the screen when it does not become so.
    pub fn waits_until(&self, what: &str, mut holds: impl FnMut(&mut Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.screen();
        while !holds(&mut screen) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || screen.closed {
                panic!("{what:?} did not come; the screen:\n{}\n", screen.everything().join("\n"));
            }
            self.watched.changed.wait_for(&mut screen, left);
        }
    }

    /// The screen at this moment.
    pub fn screen(&self) -> MutexGuard<'_, Screen> {
        self.watched.screen.lock()
    }

    /// Changes the size of the terminal, as dragging its window does.
    pub fn resizes(&mut self, rows: u16, columns: u16) {
        let size = |cells| NonZeroU16::new(cells).expect("not zero");
        self.screen().parser.screen_mut().set_size(size(rows), size(columns));
        self.process.set_window_size(columns, rows).expect("a window size");
    }

    /// Whether the terminal shows what is typed by itself, as it does in a shell.
    pub fn echoes(&self) -> bool {
        self.process.get_echo().expect("the terminal's mode")
    }

    /// Sends the program a signal.
    pub fn signals(&mut self, signal: Signal) {
        self.process.signal(signal).expect("a signal");
    }

    /// Waits until the program stands still, as a shell does before it takes the terminal: one that is
    /// called back earlier would stop afterwards.
    pub fn stands_still(&self) {
        let status = format!("/proc/{}/stat", self.process.pid());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = std::fs::read_to_string(&status).expect("the program's state");
            // The name before it may hold anything, and ends with the last bracket.
            if status.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T')) {
                return;
            }
            assert!(Instant::now() < deadline, "the program goes on: {status}");
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits for the program to end by itself, and for all it drew.
    pub fn ends(&mut self) -> WaitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.watched.screen.lock();
        while !screen.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program did not end; the screen:\n{}", screen.contents());
            self.watched.changed.wait_for(&mut screen, left);
        }
        drop(screen);
        let status = self.process.wait().expect("an exit status");
        self.ended = Some(status);
        status
    }
}

/// The terminal begins without echo; a program is started as from a shell, where there is one.
fn in_a_shell(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"stty echo && exec "$0" "$@""#]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.process.kill(Signal::SIGKILL);
            let _ = self.process.wait();
        }
    }
}

impl Watched {
    fn watch(&self, mut drawn: File) {
        let mut chunk = [0_u8; 4096];
        loop {
            let read = match drawn.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Linux reports the end of a terminal's last program as an error.
                Err(_) => 0,
            };
            let mut screen = self.screen.lock();
            screen.raw.extend_from_slice(&chunk[..read]);
            screen.parser.process(&chunk[..read]);
            screen.closed = read == 0;
            drop(screen);
            self.changed.notify_all();
            if read == 0 {
                return;
            }
        }
    }
}

impl Screen {
    /// What is visible, blanks at line ends left out.
    pub fn contents(&self) -> String {
        self.parser.screen().contents()
    }

    /// The row the cursor is in.
    pub fn line_typed(&self) -> String {
        let screen = self.parser.screen();
        let (row, _) = screen.cursor_position();
        let (_, columns) = screen.size();
        screen.rows(0, columns.get()).nth(usize::from(row)).unwrap_or_default().trim_end().to_owned()
    }

    /// Every row there ever was, from what scrolled away to the last that is not empty.
    pub fn everything(&mut self) -> Vec<String> {
        let screen = self.parser.screen_mut();
        let (_, columns) = screen.size();
        let mut rows = Vec::new();
        for offset in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(offset);
            rows.extend(screen.rows(0, columns.get()).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, columns.get()));
        rows.iter_mut().for_each(|row| row.truncate(row.trim_end().len()));
        let last = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        rows.truncate(last);
        rows
    }

    /// Every byte that was drawn.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The modes that a program can set and must not leave set: another screen, a hidden cursor, other keys,
    /// a mouse that types.
    pub fn modes(&self) -> String {
        let screen = self.parser.screen();
        format!(
            "alternate {}, hidden {}, keypad {}, cursor keys {}, pastes {}, mouse {:?} {:?}, size {:?}",
            screen.alternate_screen(),
            screen.hide_cursor(),
            screen.application_keypad(),
            screen.application_cursor(),
            screen.bracketed_paste(),
            screen.mouse_protocol_mode(),
            screen.mouse_protocol_encoding(),
            screen.size(),
        )
    }

    /// Whether the terminal marks what is pasted (an editor switches it on, and must switch it off).
    pub fn marks_pastes(&self) -> bool {
        self.parser.screen().bracketed_paste()
    }
}
