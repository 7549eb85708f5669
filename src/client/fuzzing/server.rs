//! What an honest server and an honest Bob would do next. Bob's program is the protocol's, from `crypto`.

use chrono::{DateTime, Utc};

use crate::{
    crypto::{
        agreement::{self, Agreed, Members, Offering, Replied},
        conversation_key::ConversationKey,
        hash::body_hash,
        key_file::Unlocked,
        receipt,
        resume::{self, Resuming},
        session::{Plain, Stream},
    },
    wire::{
        Agreement, Body, Bytes, Contact, Entry, ErrorCode, Event, KeptKey, Outcome, OwnCopy, Pair, Received,
        Request, Role, Username,
    },
};

pub(super) fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// Where Bob's program is.
enum Stage {
    Idle,
    Offering(Offering),
    Replied(Replied),
    Resuming(Resuming),
    Agreed(Agreed),
}

/// The server, and Bob behind it.
pub(super) struct Server {
    keys: Unlocked,
    stage: Stage,
    run: u64,
    invited: bool,
    new_key: bool,
    talking: bool,
    accepted: bool,
    /// A step of Bob's that was not passed on yet.
    step: Option<Agreement>,
    /// The kept key: Alice's copy and Bob's.
    kept: Option<(OwnCopy, OwnCopy)>,
    alice_copy: Option<OwnCopy>,
    stream: Option<Stream>,
    previous: Bytes<32>,
    log: Vec<Entry>,
    /// Alice's messages that were not confirmed yet.
    unconfirmed: Vec<u64>,
    epoch: u32,
}

impl Server {
    pub(super) fn new() -> Self {
        Self {
            keys: Unlocked::insecure(2),
            stage: Stage::Idle,
            run: 0,
            invited: false,
            new_key: false,
            talking: false,
            accepted: false,
            step: None,
            kept: None,
            alice_copy: None,
            stream: None,
            previous: Bytes([0; 32]),
            log: Vec::new(),
            unconfirmed: Vec::new(),
            epoch: 0,
        }
    }

    /// The code that Bob would read out.
    pub(super) fn code(&self) -> String {
        match &self.stage {
            Stage::Agreed(agreed) => agreed.own_code().to_string(),
            _ => "123456".to_owned(),
        }
    }

    /// Whether this is Bob's proof of the key that the run is about.
    pub(super) fn bob_accepted_with(&self, acceptance: &Bytes<32>) -> bool {
        matches!(&self.stage, Stage::Agreed(agreed) if agreed.acceptance() == *acceptance)
    }

    fn pair() -> Pair {
        Pair::new(&name("alice"), &name("bob")).unwrap()
    }

    fn key(&self) -> Option<ConversationKey> {
        let (_, OwnCopy { epoch, key_id, sealed }) = self.kept.clone()?;
        let kept = KeptKey { epoch, key_id, sealed };
        ConversationKey::open(&self.keys.vault, &Self::pair(), &kept).ok().map(|(key, _)| key)
    }

    /// What the client sent.
    pub(super) fn hears(&mut self, request: &Request) {
        match request {
            Request::Invite { peer, new_key } if *peer == name("bob") => {
                (self.invited, self.new_key) = (true, *new_key);
            }
            Request::Agree { step, run, .. } if *run == self.run => self.bob_hears(step.clone()),
            Request::Accept { run, copy, .. } if *run == self.run => {
                self.accepted = true;
                self.alice_copy = copy.clone();
            }
            Request::Send { body, .. } => {
                let number = self.append("alice", body.clone());
                self.unconfirmed.push(number);
            }
            _ => {}
        }
    }

    fn bob_hears(&mut self, step: Agreement) {
        let to_bob = Members::new(name("alice"), name("bob")).unwrap();
        let me = &self.keys.identity;
        let (stage, answer) = match (std::mem::replace(&mut self.stage, Stage::Idle), step) {
            (Stage::Idle, Agreement::Offer(offer)) => match agreement::reply(me, &to_bob, &offer) {
                Ok((replied, reply)) => (Stage::Replied(replied), Some(Agreement::Reply(reply))),
                Err(_) => (Stage::Idle, None),
            },
            (Stage::Replied(replied), Agreement::Confirm(confirm)) => {
                (replied.receive(&confirm).map_or(Stage::Idle, Stage::Agreed), None)
            }
            (Stage::Offering(offering), Agreement::Reply(reply)) => match offering.receive(me, &reply) {
                Ok((agreed, confirm)) => (Stage::Agreed(agreed), Some(Agreement::Confirm(confirm))),
                Err(_) => (Stage::Idle, None),
            },
            (Stage::Idle, Agreement::Resume(step)) => {
                let resumed =
                    self.key().map(|key| resume::resume_reply(&to_bob, key, &step, None, step.reopens));
                match resumed {
                    Some(Ok((agreed, reply))) => (Stage::Agreed(agreed), Some(Agreement::ResumeReply(reply))),
                    _ => (Stage::Idle, None),
                }
            }
            (Stage::Resuming(resuming), Agreement::ResumeReply(reply)) => {
                (Stage::Agreed(resuming.receive(&reply)), None)
            }
            (stage, _) => (stage, None),
        };
        self.stage = stage;
        self.step = answer;
    }

    /// The answer to what the client waits for an answer to.
    pub(super) fn answer(&self, request: &Request) -> Option<Event> {
        match request {
            Request::Read { peer, from, count } => {
                let from = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
                let entries = self.log.iter().skip(from).take(*count as usize).cloned().collect();
                Some(Event::Entries { peer: peer.clone(), entries, last: self.log.len() as u64 })
            }
            Request::Key { peer, epoch } => {
                Some(Event::Key { peer: peer.clone(), epoch: *epoch, kept: self.alices_kept() })
            }
            Request::Who {} => Some(Event::Who { connected: vec![name("alice"), name("bob")], total: 2 }),
            Request::ChangePassword { .. } => Some(Event::PasswordChanged {}),
            Request::Contacts { .. } => {
                let bob = self.kept.as_ref().map(|(kept, _)| Contact {
                    peer: name("bob"),
                    connected: self.talking,
                    epoch: kept.epoch,
                    last: self.log.len() as u64,
                    received: self.bob_received(),
                });
                Some(Event::Contacts { contacts: bob.into_iter().collect(), more: false })
            }
            _ => None,
        }
    }

    /// The other answer.
    pub(super) fn refusal(&self, request: &Request) -> Event {
        let peer = match request {
            Request::Read { peer, .. } | Request::Key { peer, .. } => Some(peer.clone()),
            _ => None,
        };
        Event::Error { code: ErrorCode::Storage, peer }
    }

    fn alices_kept(&self) -> Option<KeptKey> {
        let (OwnCopy { epoch, key_id, sealed }, _) = self.kept.clone()?;
        Some(KeptKey { epoch, key_id, sealed })
    }

    /// Bob's receipt for Alice's newest message.
    fn bob_received(&self) -> Option<Received> {
        let entry = self.log.iter().rev().find(|entry| entry.sender == name("alice"))?;
        let key = self.key().filter(|key| key.epoch() == entry.body.header().epoch)?;
        let (number, hash) = (entry.number, body_hash(&entry.body));
        Some(Received { number, proof: receipt::prove(&key, &name("bob"), number, &hash) })
    }

    /// The epoch of the key that Bob's program holds at the end of a run.
    pub(super) fn agreed_epoch(&self) -> Option<u32> {
        match &self.stage {
            Stage::Agreed(agreed) => Some(agreed.key().epoch()),
            _ => None,
        }
    }

    /// What happens next, where all is well; `choice` where there is one.
    pub(super) fn does(&mut self, choice: u8) -> Event {
        let peer = name("bob");
        if let Some(step) = self.step.take() {
            return Event::Agree { peer, run: self.run, step };
        }
        if self.invited && choice == 63 {
            self.invited = false;
            return Event::Error { code: ErrorCode::NotConnected, peer: Some(peer) };
        }
        if self.invited {
            return self.starts(choice);
        }
        if self.accepted {
            return self.concludes(choice);
        }
        if let Some(number) = self.unconfirmed.pop() {
            return self.confirms(number);
        }
        match choice % 8 {
            0 if self.talking => {
                self.talking = false;
                Event::Closed { peer: peer.clone(), by: peer, lost: choice & 8 > 0 }
            }
            1 if self.talking => self.starts(choice | 128),
            _ if self.talking => self.bob_says(choice),
            2 => Event::Invited { peer },
            3 => self.starts(choice | 1),
            4 if self.stream.is_some() => self.bob_says(choice),
            5 => Event::Presence { peer, connected: choice & 8 > 0 },
            6 if let Some(Received { number, proof }) = self.bob_received() => {
                Event::Receipt { peer, number, proof }
            }
            _ => Event::Who { connected: vec![name("alice"), peer], total: 2 },
        }
    }

    /// A run begins; with an odd choice, Bob is its initiator.
    fn starts(&mut self, choice: u8) -> Event {
        self.invited = false;
        self.run += 1;
        self.accepted = false;
        let bob_initiates = choice & 1 > 0;
        let new_key = self.new_key || choice & 128 > 0;
        self.new_key = false;
        self.stage = Stage::Idle;
        if bob_initiates {
            let members = Members::new(name("bob"), name("alice")).unwrap();
            let resumed = self.key().filter(|_| !new_key);
            match resumed.map(|key| resume::resume(&members, key, None, choice & 2 > 0)) {
                Some(Ok((resuming, step))) => {
                    (self.stage, self.step) = (Stage::Resuming(resuming), Some(Agreement::Resume(step)));
                }
                _ => {
                    let offered = agreement::offer(&self.keys.identity, &members, self.epoch + 1);
                    let (offering, offer) = offered.unwrap();
                    (self.stage, self.step) = (Stage::Offering(offering), Some(Agreement::Offer(offer)));
                }
            }
        }
        let role = if bob_initiates { Role::Responder } else { Role::Initiator };
        Event::Started { peer: name("bob"), run: self.run, role, new_key, kept: self.alices_kept() }
    }

    /// Alice has accepted: Bob does too, or does not.
    fn concludes(&mut self, choice: u8) -> Event {
        self.accepted = false;
        let (peer, run) = (name("bob"), self.run);
        let Stage::Agreed(agreed) = &self.stage else {
            return Event::Outcome { peer: peer.clone(), run, outcome: Outcome::Lost { by: peer } };
        };
        if choice % 8 == 7 {
            return Event::Outcome { peer: peer.clone(), run, outcome: Outcome::Refused { by: peer } };
        }
        if let Some(alice) = self.alice_copy.take() {
            let identity = agreed.peer_identity().unwrap_or(Bytes([0; 32]));
            let own = agreed.key().seal(&self.keys.vault, &identity).unwrap();
            self.epoch = alice.epoch;
            self.kept = Some((alice, own));
        }
        self.stream = Stream::start(agreed.key(), &peer).ok();
        self.talking = true;
        Event::Outcome { peer, run, outcome: Outcome::Agreed { acceptance: agreed.acceptance() } }
    }

    fn append(&mut self, sender: &str, body: Body) -> u64 {
        let number = self.log.len() as u64 + 1;
        let time = DateTime::<Utc>::from_timestamp_millis(1_795_390_141_123).unwrap();
        self.log.push(Entry { number, time, sender: name(sender), body });
        number
    }

    fn confirms(&self, number: u64) -> Event {
        let entry = &self.log[usize::try_from(number - 1).unwrap()];
        let header = entry.body.header();
        Event::Stored {
            peer: name("bob"),
            stream: header.stream,
            counter: header.counter,
            number,
            hash: body_hash(&entry.body),
        }
    }

    fn bob_says(&mut self, choice: u8) -> Event {
        let text = ["hello", "\u{1b}[2Jgone", "a\nb\u{202e}c", ""][usize::from(choice / 8 % 4)];
        let plain = Plain { sent: i64::from(choice) << (choice % 64), seen: None, text: text.to_owned() };
        let body = self.stream.as_mut().and_then(|stream| stream.seal(&self.previous, &plain).ok());
        let Some(body) = body else { return Event::Stopping {} };
        self.previous = body_hash(&body);
        let number = self.append("bob", body);
        let entry = self.log[usize::try_from(number - 1).unwrap()].clone();
        Event::Message { peer: name("bob"), entry }
    }
}
