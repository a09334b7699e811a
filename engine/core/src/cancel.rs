//! Stopping a run: asked once it ends after the work in progress, asked again (or when its patience
//! ends) that work is ended too.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the work in progress may go on after the first request.
pub(crate) const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Shared by the run, the machine and whoever hears the signals; clones are the same stop.
#[derive(Debug, Clone)]
pub struct CancelToken(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    requested: Option<Instant>,
    again: bool,
    timeout: Duration,
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new(DEFAULT_STOP_TIMEOUT)
    }
}

impl CancelToken {
    /// A stop that is forced `timeout` after the first request.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let state = Mutex::new(State { requested: None, again: false, timeout });
        Self(Arc::new(Shared { state, changed: Condvar::new() }))
    }

    /// Asks to stop; the second request forces it.
    pub fn request(&self) {
        let mut state = self.state();
        if state.requested.is_some() {
            state.again = true;
        } else {
            state.requested = Some(Instant::now());
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether nothing further should be begun.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.state().requested.is_some()
    }

    /// Whether what is in progress should be ended too.
    #[must_use]
    pub fn forced(&self) -> bool {
        let state = self.state();
        state.again || state.requested.is_some_and(|at| at.elapsed() >= state.timeout)
    }

    /// Sleeps, but no longer than until a stop is requested; says whether it slept all the time.
    pub fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let waited =
            self.0.changed.wait_timeout_while(state, time, |state| state.requested.is_none());
        // A poisoned lock holds a valid state all the same: nothing panics while it is half
        // changed.
        waited.unwrap_or_else(PoisonError::into_inner).0.requested.is_none()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_request_forces() {
        let stop = CancelToken::default();
        assert!(!stop.requested() && !stop.forced());
        stop.clone().request();
        assert!(stop.requested() && !stop.forced());
        stop.request();
        assert!(stop.forced());
    }

    #[test]
    fn patience_ends() {
        let stop = CancelToken::new(Duration::from_millis(10));
        stop.request();
        std::thread::sleep(Duration::from_millis(20));
        assert!(stop.forced());
    }

    #[test]
    fn a_request_ends_a_wait() {
        let stop = CancelToken::default();
        let other = stop.clone();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            other.request();
        });
        assert!(stop.wait(Duration::from_millis(1)));
        assert!(!stop.wait(Duration::from_secs(20)));
        assert!(begun.elapsed() < Duration::from_secs(10));
        thread.join().unwrap();
    }
}
