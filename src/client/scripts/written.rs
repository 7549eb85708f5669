//! A conversation as it is written out: lines of text or of JSON, on standard output or into a new file that is
//! its owner's only and has its name when it is whole.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use chrono::{Local, NaiveDate};
use tempfile::NamedTempFile;

use super::json::{Flaw, Message, Told};
use crate::{
    client::{error::ClientError, words},
    printable::Printable,
    store::{self, Action, StoreError},
    wire::Username,
};

/// Bytes that are gathered before they are written.
const GATHERED_BYTES: usize = 64 * 1024;

/// Where it goes.
pub(super) enum Output {
    /// Standard output.
    Standard(BufWriter<io::Stdout>),
    /// A file that has no name yet.
    File(File),
}

/// A file that is being written.
pub(super) struct File {
    unfinished: BufWriter<NamedTempFile>,
    path: PathBuf,
    replaces: bool,
}

impl Output {
    /// Standard output, or a file that is not there, or is one that may be replaced. It is looked at before
    /// anything is asked for, and once more when it gets its name.
    pub(super) fn open(path: Option<&Path>, replaces: bool) -> Result<Self, ClientError> {
        let Some(path) = path else {
            return Ok(Self::Standard(BufWriter::with_capacity(GATHERED_BYTES, io::stdout())));
        };
        match fs::symlink_metadata(path) {
            Ok(there) if !there.is_file() && !there.is_symlink() => {
                return Err(ClientError::OutputNoFile { path: path.to_owned() });
            }
            Ok(_) if !replaces => return Err(ClientError::OutputTaken { path: path.to_owned() }),
            _ => {}
        }
        let unfinished = store::unfinished_file(store::parent(path))?;
        let unfinished = BufWriter::with_capacity(GATHERED_BYTES, unfinished);
        Ok(Self::File(File { unfinished, path: path.to_owned(), replaces }))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        match self {
            Self::Standard(out) => out.write_all(bytes).map_err(standard_failed),
            Self::File(file) => file.unfinished.write_all(bytes).map_err(|error| file.failed(error)),
        }
    }

    fn flush(&mut self) -> Result<(), ClientError> {
        match self {
            Self::Standard(out) => out.flush().map_err(standard_failed),
            // Nobody sees it yet.
            Self::File(_) => Ok(()),
        }
    }
}

impl File {
    fn failed(&self, error: io::Error) -> ClientError {
        StoreError::at(Action::Write, &self.path)(error).into()
    }

    fn finish(self) -> Result<PathBuf, ClientError> {
        let Self { unfinished, path, replaces } = self;
        let unfinished = unfinished
            .into_inner()
            .map_err(|error| StoreError::at(Action::Write, &path)(error.into_error()))?;
        let finished = match replaces {
            true => store::finish_in_place(unfinished, &path),
            false => store::finish_new(unfinished, &path),
        };
        match finished {
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
                Err(ClientError::OutputTaken { path })
            }
            finished => Ok(finished.map(|()| path)?),
        }
    }
}

fn standard_failed(error: io::Error) -> ClientError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ClientError::OutputClosed,
        _ => ClientError::Terminal(error),
    }
}

/// A conversation that is being written out.
pub(super) struct Written {
    output: Option<Output>,
    json: bool,
    me: Username,
    peer: Username,
    begun: bool,
    /// The day of the message written last.
    day: Option<NaiveDate>,
    messages: u64,
    flaws: u64,
}

impl Written {
    /// Nothing of it yet.
    pub(super) fn new(output: Output, json: bool, me: Username, peer: Username) -> Self {
        let (begun, day, messages, flaws) = (false, None, 0, 0);
        Self { output: Some(output), json, me, peer, begun, day, messages, flaws }
    }

    /// With whom it is.
    pub(super) fn peer(&self) -> &Username {
        &self.peer
    }

    /// Whether a file is made.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.output, Some(Output::File(_)))
    }

    /// The next message.
    pub(super) fn message(&mut self, message: &Message) -> Result<(), ClientError> {
        self.messages += 1;
        if self.json {
            return self.told(&Told::Message(message.clone()));
        }
        let Message { own, number, sent, text, .. } = message;
        let day = sent.map(|sent| sent.with_timezone(&Local).date_naive());
        let mut lines = String::new();
        if let Some(day) = day.filter(|day| self.day != Some(*day)) {
            self.day = Some(day);
            lines = words::day(day).text().to_owned() + "\n";
        }
        let (peer, from) = (&self.peer, if *own { &self.me } else { &self.peer });
        let message = words::Message { peer, from, own: *own, number: *number, sent: *sent, text };
        lines.push_str(words::message(&message).text());
        lines.push('\n');
        self.write(lines.as_bytes())
    }

    /// The next place that is not as it should be.
    pub(super) fn flaw(&mut self, flaw: &Flaw) -> Result<(), ClientError> {
        self.flaws += 1;
        if self.json {
            return self.told(&Told::Flaw(flaw.clone()));
        }
        self.write(format!("{}\n", Printable::line(&flaw.text)).as_bytes())
    }

    /// There is no more of it.
    pub(super) fn end(&mut self) -> Result<(), ClientError> {
        if self.json {
            let (peer, messages, flaws) = (self.peer.to_string(), self.messages, self.flaws);
            self.told(&Told::Exported { id: None, peer, messages, flaws })?;
        }
        self.flush()
    }

    /// What was written so far is to be seen.
    pub(super) fn flush(&mut self) -> Result<(), ClientError> {
        self.output.as_mut().map_or(Ok(()), Output::flush)
    }

    /// Gives a file its name; says what came of it all.
    pub(super) fn finish(&mut self) -> Result<(), ClientError> {
        let (messages, flaws) = (self.messages, self.flaws);
        if let Some(Output::File(file)) = self.output.take() {
            let path = file.finish()?;
            // Nobody can be told that telling failed.
            let said = words::history_written(&self.peer, messages, &path);
            let _ = writeln!(io::stderr(), "{}", said.text());
        }
        match flaws {
            0 => Ok(()),
            flaws => Err(ClientError::Flawed { peer: self.peer.clone(), messages, flaws }),
        }
    }

    fn told(&mut self, told: &Told) -> Result<(), ClientError> {
        if !std::mem::replace(&mut self.begun, true) {
            self.write(Told::hello(Some(&self.me)).line().as_bytes())?;
        }
        self.write(told.line().as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.output.as_mut().map_or(Ok(()), |output| output.write(bytes))
    }
}
