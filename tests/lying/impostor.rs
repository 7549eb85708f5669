//! Somebody without a client: the cryptography of a peer, used as the server likes.

use chrono::{DateTime, Utc};
use securechat::{
    crypto::{
        agreement::{self, Agreed, Members, Offering},
        conversation_key::ConversationKey,
        hash::body_hash,
        key_file::{KdfCost, KeyFile, Password, Unlocked},
        session::{Plain, Stream},
    },
    wire::{Agreement, Body, Bytes, Entry, Event, KeptKey, Reply, Role, Seen, Username},
};

use crate::{
    common::TestClient,
    liar::{Line, heard},
};

/// A peer of one real person, by name; whose identity it is, is another matter.
pub struct Impostor {
    pub name: Username,
    victim: Username,
    pub keys: Unlocked,
}

impl Impostor {
    /// Calls itself `name` towards `victim`, under an identity of its own.
    pub fn poses_as(name: &str, victim: &str) -> Self {
        let (name, victim): (Username, Username) = (name.parse().unwrap(), victim.parse().unwrap());
        let cost = KdfCost { memory_kib: 19 * 1024, passes: 2 };
        let password = Password::new("a password".into()).unwrap();
        let (_, keys) = KeyFile::create(&name, &password, cost).unwrap();
        Self { name, victim, keys }
    }

    pub fn as_initiator(&self) -> Members {
        Members::new(self.name.clone(), self.victim.clone()).unwrap()
    }

    pub fn as_responder(&self) -> Members {
        Members::new(self.victim.clone(), self.name.clone()).unwrap()
    }

    /// Step 1, to the victim.
    pub fn offers(&self, line: &Line, run: u64, epoch: u32) -> Offering {
        let (offering, offer) = agreement::offer(&self.keys.identity, &self.as_initiator(), epoch).unwrap();
        line.says_step(self.name.as_str(), run, Agreement::Offer(offer));
        offering
    }

    /// A run begins and comes as far as the victim's Reply.
    pub fn hears_the_reply(&self, line: &Line, run: u64, epoch: u32) -> (Offering, Reply) {
        line.starts(self.name.as_str(), run, Role::Responder, None);
        let offering = self.offers(line, run, epoch);
        (offering, heard!(line.hears_step(), Agreement::Reply(reply) => reply))
    }

    /// A run for a new key begins, with this side as the initiator, and the victim is asked.
    pub fn reaches_the_question(&self, line: &Line, run: u64, epoch: u32) -> Agreed {
        let (offering, reply) = self.hears_the_reply(line, run, epoch);
        self.confirms(line, run, offering, &reply)
    }

    /// Step 3, to the victim.
    pub fn confirms(&self, line: &Line, run: u64, offering: Offering, reply: &Reply) -> Agreed {
        let (agreed, confirm) = offering.receive(&self.keys.identity, reply).unwrap();
        line.says_step(self.name.as_str(), run, Agreement::Confirm(confirm));
        agreed
    }

    /// The victim named this one: a run for a new key begins with the victim as the initiator, who is asked.
    pub fn answers(&self, line: &Line, run: u64) -> Agreed {
        line.starts(self.name.as_str(), run, Role::Initiator, None);
        let offer = heard!(line.hears_step(), Agreement::Offer(offer) => offer);
        let (replied, reply) = agreement::reply(&self.keys.identity, &self.as_responder(), &offer).unwrap();
        line.says_step(self.name.as_str(), run, Agreement::Reply(reply));
        replied.receive(&heard!(line.hears_step(), Agreement::Confirm(confirm) => confirm)).unwrap()
    }

    /// The victim says yes to a key, both prove it, and the conversation is open.
    pub fn opens(&self, victim: &mut TestClient, line: &Line, run: u64, agreed: Agreed) -> Talk {
        victim.sees("Accept this key? ");
        victim.types("yes");
        let (acceptance, copy) = line.hears_acceptance();
        assert!(agreed.verify(&acceptance), "the victim's proof");
        line.says_agreed(self.name.as_str(), run, agreed.acceptance());
        victim.talks_with(self.name.as_str());
        let kept = copy.map(|copy| KeptKey { epoch: copy.epoch, key_id: copy.key_id, sealed: copy.sealed });
        Talk::new(self.name.clone(), agreed.into_key(), kept)
    }

    /// From the lobby to an open conversation under a new key.
    pub fn opens_at_epoch(&self, victim: &mut TestClient, line: &Line, run: u64, epoch: u32) -> Talk {
        let agreed = self.reaches_the_question(line, run, epoch);
        self.opens(victim, line, run, agreed)
    }

    /// Tells the victim that this one left.
    pub fn leaves(&self, victim: &mut TestClient, line: &Line) {
        line.says(&Event::Closed { peer: self.name.clone(), by: self.name.clone(), lost: false });
        victim.sees(&format!("{} left the conversation", self.name));
        victim.is_in_the_lobby();
    }
}

/// This side of an open conversation: seals whatever it is told to.
pub struct Talk {
    pub me: Username,
    pub key: ConversationKey,
    /// The victim's sealed copy of a new key.
    pub kept: Option<KeptKey>,
    stream: Stream,
    previous: Bytes<32>,
    /// What the next message says that this side last saw of the victim's.
    pub seen: Option<Seen>,
}

impl Talk {
    pub fn new(me: Username, key: ConversationKey, kept: Option<KeptKey>) -> Self {
        let stream = Stream::start(&key, &me).unwrap();
        Self { me, key, kept, stream, previous: Bytes([0; 32]), seen: None }
    }

    /// The next messages are of a new stream, as after a new start of a client.
    pub fn begins_a_stream(&mut self) {
        self.stream = Stream::start(&self.key, &self.me).unwrap();
    }

    /// The next message of the chain.
    pub fn seals(&mut self, text: &str) -> Body {
        self.seals_at(Utc::now(), text)
    }

    /// The same, sent at this moment by this one's clock.
    pub fn seals_at(&mut self, sent: DateTime<Utc>, text: &str) -> Body {
        let plain = Plain { sent: sent.timestamp_millis(), seen: self.seen, text: text.to_owned() };
        let body = self.stream.seal(&self.previous, &plain).unwrap();
        self.previous = body_hash(&body);
        body
    }

    /// A line of the log, as the server says it is.
    pub fn entry(&self, number: u64, body: &Body) -> Entry {
        Entry { number, time: Utc::now(), sender: self.me.clone(), body: body.clone() }
    }

    /// The server hands the victim a line as it was just written.
    pub fn delivers(&self, line: &Line, number: u64, body: &Body) {
        line.says(&Event::Message { peer: self.me.clone(), entry: self.entry(number, body) });
    }

    /// Seals a message and hands it over, honestly.
    pub fn writes(&mut self, line: &Line, number: u64, text: &str) -> Body {
        let body = self.seals(text);
        self.delivers(line, number, &body);
        body
    }
}
