//! The client, driven over pipes: how soon it asks its first question, and 100,000 messages from a peer that
//! seals them for real.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io::{Read, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use parking_lot::{Condvar, Mutex};

use crate::{
    data::Contents,
    export::{self, Exported},
    peer::Peer,
    report::grouped,
    target::Target,
    workloads::Conductor,
};

/// Starts, of which the median counts.
const STARTS: usize = 21;

/// Messages, in full and in quick.
const MESSAGES: u64 = 100_000;
const MESSAGES_QUICK: u64 = 10_000;

/// The most that `/history` shows.
const HISTORY: u64 = 10_000;

/// Messages under way that the client has not shown yet.
const WINDOW: u64 = 500;

/// Between two lines that the person types meanwhile.
const TYPING_EVERY: Duration = Duration::from_millis(50);

/// The client shows nothing for so long: it is not what it should be.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST_QUESTION: &str = "Do you already have an account? (yes/no) ";
const LOBBY: &str = "Who do you want to start a conversation with? ";

/// A client that runs; dropping it ends it.
struct Client {
    child: Child,
    input: ChildStdin,
    screen: Arc<Screen>,
    /// Where the words waited for last end.
    seen: usize,
}

/// What a client has shown.
#[derive(Default)]
struct Screen {
    shown: Mutex<Shown>,
    more: Condvar,
}

#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    /// Lines of the peer's messages.
    messages: u64,
    ended: bool,
}

impl Client {
    fn start(product: &Path, server: SocketAddr, key: &str, home: &Path) -> Result<Self> {
        let mut command = Command::new(product);
        command.args(["client", "--host", &server.to_string(), "--server-key", key]);
        command.arg("--home").arg(home);
        command.env("SECURECHAT_KEY_FILE_MEMORY_MIB", "19").env("SECURECHAT_KEY_FILE_PASSES", "2");
        command.env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (input, mut output) = (child.stdin.take(), child.stdout.take().context("its output")?);
        let screen = Arc::new(Screen::default());
        let shows = Arc::clone(&screen);
        thread::spawn(move || {
            let mut some = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = output.read(&mut some) {
                shows.show(some.get(..count).unwrap_or_default());
            }
            shows.shown.lock().ended = true;
            shows.more.notify_all();
        });
        Ok(Self { child, input: input.context("its input")?, screen, seen: 0 })
    }

    fn types(&mut self, line: &str) -> Result<()> {
        Ok(self.input.write_all(format!("{line}\n").as_bytes())?)
    }

    /// Waits for these words after those waited for last.
    fn sees(&mut self, words: &str) -> Result<()> {
        let mut shown = self.screen.shown.lock();
        loop {
            let rest = shown.bytes.get(self.seen..).unwrap_or_default();
            if let Some(at) = rest.windows(words.len()).position(|window| window == words.as_bytes()) {
                self.seen += at + words.len();
                return Ok(());
            }
            let late = self.screen.more.wait_for(&mut shown, PATIENCE).timed_out();
            ensure!(!late && !shown.ended, "the client did not show {words:?}");
        }
    }

    /// Waits until it has shown so many messages of the peer.
    fn sees_messages(&self, count: u64) -> Result<()> {
        let mut shown = self.screen.shown.lock();
        while shown.messages < count {
            let late = self.screen.more.wait_for(&mut shown, PATIENCE).timed_out();
            ensure!(!late && !shown.ended, "the client showed {} messages of {count}", shown.messages);
        }
        Ok(())
    }

    /// What comes is new.
    fn forgets(&mut self) {
        self.seen = self.screen.shown.lock().bytes.len();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Screen {
    fn show(&self, bytes: &[u8]) {
        const MARK: &[u8] = b"bob: m ";
        let mut shown = self.shown.lock();
        // A mark may have begun in what was shown before.
        let from = shown.bytes.len().saturating_sub(MARK.len() - 1);
        shown.bytes.extend_from_slice(bytes);
        let new = shown.bytes.get(from..).unwrap_or_default();
        let count = new.windows(MARK.len()).filter(|window| *window == MARK).count();
        shown.messages += count as u64;
        drop(shown);
        self.more.notify_all();
    }
}

/// Both tables.
pub fn run(conductor: &Conductor) -> Result<()> {
    let server = conductor.stage.start(Target::Product, Contents::new(0, 0))?;
    let mut bob = Peer::registers(server.address, "bob")?;
    let product = &conductor.stage.product;
    let home = conductor.stage.folder.join("home");
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        Client::start(product, server.address, &bob.server_key(), &home)?.sees(FIRST_QUESTION)?;
        starts.push(begun.elapsed());
    }
    starts.sort_unstable();
    let mut alice = Client::start(product, server.address, &bob.server_key(), &home)?;
    meet(&mut alice, &mut bob)?;
    // What somebody answers names what it answers.
    alice.types("a first line")?;
    ensure!(bob.hears_a_message(PATIENCE)?, "the first line did not arrive");
    let count = if conductor.quick { MESSAGES_QUICK } else { MESSAGES };
    // Bob stays: when he goes, the conversation ends.
    let (took, typing) = flood(&mut alice, &mut bob, count)?;
    alice.forgets();
    let shown = alice.screen.shown.lock().messages;
    let begun = Instant::now();
    alice.types(&format!("/history {HISTORY}"))?;
    // Own lines are among them.
    alice.sees_messages(shown + HISTORY.min(count) - typing.len() as u64)?;
    let history = begun.elapsed();
    let search = search(&mut alice, count)?;
    let export = |how| export::run(product, server.address, &bob.server_key(), &home, how, count);
    let served = [export("--text")?, export("--json")?];
    drop(alice);
    let alone = [export("--text")?, export("--json")?];
    conductor.say(&table(&starts, count, took, &typing, history, search))?;
    let ways = ["by the client that runs, text", "by the client that runs, JSON"];
    let ways = ways.into_iter().chain(["logging in by itself, text", "logging in by itself, JSON"]);
    let exports: Vec<_> =
        ways.zip(served.into_iter().chain(alone)).filter_map(|(way, cost)| Some((way, cost?))).collect();
    if exports.is_empty() { Ok(()) } else { conductor.say(&export_table(count, &exports)) }
}

/// From the first question to the open conversation.
fn meet(alice: &mut Client, bob: &mut Peer) -> Result<()> {
    for (question, answer) in
        [(FIRST_QUESTION, "no"), ("Username: ", "alice"), ("Password: ", "a password"), (LOBBY, "bob")]
    {
        alice.sees(question)?;
        alice.types(answer)?;
    }
    let agreed = bob.agrees("alice")?;
    alice.sees("Accept this key?")?;
    alice.types("yes")?;
    bob.accepts(agreed)?;
    alice.sees("Conversation with bob is open")
}

/// Sends so many messages as fast as they are shown, while a line is typed now and then: how long it took,
/// and how long each typed line took to arrive, sorted.
fn flood(alice: &mut Client, bob: &mut Peer, count: u64) -> Result<(Duration, Vec<Duration>)> {
    let frames = bob.seals(count)?;
    let link = bob.link();
    let (typed, over) = (Mutex::new(VecDeque::new()), AtomicBool::new(false));
    let screen = Arc::clone(&alice.screen);
    thread::scope(|scope| {
        let hears = scope.spawn(|| {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                if bob.hears_a_message(TYPING_EVERY)? {
                    let sent: Instant = typed.lock().pop_front().context("a message that nobody typed")?;
                    times.push(sent.elapsed());
                }
            }
            times.sort_unstable();
            Ok::<_, anyhow::Error>(times)
        });
        let begun = Instant::now();
        let sends = scope.spawn(move || -> Result<()> {
            for (number, frame) in (0..).zip(&frames) {
                let mut shown = screen.shown.lock();
                while number >= shown.messages + WINDOW {
                    let late = screen.more.wait_for(&mut shown, PATIENCE).timed_out();
                    ensure!(!late && !shown.ended, "the client shows nothing more");
                }
                drop(shown);
                link.queue(frame);
                link.flush_by(Instant::now() + PATIENCE)?;
            }
            Ok(())
        });
        let done = type_meanwhile(alice, count, &typed);
        let took = begun.elapsed();
        // What was typed last arrives, too.
        thread::sleep(TYPING_EVERY * 4);
        over.store(true, Ordering::Relaxed);
        sends.join().map_err(|_| anyhow!("the sender failed"))??;
        let times = hears.join().map_err(|_| anyhow!("the receiver failed"))??;
        done.map(|()| (took, times))
    })
}

fn type_meanwhile(alice: &mut Client, count: u64, typed: &Mutex<VecDeque<Instant>>) -> Result<()> {
    loop {
        {
            let mut shown = alice.screen.shown.lock();
            let until = Instant::now() + TYPING_EVERY;
            while shown.messages < count && !alice.screen.more.wait_until(&mut shown, until).timed_out() {}
            ensure!(!shown.ended, "the client ended");
            if shown.messages >= count {
                return Ok(());
            }
        }
        typed.lock().push_back(Instant::now());
        alice.types("a line that somebody types meanwhile")?;
    }
}

/// A search through all of it, where the client has one.
fn search(alice: &mut Client, count: u64) -> Result<Option<Duration>> {
    alice.forgets();
    alice.types("/help")?;
    alice.sees("/quit")?;
    let help = {
        let shown = alice.screen.shown.lock();
        String::from_utf8_lossy(shown.bytes.get(alice.seen.saturating_sub(4096)..).unwrap_or_default())
            .into_owned()
    };
    if !help.contains("/search") {
        return Ok(None);
    }
    alice.forgets();
    let begun = Instant::now();
    alice.types("/search needle")?;
    alice.sees(&Peer::text(count / 2, count))?;
    Ok(Some(begun.elapsed()))
}

fn table(
    starts: &[Duration],
    count: u64,
    took: Duration,
    typing: &[Duration],
    history: Duration,
    search: Option<Duration>,
) -> String {
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    #[allow(clippy::cast_precision_loss)]
    let number = count as f64;
    let mut text = String::from("\n| the client | | to reach |\n|---|--:|--:|\n");
    let start = ms(starts.get(starts.len() / 2));
    let _ = writeln!(text, "| start to first question, ms | {start:.1} | under 50 |");
    let rate = grouped(number / took.as_secs_f64(), 0);
    let count = grouped(number, 0);
    let _ = writeln!(text, "| {count} messages arrive and are shown, messages/s | {rate} | |");
    let half = ms(typing.get(typing.len() / 2));
    let _ = writeln!(text, "| a line typed meanwhile arrives at the peer, p50 ms | {half:.1} | |");
    let _ = writeln!(text, "| the slowest of {}, ms | {:.1} | |", typing.len(), ms(typing.last()));
    let history = history.as_secs_f64();
    let _ = writeln!(text, "| `/history 10000`: opened, verified, shown, s | {history:.2} | |");
    if let Some(search) = search {
        let _ = writeln!(
            text,
            "| {count} messages opened, verified and searched, s | {:.2} | under 2 |",
            search.as_secs_f64()
        );
    }
    text
}

fn export_table(count: u64, exports: &[(&str, Exported)]) -> String {
    #[allow(clippy::cast_precision_loss)]
    let count = grouped(count as f64, 0);
    let mut text = format!(
        "\n| `client history`: {count} messages opened, verified, written | s | peak MiB | to reach |\n|---|--:|--:|--:|\n"
    );
    for (way, Exported { took, memory_kib }) in exports {
        let _ = writeln!(text, "| {way} | {:.2} | {} | under 2 |", took.as_secs_f64(), memory_kib / 1024);
    }
    text
}
