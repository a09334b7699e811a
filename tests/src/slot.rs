//! At most two hosts run at once on a machine, whoever boots them: more would only slow each
//! other down, and tests have time limits. Hosts of one network, which are busy in turn, may be
//! more, and are alone.

use std::fs::{self, File, TryLockError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::remains;

/// The right to run hosts, as long as a clone of it is there. It ends with the process that holds
/// it, however that ends.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    _locked: Arc<File>,
}

pub(crate) const AT_ONCE: usize = 2;

/// Longer than any test may take.
const PATIENCE: Duration = Duration::from_secs(600);

impl Slot {
    /// Waits for `COUNT` places to run hosts in, and clears away those whose owners are dead.
    ///
    /// One at a time stands at the gate and waits for slots, so who needs two gets them, and
    /// nobody sweeps while another does.
    pub(crate) fn take<const COUNT: usize>() -> [Slot; COUNT] {
        const { assert!(COUNT <= AT_ONCE) };
        let deadline = Instant::now() + PATIENCE;
        let _gate = wait_for(&["gate"], deadline);
        let slots = [(); COUNT]
            .map(|()| Slot { _locked: Arc::new(wait_for(&["slot-0", "slot-1"], deadline)) });
        remains::sweep();
        slots
    }
}

/// Locks one of `names`, whichever is free first.
fn wait_for(names: &[&str], deadline: Instant) -> File {
    let directory = remains::DIRECTORY;
    fs::create_dir_all(directory)
        .unwrap_or_else(|error| panic!("cannot make {directory}: {error}"));
    loop {
        for name in names {
            let path = format!("{directory}/{name}");
            let file =
                File::create(&path).unwrap_or_else(|error| panic!("cannot open {path}: {error}"));
            match file.try_lock() {
                Ok(()) => return file,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => panic!("cannot lock {path}: {error}"),
            }
        }
        assert!(
            Instant::now() < deadline,
            "no host could be booted for {PATIENCE:?}: {AT_ONCE} are running. \
             A test that holds one host and boots another may wait for itself; it wants `Host::boot_pair` or a `Network`."
        );
        thread::sleep(Duration::from_millis(10));
    }
}
