//! The meeting of two people: both answer, in their own time, and there is one outcome.
//!
//! [`Table`] is plain data: who answered what, and one write-once outcome a run. [`Rendezvous`] is the
//! table behind its lock, with the condition variable on which the one settler waits. Whoever notices
//! something (an answer, a withdrawal, a lost connection) writes it down and goes on; nobody but the
//! settler ever waits, and the settler costs nothing while nothing happens.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use parking_lot::{Condvar, Mutex};

use crate::wire::{Bytes, OwnCopy, Username};

/// The two members of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Members {
    /// Who invited first.
    pub(super) initiator: Username,
    /// Who was invited.
    pub(super) responder: Username,
}

impl Members {
    /// The two names, the initiator's first.
    pub(super) fn both(&self) -> [&Username; 2] {
        [&self.initiator, &self.responder]
    }
}

/// One member's acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acceptance {
    /// Proof of the key, for the other member.
    pub(super) proof: Bytes<32>,
    /// For a new key: the member's sealed copy.
    pub(super) copy: Option<OwnCopy>,
}

/// How a run was decided. Written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Both accepted.
    Accepted {
        initiator: Acceptance,
        responder: Acceptance,
    },
    Refused {
        by: Username,
    },
    Withdrawn {
        by: Username,
    },
    Lost {
        by: Username,
    },
    TimedOut,
}

/// A run that is over, taken out of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) run: u64,
    pub(super) members: Members,
    pub(super) decision: Decision,
}

/// There is no such run with that member in which that is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotOpen;

#[derive(Debug)]
struct Run {
    members: Members,
    deadline: Instant,
    /// The initiator's and the responder's.
    answers: [Option<Acceptance>; 2],
    /// Write-once: set at most once, never changed.
    decision: Option<Decision>,
}

/// All runs that are not settled yet.
///
/// Invariants: a run without a decision is in `deadlines`; one with a decision is in `decided`.
#[derive(Debug, Default)]
pub(super) struct Table {
    runs: HashMap<u64, Run>,
    deadlines: BTreeSet<(Instant, u64)>,
    decided: Vec<u64>,
}

impl Table {
    /// A run begins. Both have until `deadline` to answer.
    pub(super) fn begin(&mut self, run: u64, members: Members, deadline: Instant) {
        self.runs.insert(run, Run { members, deadline, answers: [None, None], decision: None });
        self.deadlines.insert((deadline, run));
    }

    /// A member accepts. The second acceptance decides the run.
    pub(super) fn answer(&mut self, run: u64, by: &Username, acceptance: Acceptance) -> Result<(), NotOpen> {
        let live = self.runs.get_mut(&run).filter(|live| live.decision.is_none()).ok_or(NotOpen)?;
        let place = live.members.both().iter().position(|name| *name == by).ok_or(NotOpen)?;
        let mine = live.answers.get_mut(place).filter(|mine| mine.is_none()).ok_or(NotOpen)?;
        *mine = Some(acceptance);
        if let [Some(initiator), Some(responder)] = &live.answers {
            let decision = Decision::Accepted { initiator: initiator.clone(), responder: responder.clone() };
            self.decide(run, decision);
        }
        Ok(())
    }

    /// A member ends the run. The first to decide it decides it for good.
    pub(super) fn end(&mut self, run: u64, decision: Decision) -> Result<(), NotOpen> {
        self.runs.get(&run).filter(|live| live.decision.is_none()).ok_or(NotOpen)?;
        self.decide(run, decision);
        Ok(())
    }

    /// Takes out every run that is decided, or whose time is over.
    pub(super) fn settled(&mut self, now: Instant) -> Vec<Settled> {
        while let Some(&(deadline, run)) = self.deadlines.first()
            && deadline <= now
        {
            self.decide(run, Decision::TimedOut);
        }
        let mut settled = Vec::with_capacity(self.decided.len());
        for run in self.decided.drain(..) {
            if let Some(Run { members, decision: Some(decision), .. }) = self.runs.remove(&run) {
                settled.push(Settled { run, members, decision });
            }
        }
        settled
    }

    /// When the next run's time is over, if nothing decides it before.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Writes a decision where there is none.
    fn decide(&mut self, run: u64, decision: Decision) {
        let Some(live) = self.runs.get_mut(&run) else { return };
        self.deadlines.remove(&(live.deadline, run));
        if live.decision.is_none() {
            live.decision = Some(decision);
            self.decided.push(run);
        }
    }
}

/// The table behind its lock.
#[derive(Debug, Default)]
pub(super) struct Rendezvous {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    table: Table,
    stopping: bool,
}

impl Rendezvous {
    /// As [`Table::begin`].
    pub(super) fn begin(&self, run: u64, members: Members, deadline: Instant) {
        let mut state = self.state.lock();
        let nearest = state.table.next_deadline();
        state.table.begin(run, members, deadline);
        // The settler sleeps until the nearest deadline it knew of.
        if nearest.is_none_or(|nearest| deadline < nearest) {
            self.changed.notify_one();
        }
    }

    /// As [`Table::answer`].
    pub(super) fn answer(&self, run: u64, by: &Username, acceptance: Acceptance) -> Result<(), NotOpen> {
        let mut state = self.state.lock();
        state.table.answer(run, by, acceptance)?;
        self.wake(&state);
        Ok(())
    }

    /// As [`Table::end`].
    pub(super) fn end(&self, run: u64, decision: Decision) -> Result<(), NotOpen> {
        let mut state = self.state.lock();
        state.table.end(run, decision)?;
        self.wake(&state);
        Ok(())
    }

    /// Waits until something is settled and takes all of it; `None` once the server stops.
    pub(super) fn wait(&self) -> Option<Vec<Settled>> {
        let mut state = self.state.lock();
        loop {
            let settled = state.table.settled(Instant::now());
            if !settled.is_empty() {
                return Some(settled);
            }
            if state.stopping {
                return None;
            }
            match state.table.next_deadline() {
                Some(deadline) => {
                    self.changed.wait_until(&mut state, deadline);
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// Lets the settler end once nothing is left to settle.
    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.changed.notify_all();
    }

    fn wake(&self, state: &State) {
        if !state.table.decided.is_empty() {
            self.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn members() -> Members {
        Members { initiator: name("alice"), responder: name("bob") }
    }

    fn acceptance(mark: u8) -> Acceptance {
        Acceptance { proof: Bytes([mark; 32]), copy: None }
    }

    #[test]
    fn both_acceptances_decide_and_nothing_changes_it_after() {
        let now = Instant::now();
        let mut table = Table::default();
        table.begin(1, members(), now + Duration::from_secs(1));
        assert_eq!(table.answer(2, &name("alice"), acceptance(1)), Err(NotOpen));
        assert_eq!(table.answer(1, &name("carol"), acceptance(1)), Err(NotOpen));
        table.answer(1, &name("alice"), acceptance(1)).unwrap();
        assert_eq!(table.answer(1, &name("alice"), acceptance(9)), Err(NotOpen), "an answer is given once");
        assert!(table.settled(now).is_empty());
        table.answer(1, &name("bob"), acceptance(2)).unwrap();
        assert_eq!(table.end(1, Decision::Lost { by: name("bob") }), Err(NotOpen));
        let settled = table.settled(now + Duration::from_secs(9));
        let decision = Decision::Accepted { initiator: acceptance(1), responder: acceptance(2) };
        assert_eq!(settled, [Settled { run: 1, members: members(), decision }]);
        assert!(table.settled(now + Duration::from_secs(9)).is_empty());
        assert_eq!(table.answer(1, &name("bob"), acceptance(2)), Err(NotOpen));
    }

    #[test]
    fn time_decides_only_what_nothing_else_decided() {
        let now = Instant::now();
        let mut table = Table::default();
        table.begin(1, members(), now + Duration::from_secs(1));
        table.begin(2, members(), now + Duration::from_secs(2));
        table.end(1, Decision::Refused { by: name("bob") }).unwrap();
        assert_eq!(table.next_deadline(), Some(now + Duration::from_secs(2)));
        let settled = table.settled(now + Duration::from_secs(3));
        let decisions: Vec<_> = settled.into_iter().map(|settled| (settled.run, settled.decision)).collect();
        assert_eq!(decisions, [(1, Decision::Refused { by: name("bob") }), (2, Decision::TimedOut)]);
        assert_eq!(table.next_deadline(), None);
    }

    #[test]
    fn the_settler_sleeps_until_something_is_written_and_ends_with_the_server() {
        let rendezvous = Rendezvous::default();
        let far = Instant::now() + Duration::from_secs(600);
        std::thread::scope(|scope| {
            let settler = scope.spawn(|| {
                let mut runs = Vec::new();
                while let Some(settled) = rendezvous.wait() {
                    runs.extend(settled.into_iter().map(|settled| settled.run));
                }
                runs
            });
            rendezvous.begin(1, members(), far);
            rendezvous.begin(2, members(), Instant::now());
            rendezvous.end(1, Decision::Withdrawn { by: name("alice") }).unwrap();
            rendezvous.begin(3, members(), far);
            rendezvous.answer(3, &name("bob"), acceptance(1)).unwrap();
            rendezvous.answer(3, &name("alice"), acceptance(1)).unwrap();
            rendezvous.begin(4, members(), Instant::now() + Duration::from_millis(20));
            while rendezvous.end(4, Decision::TimedOut).is_ok() {}
            rendezvous.stop();
            let mut runs = settler.join().unwrap();
            runs.sort_unstable();
            assert_eq!(runs, [1, 2, 3, 4]);
        });
    }

    #[test]
    fn a_settler_asleep_until_a_far_deadline_hears_of_a_nearer_one() {
        // It may not sleep yet when the nearer one comes: several times, so that once it does.
        for _ in 0..20 {
            let rendezvous = Rendezvous::default();
            rendezvous.begin(1, members(), Instant::now() + Duration::from_secs(600));
            std::thread::scope(|scope| {
                let settler = scope.spawn(|| rendezvous.wait());
                while rendezvous.changed.notify_all() == 0 {
                    std::thread::yield_now();
                }
                std::thread::yield_now();
                rendezvous.begin(2, members(), Instant::now());
                let settled = settler.join().unwrap().unwrap();
                assert_eq!(settled.iter().map(|settled| settled.run).collect::<Vec<_>>(), [2]);
            });
        }
    }

    /// The CPU time of a thread of this process, in clock ticks (proc(5), stat, fields 14 and 15).
    #[cfg(target_os = "linux")]
    fn ticks(thread: &str) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn waiting_for_two_people_costs_no_cpu() {
        let rendezvous = Rendezvous::default();
        rendezvous.begin(1, members(), Instant::now() + Duration::from_secs(600));
        rendezvous.answer(1, &name("alice"), acceptance(1)).unwrap();
        let (told, tell) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let link = std::fs::read_link("/proc/thread-self").unwrap();
                told.send(link.to_str().unwrap().to_owned()).unwrap();
                while rendezvous.wait().is_some() {}
            });
            let settler = tell.recv().unwrap();
            let before = ticks(&settler);
            std::thread::sleep(Duration::from_secs(1));
            let spent = ticks(&settler) - before;
            rendezvous.stop();
            // A loop that asks again and again takes all of a second's hundred.
            assert!(spent <= 5, "{spent} ticks in a second of waiting");
        });
    }

    #[derive(Debug, Clone)]
    enum Step {
        Accept(bool),
        End(bool),
        Look(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<bool>().prop_map(Step::Accept),
            any::<bool>().prop_map(Step::End),
            (0_u64..4).prop_map(Step::Look),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_a_run_is_settled_once(steps in prop::collection::vec(step(), 0..12)) {
            let start = Instant::now();
            let mut table = Table::default();
            table.begin(7, members(), start + Duration::from_secs(3));
            let mut settled = Vec::new();
            let who = |first| if first { name("alice") } else { name("bob") };
            for step in steps {
                match step {
                    Step::Accept(first) => {
                        let _ = table.answer(7, &who(first), acceptance(1));
                    }
                    Step::End(first) => {
                        let _ = table.end(7, Decision::Refused { by: who(first) });
                    }
                    Step::Look(seconds) => settled.extend(table.settled(start + Duration::from_secs(seconds))),
                }
            }
            settled.extend(table.settled(start + Duration::from_secs(3)));
            prop_assert_eq!(settled.len(), 1);
            prop_assert!(table.runs.is_empty() && table.deadlines.is_empty());
        }
    }
}
