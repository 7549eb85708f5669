//! `securechat client send` and `listen`: by the client that runs, or by logging in where none does.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use serde::Deserialize;

use super::{
    Call, Caller,
    json::{Asked, Message, Told},
    program::on_signals,
    retold::{Notice, Reason},
    socket::{self, Stream},
};
use crate::{
    client::{ClientConfig, desk::Desk, error::ClientError, home::ServerFolder, run_at, words},
    wire::{Username, limits},
};

/// `send`: to whom.
#[derive(Debug, Clone)]
pub struct Send {
    /// Who and where.
    pub config: ClientConfig,
    /// To whom.
    pub peer: Username,
}

/// `listen`: how it is printed.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Who and where.
    pub config: ClientConfig,
    /// As JSON.
    pub json: bool,
}

/// What a running client tells of a message that it was given.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Answer {
    Stored {},
    NotSent(Reason),
    NotConfirmed {},
    Error(Reason),
    Message(Message),
    Notice(Notice),
    #[serde(other)]
    Other,
}

/// Reads a message from standard input, and sends it. Done when the server has it stored.
///
/// # Errors
/// [`ClientError`], above all [`ClientError::NotSent`] and [`ClientError::NotConfirmed`].
pub fn send(task: &Send) -> Result<(), ClientError> {
    let Send { config, peer } = task;
    config.language.speak();
    let text = read_message(io::stdin().lock())?;
    let (folder, me) = whose(config)?;
    match connect(&folder, &me)? {
        Some(stream) => send_over(stream, peer, &text),
        None => send_alone(config, &folder, &me, peer, text),
    }
}

/// All of the input is one message; the end of its last line does not belong to it.
fn read_message(input: impl Read) -> Result<String, ClientError> {
    let mut bytes = Vec::new();
    input.take(limits::TEXT_BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| ClientError::Message(words::MESSAGE_NOT_TEXT.into()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(ClientError::Message(words::NOTHING_TO_SEND.into()));
    }
    if text.len() > limits::TEXT_BYTES_MAX {
        return Err(ClientError::Message(words::input_too_long(limits::TEXT_BYTES_MAX)));
    }
    Ok(text.to_owned())
}

/// The server's folder, and whose account is meant: the one named, or the only one there.
pub(super) fn whose(config: &ClientConfig) -> Result<(ServerFolder, Username), ClientError> {
    let folder = ServerFolder::open(&config.home, &config.address)?;
    if let Some(user) = &config.user {
        return Ok((folder, user.clone()));
    }
    let mut accounts = folder.accounts()?;
    match (accounts.pop(), accounts.is_empty()) {
        (Some(only), true) => Ok((folder, only)),
        (None, _) => {
            let (folder, server) = (folder.path().to_owned(), config.address.clone());
            Err(ClientError::NoAccount { folder, server })
        }
        (Some(_), false) => Err(ClientError::WhichAccount),
    }
}

pub(super) fn connect(folder: &ServerFolder, me: &Username) -> Result<Option<Stream>, ClientError> {
    socket::connect(folder.path(), me).map_err(ClientError::Socket)
}

/// Asks the client that runs.
fn send_over(stream: Stream, peer: &Username, text: &str) -> Result<(), ClientError> {
    let asked = serde_json::json!({ "type": "send", "id": "1", "peer": peer.as_str(), "text": text });
    (&stream).write_all(format!("{asked}\n").as_bytes()).map_err(ClientError::Socket)?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line.map_err(ClientError::Socket)?) {
            Ok(Answer::Stored {}) => return Ok(()),
            Ok(Answer::NotSent(why) | Answer::Error(why)) => return Err(ClientError::NotSent(why.words())),
            Ok(Answer::NotConfirmed {}) => break,
            Ok(Answer::Notice(notice)) => {
                // Nobody can be told that telling failed.
                let _ = writeln!(io::stderr(), "{}", notice.words());
            }
            _ => {}
        }
    }
    Err(ClientError::NotConfirmed)
}

/// Logs in for this one message.
fn send_alone(
    config: &ClientConfig,
    folder: &ServerFolder,
    me: &Username,
    peer: &Username,
    text: String,
) -> Result<(), ClientError> {
    let mut desk = Desk::nobody(false)?;
    desk.diagnose(&words::logs_in_alone(me));
    let calls = desk.calls().clone();
    let outcome: Arc<Mutex<Option<Result<(), ClientError>>>> = Arc::default();
    let heard = Arc::clone(&outcome);
    let ends = calls.clone();
    let caller = Caller::new(1, move |told| {
        let said = match told {
            Told::Stored { .. } => Ok(()),
            Told::NotSent { text, .. } | Told::Error { text, .. } => Err(ClientError::NotSent(text.clone())),
            Told::NotConfirmed { .. } => Err(ClientError::NotConfirmed),
            _ => return,
        };
        heard.lock().get_or_insert(said);
        let _ = ends.try_send(Call::End);
    });
    let asked = Asked::Send { id: None, peer: peer.clone(), text };
    // There is room: nothing else is asked yet.
    let _ = calls.send(Call::Asked(caller, asked));
    let ended = run_as(config, folder, me, &mut desk);
    desk.close();
    outcome.lock().take().unwrap_or_else(|| ended.and(Err(ClientError::NotConfirmed)))
}

pub(super) fn run_as(
    config: &ClientConfig,
    folder: &ServerFolder,
    me: &Username,
    desk: &mut Desk,
) -> Result<(), ClientError> {
    let config = ClientConfig { user: Some(me.clone()), ..config.clone() };
    run_at(&config, folder, desk)
}

/// Prints what arrives, until it is ended.
///
/// # Errors
/// [`ClientError`].
pub fn listen(task: &Listen) -> Result<(), ClientError> {
    let Listen { config, json } = task;
    config.language.speak();
    let (folder, me) = whose(config)?;
    match connect(&folder, &me)? {
        Some(stream) => listen_over(stream, *json),
        None => listen_alone(config, &folder, &me, *json),
    }
}

/// Prints what the client that runs tells. Whoever ends it by a signal has what they wanted, as where it logs in.
fn listen_over(stream: Stream, json: bool) -> Result<(), ClientError> {
    let (ended, listens) =
        (Arc::new(AtomicBool::new(false)), stream.try_clone().map_err(ClientError::Socket)?);
    let ends = Arc::clone(&ended);
    on_signals(move || {
        ends.store(true, Ordering::SeqCst);
        let _ = listens.shutdown(Shutdown::Both);
    })?;
    (&stream).write_all(b"{\"type\":\"listen\"}\n").map_err(ClientError::Socket)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(ClientError::Socket)?;
        let told = serde_json::from_str(&line).unwrap_or(Answer::Other);
        if let Answer::Error(why) = told {
            return Err(ClientError::NotSent(why.words()));
        }
        if !print(&line, &told, json) {
            return Ok(());
        }
    }
    if ended.load(Ordering::SeqCst) { Ok(()) } else { Err(ClientError::ClientGone) }
}

/// Logs in, and serves other scripts besides.
fn listen_alone(
    config: &ClientConfig,
    folder: &ServerFolder,
    me: &Username,
    json: bool,
) -> Result<(), ClientError> {
    let mut desk = Desk::nobody(true)?;
    desk.diagnose(&words::logs_in_alone(me));
    let calls = desk.calls().clone();
    let caller = Caller::new(1, printer(calls.clone(), json));
    caller.tell(&Told::hello(Some(me)));
    let _ = calls.send(Call::Asked(caller, Asked::Listen {}));
    let ended = run_as(config, folder, me, &mut desk);
    desk.close();
    ended
}

fn printer(calls: Sender<Call>, json: bool) -> impl Fn(&Told) + std::marker::Send + Sync {
    move |told| {
        let line = told.line();
        let answer = serde_json::from_str(&line).unwrap_or(Answer::Other);
        if !print(line.trim_end(), &answer, json) {
            let _ = calls.try_send(Call::End);
        }
    }
}

/// Prints one thing that was told; false when nobody reads it.
fn print(line: &str, told: &Answer, json: bool) -> bool {
    let mut out = io::stdout().lock();
    let written = match told {
        _ if json => writeln!(out, "{line}"),
        Answer::Message(message) => writeln!(out, "{}", shown(message)),
        Answer::Notice(notice) => {
            // Nobody can be told that telling failed.
            let _ = writeln!(io::stderr(), "{}", notice.words());
            Ok(())
        }
        _ => Ok(()),
    };
    written.and_then(|()| out.flush()).is_ok()
}

fn shown(message: &Message) -> String {
    let (Ok(peer), Ok(from)) = (message.peer.parse(), message.from.parse()) else { return String::new() };
    let Message { own, number, sent, text, .. } = message;
    let message = words::Message { peer: &peer, from: &from, own: *own, number: *number, sent: *sent, text };
    words::message(&message).text().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(input: &[u8]) -> Result<String, String> {
        read_message(input).map_err(|error| error.to_string())
    }

    #[test]
    fn all_of_the_input_is_one_message_up_to_the_limit() {
        assert_eq!(said(b"one\ntwo\n\n"), Ok("one\ntwo\n".into()));
        assert_eq!(said(b"one\r\n"), Ok("one".into()));
        let longest = "x".repeat(limits::TEXT_BYTES_MAX);
        assert_eq!(said(format!("{longest}\n").as_bytes()), Ok(longest.clone()));
        for wrong in [format!("{longest}y\n"), format!("{longest}yyyy"), "\n".into(), String::new()] {
            assert!(said(wrong.as_bytes()).is_err(), "{} bytes", wrong.len());
        }
        assert!(said(b"\xff").is_err());
    }
}
