//! What toque keeps between runs, below the state directory: the lock, owed notifications, the
//! history, backups, and what kinds remember. Everything here is toque's own; the machine itself is
//! only reached through `System`.

mod backup;
pub mod cookbooks;
mod history;
mod journal;
mod left_overs;
mod lock;
mod memory;
mod sequence;

use std::path::Path;

pub(crate) use backup::{Backups, DEFAULT_LIMIT};
pub use history::History;
pub use journal::{Debt, Journal};
pub(crate) use left_overs::LeftOvers;
pub use lock::RunLock;
pub use memory::{recall, remember};

use toque_core::failure::{ErrorContext, Failure};

/// The beginning of temporary names.
const TEMPORARY: &str = ".toque-making-";

/// Makes a directory of the state, readable by its owner only.
pub(crate) fn make_private(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .context("create the state directory", path)
        .map_err(hint)
}

/// Replaces a file of the state at once.
fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let Some(folder) = path.parent() else { return Ok(()) };
    make_private(folder)?;
    let write = || -> std::io::Result<()> {
        let mut file = temporary(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().context("write", path).map_err(hint)
}

/// Makes a file with a temporary name, which goes away unless it is given another.
fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)
}

fn hint(failure: Failure) -> Failure {
    if failure.hint.is_some() {
        failure
    } else {
        failure.hint("`--state-dir` names another state directory")
    }
}
