//! Signals that ask a run to stop.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use toque_core::cancel::CancelToken;

use crate::output;

/// Lets SIGINT, SIGTERM and the SIGHUP of a lost terminal request a stop, which takes effect after
/// the work in progress.
pub(crate) fn stop_on_signals(stop: &CancelToken) {
    let stop = stop.clone();
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if !stop.requested() {
                    output::message(
                        "told to stop: what is in progress is finished first; once more ends it",
                    );
                }
                stop.request();
            }
        });
    }
}
