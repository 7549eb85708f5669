//! Signals that ask the client to end: it logs out and leaves the terminal as it was.

use super::deliver::Deliver;

#[cfg(unix)]
pub(super) use unix::EndOnSignal;

#[cfg(unix)]
mod unix {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    };

    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    use super::Deliver;

    /// SIGINT, SIGTERM and SIGHUP become [`Input::End`]. A second one ends the process at once: somebody means it.
    ///
    /// It is also what makes Ctrl-C during a hidden line harmless: it is raised there as SIGINT before the mode of the
    /// terminal is put back.
    #[derive(Debug)]
    pub(in crate::client::terminal) struct EndOnSignal {
        heard: Arc<AtomicBool>,
    }

    impl EndOnSignal {
        /// `restore` leaves the terminal as it was found.
        pub(in crate::client::terminal) fn start(
            deliver: Deliver,
            restore: impl Fn() + Send + 'static,
        ) -> io::Result<Self> {
            let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
            let heard = Arc::new(AtomicBool::new(false));
            let before = Arc::clone(&heard);
            thread::Builder::new().name("signals".to_owned()).spawn(move || {
                for signal in signals.forever() {
                    if signal == SIGINT && deliver.is_uninterrupted() {
                        continue;
                    }
                    if before.swap(true, Ordering::SeqCst) {
                        restore();
                        let _ = emulate_default_handler(signal);
                    } else {
                        deliver.end_soon();
                    }
                }
            })?;
            Ok(Self { heard })
        }
    }

    impl Drop for EndOnSignal {
        /// Nobody is left to hear of an end: from now on the first signal ends the process.
        fn drop(&mut self) {
            self.heard.store(true, Ordering::SeqCst);
        }
    }
}

/// Elsewhere Ctrl-C ends the process by itself.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct EndOnSignal;

#[cfg(not(unix))]
impl EndOnSignal {
    pub(super) fn start(_: Deliver, _: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        Ok(Self)
    }
}
