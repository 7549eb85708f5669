//! Two people, a settler and a timer: one write-once outcome, which both are told, and nobody waits for ever.

use std::{sync::Arc, time::Duration};

use loom::thread;
use parking_lot::clock;

use crate::wire::Username;

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// How long the people have.
const TIME: Duration = Duration::from_secs(10);

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Accept,
    Refuse,
    Withdraw,
    Leave,
    /// Nothing: only time can end it.
    Sleep,
}

macro_rules! models {
    ($module:ident) => {
        pub mod $module {
            use super::*;
            use crate::{
                server::$module::{Acceptance, Decision, Members, Rendezvous},
                wire::Bytes,
            };

            fn acceptance(mark: u8) -> Acceptance {
                Acceptance { proof: Bytes([mark; 32]), copy: None }
            }

            fn members() -> Members {
                Members { initiator: name("alice"), responder: name("bob") }
            }

            /// Does it; whether it counted.
            fn act(rendezvous: &Rendezvous, run: u64, by: &str, act: Act) -> bool {
                let by = name(by);
                let done = match act {
                    Act::Accept => rendezvous.answer(run, &by, acceptance(1)),
                    Act::Refuse => rendezvous.end(run, Decision::Refused { by }),
                    Act::Withdraw => rendezvous.end(run, Decision::Withdrawn { by }),
                    Act::Leave => rendezvous.end(run, Decision::Lost { by }),
                    Act::Sleep => return false,
                };
                done.is_ok()
            }

            /// Alice and Bob each act on a thread, with `timer` the time runs out at any moment, and this
            /// thread is the settler. It always wakes, settles once, and what it tells both is what the acts
            /// that counted say.
            pub fn one_run(acts: [Act; 2], timer: bool) {
                let rendezvous = Arc::new(Rendezvous::default());
                rendezvous.begin(1, members(), clock::start() + TIME);
                let timer_thread = timer.then(|| thread::spawn(|| clock::advance_to(TIME)));
                let people = [(acts[0], "alice"), (acts[1], "bob")].map(|(does, by)| {
                    let rendezvous = Arc::clone(&rendezvous);
                    (does != Act::Sleep).then(|| thread::spawn(move || act(&rendezvous, 1, by, does)))
                });
                let settled = rendezvous.wait().unwrap();
                assert_eq!(settled.len(), 1, "settled once");
                // Nothing that happens from now on may change it: those who come late are told so.
                let counted = people.map(|person| person.is_some_and(|person| person.join().unwrap()));
                if let Some(timer) = timer_thread {
                    timer.join().unwrap();
                }
                check(acts, counted, timer, &settled[0].decision);
                assert!(!act(&rendezvous, 1, "bob", Act::Leave), "nothing changes it after");
                rendezvous.stop();
                assert!(rendezvous.wait().is_none(), "and there is nothing more to settle");
            }

            /// A stop comes at any moment: what was decided before is still settled, and the settler ends.
            pub fn a_stop(acts: [Act; 2]) {
                let rendezvous = Arc::new(Rendezvous::default());
                rendezvous.begin(1, members(), clock::start() + TIME);
                let settling = Arc::clone(&rendezvous);
                let settler = thread::spawn(move || {
                    let mut settled = Vec::new();
                    while let Some(more) = settling.wait() {
                        settled.extend(more);
                    }
                    settled
                });
                let acting = Arc::clone(&rendezvous);
                let alice = thread::spawn(move || act(&acting, 1, "alice", acts[0]));
                let counted = act(&rendezvous, 1, "bob", acts[1]);
                rendezvous.stop();
                let counted = [alice.join().unwrap(), counted];
                let settled = settler.join().unwrap();
                assert!(settled.len() <= 1, "settled once");
                match settled.first() {
                    Some(settled) => check(acts, counted, false, &settled.decision),
                    // Decided after the settler's end, or not at all: before it, only alice's can be open.
                    None => {
                        assert!(!counted[1] || acts[1] == Act::Accept, "what came before the stop is settled")
                    }
                }
            }

            /// What was decided is what the acts that counted say.
            fn check(acts: [Act; 2], counted: [bool; 2], timer: bool, told: &Decision) {
                let ended: Vec<_> = (0..2).filter(|at| counted[*at] && acts[*at] != Act::Accept).collect();
                assert!(ended.len() <= 1, "at most one ended it");
                let who = ended.first().map(|at| name(["alice", "bob"][*at]));
                match told {
                    Decision::Accepted { .. } => assert_eq!((acts, counted), ([Act::Accept; 2], [true; 2])),
                    Decision::Refused { by } | Decision::Withdrawn { by } | Decision::Lost { by } => {
                        assert_eq!(Some(by), who.as_ref());
                    }
                    Decision::TimedOut => assert!(timer && who.is_none() && counted != [true; 2]),
                }
            }

            /// Two runs, the later one with the nearer deadline: the settler, asleep until the far one,
            /// must hear of it.
            pub fn a_nearer_deadline() {
                let rendezvous = Arc::new(Rendezvous::default());
                rendezvous.begin(1, members(), clock::start() + 9 * TIME);
                let settling = Arc::clone(&rendezvous);
                let settler = thread::spawn(move || {
                    let mut runs = Vec::new();
                    // Nothing but the deadline may wake it: a stop would.
                    while runs.len() < 2 {
                        let settled = settling.wait().unwrap_or_default();
                        runs.extend(settled.into_iter().map(|settled| settled.run));
                        if runs.len() == 1 {
                            assert!(act(&settling, 1, "bob", Act::Leave), "the far one is still open");
                        }
                    }
                    runs
                });
                let beginning = Arc::clone(&rendezvous);
                let caller = thread::spawn(move || beginning.begin(2, members(), clock::start() + TIME));
                caller.join().unwrap();
                // Only once it began: a deadline that passes before the run is there is no timeout.
                clock::advance_to(TIME);
                assert_eq!(settler.join().unwrap(), [2, 1]);
                rendezvous.stop();
                assert!(rendezvous.wait().is_none(), "and then it ends");
            }
        }
    };
}

models!(rendezvous);
models!(rendezvous_lost_notify);
models!(rendezvous_late_deadline);
