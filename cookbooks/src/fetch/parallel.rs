//! Many things at once that mostly wait for servers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::system::HostSystem;

use crate::fetch::FetchContext;

/// How many servers are waited for at once.
const AT_ONCE: usize = 8;

/// Does something with each, and gives the results in their order. After a failure nothing further
/// is begun.
/// # Errors
/// That of the first of those that failed.
pub(crate) fn each<T: Sync, R: Send>(
    context: &FetchContext<'_>,
    all: &[T],
    act: impl Fn(&HostSystem, &T) -> Result<R, Diagnostic> + Sync,
) -> Result<Vec<R>, Diagnostic> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Option<Result<R, Diagnostic>>>> =
        Mutex::new(all.iter().map(|_| None).collect());
    let work = || {
        let system = (context.system)();
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(index) else { return };
            let result =
                if system.stop.requested() { Err(stopped().into()) } else { act(&system, one) };
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
        }
    };
    if all.len() == 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            (0..AT_ONCE.min(all.len())).for_each(|_| drop(scope.spawn(work)));
        });
    }
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

fn stopped() -> Failure {
    Failure { interrupted: true, ..Failure::new("it was stopped before everything was fetched") }
}
