//! The rendezvous and the group commit of src/server, as they are there, in a world where loom decides
//! which thread goes on.
//!
//! `parking_lot` is modelled (see shims/); the sources come through build.rs,
//! word for word but for the clock. The models are in [`server::rendezvous_models`] and
//! [`server::commit_models`]; tests/loom.rs runs them, and the broken variants, which must fail.

#![allow(dead_code, missing_docs)]

#[path = "../../../src/wire/mod.rs"]
pub mod wire;

pub mod server {
    //! What is around the two sources in src/server, as far as they name it.

    pub mod commit_models;
    pub mod rendezvous_models;
    pub mod two_flags;

    macro_rules! source {
        ($module:ident, $file:literal) => {
            #[allow(unused_imports)]
            mod $module {
                include!(concat!(env!("OUT_DIR"), "/", $file));
            }
        };
    }

    source!(rendezvous, "rendezvous.rs");
    source!(rendezvous_lost_notify, "rendezvous_lost_notify.rs");
    source!(rendezvous_late_deadline, "rendezvous_late_deadline.rs");
    source!(commit, "commit.rs");
    source!(commit_unsynced, "commit_unsynced.rs");
    source!(commit_late_batch, "commit_late_batch.rs");
    source!(commit_no_room, "commit_no_room.rs");
    source!(outgoing, "outgoing.rs");

    mod limits {
        use std::time::Duration;

        /// Lines of a model have one byte, and are more than this: want of room is among the cases.
        pub(super) const COMMIT_BYTES_WAITING_MAX: usize = 2;

        /// As the server has it: no model has so much to acknowledge.
        pub(super) const ACKNOWLEDGED_BYTES_STEP: usize = 256 * 1024;

        /// Only [`super::commit::Committer::start`] names it, which no model calls.
        pub(super) const COMMITTER_RESTS_AFTER: Duration = Duration::ZERO;
    }

    mod conversation_log {
        use std::fmt;

        #[derive(Debug)]
        pub(super) struct LogError;

        impl fmt::Display for LogError {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("the disk failed")
            }
        }

        impl std::error::Error for LogError {}

        pub(super) struct Log;
    }

    mod fail_stop {
        use super::conversation_log::LogError;

        /// The models ask the committer itself how it ended.
        #[derive(Clone, Default)]
        pub(super) struct FailStop;

        impl FailStop {
            pub(super) fn stop(&self, _reason: LogError) {}

            pub(super) fn stopped(&self) -> bool {
                false
            }
        }
    }

    mod error {
        use std::{error::Error, fmt};

        pub(super) struct Chain<'a>(pub(super) &'a dyn Error);

        impl fmt::Display for Chain<'_> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0, out)
            }
        }
    }
}
