//! `Mutex` and `Condvar` with parking_lot's signatures, over loom, and a clock that a model moves.
//!
//! loom has no time: its own timed wait never times out. Here a timed wait registers an alarm with the
//! model's clock, and [`clock::advance_to`], called by the model's timer thread, rings those that are due:
//! so every moment at which a timeout may strike is one of the interleavings.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Instant,
};

pub mod clock {
    //! The time of the model.

    use std::{
        sync::{Arc, OnceLock},
        time::{Duration, Instant},
    };

    pub(crate) trait Alarm {
        fn ring(&self);
    }

    #[derive(Default)]
    pub(crate) struct Clock {
        now: Duration,
        alarms: Vec<(Instant, Arc<dyn Alarm>)>,
    }

    loom::lazy_static! {
        static ref CLOCK: loom::sync::Mutex<Clock> = loom::sync::Mutex::new(Clock::default());
    }

    /// When every model begins.
    pub fn start() -> Instant {
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(Instant::now)
    }

    /// The time now.
    pub fn now() -> Instant {
        start() + CLOCK.lock().unwrap().now
    }

    /// Time passes: everybody who waits until then, or until an earlier time, wakes.
    pub fn advance_to(since_start: Duration) {
        let due: Vec<_> = {
            let mut clock = CLOCK.lock().unwrap();
            clock.now = clock.now.max(since_start);
            let now = start() + clock.now;
            let (due, later) = clock.alarms.drain(..).partition(|(at, _)| *at <= now);
            clock.alarms = later;
            due
        };
        for (_, alarm) in due {
            alarm.ring();
        }
    }

    /// Registers an alarm; false when its time is there already.
    pub(crate) fn set(at: Instant, alarm: Arc<dyn Alarm>) -> bool {
        let mut clock = CLOCK.lock().unwrap();
        if at <= start() + clock.now {
            return false;
        }
        clock.alarms.push((at, alarm));
        true
    }
}

/// As parking_lot's: no poisoning.
#[derive(Debug, Default)]
pub struct Mutex<T>(Arc<loom::sync::Mutex<T>>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(loom::sync::Mutex::new(value)))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: self, guard: Some(self.0.lock().unwrap()) }
    }
}

pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    /// `None` only inside a wait.
    guard: Option<loom::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().unwrap()
    }
}

#[derive(Debug)]
pub struct Condvar(Arc<loom::sync::Condvar>);

impl Default for Condvar {
    fn default() -> Self {
        Self(Arc::new(loom::sync::Condvar::new()))
    }
}

/// Rings under the waiter's own lock: so it strikes before the wait, which then does not begin, or during it.
struct WakeUp<T> {
    lock: Arc<loom::sync::Mutex<T>>,
    condvar: Arc<loom::sync::Condvar>,
}

impl<T> clock::Alarm for WakeUp<T> {
    fn ring(&self) {
        let _guard = self.lock.lock().unwrap();
        self.condvar.notify_all();
    }
}

impl Condvar {
    pub fn notify_one(&self) -> bool {
        self.0.notify_one();
        true
    }

    pub fn notify_all(&self) -> usize {
        self.0.notify_all();
        0
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.guard.take().unwrap();
        guard.guard = Some(self.0.wait(held).unwrap());
    }

    /// Wakes when notified, and when the model's clock has come to `deadline`.
    pub fn wait_until<T: 'static>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) {
        let wake_up = WakeUp { lock: Arc::clone(&guard.lock.0), condvar: Arc::clone(&self.0) };
        if clock::set(deadline, Arc::new(wake_up)) {
            self.wait(guard);
        }
    }
}
