//! The front of a client that no person sits at: a program that is told everything as JSON and answers so, or
//! nobody at all.

use std::{
    io::{self, BufReader, Write},
    thread,
};

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::{
    caller::{Call, Caller, read_calls},
    json::Told,
};
use crate::client::{error::ClientError, overview::Overview, phrase::Phrase, terminal::Emphasis};

/// See the module.
pub(in crate::client) struct Program {
    /// Where it is told; nobody is there without.
    told: Option<Caller>,
    asked: Option<Asked>,
    /// How many questions there were.
    questions: u64,
}

struct Asked {
    number: u64,
    phrase: Phrase,
}

impl Program {
    /// A program at standard input and output.
    pub(in crate::client) fn at_standard_streams(calls: &Sender<Call>) -> Result<Self, ClientError> {
        end_on_signals(calls.clone())?;
        let caller = standard_output(calls.clone());
        caller.tell(&Told::hello(None));
        let (reading, calls) = (caller.clone(), calls.clone());
        thread::Builder::new().name("input".into()).spawn(move || {
            let take = |asked| calls.send(Call::Asked(reading.clone(), asked)).is_ok();
            // What cannot be read any more has ended.
            let _ = read_calls(BufReader::new(io::stdin()), &reading, take);
            let _ = calls.send(Call::End);
        })?;
        Ok(Self { told: Some(caller), asked: None, questions: 0 })
    }

    /// Nobody: nothing can be asked, and what is shown is seen by none.
    pub(in crate::client) fn nobody(calls: &Sender<Call>) -> Result<Self, ClientError> {
        end_on_signals(calls.clone())?;
        Ok(Self { told: None, asked: None, questions: 0 })
    }

    /// Whether there is nobody to be asked anything.
    pub(in crate::client) fn is_nobody(&self) -> bool {
        self.told.is_none()
    }

    fn tell(&self, told: &Told) {
        if let Some(caller) = &self.told {
            caller.tell(told);
        }
    }

    /// Puts a question, in place of one that stands. The very same one is not put twice.
    pub(in crate::client) fn ask(&mut self, phrase: &Phrase, secret: bool) {
        if self.asked.as_ref().is_some_and(|asked| asked.phrase == *phrase) {
            return;
        }
        self.questions += 1;
        self.asked = Some(Asked { number: self.questions, phrase: phrase.clone() });
        self.tell(&Told::question(self.questions, phrase, secret));
    }

    /// Nothing is asked any more.
    pub(in crate::client) fn asks_nothing(&mut self) {
        if self.asked.take().is_some() {
            self.tell(&Told::NoQuestion {});
        }
    }

    /// Whether this is the number of the question that stands: then it is answered.
    pub(in crate::client) fn is_answered(&mut self, number: u64) -> bool {
        self.asked.take_if(|asked| asked.number == number).is_some()
    }

    /// Tells a sentence.
    pub(in crate::client) fn show_as(&self, emphasis: Emphasis, phrase: &Phrase) {
        match &self.told {
            Some(caller) => caller.tell(&Told::phrase(emphasis, phrase)),
            None if emphasis == Emphasis::Warning => self.diagnose(phrase),
            None => {}
        }
    }

    /// Tells what there is to see.
    pub(in crate::client) fn overview(&self, overview: &Overview) {
        self.tell(&Told::overview(overview));
    }

    /// Writes to standard error.
    pub(in crate::client) fn diagnose(&self, phrase: &Phrase) {
        // Nobody can be told that telling failed.
        let _ = writeln!(io::stderr(), "{}", phrase.text());
    }

    /// The last line.
    pub(in crate::client) fn ended(&self, ended: &Result<(), ClientError>) {
        let (status, text) = match ended {
            Ok(()) => (0, None),
            Err(error) => (error.exit_status(), Some(error.to_string())),
        };
        self.tell(&Told::Ended { status, text });
    }
}

/// Tells on standard output. When nobody reads it any more, the client ends.
fn standard_output(calls: Sender<Call>) -> Caller {
    let gone = Mutex::new(false);
    Caller::new(0, move |told| {
        let mut gone = gone.lock();
        let mut out = io::stdout().lock();
        if !*gone && out.write_all(told.line().as_bytes()).and_then(|()| out.flush()).is_err() {
            *gone = true;
            // From a thread of its own: whoever tells may be the one who takes the calls.
            let calls = calls.clone();
            let _ = thread::Builder::new().name("end".into()).spawn(move || calls.send(Call::End));
        }
    })
}

/// SIGINT, SIGTERM and SIGHUP end the client as the end of input does; a second one ends the process.
fn end_on_signals(calls: Sender<Call>) -> io::Result<()> {
    on_signals(move || {
        let calls = calls.clone();
        let _ = thread::Builder::new().name("end".into()).spawn(move || calls.send(Call::End));
    })
}

/// What SIGINT, SIGTERM and SIGHUP do; a second one ends the process.
#[cfg(unix)]
pub(super) fn on_signals(act: impl Fn() + Send + 'static) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let mut heard = false;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if std::mem::replace(&mut heard, true) {
                let _ = emulate_default_handler(signal);
            }
            act();
        }
    })?;
    Ok(())
}

/// Elsewhere Ctrl-C ends the process by itself.
#[cfg(not(unix))]
pub(super) fn on_signals(_: impl Fn() + Send + 'static) -> io::Result<()> {
    Ok(())
}
