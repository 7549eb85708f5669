//! Lines without editing: pipes, files, and terminals that cannot move their cursor.
//!
//! A question goes out without a line end; once it is answered a line end follows, because no echo brings one. So whatever
//! comes later begins in the first column, and a transcript reads line by line.

use std::{
    fmt,
    io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use signal_hook::{
    consts::{SIGCONT, SIGTSTP},
    iterator::Signals,
    low_level::emulate_default_handler,
};

use super::{
    Input, LINE_BYTES_MAX,
    begun::Aim,
    compose::{self, Several},
    deliver::Deliver,
    lines::Lines,
    mode::SavedMode,
    secret,
};
use crate::{client::words, wire::Username};

mod page;
mod typing;

use page::{Page, Typed};
pub(super) use typing::Keys;

/// Which of the standard streams are terminals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Surroundings {
    pub(super) input_is_terminal: bool,
    pub(super) output_is_terminal: bool,
    pub(super) errors_are_terminal: bool,
}

impl Surroundings {
    pub(super) fn look() -> Self {
        Self {
            input_is_terminal: io::stdin().is_terminal(),
            output_is_terminal: io::stdout().is_terminal(),
            errors_are_terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether a person sits there.
    pub(super) fn is_interactive(self) -> bool {
        self.input_is_terminal && self.output_is_terminal
    }
}

/// The plain way; see the module.
pub(super) struct Plain {
    page: Arc<Mutex<Page>>,
    requests: Sender<()>,
    mode: SavedMode,
    /// Lines are taken key by key, and echoed here.
    keyed: bool,
    deliver: Deliver,
}

impl Plain {
    /// On the standard streams.
    pub(super) fn standard(
        deliver: Deliver,
        mode: SavedMode,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let (output, errors) = (Box::new(io::stdout()), Box::new(io::stderr()));
        let keys = mode.keys().filter(|_| surroundings.is_interactive());
        let plain = Self::with(io::stdin(), (output, errors), surroundings, deliver, mode, keys)?;
        if keys.is_some() {
            put_aside_well(Arc::clone(&plain.page), plain.mode.clone())?;
        }
        Ok(plain)
    }

    /// On any streams.
    #[cfg(any(test, fuzzing))]
    pub(super) fn over(
        input: impl Read + Send + 'static,
        output: Box<dyn Write + Send>,
        errors: Box<dyn Write + Send>,
        surroundings: Surroundings,
        deliver: Deliver,
        mode: SavedMode,
    ) -> io::Result<Self> {
        Self::with(input, (output, errors), surroundings, deliver, mode, None)
    }

    fn with(
        input: impl Read + Send + 'static,
        (output, errors): (Box<dyn Write + Send>, Box<dyn Write + Send>),
        surroundings: Surroundings,
        deliver: Deliver,
        mode: SavedMode,
        keys: Option<Keys>,
    ) -> io::Result<Self> {
        let page = Page::new((output, errors), surroundings, deliver.clone());
        if keys.is_some() {
            mode.between_lines();
        }
        let page = Arc::new(Mutex::new(page));
        let (requests, asked) = bounded(1);
        let reader = Reader { page: Arc::clone(&page), mode: mode.clone(), keys, deliver: deliver.clone() };
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || reader.run(BufReader::new(input), &asked))?;
        Ok(Self { page, requests, mode, keyed: keys.is_some(), deliver })
    }

    /// Shows whole lines: on lines of their own, and what was half typed is said again after them.
    pub(super) fn show(&self, lines: &str) {
        let mut page = self.page.lock();
        page.close_question();
        page.write(lines);
        page.say_again();
    }

    pub(super) fn take_begun(&self) -> Option<Aim> {
        self.page.lock().begun.take()
    }

    pub(super) fn diagnose(&self, lines: &str) {
        self.page.lock().diagnose(lines);
    }

    /// Whether a line that answers no question goes to somebody.
    pub(super) fn talks(&self, talks: bool) {
        self.page.lock().talks = talks;
    }

    /// Sends the terminal what is no line and moves nothing.
    pub(super) fn rings(&self, bell: &str) {
        self.page.lock().write(bell);
    }

    pub(super) fn ask(&self, question: &str) {
        self.request(Some(question), Aim::Answer(question.to_owned()), false);
    }

    pub(super) fn listen(&self, to: Option<&Username>) {
        self.request(None, Aim::to(to), false);
    }

    pub(super) fn ask_secret(&self, question: &str) {
        self.request(Some(question), Aim::Answer(question.to_owned()), true);
    }

    /// The caller has the input that was delivered last.
    pub(super) fn taken(&self) {
        self.page.lock().delivered = false;
    }

    fn request(&self, question: Option<&str>, aim: Aim, secret: bool) {
        let mut page = self.page.lock();
        if page.delivered {
            return;
        }
        page.begun.asks(aim);
        let hidden = secret && page.surroundings.input_is_terminal;
        if hidden && !page.outstanding {
            // Before the question is shown: whoever sees it may type at once.
            self.mode.hide();
        }
        if !page.outstanding || page.question.as_deref() != question {
            page.put(question);
        }
        page.secret = secret;
        let asked_before = std::mem::replace(&mut page.outstanding, true);
        drop(page);
        if !asked_before {
            // Room for one, and at most one is outstanding: never waits.
            let _ = self.requests.send(());
        }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.deliver.stop();
        let mut page = self.page.lock();
        page.close_question();
        page.closed = true;
        let changed = self.keyed || (page.outstanding && page.secret);
        drop(page);
        if changed {
            self.mode.restore();
        }
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Plain")
    }
}

/// What the input thread works with.
struct Reader {
    page: Arc<Mutex<Page>>,
    mode: SavedMode,
    keys: Option<Keys>,
    deliver: Deliver,
}

impl Reader {
    fn run(self, mut input: impl BufRead, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            match self.answer(&mut input) {
                Some(answer) => self.deliver.deliver(answer),
                None => self.page.lock().delivered = false,
            }
        }
    }

    /// What is delivered next: a line, or what was written in the person's own editor instead of one.
    fn answer(&self, input: &mut impl BufRead) -> Option<Input> {
        loop {
            let answer = self.line(input)?;
            let Input::Line(line) = &answer else { return Some(answer) };
            let Some(begun) = compose::begun_by_command(line).filter(|_| self.can_compose()) else {
                return Some(answer);
            };
            self.page.lock().begun.hold(true);
            let composed = self.composed(begun, input);
            self.page.lock().begun.hold(false);
            match composed {
                Ok(Some(text)) => {
                    // It was in the other editor alone.
                    self.page.lock().write(&format!("{}\n", words::given_back(&text)));
                    return Some(Input::Line(text));
                }
                Ok(None) => self.asks_again(),
                Err(ended) => return ended,
            }
        }
    }

    /// A message from the person's own editor, if there is one to be sent; or how the input ended meanwhile.
    fn composed(&self, begun: &str, input: &mut impl BufRead) -> Result<Option<String>, Option<Input>> {
        let mut begun = begun.to_owned();
        loop {
            let Some(text) = self.compose(&begun) else { return Ok(None) };
            if !text.contains('\n') {
                return Ok(Some(text));
            }
            match self.ask_about(&text, input)? {
                Several::Send => return Ok(Some(text)),
                Several::Drop => return Ok(None),
                Several::Edit => begun = text,
            }
        }
    }

    /// There is a terminal for the editor, and somebody to send its text to.
    fn can_compose(&self) -> bool {
        let page = self.page.lock();
        let on_a_terminal = page.surroundings.input_is_terminal && page.surroundings.output_is_terminal;
        on_a_terminal && page.talks && page.question.is_none()
    }

    /// Has a message written in the person's own editor. What arrives waits meanwhile.
    fn compose(&self, begun: &str) -> Option<String> {
        self.page.lock().waiting = Some(String::new());
        self.mode.restore();
        let written = self.deliver.without_interrupts(|| compose::compose(&compose::editor(), begun));
        self.takes_lines();
        let mut page = self.page.lock();
        let waiting = page.waiting.take().unwrap_or_default();
        page.write(&waiting);
        match written {
            Ok(text) => return Some(text).filter(|text| !text.is_empty()),
            Err(error) => page.write(&Lines::bare(&error.said())),
        }
        None
    }

    /// Asks whether several lines are to be sent as one message.
    fn ask_about(&self, text: &str, input: &mut impl BufRead) -> Result<Several, Option<Input>> {
        let question = words::several_lines(text.lines().count());
        loop {
            self.page.lock().write(&format!("{}\n", question.text().trim_end()));
            self.asks_again();
            match self.line(input) {
                Some(Input::Line(answer)) => {
                    if let Some(answer) = Several::read(&answer) {
                        return Ok(answer);
                    }
                }
                ended => return Err(ended),
            }
        }
    }

    /// The line that came was for this thread: another is still asked for.
    fn asks_again(&self) {
        self.page.lock().still_asks();
    }

    /// The mode for a line that is shown.
    fn takes_lines(&self) {
        if self.keys.is_some() { self.mode.between_lines() } else { self.mode.restore() }
    }

    /// The next line, key by key: no more is taken than it has, as what follows may be a secret.
    fn keyed_line(&self, keys: &Keys) -> io::Result<Typed> {
        loop {
            let mut byte = [0_u8];
            match rustix::io::read(rustix::stdio::stdin(), byte.as_mut_slice()) {
                Ok(0) => return Ok(Typed::End),
                Ok(_) => {
                    let [byte] = byte;
                    if let Some(typed) = self.page.lock().typed(byte, keys) {
                        return Ok(typed);
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One line that can be delivered. One that cannot is named on standard error, and read again.
    fn line(&self, input: &mut impl BufRead) -> Option<Input> {
        loop {
            let (hidden, terminal) = {
                let page = self.page.lock();
                (page.secret && page.surroundings.input_is_terminal, page.surroundings.input_is_terminal)
            };
            if hidden {
                let secret = secret::read();
                self.takes_lines();
                self.page.lock().answered(false);
                return secret;
            }
            let typed = match &self.keys {
                Some(keys) => self.keyed_line(keys),
                None => next_line(input),
            };
            let echoed = terminal && !matches!(typed, Ok(Typed::End) | Err(_));
            let complaint = match typed {
                Ok(Typed::Line(line)) => {
                    self.page.lock().answered(echoed);
                    return Some(Input::Line(line));
                }
                Ok(Typed::End) => {
                    self.page.lock().answered(echoed);
                    return Some(Input::End);
                }
                Err(error) => {
                    self.page.lock().answered(echoed);
                    return Some(Input::Failed(error));
                }
                Ok(Typed::TooLong) => words::line_too_long(LINE_BYTES_MAX),
                Ok(Typed::NotText) => words::LINE_NOT_TEXT.into(),
            };
            self.ask_again(echoed, &format!("{}\n", complaint.text()));
        }
    }

    fn ask_again(&self, echoed: bool, complaint: &str) {
        let mut page = self.page.lock();
        let question = page.question.take();
        page.answered(echoed);
        page.still_asks();
        page.diagnose(complaint);
        page.put(question.as_deref());
    }
}

/// Where this program is put aside, the terminal is the shell's as it was found; and this program's again, with what
/// was half typed, when it is called back.
fn put_aside_well(page: Arc<Mutex<Page>>, mode: SavedMode) -> io::Result<()> {
    let mut signals = Signals::new([SIGTSTP, SIGCONT])?;
    let hear = move || {
        for signal in signals.forever() {
            let mut page = page.lock();
            let ours = !page.closed && page.waiting.is_none();
            if signal == SIGTSTP {
                if ours {
                    mode.restore();
                }
                // The program stands still here until it is called back.
                let _ = emulate_default_handler(SIGTSTP);
            } else if ours {
                if page.secret && page.outstanding {
                    mode.hide()
                } else {
                    mode.between_lines()
                }
                page.say_all_again();
            }
        }
    };
    thread::Builder::new().name("aside".to_owned()).spawn(hear).map(drop)
}

/// The next line without its `\n` or `\r\n`; the last may lack it. Keeps at most [`LINE_BYTES_MAX`] bytes of it.
fn next_line(input: &mut impl BufRead) -> io::Result<Typed> {
    let mut line = Vec::new();
    let mut length = 0_usize;
    let ended = loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            break false;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (piece, taken) = match end {
            Some(end) => (chunk.get(..end).unwrap_or_default(), end + 1),
            None => (chunk, chunk.len()),
        };
        length = length.saturating_add(piece.len());
        // One more than a line may have: the `\r` of its end.
        if length <= LINE_BYTES_MAX + 1 {
            line.extend_from_slice(piece);
        }
        input.consume(taken);
        if end.is_some() {
            break true;
        }
    };
    if !ended && length == 0 {
        return Ok(Typed::End);
    }
    if ended && length == line.len() && line.last() == Some(&b'\r') {
        line.pop();
        length = line.len();
    }
    if length > LINE_BYTES_MAX {
        return Ok(Typed::TooLong);
    }
    Ok(Typed::of(line))
}

#[cfg(test)]
mod tests;
