//! Bounded channels with crossbeam-channel's signatures, over the modelled lock. Nothing times out here:
//! what a timeout would allow is less than waiting for ever allows.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};

struct State<T> {
    queue: VecDeque<T>,
    capacity: usize,
    senders: usize,
    receiving: bool,
}

struct Channel<T> {
    state: Mutex<State<T>>,
    /// The one receiver waits here.
    filled: Condvar,
    /// Senders wait here.
    freed: Condvar,
}

pub struct Sender<T>(Arc<Channel<T>>);
pub struct Receiver<T>(Arc<Channel<T>>);

#[derive(Debug)]
pub struct SendError;
#[derive(Debug)]
pub struct RecvError;

pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { queue: VecDeque::new(), capacity, senders: 1, receiving: true };
    let (filled, freed) = (Condvar::default(), Condvar::default());
    let channel = Arc::new(Channel { state: Mutex::new(state), filled, freed });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

impl<T> Sender<T> {
    pub fn send(&self, item: T) -> Result<(), SendError> {
        let mut state = self.0.state.lock();
        while state.receiving && state.queue.len() == state.capacity {
            self.0.freed.wait(&mut state);
        }
        if !state.receiving {
            return Err(SendError);
        }
        state.queue.push_back(item);
        self.0.filled.notify_one();
        Ok(())
    }

    pub fn send_timeout(&self, item: T, _timeout: Duration) -> Result<(), SendError> {
        self.send(item)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.0.filled.notify_one();
        }
    }
}

impl<T> Receiver<T> {
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(item) = state.queue.pop_front() {
                self.0.freed.notify_all();
                return Ok(item);
            }
            if state.senders == 0 {
                return Err(RecvError);
            }
            self.0.filled.wait(&mut state);
        }
    }

    pub fn recv_timeout(&self, _timeout: Duration) -> Result<T, RecvError> {
        self.recv()
    }

    pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| {
            let mut state = self.0.state.lock();
            let item = state.queue.pop_front();
            if item.is_some() {
                self.0.freed.notify_all();
            }
            item
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.receiving = false;
        // What nobody takes any more is dropped: a sender inside it is then gone, as in crossbeam-channel.
        let left = std::mem::take(&mut state.queue);
        self.0.freed.notify_all();
        drop(state);
        drop(left);
    }
}
