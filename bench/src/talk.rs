//! Pairs that talk: one of each sends, the other reads; what is counted is delivered and acknowledged.

use std::{
    collections::VecDeque,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use parking_lot::Mutex;

use crate::{
    crowd::SCRATCH_BYTES,
    line::Line,
    meter::{Reading, Usage, percentile},
    poll::Poll,
};

/// The longest wait for sockets: so often the end is looked for.
const SLICE: Duration = Duration::from_millis(20);

/// When pairs send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many messages of each pair are under way, at all times.
    Window(u64),
    /// So many messages a second, of all pairs together, evenly.
    Rate(f64),
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's process.
    pub server: u32,
    /// Conversations.
    pub pairs: usize,
    /// When they send.
    pub pace: Pace,
    /// Of this process, each with its share of the pairs.
    pub threads: usize,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// While it is counted.
    pub measured: Duration,
}

/// What came of it. Times in microseconds.
#[derive(Debug, Clone)]
pub struct Talked {
    /// Messages that were delivered in the measured time.
    pub messages: u64,
    /// What it took.
    pub usage: Usage,
    /// From the send to the arrival at the peer, sorted.
    pub delivery: Vec<u32>,
    /// From the send to the acknowledgement, sorted.
    pub stored: Vec<u32>,
}

impl Talked {
    /// 50%, 99% and all of them were not slower than this, in microseconds.
    pub fn latencies(sorted: &[u32]) -> [f64; 3] {
        [50.0, 99.0, 100.0].map(|percent| percentile(sorted, percent) / 10.0)
    }
}

/// What two people say to each other in one protocol.
pub trait Tongue: Send {
    /// Says the next message to the sender's connection, without flushing it.
    fn say(&mut self, line: &mut Line) -> Result<()>;

    /// Takes what was received on a connection of the two, and answers what must be answered.
    fn hear(&mut self, line: &mut Line) -> Result<Heard>;
}

/// How much of what is counted one connection was told.
#[derive(Debug, Default, Clone, Copy)]
pub struct Heard {
    /// Messages that were delivered.
    pub delivered: u64,
    /// Messages that were acknowledged to their sender.
    pub stored: u64,
}

/// Two people whose conversation is open.
pub struct Ready {
    /// The sender's connection and the receiver's.
    pub lines: [Line; 2],
    /// What they speak.
    pub tongue: Box<dyn Tongue>,
}

/// What the threads share.
struct Board {
    measuring: AtomicBool,
    over: AtomicBool,
    delivered: AtomicU64,
    ready: Barrier,
    times: Mutex<(Vec<u32>, Vec<u32>)>,
}

/// One conversation.
struct Conversation {
    tongue: Box<dyn Tongue>,
    sent: u64,
    delivered: u64,
    stored: u64,
    /// When each message was sent that is not delivered, and that is not acknowledged.
    undelivered: VecDeque<Instant>,
    unstored: VecDeque<Instant>,
}

/// Lets them talk. `prepare` connects these pairs, and opens their conversations.
pub fn run<P>(plan: &Plan, prepare: P) -> Result<Talked>
where
    P: Fn(&[usize]) -> Result<Vec<Ready>> + Sync,
{
    let threads = plan.threads.clamp(1, plan.pairs);
    let board = Board {
        measuring: AtomicBool::new(false),
        over: AtomicBool::new(false),
        delivered: AtomicU64::new(0),
        ready: Barrier::new(threads + 1),
        times: Mutex::default(),
    };
    let (first, last) = thread::scope(|scope| -> Result<_> {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (board, prepare) = (&board, &prepare);
                scope.spawn(move || {
                    let mine: Vec<usize> = (thread..plan.pairs).step_by(threads).collect();
                    let talk = prepare(&mine).and_then(Talk::new);
                    board.ready.wait();
                    talk?.run(plan, board).inspect_err(|_| board.over.store(true, Ordering::Relaxed))
                })
            })
            .collect();
        board.ready.wait();
        thread::sleep(plan.warm_up);
        board.measuring.store(true, Ordering::Relaxed);
        let first = (Reading::take(plan.server, false), board.delivered.load(Ordering::Relaxed));
        thread::sleep(plan.measured);
        let last = (Reading::take(plan.server, false), board.delivered.load(Ordering::Relaxed));
        board.measuring.store(false, Ordering::Relaxed);
        board.over.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| anyhow!("a thread of the load generator failed"))??;
        }
        Ok((first, last))
    })?;
    let (mut delivery, mut stored) = std::mem::take(&mut *board.times.lock());
    delivery.sort_unstable();
    stored.sort_unstable();
    let usage = first.0?.until(&last.0?);
    Ok(Talked { messages: last.1 - first.1, usage, delivery, stored })
}

/// One thread's conversations. Lines 2n and 2n + 1 are the two of conversation n.
struct Talk {
    lines: Vec<Line>,
    poll: Poll,
    scratch: Vec<u8>,
    conversations: Vec<Conversation>,
    /// Conversations that may send more.
    dirty: Vec<usize>,
    /// Whose socket did not take all.
    full: Vec<usize>,
}

impl Talk {
    fn new(pairs: Vec<Ready>) -> Result<Self> {
        let (mut lines, mut conversations, poll) = (Vec::new(), Vec::new(), Poll::new()?);
        for Ready { lines: both, tongue } in pairs {
            for line in both {
                poll.add(line.socket(), lines.len())?;
                lines.push(line);
            }
            conversations.push(Conversation {
                tongue,
                sent: 0,
                delivered: 0,
                stored: 0,
                undelivered: VecDeque::new(),
                unstored: VecDeque::new(),
            });
        }
        let dirty = (0..conversations.len()).collect();
        Ok(Self { lines, poll, scratch: vec![0; SCRATCH_BYTES], conversations, dirty, full: Vec::new() })
    }

    fn run(mut self, plan: &Plan, board: &Board) -> Result<()> {
        let (mut delivery, mut stored) = (Vec::new(), Vec::new());
        let mut ready = Vec::new();
        let share = self.conversations.len() as f64 / plan.pairs.max(1) as f64;
        let mut clock = match plan.pace {
            Pace::Rate(rate) => Some(Clock::new(Duration::from_secs_f64(1.0 / (rate * share)))),
            Pace::Window(_) => None,
        };
        while !board.over.load(Ordering::Relaxed) {
            let wait = match (&mut clock, plan.pace) {
                (Some(clock), _) => {
                    while let Some(turn) = clock.due() {
                        let conversation = turn % self.conversations.len();
                        self.send(conversation, 1)?;
                    }
                    clock.left()
                }
                (None, Pace::Window(window)) => {
                    for conversation in std::mem::take(&mut self.dirty) {
                        self.refill(conversation, window)?;
                    }
                    SLICE
                }
                (None, Pace::Rate(_)) => SLICE,
            };
            self.poll.wait(wait.min(SLICE), &mut ready)?;
            let measuring = board.measuring.load(Ordering::Relaxed);
            let mut count = 0;
            for number in &ready {
                let times = measuring.then_some((&mut delivery, &mut stored));
                count += self.receive(*number, times)?;
            }
            board.delivered.fetch_add(count, Ordering::Relaxed);
        }
        let mut times = board.times.lock();
        times.0.append(&mut delivery);
        times.1.append(&mut stored);
        Ok(())
    }

    /// As many messages as the window leaves room for, in one write.
    fn refill(&mut self, number: usize, window: u64) -> Result<()> {
        let Some(conversation) = self.conversations.get(number) else { return Ok(()) };
        let done = conversation.delivered.min(conversation.stored);
        self.send(number, window.saturating_sub(conversation.sent - done))
    }

    fn send(&mut self, number: usize, count: u64) -> Result<()> {
        let (Some(conversation), Some(line)) =
            (self.conversations.get_mut(number), self.lines.get_mut(2 * number))
        else {
            return Ok(());
        };
        if count == 0 {
            return Ok(());
        }
        let now = Instant::now();
        for _ in 0..count {
            conversation.tongue.say(line)?;
            conversation.undelivered.push_back(now);
            conversation.unstored.push_back(now);
        }
        conversation.sent += count;
        self.flush(2 * number)
    }

    /// Sends what a socket takes, and waits for it where it does not take all.
    fn flush(&mut self, number: usize) -> Result<()> {
        let Some(line) = self.lines.get_mut(number) else { return Ok(()) };
        let (out, waited) = (line.flush()?, self.full.contains(&number));
        if out && waited {
            self.full.retain(|other| *other != number);
        } else if !out && !waited {
            self.full.push(number);
        }
        if out == waited {
            self.poll.also_writable(line.socket(), number, !out)?;
        }
        Ok(())
    }

    /// Takes what arrived on one connection: how many messages it were.
    fn receive(&mut self, number: usize, times: Option<(&mut Vec<u32>, &mut Vec<u32>)>) -> Result<u64> {
        let (Some(conversation), Some(line)) =
            (self.conversations.get_mut(number / 2), self.lines.get_mut(number))
        else {
            return Ok(0);
        };
        ensure!(line.receive(&mut self.scratch)?, "the server closed a connection");
        let now = Instant::now();
        let heard = conversation.tongue.hear(line)?;
        let (mut delivery, mut stored) = times.unzip();
        let before = conversation.delivered.min(conversation.stored);
        for _ in 0..heard.delivered {
            let sent = conversation.undelivered.pop_front().context("a message that nobody sent")?;
            note(delivery.as_deref_mut(), now - sent);
        }
        for _ in 0..heard.stored {
            let sent = conversation.unstored.pop_front().context("a message stored that nobody sent")?;
            note(stored.as_deref_mut(), now - sent);
        }
        conversation.delivered += heard.delivered;
        conversation.stored += heard.stored;
        if conversation.delivered.min(conversation.stored) > before {
            self.dirty.push(number / 2);
        }
        self.flush(number)?;
        Ok(heard.delivered)
    }
}

/// Tenths of microseconds.
fn note(times: Option<&mut Vec<u32>>, time: Duration) {
    if let Some(times) = times {
        times.push(u32::try_from(time.as_nanos() / 100).unwrap_or(u32::MAX));
    }
}

/// Turns at even distances.
struct Clock {
    start: Instant,
    step: Duration,
    turn: u32,
}

impl Clock {
    fn new(step: Duration) -> Self {
        Self { start: Instant::now(), step, turn: 0 }
    }

    /// The number of a turn that is due.
    fn due(&mut self) -> Option<usize> {
        if self.start.elapsed() < self.step * self.turn {
            return None;
        }
        self.turn += 1;
        usize::try_from(self.turn - 1).ok()
    }

    /// The time until the next.
    fn left(&self) -> Duration {
        (self.step * self.turn).saturating_sub(self.start.elapsed())
    }
}
