//! The kinds of resources that every Linux machine needs, and how each platform provides them.
//!
//! One file or folder per kind, named after it: the struct has the properties that recipes set, and
//! a `Provider` inspects the machine, plans and applies. `package` and `service` have a provider
//! for each package manager and init system, `user` and `group` those of the shadow suite.
//!
//! [`standard`] registers them all. [`simulated`] is a machine in memory with working `apt-get`,
//! `systemctl` and `useradd`, for tests and embedders. `shared` has the parts that several kinds
//! share, such as managed files, ownership, and the readers of what system tools print.

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
