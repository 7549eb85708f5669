//! Who asks, what they ask, and where they are told: a program at standard input, or one at the private
//! socket.

use std::{
    fmt,
    io::{self, BufRead},
    sync::Arc,
};

use super::json::{Asked, Told};
use crate::client::{phrase::Phrase, terminal::LINE_BYTES_MAX, words};

/// Something that a program asks for, or the end of what it has to ask.
#[derive(Debug)]
pub(in crate::client) enum Call {
    /// It asks for this.
    Asked(Caller, Asked),
    /// A caller at the socket is gone.
    Gone(u64),
    /// The end of input: the client is to end.
    End,
}

/// How a program is told; it is told as whom, so that it can ask again.
type Tell = dyn Fn(&Caller, &Told) + Send + Sync;

/// A program that asks, and how it is told.
#[derive(Clone)]
pub(in crate::client) struct Caller {
    /// Which one; 0 is the program whose client this is.
    pub(in crate::client) number: u64,
    way: Arc<Way>,
}

/// How it is reached.
struct Way {
    tell: Box<Tell>,
    /// Waits until what it was told is written.
    written: Box<dyn Fn() + Send + Sync>,
}

impl Caller {
    /// The one of that number, told by this.
    pub(in crate::client) fn new(number: u64, tell: impl Fn(&Told) + Send + Sync + 'static) -> Self {
        Self::telling_itself(number, move |_, told| tell(told))
    }

    /// The same for one that asks for more when it is told.
    pub(in crate::client) fn telling_itself(
        number: u64,
        tell: impl Fn(&Self, &Told) + Send + Sync + 'static,
    ) -> Self {
        Self { number, way: Arc::new(Way { tell: Box::new(tell), written: Box::new(|| ()) }) }
    }

    /// One where telling does not wait until it is written, and `written` does.
    pub(in crate::client) fn behind_a_queue(
        number: u64,
        tell: impl Fn(&Told) + Send + Sync + 'static,
        written: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let way = Way { tell: Box::new(move |_, told| tell(told)), written: Box::new(written) };
        Self { number, way: Arc::new(way) }
    }

    /// The last thing that it is told: waits until it is written, as the program may end then.
    pub(in crate::client) fn tell_last(&self, told: &Told) {
        self.tell(told);
        (self.way.written)();
    }

    /// Tells it something. Never waits for one at the socket.
    pub(in crate::client) fn tell(&self, told: &Told) {
        (self.way.tell)(self, told);
    }

    /// Tells it that something cannot be done.
    pub(in crate::client) fn refuse(&self, id: Option<String>, why: impl Into<Phrase>) {
        self.tell(&Told::error(id, &why.into()));
    }

    /// Whether the client is this one's own.
    pub(in crate::client) fn owns_the_client(&self) -> bool {
        self.number == 0
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Caller({})", self.number)
    }
}

/// Reads what a program asks for, line by line, until the end or until `take` says that it is enough. A line
/// that is nothing is answered with what is wrong with it.
pub(in crate::client) fn read_calls(
    mut input: impl BufRead,
    caller: &Caller,
    mut take: impl FnMut(Asked) -> bool,
) -> io::Result<()> {
    let mut line = Vec::new();
    let mut number = 0_u64;
    while read_line(&mut input, &mut line)? {
        number += 1;
        if line.len() > LINE_BYTES_MAX {
            caller.refuse(None, words::json_too_long(number, LINE_BYTES_MAX));
            continue;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(asked) => {
                if !take(asked) {
                    break;
                }
            }
            Err(error) => caller.refuse(None, words::json_not_understood(number, &error)),
        }
    }
    Ok(())
}

/// The next line without its end; of one that is too long no more than one byte over the limit. False at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (piece, taken) = match end {
            Some(end) => (chunk.get(..end).unwrap_or_default(), end + 1),
            None => (chunk, chunk.len()),
        };
        let room = (LINE_BYTES_MAX + 1).saturating_sub(line.len());
        line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        input.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn a_bad_line_is_answered_and_the_next_one_is_read() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let saying = Arc::clone(&said);
        let caller = Caller::new(1, move |told| saying.lock().push(told.line()));
        let long = format!("{{\"type\":\"who\",\"id\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
        let input =
            format!("{{\"type\":\"who\"}}\n\n{{\"type\":\"what\"}}\n{long}\n\u{fe}\n{{\"type\":\"quit\"}}");
        let mut taken = Vec::new();
        read_calls(input.as_bytes(), &caller, |asked| {
            taken.push(asked);
            true
        })
        .unwrap();
        assert_eq!(taken, [Asked::Who { id: None }, Asked::Quit {}]);
        let said = said.lock();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].contains("\"json_not_understood\"") && said[0].contains("line 3"), "{}", said[0]);
        assert!(said[1].contains("\"json_too_long\"") && said[1].contains("line 4"), "{}", said[1]);
    }
}
