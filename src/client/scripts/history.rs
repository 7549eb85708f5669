//! `securechat client history`: a conversation written out, by the client that runs, or by logging in where
//! none does.

use std::{
    io::{self, BufRead, BufReader, IsTerminal, Write},
    net::Shutdown,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use crossbeam_channel::Sender;
use parking_lot::Mutex;
use serde::Deserialize;

use super::{
    Call, Caller,
    json::{Asked, Flaw, Message, Told},
    password::{PasswordError, PasswordSource},
    program::on_signals,
    retold::{Reason, retold},
    sift::Sift,
    socket::Stream,
    task,
    written::{Output, Written},
};
use crate::{
    client::{ClientConfig, desk::Desk, error::ClientError, home::ServerFolder, words},
    wire::Username,
};

/// `history`: of whom, what of it, and where to.
#[derive(Debug, Clone)]
pub struct History {
    /// Who and where.
    pub config: ClientConfig,
    /// With whom.
    pub peer: Username,
    /// What of it.
    pub range: Range,
    /// As JSON.
    pub json: bool,
    /// The file that is made; standard output without.
    pub output: Option<PathBuf>,
    /// A file that is there is replaced.
    pub force: bool,
}

/// What of a conversation is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// Sent at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Sent before this moment.
    pub until: Option<DateTime<Utc>>,
    /// The last so many of those.
    pub last: Option<u64>,
}

impl Range {
    fn has_times(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }
}

/// What a client tells of an export.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Heard {
    Message(Message),
    Flaw(Flaw),
    More {},
    Exported {},
    Error(Reason),
    #[serde(other)]
    Other,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Listen on.
    Listen,
    /// Ask for the next part.
    More,
    /// Ask for all of it once more.
    Again,
    /// It is over.
    End,
}

/// Takes what a client tells of an export, and writes what is wanted of it.
struct Writer {
    range: Range,
    sift: Sift,
    /// Only counting: what is wanted is the last of what there is between two times, and that is not known before.
    counts: bool,
    written: Written,
    ended: Option<Result<(), ClientError>>,
}

/// Writes a conversation out.
///
/// # Errors
/// [`ClientError`], above all [`ClientError::Flawed`] when it is written and not whole.
pub fn history(task: &History) -> Result<(), ClientError> {
    let History { config, peer, range, json, output, force } = task;
    config.language.speak();
    let (folder, me) = task::whose(config)?;
    let output = Output::open(output.as_deref(), *force)?;
    let mut writer = Writer {
        range: *range,
        sift: Sift::new(range.since, range.until),
        counts: range.has_times() && range.last.is_some(),
        written: Written::new(output, *json, me.clone(), peer.clone()),
        ended: None,
    };
    match task::connect(&folder, &me)? {
        Some(stream) => {
            let cut_short = Arc::new(AtomicBool::new(false));
            let came_to = over(&stream, &mut writer, &cut_short);
            let ended = if cut_short.load(Ordering::SeqCst) {
                Err(ClientError::CutShort)
            } else {
                came_to.and(Err(ClientError::ClientGone))
            };
            writer.ends(ended)
        }
        None => alone(config, &folder, &me, writer),
    }
}

impl Writer {
    /// What is asked for, the first time and again.
    fn asked(&self) -> Asked {
        let last = self.range.last.filter(|_| !self.range.has_times());
        Asked::Export { id: None, peer: self.written.peer().clone(), last }
    }

    fn hear(&mut self, heard: Heard) -> Next {
        match self.take(heard) {
            Ok(next) => next,
            Err(error) => {
                self.ended.get_or_insert(Err(error));
                Next::End
            }
        }
    }

    fn take(&mut self, heard: Heard) -> Result<Next, ClientError> {
        if self.ended.is_some() {
            return Ok(Next::End);
        }
        let (counts, written) = (self.counts, &mut self.written);
        let mut named = |flaw: &Flaw| if counts { Ok(()) } else { written.flaw(flaw) };
        match heard {
            Heard::Message(message) => {
                if self.sift.message(message.sent, &mut named)? && !counts {
                    written.message(&message)?;
                }
            }
            Heard::Flaw(flaw) => {
                let text = retold(&flaw.reason, &flaw.args, flaw.text);
                self.sift.flaw(Flaw { text, ..flaw }, &mut named)?;
            }
            Heard::More {} => {
                written.flush()?;
                return Ok(Next::More);
            }
            Heard::Exported {} if counts => {
                self.counts = false;
                let surplus = self.sift.count().saturating_sub(self.range.last.unwrap_or(u64::MAX));
                self.sift = Sift::after(surplus, self.range.since, self.range.until);
                return Ok(Next::Again);
            }
            Heard::Exported {} => {
                self.sift.end(&mut named)?;
                written.end()?;
                self.ended = Some(Ok(()));
                return Ok(Next::End);
            }
            Heard::Error(why) => return Err(ClientError::NoHistory(why.words())),
            Heard::Other => {}
        }
        Ok(Next::Listen)
    }

    /// What all of it came to; `otherwise` where it did not come to its own end.
    fn ends(&mut self, otherwise: Result<(), ClientError>) -> Result<(), ClientError> {
        match self.ended.take() {
            Some(Ok(())) => self.written.finish(),
            Some(Err(error)) => Err(error),
            None => otherwise,
        }
    }
}

/// Asks the client that runs, always for one part ahead of what was read.
fn over(stream: &Stream, writer: &mut Writer, cut_short: &Arc<AtomicBool>) -> Result<(), ClientError> {
    let ask = |asked: &[Asked]| {
        let lines: String = asked.iter().map(Asked::line).collect();
        { stream }.write_all(lines.as_bytes()).map_err(ClientError::Socket)
    };
    if writer.written.is_file() {
        // What is half written does not stay behind.
        let (cut_short, stream) = (Arc::clone(cut_short), stream.try_clone().map_err(ClientError::Socket)?);
        on_signals(move || {
            cut_short.store(true, Ordering::SeqCst);
            let _ = stream.shutdown(Shutdown::Both);
        })?;
    }
    ask(&[writer.asked(), Asked::More {}])?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(ClientError::Socket)?;
        match writer.hear(serde_json::from_str(&line).unwrap_or(Heard::Other)) {
            Next::Listen => {}
            Next::More => ask(&[Asked::More {}])?,
            Next::Again => ask(&[writer.asked(), Asked::More {}])?,
            Next::End => break,
        }
    }
    Ok(())
}

/// Logs in for it.
fn alone(
    config: &ClientConfig,
    folder: &ServerFolder,
    me: &Username,
    writer: Writer,
) -> Result<(), ClientError> {
    let mut desk = Desk::nobody(false)?;
    desk.diagnose(&words::logs_in_alone(me));
    let calls = desk.calls().clone();
    let asked = writer.asked();
    let writer = Arc::new(Mutex::new(writer));
    let caller = caller(Arc::clone(&writer), calls.clone());
    // There is room: nothing else is asked yet.
    let _ = calls.send(Call::Asked(caller, asked));
    let person = io::stdin().is_terminal() && io::stderr().is_terminal();
    let password = config.password.clone().or_else(|| person.then_some(PasswordSource::Terminal));
    let config = ClientConfig { password, ..config.clone() };
    let ended = task::run_as(&config, folder, me, &mut desk);
    desk.close();
    let ended = match ended {
        Ok(()) => Err(ClientError::CutShort),
        Err(ClientError::Password(PasswordError::Read { source, .. }))
            if source.kind() == io::ErrorKind::Interrupted =>
        {
            Err(ClientError::CutShort)
        }
        ended => ended,
    };
    writer.lock().ends(ended)
}

/// One who is told, and asks for more of it, as part of the client itself.
fn caller(writer: Arc<Mutex<Writer>>, calls: Sender<Call>) -> Caller {
    Caller::telling_itself(1, move |caller, told| {
        let heard = match told {
            Told::Message(message) => Heard::Message(message.clone()),
            Told::Flaw(flaw) => Heard::Flaw(flaw.clone()),
            Told::More { .. } => Heard::More {},
            Told::Exported { .. } => Heard::Exported {},
            Told::Error { reason, args, text, .. } => {
                let (reason, args, text) = ((*reason).to_owned(), args.clone(), text.clone());
                Heard::Error(Reason { reason, args, text })
            }
            _ => return,
        };
        let mut writer = writer.lock();
        let call = match writer.hear(heard) {
            Next::Listen => return,
            Next::More => Call::Asked(caller.clone(), Asked::More {}),
            Next::Again => Call::Asked(caller.clone(), writer.asked()),
            Next::End => Call::End,
        };
        // One call at a time: there is room.
        let _ = calls.try_send(call);
    })
}
