//! Bringing apt's package lists up to date.

use std::path::Path;
use std::time::Duration;

use super::optional;
use indexmap::IndexMap;
use toque_contract::resource::Apply;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::command::Command;
use toque_machine::system::{FileKind, Ownership};

/// How long another program may hold a lock of the package manager.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(300);
const BETWEEN_TRIES: Duration = Duration::from_secs(3);

/// Debian's own periodic jobs note here when they last succeeded, and so does this.
pub(crate) const STAMP: &str = "/var/lib/apt/periodic/update-success-stamp";

/// Runs `apt-get update`, once whoever else does has ended: apt waits for dpkg's lock, but not for
/// that of the lists.
pub(crate) fn refresh(
    apply: &Apply<'_>,
    timeout: Duration,
    environment: &IndexMap<String, String>,
) -> Result<(), Failure> {
    let mut command = Command::new(["apt-get", "-q", "-y", "update"])
        .timeout(timeout)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command.environment.extend(environment.clone());
    let mut waited = Duration::ZERO;
    loop {
        let output = apply.output(&command)?;
        if output.success() {
            return stamp(apply);
        }
        if !output.stderr().contains("Could not get lock") || waited >= LOCK_TIMEOUT {
            return Err(output
                .failure(&command, apply.sensitive)
                .hint("see that the repositories in /etc/apt are right and can be reached"));
        }
        if !apply.system.wait(BETWEEN_TRIES) {
            let mut failure = output.failure(&command, apply.sensitive);
            failure.interrupted = true;
            return Err(failure);
        }
        waited += BETWEEN_TRIES;
    }
}

fn stamp(apply: &Apply<'_>) -> Result<(), Failure> {
    let path = Path::new(STAMP);
    let system = apply.system;
    if optional::is(system.as_query(), path, FileKind::File)? {
        return system.touch(path).context("set the time of", path);
    }
    let folder = path.parent().unwrap_or(path);
    match system.create_dir(folder, &Ownership::of_mode(0o755)) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => other.context("create", folder)?,
    }
    system.replace(path, b"", &Ownership::of_mode(0o644)).context("write", path)
}

#[cfg(test)]
mod tests {
    use toque_machine::command::{End, Output};
    use toque_machine::system::FakeSystem;
    use toque_machine::view::View;

    use super::*;
    use crate::testing::Bench;

    /// How often the lists were asked for while another program has their lock.
    fn tries(bench: &Bench) -> (usize, Failure) {
        let locked = Output {
            end: End::Exited(100),
            stderr: b"E: Could not get lock /var/lib/apt/lists/lock.".to_vec(),
            ..Output::default()
        };
        bench.fake.install_program("apt-get", move |_: &FakeSystem, _: &Command| locked.clone());
        let view = View::new(&bench.fake);
        let apply = Apply {
            system: &bench.fake,
            view: &view,
            services: bench,
            sensitive: false,
            notes: Vec::new(),
        };
        let failure = refresh(&apply, Duration::from_secs(1), &IndexMap::new()).unwrap_err();
        (
            bench
                .fake
                .take_effects()
                .iter()
                .filter(|effect| effect.starts_with("run apt-get"))
                .count(),
            failure,
        )
    }

    #[test]
    fn who_is_told_to_stop_does_not_wait_for_a_lock() {
        let bench = Bench::new();
        let (count, failure) = tries(&bench);
        assert_eq!((count, failure.interrupted), (101, false));
        bench.fake.stop_waiting();
        let (count, failure) = tries(&bench);
        assert_eq!((count, failure.interrupted), (1, true));
    }
}
