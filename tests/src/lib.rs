//! Throwaway machines for acceptance tests.
//!
//! Acceptance tests run on real machines, not on mocks: [`Host::boot`] starts one in about half a
//! second, the test converges it and looks at what became of it, and dropping the `Host` leaves
//! nothing behind.
//!
//! ```no_run
//! use toque_acceptance::{Host, Image, toque_binary};
//!
//! let host = Host::boot(Image::Debian12);
//! host.copy_in(toque_binary(), "/usr/local/bin/toque");
//! host.write("/etc/motd", "before");
//! host.ok(["toque", "--version"]);
//! assert_eq!(host.read("/etc/motd"), "before");
//! ```
//!
//! A host is an overlay on a cached Debian root ([`Image`]) with `systemd-nspawn` around it. It
//! has its own network, in which there is only a loopback or what it shares with the hosts of the
//! same [`Network`], and takes its packages from a repository beside the root, so a test needs no
//! network of its machine and always meets the same versions.
//! Roots and repositories are made by the first boot, or beforehand by `prepare`.
//!
//! All of it needs root, and a machine of the Debian family.
//!
//! - `host`, `network`: a machine of a test, and a network of several
//! - `image`, `root`, `recipe`, `repository`, `probe`: the images, the roots that they are made of,
//!   and the packages that hosts can install
//! - `machine`, `cache`: the machine that the tests run on, and the things that it keeps
//! - `slot`, `cgroup`, `name`, `remains`: limits, names, and removal of what killed tests left
//! - `command`: commands on a host
//! - `server`: documents on loopback, without a host
//! - [`book`], [`stack`]: blocks of the documentation; the steps of `examples/stack`

#![allow(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on says why and ends"
)]

pub mod book;
mod cache;
mod cgroup;
mod command;
mod host;
mod image;
mod machine;
mod name;
mod network;
mod probe;
mod recipe;
mod remains;
mod repository;
mod root;
mod server;
mod slot;
pub mod stack;

use std::env;
use std::path::PathBuf;

pub use command::{Background, Command, Output};
pub use host::Host;
pub use image::Image;
pub use network::Network;
pub use remains::{remains, sweep};
pub use server::serve;

/// Returns the binary under test: the one that `TOQUE_BINARY` names, else the one that was built
/// with this program.
pub fn toque_binary() -> PathBuf {
    if let Some(path) = env::var_os("TOQUE_BINARY") {
        return path.into();
    }
    let program = env::current_exe().expect("a program has a path");
    // Tests are one folder further down.
    let mut beside = program.ancestors().skip(1).take(2).map(|folder| folder.join("toque"));
    beside.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("no toque near {}: build it too, or name it in TOQUE_BINARY", program.display())
    })
}
