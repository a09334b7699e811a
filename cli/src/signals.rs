//! Signals that ask a run to stop.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use toque_core::cancel::CancelToken;
use toque_core::failure::Failure;

use crate::output;

/// Lets SIGINT, SIGTERM and the SIGHUP of a lost terminal request a stop, which takes effect after
/// the work in progress.
/// # Errors
/// A process that can have no more files or threads.
pub(crate) fn stop_on_signals(stop: &CancelToken) -> Result<(), Failure> {
    let stop = stop.clone();
    let listening = Signals::new([SIGINT, SIGTERM, SIGHUP]).and_then(|mut signals| {
        std::thread::Builder::new().spawn(move || {
            for _ in signals.forever() {
                if !stop.requested() {
                    output::message(
                        "told to stop: what is in progress is finished first; once more ends it",
                    );
                }
                stop.request();
            }
        })
    });
    listening.map(drop).map_err(|error| {
        Failure::new(format!("cannot start the thread that listens for signals: {error}"))
            .hint("raise the limits of this process on tasks, files or address space")
    })
}
