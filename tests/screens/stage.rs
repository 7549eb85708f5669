//! Two people with fixed names in two windows of a real terminal emulator, on a server of their own; and their screens
//! compared with the ones kept in `tests/screens/`.
//!
//! `UPDATE_SCREENS=1 cargo test --test screens` writes what is kept anew, to be looked at before it is committed.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use regex::Regex;

use crate::common::{
    PATIENCE, TestServer, password_of,
    tmux::{self, Tmux, Window},
};

/// The sizes that screens are kept for: columns and rows.
pub(crate) const SIZES: [(u16, u16); 3] = [(80, 24), (40, 12), (200, 50)];

/// A screen that did not change for this long is taken for finished, where one is written anew.
const SETTLED_AFTER: Duration = Duration::from_millis(700);

/// Where two people meet.
pub(crate) struct Stage {
    server: TestServer,
    tmux: Tmux,
    size: (u16, u16),
    arguments: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
    // Last, so that it goes after the programs in it.
    _folder: tempfile::TempDir,
}

impl Stage {
    /// A server, and windows of this size in which clients are started with these arguments; or nothing, said on
    /// standard error, where there is no tmux.
    pub(crate) fn opens(size: (u16, u16), arguments: &[&str]) -> Option<Self> {
        if !tmux::is_there() {
            eprintln!("skipped: there is no tmux here (Debian: apt-get install tmux)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Self {
            server: TestServer::starts(),
            tmux: Tmux::starts_in(folder.path()),
            size,
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            environment: Vec::new(),
            _folder: folder,
        })
    }

    /// The same, where clients find these in their environment.
    pub(crate) fn with(mut self, environment: &[(&'static str, &'static str)]) -> Self {
        self.environment = environment.to_vec();
        self
    }

    /// This person's client, which asks its first question.
    pub(crate) fn person(&self, name: &'static str) -> Person<'_> {
        let mut client: Command = self.server.client_command_at(Path::new(&format!("{name}-home")));
        client.args(&self.arguments).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        client.envs(self.environment.iter().copied());
        Person { name, window: self.tmux.opens(name, self.size, &client), size: self.size }
    }

    /// This person with a new account, made in their window: in the lobby.
    pub(crate) fn registers(&self, name: &'static str) -> Person<'_> {
        let person = self.person(name);
        let password = password_of(name);
        for (question, answer) in [
            ("Do you already have an account? (yes/no)", "no"),
            ("Username:", name),
            ("Password:", &password),
            ("Repeat password:", &password),
        ] {
            person.sees_last(question);
            person.types(&format!("{answer}\r"));
        }
        person
    }
}

/// Somebody at their window.
pub(crate) struct Person<'s> {
    name: &'static str,
    window: Window<'s>,
    size: (u16, u16),
}

impl<'s> std::ops::Deref for Person<'s> {
    type Target = Window<'s>;

    fn deref(&self) -> &Window<'s> {
        &self.window
    }
}

impl Person<'_> {
    /// Waits until this person is asked about the key, and tells the code to read out.
    pub(crate) fn is_asked_about_the_key(&self) -> String {
        self.window.sees("Accept this key?");
        let screen = self.window.everything();
        let code = screen.lines().rev().find_map(|line| line.split_once("your code: "));
        code.map(|(_, code)| code.chars().take_while(char::is_ascii_digit).collect()).unwrap_or_default()
    }

    /// Waits until the screen is the one that is kept under this name for windows of this size.
    pub(crate) fn shows(&self, name: &str) {
        self.shows_as(name, || normal(&self.window.screen()));
    }

    /// The same of what is on it from the row with these words on: what is above depends on milliseconds.
    pub(crate) fn shows_from(&self, name: &str, words: &str) {
        self.shows_as(name, || {
            let screen = normal(&self.window.screen());
            screen.find(words).map_or_else(String::new, |at| screen[at..].to_owned())
        });
    }

    /// The same of its colours: where one begins, `ESC` and its number stand in the screen that is kept.
    pub(crate) fn shows_in_colours(&self, name: &str) {
        self.shows_as(&format!("{name}-in-colours"), || in_colours(&self.window.painted()));
    }

    fn shows_as(&self, name: &str, look: impl Fn() -> String) {
        let (columns, rows) = self.size;
        let path = folder().join(format!("{name}-{columns}x{rows}.txt"));
        if env::var_os("UPDATE_SCREENS").is_some() {
            fs::write(&path, settled(&look)).expect("a screen is written");
            return;
        }
        let kept = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = look();
            if screen == kept {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{}'s screen is not that of {}:\n--- kept ---\n{kept}--- shown ---\n{screen}---\n",
                self.name,
                path.display()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The screen, once it does not change any more.
fn settled(look: &impl Fn() -> String) -> String {
    let (mut screen, mut since) = (String::new(), Instant::now());
    while since.elapsed() < SETTLED_AFTER {
        let now = look();
        if now != screen {
            (screen, since) = (now, Instant::now());
        }
        thread::sleep(Duration::from_millis(50));
    }
    screen
}

/// A painted screen without what differs from run to run, which stands between its sequences. Where the paint of what
/// can be seen changes, `ESC[...m` says to what; blanks are painted as what follows them, as nobody can tell.
fn in_colours(painted: &str) -> String {
    let painted = &*dated(painted);
    let sequences = Regex::new("\u{1b}\\[([0-9;]*)m").expect("a pattern");
    let bare = sequences.replace_all(painted, "");
    let same = normal(&bare);
    assert_eq!(bare.chars().count(), same.chars().count(), "nothing moves");
    let (mut letters, mut screen, mut from) = (same.chars(), String::new(), 0);
    let (mut paint, mut painted_as) = (BTreeSet::new(), BTreeSet::new());
    for found in sequences.captures_iter(painted).map(Some).chain([None]) {
        let whole = found.as_ref().map(|found| found.get(0).expect("all of it"));
        let until = whole.map_or(painted.len(), |whole| whole.start());
        for letter in letters.by_ref().take(painted[from..until].chars().count()) {
            if !letter.is_whitespace() && paint != painted_as {
                painted_as.clone_from(&paint);
                let numbers: Vec<String> = paint.iter().map(u32::to_string).collect();
                screen.push_str(&format!("ESC[{}m", numbers.join(";")));
            }
            screen.push(letter);
        }
        let (Some(found), Some(whole)) = (found, whole) else { break };
        from = whole.end();
        for number in found[1].split(';').map(|number| number.parse().unwrap_or(0)) {
            match number {
                0 => paint.clear(),
                22 => paint.retain(|of| ![1, 2].contains(of)),
                27 => paint.retain(|of| *of != 7),
                39 => paint.retain(|of| *of < 30),
                // The background, which is never another.
                49 => {}
                number => drop(paint.insert(number)),
            }
        }
    }
    screen
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens")
}

/// A screen without what differs from run to run: each letter of it is replaced by another, so that nothing moves, also
/// where it is broken over rows. Only a line that is a date is replaced whole.
fn normal(screen: &str) -> String {
    let differing = [
        (r"\[(\d\d:\d\d)\]", "14:03"),
        (r"(?m)(?:│|^) (\d\d:\d\d) \w", "14:03"),
        (r"127\.0\.0\.1[:~]((?:\s*\d){5})", "40117"),
        (r"SHA256:((?:\s*[A-Za-z0-9+/]){43})", "xifCv69878W0FA5V/RogqHjXEOlxxheC1qcIyDED5nc"),
        (r"identity:\s+((?:[a-z2-7]{4}\s+){7}[a-z2-7]{4})\b", "phlpoaj5gz7pn5atg56lsxztxowuvb5b"),
        (r"(?:code: |> |you\) )(\d{6})\b", "728688"),
        (r"\b(20\d\d-\d\d-\d\d)\b", "2026-11-24"),
    ];
    let normal = differing.iter().fold(screen.to_owned(), |screen, (pattern, with)| {
        let mut normal = screen.clone();
        for found in Regex::new(pattern).expect("a pattern").captures_iter(&screen) {
            let found = found.get(1).expect("what differs");
            let mut letters = with.chars();
            let letter = |c: char| if c.is_whitespace() { Some(c) } else { letters.next() };
            let with: String = found.as_str().chars().filter_map(letter).collect();
            normal.replace_range(found.range(), &with);
        }
        normal
    });
    dated(&normal)
}

/// A screen whose lines that are a date are that of one day. They may be longer or shorter than before.
fn dated(screen: &str) -> String {
    let date = Regex::new(r"(---|──) [A-Z][a-z]+day \d{1,2} [A-Z][a-z]+ 20\d\d (---|──)").expect("a pattern");
    date.replace_all(screen, "$1 Tuesday 24 November 2026 $2").into_owned()
}

/// What [`normal`] does is what it says.
#[test]
fn what_differs_from_run_to_run_is_replaced_by_something_as_long() {
    let screen = "[09:31] bob: hi\nHOST 127.0.0.1:51\n  234 --key SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
                  identity: aaaa bbbb cccc dddd\n  eeee ffff gggg 2222\n  your code: 123456\n> 654321\n";
    let normal = normal(screen);
    assert_eq!(
        normal.lines().map(str::len).collect::<Vec<_>>(),
        screen.lines().map(str::len).collect::<Vec<_>>()
    );
    for gone in ["09:31", "51\n", "234 ", "AAAA", "aaaa", "ffff", "123456", "654321"] {
        assert!(!normal.contains(gone), "{normal}");
    }
}
