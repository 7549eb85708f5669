//! What must hold of any bytes, for the parsers that anybody can call: shared by the fuzz targets and by their
//! twins in tests/fuzz_twins.rs.
#![allow(clippy::unwrap_used)]

use securechat::{
    crypto::key_file::{KeyFile, recovery::RecoveryForm},
    printable::Printable,
    wire::{
        self, Body, Event, Frames, Pair, Request, SendBuffer, SendRef, Username, limits::FRAME_BYTES_MAX,
    },
};

/// Frames, however the reads cut them: the same messages, and each is written as it is read.
pub(crate) fn frame(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    messages::<Request>(bytes, usize::from(*cut));
    messages::<Event>(bytes, usize::from(*cut));
}

fn messages<T>(bytes: &[u8], cut: usize)
where
    T: serde::de::DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug,
{
    let read = |size: usize| {
        let mut frames = Frames::new(FRAME_BYTES_MAX);
        let mut found = Vec::new();
        for part in bytes.chunks(size.max(1)) {
            frames.push(part);
            loop {
                match frames.take::<T>() {
                    Ok(Some(message)) => found.push(message),
                    Ok(None) => break,
                    Err(_) => return found,
                }
            }
        }
        found
    };
    let found = read(bytes.len());
    assert_eq!(found, read(cut), "the cut makes no difference");
    for message in found {
        // What was read may have been written with fewer escapes than we write.
        let Ok(frame) = wire::encode(&message, FRAME_BYTES_MAX) else { continue };
        let mut frames = Frames::new(FRAME_BYTES_MAX);
        frames.push(&frame);
        assert_eq!(frames.take::<T>().unwrap(), Some(message));
        assert!(frames.is_empty());
    }
}

/// Requests as the server reads them, by hand what it can: the same as the parser reads of them, up to the same
/// end. The input is the JSON of one, put between others, and also a stream of frames; cut by the first byte.
pub(crate) fn send(input: &[u8]) {
    let Some((cut, json)) = input.split_first() else { return };
    let length = u32::try_from(json.len()).unwrap().to_be_bytes();
    let one = [length.as_slice(), json].concat();
    let who = wire::encode(&Request::Who {}, FRAME_BYTES_MAX).unwrap();
    for stream in [[&one[..], &who, &one, &one, &who].concat(), json.to_vec()] {
        let parsed = requests(&stream, stream.len(), false);
        assert_eq!(requests(&stream, usize::from(*cut), true), parsed);
        for request in parsed.0.iter().filter(|request| matches!(request, Request::Send { .. })) {
            let mut frames = Frames::new(FRAME_BYTES_MAX);
            frames.push(&wire::encode(request, FRAME_BYTES_MAX).unwrap());
            assert!(frames.take_send(&mut SendBuffer::default()).is_some(), "as clients write it");
            assert!(frames.is_empty());
        }
    }
}

/// The requests in a stream up to its end, or to what is none; and whether there is such a thing.
fn requests(bytes: &[u8], size: usize, by_hand: bool) -> (Vec<Request>, bool) {
    let (mut frames, mut buffer, mut found) =
        (Frames::new(FRAME_BYTES_MAX), SendBuffer::default(), Vec::new());
    for part in bytes.chunks(size.max(1)) {
        frames.push(part);
        loop {
            if by_hand && let Some(SendRef { peer, body }) = frames.take_send(&mut buffer) {
                let own = Body::try_from(body.as_text()).unwrap();
                assert_eq!((own.header(), own.as_bytes()), (body.header(), body.as_bytes()));
                found.push(Request::Send { peer: peer.clone(), body: own });
                continue;
            }
            match frames.take() {
                Ok(Some(request)) => found.push(request),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

/// A key file's text: what is read is written, and read as the same.
pub(crate) fn key_file(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match text.parse::<KeyFile>() {
        Ok(file) => {
            let again: KeyFile = file.to_string().parse().unwrap();
            assert_eq!(again, file);
        }
        // The error is shown to a person.
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}

/// A recovery form: what is read is printed, and read as the same; and a mistake in it is not read.
pub(crate) fn recovery_form(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match RecoveryForm::read(&text) {
        Ok(form) => {
            let printed = form.to_string();
            assert_eq!(RecoveryForm::read(&printed), Ok(form.clone()));
            let key_file: KeyFile = form.key_file().to_string().parse().unwrap();
            assert_eq!(RecoveryForm::new(form.server(), &key_file), Ok(form));
            for (from, to) in [(": 0", ": 1"), (": 1", ": 2"), (": 9", ": 8"), (": A", ": B"), (": Z", ": Y")]
            {
                let wrong = printed.replacen(from, to, 1);
                assert!(wrong == printed || RecoveryForm::read(&wrong).is_err(), "{wrong}");
            }
        }
        // The error is shown to a person.
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}

/// A body: written in one form, and its inside too.
pub(crate) fn message_body(input: &[u8]) {
    if let Ok(body) = Body::from_bytes(input.to_vec()) {
        assert_eq!(Body::try_from(body.to_string().as_str()), Ok(body.clone()));
        assert_eq!(Body::new(body.header(), body.ciphertext()), Ok(body));
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(body) = Body::try_from(text)
    {
        assert_eq!(body.to_string(), text, "one form");
    }
    #[cfg(fuzzing)]
    if let Some(written) = securechat::crypto::session::Plain::rewritten(input) {
        assert_eq!(written, input, "one form");
    }
}

/// Names and pairs: what is a name is safe as a file's name, and a pair is one pair only.
pub(crate) fn names(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(name) = text.parse::<Username>() {
        assert_eq!(name.as_str(), text);
        assert_eq!(Username::from_typed(text).as_ref(), Ok(&name));
        let safe = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
        assert!(text.bytes().all(safe) && !text.starts_with('.') && !text.ends_with('.') && text.len() <= 32);
    }
    if let Ok(name) = Username::from_typed(text) {
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
    }
    if let Ok(pair) = text.parse::<Pair>() {
        assert_eq!(pair.to_string(), text);
        assert!(pair.lower() < pair.higher());
        assert_eq!(Pair::new(pair.higher(), pair.lower()), Ok(pair.clone()));
    }
}

/// Text from others: nothing that moves a cursor, hides or reorders comes out.
pub(crate) fn printable(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let line = Printable::line(&text);
    assert!(!line.as_str().chars().any(is_dangerous), "{line:?}");
    let several = Printable::text(&text);
    assert!(!several.as_str().chars().any(|character| character != '\n' && is_dangerous(character)));
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\') {
        assert_eq!(line.as_str(), text, "what is plain passes");
    }
}

fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
