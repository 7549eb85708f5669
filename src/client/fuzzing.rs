//! The client against any bytes a server could send: its loop's handling of events without a terminal,
//! a network or a disk it would wait for. Compiled for tests and for cargo-fuzz only.
//!
//! The input is a program of small acts: something typed, an event made of raw bytes, a time that has
//! come, or what an honest server and an honest Bob would do next, as it is or with bytes of it
//! changed. So an input can get into a conversation and lie there. What must hold, whatever the input:
//!
//! - nothing panics, and everything sent is a request;
//! - nothing shown holds a control character but the line's end;
//! - no two messages are sealed under one stream and counter, and no epoch is accepted for two keys;
//! - a conversation opens only after an outcome that carries Bob's own proof;
//! - nothing is sealed but under the newest key that Bob proved, whether he is there or not.
// A broken expectation here is the finding: it has to end the run.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, LazyLock},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;

use self::server::Server;
use super::{
    ClientConfig,
    account::LoggedIn,
    app::{App, Flow},
    connection::{Carrier, Connection, Incoming},
    desk::Desk,
    door::Door,
    error::ClientError,
    event::Event,
    home::ServerFolder,
    terminal::Input,
};
use crate::{
    crypto::key_file::{KdfCost, Unlocked},
    transport::TransportError,
    wire::{self, Frames, Request, limits::FRAME_BYTES_MAX},
};

mod server;
#[cfg(test)]
mod tests;

/// What a run came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Story {
    /// How often a conversation opened.
    pub opened: u32,
    /// How many messages the client sealed.
    pub sealed: usize,
}

/// Bytes taken from the front; zeros at the end.
#[derive(Debug)]
struct Tape {
    bytes: Vec<u8>,
    at: usize,
}

impl Tape {
    fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let from = self.at.min(self.bytes.len());
        let to = (from + count).min(self.bytes.len());
        self.at = to;
        self.bytes[from..to].to_vec()
    }
}

/// Everything that is not the client.
struct World {
    tape: Tape,
    server: Server,
    /// `None` once the connection has ended.
    events: Option<Sender<Incoming>>,
    sealed: BTreeMap<(wire::StreamId, u64), wire::Body>,
    accepted: BTreeMap<u32, wire::Bytes<16>>,
    /// Epochs whose key Bob proved.
    proven: BTreeSet<u32>,
}

impl World {
    fn say(&self, event: wire::Event) {
        if let Some(events) = &self.events {
            let _ = events.send(Ok(event));
        }
    }

    /// What the client sends: checked, heard by the server, and answered where the client waits for it.
    fn hear(&mut self, frame: &[u8]) {
        let mut frames = Frames::new(FRAME_BYTES_MAX);
        frames.push(frame);
        let request = frames.take::<Request>().expect("a request").expect("a whole one");
        assert!(frames.is_empty(), "and nothing after it");
        match &request {
            Request::Send { body, .. } => {
                let at = (body.header().stream, body.header().counter);
                let is_new = !self.sealed.contains_key(&at);
                let before = self.sealed.insert(at, body.clone());
                assert!(before.is_none_or(|before| before == *body), "sealed twice under one counter");
                let newest = self.proven.last().copied();
                assert!(
                    self.proven.contains(&body.header().epoch),
                    "sealed under a key that Bob did not prove"
                );
                assert!(!is_new || Some(body.header().epoch) == newest, "sealed under an older key");
            }
            Request::Accept { copy: Some(copy), .. } => {
                let before = self.accepted.insert(copy.epoch, copy.key_id);
                assert!(before.is_none_or(|before| before == copy.key_id), "two keys for one epoch");
            }
            _ => {}
        }
        self.server.hears(&request);
        if let Some(answer) = self.server.answer(&request) {
            let lies = self.tape.byte() % 8 == 7;
            let said = if lies { lie(&answer, &mut self.tape) } else { Some(answer) };
            said.into_iter().for_each(|event| self.say(event));
            // Whatever was said: the client does not wait for ever.
            self.say(self.server.refusal(&request));
        }
    }
}

struct Wire(Arc<Mutex<World>>);

impl Carrier for Wire {
    fn carry(&self, frame: &[u8]) -> Result<(), TransportError> {
        self.0.lock().hear(frame);
        Ok(())
    }

    fn exporter(&self) -> [u8; 32] {
        [7; 32]
    }

    fn is_closed(&self) -> bool {
        self.0.lock().events.is_none()
    }

    fn close(&self) {
        self.0.lock().events = None;
    }
}

/// Everything shown.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One event as JSON with some of its bytes changed; `None` when it is no event any more.
fn lie(event: &wire::Event, tape: &mut Tape) -> Option<wire::Event> {
    let mut json = serde_json::to_vec(event).ok()?;
    for _ in 0..=tape.byte() % 3 {
        let at = usize::from(tape.byte()) | usize::from(tape.byte()) << 8;
        let at = at % json.len();
        json[at] = tape.byte();
    }
    serde_json::from_slice(&json).ok()
}

/// Something typed.
fn typed(tape: &mut Tape, code: &str) -> String {
    const LINES: [&str; 16] = [
        "bob",
        "yes",
        "no",
        "exit",
        "/rekey",
        "/verify",
        "/verify bob",
        "/history 5",
        "/who",
        "hello",
        "/help",
        "carol",
        "//x",
        "/quit",
        "alice",
        "",
    ];
    match usize::from(tape.byte()) {
        at if at < LINES.len() => LINES[at].to_owned(),
        16 => code.to_owned(),
        17 => format!("/verify {code}"),
        18 => "x".repeat(20_000),
        19 => "/with bob".to_owned(),
        20 => "/with carol".to_owned(),
        21 => "/leave".to_owned(),
        22 => "/leave bob".to_owned(),
        23 => "/verify bob yes".to_owned(),
        24 => "/verify bob no".to_owned(),
        length => String::from_utf8_lossy(&tape.take(length % 64)).into_owned(),
    }
}

/// The next thing that happens to the client; `None` at the end of the tape.
fn next(world: &mut World, incoming: &Receiver<Incoming>) -> Option<Event> {
    if let Ok(incoming) = incoming.try_recv() {
        return Some(Event::Server(incoming));
    }
    if world.tape.is_over() {
        return None;
    }
    Some(match world.tape.byte() % 8 {
        0 | 1 => {
            let code = world.server.code();
            Event::Person(Input::Line(typed(&mut world.tape, &code)))
        }
        2 => {
            let length = usize::from(world.tape.byte()) | usize::from(world.tape.byte() % 4) << 8;
            let json = world.tape.take(length);
            let frame = [u32::try_from(json.len()).unwrap_or(0).to_be_bytes().as_slice(), &json].concat();
            let mut frames = Frames::new(FRAME_BYTES_MAX);
            frames.push(&frame);
            let event = frames.take().map_err(|_| ClientError::Protocol("it sent what is no message"));
            Event::Server(event.map(|event| event.expect("a whole frame")))
        }
        3 => Event::Tick,
        4 => {
            let honest = world.server.does(world.tape.byte());
            Event::Server(lie(&honest, &mut world.tape).map_or(Ok(honest), Ok))
        }
        _ => Event::Server(Ok(world.server.does(world.tape.byte()))),
    })
}

/// The folder for pins, in memory where there is such a place: each acceptance waits for it.
fn home() -> &'static tempfile::TempDir {
    static HOME: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let memory = std::path::Path::new("/dev/shm");
        let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        made.expect("a temporary folder")
    });
    &HOME
}

/// Runs the client against this input.
///
/// # Panics
/// When something does not hold that must.
pub fn client_against_server(input: &[u8]) -> Story {
    let folder = tempfile::tempdir_in(home().path()).expect("a temporary folder");
    let config = ClientConfig {
        address: "example.org".parse().expect("an address"),
        home: folder.path().to_owned(),
        home_is_default: false,
        server_key: None,
        authorities: false,
        key_file_cost: KdfCost::FLOOR,
        user: None,
        password: None,
        json: false,
        language: super::Language::English,
        retry_for: Duration::ZERO,
        view: super::terminal::View::default(),
        notify: super::terminal::Notify::default(),
    };
    let (events, incoming) = unbounded();
    let world = Arc::new(Mutex::new(World {
        tape: Tape { bytes: input.to_vec(), at: 0 },
        server: Server::new(),
        events: Some(events),
        sealed: BTreeMap::new(),
        accepted: BTreeMap::new(),
        proven: BTreeSet::new(),
    }));
    let screen = Screen::default();
    let mut desk = Desk::over(Box::new(screen.clone())).expect("a desk");
    let server_folder = ServerFolder::open(&config.home, &config.address).expect("a folder");
    let door = Door::shut(&config, &server_folder);
    let connection = Connection::over(Box::new(Wire(Arc::clone(&world))), incoming.clone());
    let logged_in = LoggedIn { name: server::name("alice"), keys: Unlocked::insecure(1), connection };
    let mut app = App::new(&config, &mut desk, &server_folder, door, logged_in).expect("a client");
    let mut story = Story::default();
    while let Ok(Flow::Continue) = step(&mut app, &world, &incoming, &mut story) {}
    world.lock().events = None;
    let _ = app.log_out();
    drop(app);
    desk.close();
    let shown = screen.0.lock().clone();
    let shown = String::from_utf8(shown).expect("text");
    let control = shown.chars().find(|character| character.is_control() && *character != '\n');
    assert_eq!(control, None, "a control character in {shown:?}");
    story.sealed = world.lock().sealed.len();
    story
}

/// One turn of the client's loop.
fn step(
    app: &mut App<'_>,
    world: &Arc<Mutex<World>>,
    incoming: &Receiver<Incoming>,
    story: &mut Story,
) -> Result<Flow, ClientError> {
    app.look_around()?;
    app.reopen_next()?;
    app.tell_overview();
    if let Some(line) = app.want_input() {
        return app.on_line(line);
    }
    let event = match app.deferred.pop_front() {
        Some(event) => Some(Event::Server(Ok(event))),
        None => next(&mut world.lock(), incoming),
    };
    let Some(event) = event else { return Ok(Flow::End) };
    let bob = server::name("bob");
    let was_open = app.place.is_together(&bob);
    let proven = match &event {
        Event::Server(Ok(wire::Event::Outcome { outcome: wire::Outcome::Agreed { acceptance }, .. })) => {
            let mut world = world.lock();
            let proven = world.server.bob_accepted_with(acceptance);
            let epoch = world.server.agreed_epoch().filter(|_| proven);
            world.proven.extend(epoch);
            proven
        }
        _ => false,
    };
    let flow = app.on_event(event)?;
    if !was_open && app.place.is_together(&bob) {
        assert!(proven, "a conversation opened without Bob's proof");
        story.opened += 1;
    }
    Ok(flow)
}
