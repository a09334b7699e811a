//! The attacker: a process of the user who owns the folder, which exchanges an entry and a link
//! until it is killed.

use std::convert::Infallible;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// A process that swaps. It ends when it is dropped.
pub(crate) struct Attacker(Child);

impl Attacker {
    pub(crate) fn new(here: &Path, there: &Path, uid: u32) -> Self {
        let program = env::current_exe().expect("the path of this program");
        let child = Command::new(program)
            .arg("swap")
            .args([here, there])
            .uid(uid)
            .gid(uid)
            .spawn()
            .expect("this program can be run");
        Self(child)
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Exchanges two entries, now fast and now slowly, so that every step of a run meets either.
pub(crate) fn for_ever(here: &str, there: &str) -> Infallible {
    let mut turn = std::process::id();
    loop {
        // One of them may be missing for a moment, while the run works there.
        let _ = renameat2(AT_FDCWD, here, AT_FDCWD, there, RenameFlags::RENAME_EXCHANGE);
        turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match turn >> 28 {
            0..=9 => {}
            10..=13 => sleep(Duration::from_micros(20)),
            _ => sleep(Duration::from_millis(1)),
        }
    }
}
