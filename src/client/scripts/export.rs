//! Exporting a conversation: every line of its log opened and placed as whenever the log is read, and told to
//! a program a part at a time, so that neither it nor the person whose client this is waits for all of it.
//!
//! It changes nothing: what was unread stays unread, and it needs no open conversation, no peer who is
//! connected and no memory of them, only this user's kept copies of the keys.

use std::{collections::BTreeMap, ops::ControlFlow};

use super::{
    super::{
        app::App,
        chain::Chains,
        error::ClientError,
        opener::{Opened, Opener, Said, Sending},
        phrase::Phrase,
        pins::{Link, PeerPins},
        reading::{Reading, answers_read},
        words,
    },
    Call, Caller,
    json::{Asked, Flaw, Message, Told},
};
use crate::{
    crypto::hash::body_hash,
    wire::{self, Bytes, Entry, Request, Username},
};

/// Messages and flaws in one part: two parts are fewer than may wait for a script.
const PART_TOLD: u64 = 1000;

/// Bytes of text in one part: one of long messages ends sooner.
const PART_TEXT_BYTES: usize = 1024 * 1024;

/// One that is under way.
pub(super) struct Export {
    id: Option<String>,
    opener: Opener,
    chains: Chains,
    /// The next number, and the last one that there was at the beginning.
    next: u64,
    last: u64,
    /// What this machine remembers of the log, by number: the hashes of lines.
    remembered: BTreeMap<u64, Bytes<32>>,
    /// The end was cut off, as this machine remembers it.
    cut: Option<Phrase>,
    messages: u64,
    flaws: u64,
}

impl Export {
    fn new(me: &Username, peer: &Username, pins: &PeerPins, from: u64, last: u64) -> Self {
        let links = [pins.own, pins.theirs].into_iter().flatten();
        let cut = (pins.highest_number > last).then(|| words::log_shortened(peer, last, pins.highest_number));
        Self {
            id: None,
            opener: Opener::new(me.clone(), peer.clone()),
            chains: if from == 1 { Chains::from_the_start() } else { Chains::unknown() },
            next: from,
            last,
            remembered: links.map(|Link { number, seen, .. }| (number, seen.hash)).collect(),
            cut,
            messages: 0,
            flaws: 0,
        }
    }

    /// Tells what this line comes to; how many bytes of text that were.
    fn tell(&mut self, caller: &Caller, entry: &Entry) -> usize {
        let number = entry.number;
        let altered = self.remembered.get(&number).is_some_and(|hash| *hash != body_hash(&entry.body));
        if altered {
            let altered = words::log_altered(self.opener.peer(), number);
            self.tell_flaw(caller, Some(number), &altered);
        }
        let sending = Sending { stream: None, has: &|_| false };
        let Opened { warnings, message } = self.opener.open_into(&mut self.chains, entry, sending);
        for warning in &warnings {
            self.tell_flaw(caller, Some(number), warning);
        }
        self.next = number.saturating_add(1);
        let Some(Said { own, sent, text }) = message else { return 0 };
        self.messages += 1;
        let bytes = text.len();
        let (peer, from) = (self.opener.peer().to_string(), entry.sender.to_string());
        caller.tell(&Told::Message(Message { id: self.id.clone(), peer, from, own, number, sent, text }));
        bytes
    }

    fn tell_flaw(&mut self, caller: &Caller, number: Option<u64>, what: &Phrase) {
        self.flaws += 1;
        caller.tell(&Told::Flaw(Flaw::of(self.id.clone(), self.opener.peer(), number, what)));
    }

    /// The server gave no more of it.
    fn tell_broken_off(&mut self, caller: &Caller, reading: Reading) {
        let peer = self.opener.peer().clone();
        if let Reading::Misnumbered { expected, got } = reading {
            self.tell_flaw(caller, Some(expected), &words::log_numbering(&peer, expected, got));
        }
        self.tell_flaw(caller, Some(self.next), &words::export_broken_off(&peer, self.next));
    }

    fn end(mut self, caller: &Caller) {
        if let Some(cut) = self.cut.take() {
            self.tell_flaw(caller, None, &cut);
        }
        let Self { id, messages, flaws, .. } = self;
        caller.tell(&Told::Exported { id, peer: self.opener.peer().to_string(), messages, flaws });
    }
}

impl App<'_> {
    /// A program wants a conversation; it takes the place of one that it is given already.
    pub(super) fn export(
        &mut self,
        caller: Caller,
        id: Option<String>,
        peer: Username,
        last_lines: Option<u64>,
    ) -> Result<(), ClientError> {
        self.scripts.exports.remove(&caller.number);
        let last = match self.end_of_log(&peer) {
            Ok(Ok(last)) => last,
            Ok(Err(why)) => {
                caller.refuse(id, why);
                return Ok(());
            }
            Err(error) => {
                return self.go_on_later(caller, Asked::Export { id, peer, last: last_lines }, error);
            }
        };
        let pins = self.pins.peer(&peer);
        let from = last_lines.map_or(1, |lines| last.saturating_sub(lines.saturating_sub(1)).max(1));
        let export = Export { id, ..Export::new(&self.me, &peer, &pins, from, last) };
        self.scripts.exports.insert(caller.number, export);
        self.export_more(caller)
    }

    /// The number of the log's last line; or why there is no log to be had.
    pub(super) fn end_of_log(&mut self, peer: &Username) -> Result<Result<u64, Phrase>, ClientError> {
        if *peer == self.me {
            return Ok(Err(words::YOURSELF.into()));
        }
        let request = Request::Read { peer: peer.clone(), from: 1, count: 1 };
        Ok(match self.ask_server(&request, |event| answers_read(event, peer))? {
            wire::Event::Entries { last: 0, .. } => {
                let nothing_known = self.pins.peer(peer).is_empty() && self.contacts.epoch(peer).is_none();
                if nothing_known { Err(words::nothing_to_export(peer)) } else { Ok(0) }
            }
            wire::Event::Entries { last, .. } => Ok(last),
            wire::Event::Error { code: wire::ErrorCode::Storage, .. } => Err(words::export_unreadable(peer)),
            wire::Event::Error { code, .. } => Err(words::refusal(code, Some(peer))),
            _ => Err(words::export_unreadable(peer)),
        })
    }

    /// The next part; one who is given nothing is not answered, since it may have asked ahead of the end.
    pub(super) fn export_more(&mut self, caller: Caller) -> Result<(), ClientError> {
        let Some(mut export) = self.scripts.exports.remove(&caller.number) else { return Ok(()) };
        match self.export_part(&caller, &mut export) {
            Ok(true) => export.end(&caller),
            Ok(false) => {
                caller.tell(&Told::More { id: export.id.clone() });
                self.scripts.exports.insert(caller.number, export);
            }
            Err(error) => {
                self.scripts.exports.insert(caller.number, export);
                return self.go_on_later(caller, Asked::More {}, error);
            }
        }
        Ok(())
    }

    /// Tells a part; whether that was the last.
    fn export_part(&mut self, caller: &Caller, export: &mut Export) -> Result<bool, ClientError> {
        if export.next > export.last {
            return Ok(true);
        }
        let peer = export.opener.peer().clone();
        let to = export.last.min(export.next.saturating_add(PART_TOLD - 1));
        let (mut bytes, before) = (0, export.messages + export.flaws);
        let reading = self.read_while(&peer, export.next, to, |app, entry| {
            if let Some(epoch) = export.opener.missing_epoch(&entry) {
                let key = app.kept_key(&peer, epoch)?.map(|(key, _)| key);
                export.opener.add_key(epoch, key);
            }
            bytes += export.tell(caller, &entry);
            let enough = bytes >= PART_TEXT_BYTES || export.messages + export.flaws - before >= PART_TOLD;
            Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if reading != Reading::Done {
            export.tell_broken_off(caller, reading);
            return Ok(true);
        }
        Ok(export.next > export.last)
    }

    /// The connection was lost on the way: this is asked again when there is one.
    fn go_on_later(&mut self, caller: Caller, asked: Asked, error: ClientError) -> Result<(), ClientError> {
        if error.may_pass() {
            self.scripts.waiting.push_back(Call::Asked(caller, asked));
        }
        Err(error)
    }
}
