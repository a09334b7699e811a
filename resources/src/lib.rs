//! The standard kinds of resources, and their providers for each platform.
//!
//! A kind has one file or folder of its name: a struct with the properties that recipes set, and a
//! `Provider` that inspects, plans and applies. `package` and `service` have a provider for each
//! package manager and init system, `user` and `group` those of the shadow suite.
//!
//! - [`standard`]: the registry of all kinds
//! - [`simulated`]: a machine in memory with working `apt-get`, `systemctl` and `useradd`, for
//!   tests and embedders
//! - `shared`: parts that several kinds share
//! - `managed_file`: files with content: inspect, plan, verify, diff, apply
//! - `ownership`, `account_ids`: owner, group and mode; the ids that new accounts would get
//! - `trusted_path`: the check that only root and the owner can redirect a path
//! - `target_directory`, `from_source`: directories that are filled from git or an archive
//! - `process`: kinds that run one command
//! - `parse`: readers of what system tools print, with captured fixtures in `fixtures/`
//! - `testing`: a run of one resource on a machine in memory, which holds the plan against the
//!   changes

mod apt_update;
mod archive_file;
mod block;
mod cookbook_file;
mod deploy;
mod directory;
mod execute;
mod facts;
mod file;
mod git;
mod group;
mod link;
mod log;
mod notify_group;
mod package;
mod remote_directory;
mod remote_file;
mod script;
mod service;
mod shared;
pub mod simulated;
mod systemd_unit;
mod template;
#[cfg(test)]
mod testing;
mod user;

/// For the fuzz targets alone.
#[doc(hidden)]
pub use shared::parse;

use toque_contract::registry::{Kind, Registry};

use shared::{from_source, managed_file, process};

/// Returns every kind of this crate with its providers.
#[must_use]
pub fn standard() -> Registry {
    Registry::new()
        .with(Kind::of::<file::File>().provider(managed_file::Provider::new()))
        .with(Kind::of::<template::Template>().provider(managed_file::Provider::new()))
        .with(Kind::of::<cookbook_file::CookbookFile>().provider(managed_file::Provider::new()))
        .with(Kind::of().provider(remote_file::Provider))
        .with(Kind::of().provider(remote_directory::Provider))
        .with(Kind::of::<archive_file::ArchiveFile>().provider(from_source::Provider::new()))
        .with(Kind::of::<git::Git>().provider(from_source::Provider::new()))
        .with(Kind::of().provider(directory::Provider))
        .with(Kind::of().provider(link::Provider))
        .with(Kind::of().provider(deploy::Provider))
        .with(Kind::of().provider(package::Apt::default()).provider(package::Dnf::default()))
        .with(Kind::of().provider(apt_update::Provider))
        .with(Kind::of().provider(service::Systemd).provider(service::Sysv))
        .with(Kind::of().provider(systemd_unit::Provider))
        .with(Kind::of().provider(user::Useradd))
        .with(Kind::of().provider(group::Groupadd))
        .with(Kind::of::<execute::Execute>().provider(process::Provider::new()))
        .with(Kind::of::<script::Script<script::Any>>().provider(process::Provider::new()))
        .with(Kind::of::<script::Script<script::BashOnly>>().provider(process::Provider::new()))
        .with(Kind::of().provider(log::Provider))
        .with(Kind::of().provider(notify_group::Provider))
        .with(Kind::of().provider(block::Provider))
        .with(Kind::of().provider(facts::Provider))
}
