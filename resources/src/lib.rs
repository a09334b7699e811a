//! The kinds of resources that every Linux machine needs, and how each platform provides them.

mod apt_lists;
pub mod apt_update;
pub mod archive_file;
pub mod block;
mod checksum;
mod content;
pub mod cookbook_file;
pub mod deploy;
mod destination;
pub mod directory;
pub mod execute;
pub mod facts;
pub mod file;
pub mod git;
pub mod group;
pub mod link;
pub mod log;
pub mod notify_group;
mod numbers;
mod ownership;
pub mod package;
/// For the fuzz targets: nothing outside may depend on it.
#[doc(hidden)]
pub mod parse;
mod path;
pub mod remote_directory;
pub mod remote_file;
pub mod script;
pub mod service;
pub mod simulated;
pub mod systemd_unit;
pub mod template;
#[cfg(test)]
mod testing;
pub mod user;
mod way;

use toque_engine::registry::{Kind, Registry};

/// Every kind of this crate with its providers.
#[must_use]
pub fn standard() -> Registry {
    Registry::new()
        .with(Kind::of::<file::File>().provider(content::Files::new()))
        .with(Kind::of::<template::Template>().provider(content::Files::new()))
        .with(Kind::of::<cookbook_file::CookbookFile>().provider(content::Files::new()))
        .with(Kind::of().provider(remote_file::Downloads))
        .with(Kind::of().provider(remote_directory::Copies))
        .with(Kind::of().provider(archive_file::Unpacks))
        .with(Kind::of().provider(git::Clones))
        .with(Kind::of().provider(directory::Directories))
        .with(Kind::of().provider(link::Links))
        .with(Kind::of().provider(deploy::Releases))
        .with(Kind::of().provider(package::Apt::default()).provider(package::Dnf::default()))
        .with(Kind::of().provider(apt_update::AptUpdate))
        .with(Kind::of().provider(service::Systemd).provider(service::Sysv))
        .with(Kind::of().provider(systemd_unit::UnitFile))
        .with(Kind::of().provider(user::Useradd))
        .with(Kind::of().provider(group::Groupadd))
        .with(Kind::of().provider(execute::Run))
        .with(Kind::of().provider(script::Interpreted::<script::Any>::new()))
        .with(Kind::of().provider(script::Interpreted::<script::BashOnly>::new()))
        .with(Kind::of().provider(log::Write))
        .with(Kind::of().provider(notify_group::FanOut))
        .with(Kind::of().provider(block::Call))
        .with(Kind::of().provider(facts::Reload))
}
