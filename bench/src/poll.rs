//! Waiting for many sockets on one thread.

use std::{os::fd::AsFd, time::Duration};

use anyhow::Result;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
};

/// Sockets that one wait may name.
const READY_MAX: usize = 1024;

/// The sockets of one thread, each under a number.
pub struct Poll {
    epoll: OwnedFd,
    ready: Vec<Event>,
}

impl Poll {
    /// None yet.
    pub fn new() -> Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, ready: Vec::with_capacity(READY_MAX) })
    }

    /// Adds a socket, to be named when it can be read.
    pub fn add(&self, socket: impl AsFd, number: usize) -> Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(number as u64), EventFlags::IN)?)
    }

    /// Whether a socket is also named when it can be written to.
    pub fn also_writable(&self, socket: impl AsFd, number: usize, wanted: bool) -> Result<()> {
        let flags = if wanted { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(number as u64), flags)?)
    }

    /// The numbers of the sockets that are ready, after waiting for one at most so long.
    pub fn wait(&mut self, timeout: Duration, numbers: &mut Vec<usize>) -> Result<()> {
        numbers.clear();
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        self.ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        numbers.extend(self.ready.iter().filter_map(|event| usize::try_from(event.data.u64()).ok()));
        Ok(())
    }
}
