//! One run at a time: the lock of a state directory.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use toque_core::cancel::CancelToken;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::system::System;
use toque_machine::trust::{Subject, Trust};

/// Held while a run lasts. However the process ends, the lock is let go when its last command has
/// ended too.
pub struct RunLock {
    file: File,
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Also where the guardian of the commands has it open. The kernel does it otherwise.
        let _ = self.file.unlock();
    }
}

impl RunLock {
    /// Has the lock held until the commands of a run have ended, also when the run is killed.
    /// # Errors
    /// When it cannot be shared.
    pub fn share(&self, system: &dyn System) -> Result<(), Failure> {
        let file = self.file.try_clone().map_err(|error| {
            Failure::new(format!("cannot share the lock of the state directory: {error}"))
        })?;
        system.hold_lock(file);
        Ok(())
    }

    /// Takes the lock, waiting for the run that holds it, for `timeout` at most. `waiting` is told
    /// the holder once. Nothing is written into a state directory that `trust` refuses.
    /// # Errors
    /// When the time is up (naming the holder), the run is told to stop, or the directory cannot be
    /// used.
    pub fn take(
        state_dir: &Path,
        trust: &Trust,
        timeout: Option<Duration>,
        stop: &CancelToken,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Self, Failure> {
        trust.folder(Subject::State, state_dir)?;
        super::make_private(state_dir)?;
        trust.folder(Subject::State, state_dir)?;
        let path = state_dir.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .context("open the lock", &path)?;
        let begun = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(Failure::io("lock", &path, &error));
                }
            }
            let mut holder = String::new();
            let read = file.rewind().and_then(|()| file.read_to_string(&mut holder));
            let holder = if read.is_ok() && !holder.trim().is_empty() {
                holder.trim()
            } else {
                "another process"
            };
            if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
                let seconds = begun.elapsed().as_secs();
                return Err(Failure::new(format!(
                    "another run holds `{}` and did not end within {seconds} s",
                    path.display()
                ))
                .note(format!("held by {holder}"))
                .hint("wait for it, or raise `--lock-timeout`"));
            }
            if stop.requested() {
                let mut failure =
                    Failure::new(format!("told to stop while waiting for the run of {holder}"));
                failure.interrupted = true;
                return Err(failure);
            }
            if !told {
                waiting(holder);
                told = true;
            }
            stop.wait(Duration::from_millis(100));
        }
        let note = format!(
            "process {} since {}",
            std::process::id(),
            jiff::Timestamp::now().strftime("%FT%TZ")
        );
        let write = || -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{note}")
        };
        let mut write = write;
        write().context("write the lock", &path)?;
        Ok(Self { file })
    }
}
