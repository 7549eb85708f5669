//! One pair whose log is long: what opening it costs, and a page of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use securechat::wire::{Event, Request, Username};

use crate::{
    crowd::{Crowd, Way, name},
    load::TEXT_BYTES,
    noise::Noise,
    person::{Entrance, Person},
    poll::Poll,
    talk::Ready,
};

/// Lines that an opening shows, and that a page of history has.
const LAST: u32 = 20;
const PAGE: u32 = 100;

/// Pages of each kind, of which the median counts.
const PAGES: u64 = 101;

/// No answer for so long: the server is not what it should be.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it cost.
pub struct Opened {
    /// The first page that anybody asked this server for: the log's last lines.
    pub first: Duration,
    /// The same again.
    pub last: Duration,
    /// A page somewhere in the log.
    pub page: Duration,
    /// The first message, until it was acknowledged.
    pub send: Duration,
}

/// Opens the first pair's conversation and reads; the two can talk afterwards.
pub fn run(way: &Way, lines: u64) -> Result<(Opened, Ready)> {
    let names = [name('a', 0)?, name('b', 0)?];
    let mut crowd = Crowd::arrives(way, names.clone().into_iter(), Entrance::Login)?;
    crowd.meets(1, false)?;
    let Crowd { mut people, poll: _, mut scratch } = crowd;
    let (receiver, mut sender) = (people.pop().context("two people")?, people.pop().context("two people")?);
    let (mut reader, [_, peer]) = (Poll::new()?, names);
    reader.add(sender.line.socket(), 0)?;
    let end = lines.saturating_sub(u64::from(LAST)) + 1;
    let mut read =
        |sender: &mut Person, from, count| page(sender, &peer, from, count, &mut reader, &mut scratch);
    let first = read(&mut sender, end, LAST)?;
    let last = median(PAGES, |_| read(&mut sender, end, LAST))?;
    let span = lines.saturating_sub(u64::from(PAGE)).max(1);
    // Places all over the log, in no order.
    let page = median(PAGES, |at| read(&mut sender, at * 7_919 * 7_919 % span + 1, PAGE))?;
    let mut noise = Noise::new(&peer, TEXT_BYTES)?;
    let begun = Instant::now();
    sender.line.say(noise.next_frame())?;
    sender.line.flush()?;
    let stored = |event: &Event| matches!(event, Event::Stored { .. });
    hear(&mut sender, &mut reader, &mut scratch, stored)?;
    let send = begun.elapsed();
    let mut receiver = receiver;
    let mut other = Poll::new()?;
    other.add(receiver.line.socket(), 0)?;
    hear(&mut receiver, &mut other, &mut scratch, |event| matches!(event, Event::Message { .. }))?;
    let ready = Ready { lines: [sender.line, receiver.line], tongue: Box::new(noise) };
    Ok((Opened { first, last, page, send }, ready))
}

fn median(count: u64, mut one: impl FnMut(u64) -> Result<Duration>) -> Result<Duration> {
    let mut times = (0..count).map(&mut one).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("no pages")
}

/// Asks for a page: how long it took.
fn page(
    person: &mut Person,
    peer: &Username,
    from: u64,
    count: u32,
    poll: &mut Poll,
    scratch: &mut [u8],
) -> Result<Duration> {
    let begun = Instant::now();
    person.ask(&Request::Read { peer: peer.clone(), from, count })?;
    hear(person, poll, scratch, |event| matches!(event, Event::Entries { .. }))?;
    Ok(begun.elapsed())
}

/// Waits for an event; others are passed over.
fn hear(
    person: &mut Person,
    poll: &mut Poll,
    scratch: &mut [u8],
    wanted: impl Fn(&Event) -> bool,
) -> Result<()> {
    let mut ready = Vec::new();
    loop {
        while let Some(event) = person.event()? {
            if wanted(&event) {
                return Ok(());
            }
        }
        poll.wait(PATIENCE, &mut ready)?;
        ensure!(!ready.is_empty(), "no answer for {PATIENCE:?}");
        ensure!(person.line.receive(scratch)?, "the server closed a connection");
    }
}
