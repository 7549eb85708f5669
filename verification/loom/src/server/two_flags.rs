//! The shape that the rendezvous must not have: two flags, one a side, instead of one outcome. Each side
//! sets its own, waits for the other's, and draws its own conclusion. Kept to show that the model sees it.

use std::{sync::Arc, time::Duration};

use loom::thread;
use parking_lot::{Condvar, Mutex, clock};

const TIME: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct TwoFlags {
    accepted: Mutex<[bool; 2]>,
    changed: Condvar,
}

impl TwoFlags {
    /// Accepts, and waits for the other or the end of the time: agreed?
    fn accept(&self, side: usize) -> bool {
        let deadline = clock::start() + TIME;
        let mut accepted = self.accepted.lock();
        accepted[side] = true;
        self.changed.notify_all();
        while !accepted[1 - side] {
            if deadline <= clock::now() {
                return false;
            }
            self.changed.wait_until(&mut accepted, deadline);
        }
        true
    }
}

/// Both accept, the time runs out at any moment: both must conclude the same. They do not.
pub fn one_run() {
    let flags = Arc::new(TwoFlags::default());
    let [alice, bob] = [0, 1].map(|side| {
        let flags = Arc::clone(&flags);
        thread::spawn(move || flags.accept(side))
    });
    clock::advance_to(TIME);
    assert_eq!(alice.join().unwrap(), bob.join().unwrap(), "both conclude the same");
}
