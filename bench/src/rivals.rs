//! Other servers, where they are installed: mosquitto (MQTT 3.1.1, QoS 1) and nats-server with JetStream.
//!
//! The same pairs, messages in flight and TLS as for the product, with just enough of each protocol: one of a
//! pair publishes 256 bytes to a subject of the pair's, the other has subscribed to it. What counts as stored
//! is the broker's acknowledgement to the publisher. Neither waits for the disk before it gives that.

use std::{net::Ipv4Addr, thread, time::Duration, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::{
    crowd::{SCRATCH_BYTES, Way},
    line::Line,
    talk::{Heard, Ready, Tongue},
};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// mosquitto, QoS 1
    Mqtt,
    /// nats-server with JetStream, a publish acknowledged by the stream
    Jetstream,
}

/// What is published.
const PAYLOAD: [u8; 256] = [b'x'; 256];

/// Between two looks at a connection that is being set up.
const LOOK_AGAIN: Duration = Duration::from_micros(100);

/// How long a broker may take to answer while a connection is set up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The subscriptions of a NATS client: its messages, and the stream's acknowledgements.
const MESSAGES: &[u8] = b"1";
const ACKNOWLEDGEMENTS: &[u8] = b"2";

/// What names MQTT 3.1.1 in a CONNECT, with a clean session and no keepalive.
const MQTT_CONNECT: &[u8] = &[0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];

impl Kind {
    /// As it is written on a command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Jetstream => "jetstream",
        }
    }
}

/// Connects both of each pair and subscribes the receiver.
pub fn prepare(kind: Kind, way: &Way, pairs: &[usize]) -> Result<Vec<Ready>> {
    if kind == Kind::Jetstream && pairs.contains(&0) {
        make_stream(way)?;
    }
    pairs.iter().map(|pair| one(kind, way, *pair)).collect()
}

fn one(kind: Kind, way: &Way, pair: usize) -> Result<Ready> {
    let mut lines = [connect(kind, way)?, connect(kind, way)?];
    let tongue: Box<dyn Tongue> = match kind {
        Kind::Mqtt => {
            for (line, part) in lines.iter_mut().zip(["a", "b"]) {
                let client = format!("{part}{pair}");
                let connect = [MQTT_CONNECT, &text(&client)].concat();
                line.say(&mqtt(0x10, &connect))?;
                wait_for(line, |line| packet(line.bytes()).map(|(_, _, length)| length))?;
            }
            let topic = format!("p/{pair}");
            let [_, receiver] = &mut lines;
            receiver.say(&mqtt(0x82, &[&[0, 1], text(&topic).as_slice(), &[1]].concat()))?;
            wait_for(receiver, |line| packet(line.bytes()).map(|(_, _, length)| length))?;
            Box::new(Mqtt { topic: text(&topic), next: 1 })
        }
        Kind::Jetstream => {
            let [sender, receiver] = &mut lines;
            nats_hello(sender, &format!("SUB _INBOX.{pair} 2\r\n"))?;
            nats_hello(receiver, &format!("SUB p.{pair} 1\r\n"))?;
            let head = format!("PUB p.{pair} _INBOX.{pair} {}\r\n", PAYLOAD.len());
            Box::new(Nats { publish: [head.as_bytes(), &PAYLOAD, b"\r\n"].concat() })
        }
    };
    Ok(Ready { lines, tongue })
}

fn connect(kind: Kind, way: &Way) -> Result<Line> {
    let mut line = match kind {
        Kind::Mqtt => Line::connect(way.to, Ipv4Addr::LOCALHOST, &way.tls)?,
        Kind::Jetstream => Line::connect_greeted(way.to, &way.tls)?,
    };
    wait_for(&mut line, |line| (!line.is_handshaking()).then_some(0))?;
    Ok(line)
}

/// Flushes, and receives until something is there; takes so many bytes of it.
fn wait_for(line: &mut Line, is_there: impl Fn(&Line) -> Option<usize>) -> Result<()> {
    let (deadline, mut scratch) = (Instant::now() + PATIENCE, vec![0; SCRATCH_BYTES]);
    line.flush()?;
    loop {
        ensure!(line.receive(&mut scratch)?, "the broker closed a connection");
        if let Some(length) = is_there(line) {
            line.took(length);
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the broker did not answer for {PATIENCE:?}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// An MQTT packet.
fn mqtt(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = rest.len();
    loop {
        let seven = u8::try_from(length % 128).unwrap_or(0);
        length /= 128;
        packet.push(if length > 0 { seven | 0x80 } else { seven });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(rest);
    packet
}

/// A text in an MQTT packet.
fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap_or(0).to_be_bytes(), text.as_bytes()].concat()
}

/// The first whole packet: its first byte, what follows its length, and its length in all.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (first, rest) = bytes.split_first()?;
    let (mut length, mut shift) = (0_usize, 0);
    for (at, byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let body = rest.get(at + 1..at + 1 + length)?;
            return Some((*first, body, 1 + at + 1 + length));
        }
    }
    None
}

struct Mqtt {
    topic: Vec<u8>,
    /// A packet's number, never 0.
    next: u16,
}

impl Tongue for Mqtt {
    fn say(&mut self, line: &mut Line) -> Result<()> {
        let number = self.next.to_be_bytes();
        self.next = self.next.checked_add(1).unwrap_or(1);
        line.say(&mqtt(0x32, &[self.topic.as_slice(), &number, &PAYLOAD].concat()))
    }

    fn hear(&mut self, line: &mut Line) -> Result<Heard> {
        let (mut heard, mut answer, mut taken) = (Heard::default(), Vec::new(), 0);
        while let Some((first, body, length)) = packet(line.bytes().get(taken..).unwrap_or_default()) {
            taken += length;
            match first >> 4 {
                3 => {
                    heard.delivered += 1;
                    let number = body.get(self.topic.len()..self.topic.len() + 2);
                    answer.extend_from_slice(&mqtt(0x40, number.context("a publish without a number")?));
                }
                4 => heard.stored += 1,
                kind => bail!("the broker sent a packet of type {kind}"),
            }
        }
        line.took(taken);
        line.say(&answer)?;
        Ok(heard)
    }
}

/// Says hello to NATS, and waits until all of it is carried out.
fn nats_hello(line: &mut Line, more: &str) -> Result<()> {
    line.say(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"lang\":\"rust\",\"version\":\"0\"}\r\n")?;
    line.say(more.as_bytes())?;
    line.say(b"PING\r\n")?;
    wait_for(line, |line| position(line.bytes(), b"PONG\r\n").map(|at| at + 6))
}

/// The one stream for all pairs' subjects, on the disk.
fn make_stream(way: &Way) -> Result<()> {
    let mut line = connect(Kind::Jetstream, way)?;
    nats_hello(&mut line, "SUB _INBOX.stream 2\r\n")?;
    let config =
        r#"{"name":"bench","subjects":["p.>"],"storage":"file","retention":"limits","num_replicas":1}"#;
    let request = format!("PUB $JS.API.STREAM.CREATE.bench _INBOX.stream {}\r\n{config}\r\n", config.len());
    line.say(request.as_bytes())?;
    wait_for(&mut line, |line| position(line.bytes(), b"\"created\""))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

struct Nats {
    publish: Vec<u8>,
}

impl Tongue for Nats {
    fn say(&mut self, line: &mut Line) -> Result<()> {
        line.say(&self.publish)
    }

    fn hear(&mut self, line: &mut Line) -> Result<Heard> {
        let (mut heard, mut answer, mut taken) = (Heard::default(), Vec::new(), 0);
        loop {
            let waiting = line.bytes().get(taken..).unwrap_or_default();
            let Some(end) = position(waiting, b"\r\n") else { break };
            let said = waiting.get(..end).unwrap_or_default();
            let mut length = end + 2;
            if let Some(words) = said.strip_prefix(b"MSG ") {
                let mut words = words.split(|byte| *byte == b' ');
                let subscription = words.nth(1).context("a message without a subscription")?;
                let size =
                    words.next_back().and_then(|size| std::str::from_utf8(size).ok()?.parse::<usize>().ok());
                length += size.context("a message without a size")? + 2;
                if waiting.len() < length {
                    break;
                }
                match subscription {
                    MESSAGES => heard.delivered += 1,
                    ACKNOWLEDGEMENTS => heard.stored += 1,
                    _ => bail!("a message of no subscription"),
                }
            } else if said == b"PING" {
                answer.extend_from_slice(b"PONG\r\n");
            } else if said.starts_with(b"-ERR") {
                bail!("the broker said {}", String::from_utf8_lossy(said));
            }
            taken += length;
        }
        line.took(taken);
        line.say(&answer)?;
        Ok(heard)
    }
}
