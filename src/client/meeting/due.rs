//! How long a run may stand still: what two programs and a server do by themselves takes a moment, and
//! what is typed meanwhile is kept for the question after it.

use std::time::{Duration, Instant};

use super::{Meeting, Progress, Stage};
use crate::client::words;

/// How long the peer's program may take for a step. It waits for no person, but its line may be a bad one.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the server may take to say how a run ended that is over here.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);

impl Meeting {
    /// Until when the peer's program is to go on with it, or the server to end it. `None` while a person
    /// has the word.
    pub(in crate::client) fn due(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Asking(_) | Stage::Accepted(..) => None,
            Stage::Over => Some(self.moved_at + OUTCOME_TIMEOUT),
            Stage::Awaiting | Stage::Offered(_) | Stage::Replied(_) | Stage::Resuming(_) => {
                Some(self.moved_at + STEP_TIMEOUT)
            }
        }
    }

    /// Nothing came in time. `None` when the run is over here already: then it is the server that owes.
    pub(in crate::client) fn give_up(&mut self) -> Option<Progress> {
        if matches!(self.stage, Stage::Over) {
            return None;
        }
        self.stage = Stage::Over;
        self.moved_at = Instant::now();
        Some(Progress::Fail(None, words::no_step_came(&self.peer, STEP_TIMEOUT.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{
            meeting::{Known, Start},
            pins::PeerPins,
        },
        crypto::key_file::Unlocked,
        wire::Role,
    };

    #[test]
    fn a_run_that_stands_still_is_given_up_and_then_the_server_owes_its_end() {
        let (me, keys, pins) = ("alice".parse().unwrap(), Unlocked::insecure(1), PeerPins::default());
        let known = Known {
            me: &me,
            keys: &keys,
            pins: &pins,
            epoch_floor: 0,
            kept_key_declined: false,
            reopening: None,
            asked_by_itself: false,
        };
        for role in [Role::Initiator, Role::Responder] {
            let start = Start { peer: "bob".parse().unwrap(), run: 1, role, new_key: false, kept: None };
            let (mut run, _) = Meeting::begin(start, &known).map_err(|why| why.text().to_owned()).unwrap();
            assert!(run.due().is_some_and(|due| due <= Instant::now() + STEP_TIMEOUT));
            let Some(Progress::Fail(None, why)) = run.give_up() else { panic!("it goes on") };
            assert_eq!(
                why.text(),
                "bob's client did not answer for 60 seconds: given up; no key was agreed on"
            );
            assert!(run.due().is_some_and(|due| due <= Instant::now() + OUTCOME_TIMEOUT));
            assert!(run.give_up().is_none());
        }
    }
}
