//! How long a person waits at a terminal: from starting the client to its first question, and from a key to the letter on
//! the screen while a hundred thousand lines arrive.
//!
//!     cargo build --release && cargo run --release --example terminal_speed

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use expectrl::process::{Process, unix::UnixProcess};
use securechat::client::{
    phrase::Phrase,
    terminal::{Notify, Terminal, View},
};

const STARTS: usize = 30;
const LINES: usize = 100_000;
const KEY_EVERY: Duration = Duration::from_millis(20);
const FLOODED: &str = "SECURECHAT_FLOODED";

fn main() {
    if env::var_os(FLOODED).is_some() {
        return flooded();
    }
    start();
    typing();
}

/// A program on a terminal of 80 columns, and what it draws, in pieces with the moment each came.
fn on_a_terminal(command: Command) -> (UnixProcess, File, Receiver<(Instant, Vec<u8>)>) {
    let mut process = UnixProcess::spawn_command(command).unwrap();
    process.set_window_size(80, 24).unwrap();
    let keys = process.get_raw_handle().unwrap();
    let mut drawn = process.get_raw_handle().unwrap();
    let (send, pieces) = channel();
    thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = drawn.read(&mut piece) {
            if send.send((Instant::now(), piece[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    (process, keys, pieces)
}

fn start() {
    let program = env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("securechat");
    let folder = tempfile::tempdir().unwrap();
    let mut server = Command::new(&program)
        .args(["server", "--listen", "127.0.0.1:0", "--log", "error", "--data"])
        .arg(folder.path().join("data"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut says = |words: &str| said.next().unwrap().unwrap().strip_prefix(words).unwrap().to_owned();
    let (host, key) = (says("listening on "), says("server key "));
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let mut client = Command::new(&program);
            client.args(["client", "--host", &host, "--server-key", &key, "--home"]);
            client.arg(folder.path().join("home")).env("TERM", "xterm-256color");
            let begun = Instant::now();
            let (mut process, _keys, pieces) = on_a_terminal(client);
            let mut drawn = String::new();
            let came = loop {
                let (at, piece) = pieces.recv_timeout(Duration::from_secs(10)).unwrap();
                drawn.push_str(&String::from_utf8_lossy(&piece));
                if drawn.contains("(yes/no) ") {
                    break at;
                }
            };
            process.exit(true).unwrap();
            came - begun
        })
        .collect();
    server.kill().unwrap();
    server.wait().unwrap();
    times.sort_unstable();
    println!(
        "start to first question, {STARTS} starts: median {:?}, slowest {:?}",
        times[STARTS / 2],
        times[STARTS - 1]
    );
}

fn flooded() {
    let (send, typed) = channel();
    let deliver = Box::new(move |input| drop(send.send(input)));
    let mut terminal = Terminal::open(View::Lines, Notify::Off, deliver).unwrap();
    terminal.conversational(true);
    terminal.listen(None);
    // The first line says that whoever types is ready.
    typed.recv().unwrap();
    terminal.listen(None);
    for number in 1..=LINES {
        let line = format!("[14:03] bob: line {number:06}, of about as many letters as people write at once");
        terminal.show(&Phrase::literal(&line));
    }
    terminal.show(&Phrase::literal("all of them"));
    typed.recv().unwrap();
}

fn typing() {
    let mut client = Command::new(env::current_exe().unwrap());
    client.env(FLOODED, "1").env("TERM", "xterm-256color");
    let (mut process, mut keys, pieces) = on_a_terminal(client);
    let mut screen = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    let mut tail = Vec::new();
    let (mut typed, mut pressed, mut waits) = (String::from("> "), None, Vec::new());
    keys.write_all(b"\r").unwrap();
    let begun = Instant::now();
    let ended = loop {
        if pressed.is_none()
            && typed.len() < 70
            && begun.elapsed() > KEY_EVERY * u32::try_from(waits.len()).unwrap()
        {
            let key = char::from(b'a' + u8::try_from(typed.len() % 26).unwrap());
            typed.push(key);
            pressed = Some(Instant::now());
            keys.write_all(&[key as u8]).unwrap();
        }
        let Ok((at, piece)) = pieces.recv_timeout(KEY_EVERY) else { continue };
        screen.process(&piece);
        tail.extend_from_slice(&piece);
        tail.drain(..tail.len().saturating_sub(4096));
        let (row, _) = screen.screen().cursor_position();
        let line = screen.screen().rows(0, 80).nth(usize::from(row)).unwrap_or_default();
        if line.trim_end() == typed
            && let Some(pressed) = pressed.take()
        {
            waits.push(at - pressed);
            if typed.len() >= 60 {
                // Begin again: the line stays in one row.
                keys.write_all(b"\x15").unwrap();
                typed.truncate(2);
            }
        }
        if String::from_utf8_lossy(&tail).contains("all of them") {
            break at;
        }
    };
    process.exit(true).unwrap();
    waits.sort_unstable();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
    println!(
        "{LINES} lines arrive in {:?}; {} keys typed meanwhile: median {:?}, 99th percentile {:?}, slowest {:?}",
        ended - begun,
        waits.len(),
        at(50),
        at(99),
        waits.last().copied().unwrap_or_default()
    );
}
