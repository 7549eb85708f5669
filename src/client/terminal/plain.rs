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

use super::{
    Input, LINE_BYTES_MAX,
    compose::{self, Several},
    deliver::Deliver,
    lines::Lines,
    mode::SavedMode,
    secret,
};
use crate::client::words;

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
    deliver: Deliver,
}

/// What is written to, and how far it is. Its lock is the right to write: held over each write, as output has an order.
struct Page {
    output: Box<dyn Write + Send>,
    errors: Box<dyn Write + Send>,
    surroundings: Surroundings,
    deliver: Deliver,
    /// A line was asked for and has not come.
    outstanding: bool,
    /// A line came and is not in the caller's hands yet: until then nothing more is asked, because that line is
    /// the answer to what stood there when it was typed.
    delivered: bool,
    /// The question that line answers; `None` when it answers none.
    question: Option<String>,
    /// The line is one that is not shown.
    secret: bool,
    /// A question stands at the end of the last line of the output.
    open: bool,
    /// The reader of the output is gone: nothing more is written.
    gone: bool,
    /// A line that answers no question goes to somebody.
    talks: bool,
    /// What is shown once the terminal is this program's again; another has it now.
    waiting: Option<String>,
}

impl Plain {
    /// On the standard streams.
    pub(super) fn standard(
        deliver: Deliver,
        mode: SavedMode,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let (output, errors) = (Box::new(io::stdout()), Box::new(io::stderr()));
        Self::over(io::stdin(), output, errors, surroundings, deliver, mode)
    }

    /// On any streams.
    pub(super) fn over(
        input: impl Read + Send + 'static,
        output: Box<dyn Write + Send>,
        errors: Box<dyn Write + Send>,
        surroundings: Surroundings,
        deliver: Deliver,
        mode: SavedMode,
    ) -> io::Result<Self> {
        let page = Page {
            output,
            errors,
            surroundings,
            deliver: deliver.clone(),
            outstanding: false,
            delivered: false,
            question: None,
            secret: false,
            open: false,
            gone: false,
            talks: false,
            waiting: None,
        };
        let page = Arc::new(Mutex::new(page));
        let (requests, asked) = bounded(1);
        let reader = Reader { page: Arc::clone(&page), mode: mode.clone(), deliver: deliver.clone() };
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || reader.run(BufReader::new(input), &asked))?;
        Ok(Self { page, requests, mode, deliver })
    }

    pub(super) fn show(&self, lines: &str) {
        let mut page = self.page.lock();
        page.close_question();
        page.write(lines);
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
        self.request(Some(question), false);
    }

    pub(super) fn listen(&self) {
        self.request(None, false);
    }

    pub(super) fn ask_secret(&self, question: &str) {
        self.request(Some(question), true);
    }

    /// The caller has the input that was delivered last.
    pub(super) fn taken(&self) {
        self.page.lock().delivered = false;
    }

    fn request(&self, question: Option<&str>, secret: bool) {
        let mut page = self.page.lock();
        if page.delivered {
            return;
        }
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
        let hidden = page.outstanding && page.secret;
        drop(page);
        if hidden {
            self.mode.restore();
        }
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Plain")
    }
}

impl Page {
    /// Puts a question at the end of the output, in place of one that stands there.
    fn put(&mut self, question: Option<&str>) {
        self.close_question();
        self.question = question.map(str::to_owned);
        if let Some(question) = question {
            self.write(question);
            self.open = true;
        }
    }

    /// Ends the line of a question that stands open.
    fn close_question(&mut self) {
        if std::mem::take(&mut self.open) {
            self.write("\n");
        }
    }

    /// The line came: its own end moved the cursor only where it was echoed.
    fn answered(&mut self, echoed: bool) {
        self.outstanding = false;
        self.delivered = true;
        self.question = None;
        if echoed {
            self.open = false;
        }
        self.close_question();
    }

    /// What came is not what was asked for.
    fn still_asks(&mut self) {
        self.outstanding = true;
        self.delivered = false;
    }

    fn diagnose(&mut self, lines: &str) {
        if self.surroundings.errors_are_terminal && self.surroundings.output_is_terminal {
            self.close_question();
        }
        // Nobody can be told that telling failed.
        let _ = self.errors.write_all(lines.as_bytes()).and_then(|()| self.errors.flush());
    }

    fn write(&mut self, text: &str) {
        if let Some(waiting) = &mut self.waiting {
            waiting.push_str(text);
            return;
        }
        if self.gone {
            return;
        }
        let written = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        let Err(error) = written else { return };
        self.gone = true;
        self.open = false;
        if error.kind() != ErrorKind::BrokenPipe {
            self.diagnose(&(words::output_failed(&error).text().to_owned() + "\n"));
        }
        self.deliver.end_soon();
    }
}

/// What the input thread works with.
struct Reader {
    page: Arc<Mutex<Page>>,
    mode: SavedMode,
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
            match self.composed(begun, input) {
                Ok(Some(text)) => return Some(Input::Line(text)),
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
        let written = self.deliver.without_interrupts(|| compose::compose(&compose::editor(), begun));
        let mut page = self.page.lock();
        let waiting = page.waiting.take().unwrap_or_default();
        page.write(&waiting);
        match written {
            Ok(text) => return Some(text).filter(|text| !text.is_empty()),
            Err(error) => page.write(&Lines::bare(&words::not_composed(&error.to_string()))),
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

    /// One line that can be delivered. One that cannot is named on standard error, and read again.
    fn line(&self, input: &mut impl BufRead) -> Option<Input> {
        loop {
            let (hidden, terminal) = {
                let page = self.page.lock();
                (page.secret && page.surroundings.input_is_terminal, page.surroundings.input_is_terminal)
            };
            if hidden {
                let secret = secret::read();
                self.mode.restore();
                self.page.lock().answered(false);
                return secret;
            }
            let typed = next_line(input);
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

/// What standard input held next.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Line(String),
    End,
    TooLong,
    NotText,
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
    Ok(String::from_utf8(line).map_or(Typed::NotText, Typed::Line))
}

#[cfg(test)]
mod tests;
