//! Locks that keep processes apart.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use toque_core::cancel::CancelToken;
use toque_core::failure::Failure;

/// How long another process may work with a clone, a repository or the whole cache.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);
/// The time between two attempts.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// Waits until nobody else has a lock.
/// # Errors
/// When somebody has it for too long.
pub(crate) fn wait_for(
    lock: &File,
    patience: Duration,
    stop: &CancelToken,
    what: &Path,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        match try_lock(lock) {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                if !stop.wait(PAUSE) {
                    let message = format!(
                        "it was stopped while another process worked with `{}`",
                        what.display()
                    );
                    return Err(Failure { interrupted: true, ..Failure::new(message) });
                }
            }
            Err(TryLockError::WouldBlock) => {
                let (what, seconds) = (what.display(), patience.as_secs());
                return Err(Failure::new(format!(
                    "another process did not end its work with `{what}` in {seconds} seconds"
                ))
                .hint("look what it does, and try again"));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::io("lock", what, &error)),
        }
    }
}
