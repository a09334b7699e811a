//! The kinds of resources that every Linux machine needs, and how each platform provides them.

mod checksum;
mod content;
mod cookbook_file;
mod directory;
mod file;
mod link;
mod ownership;
mod path;
mod remote_directory;
mod remote_file;
mod template;

use toque_engine::registry::{Kind, Registry};

/// Every kind of this crate with its providers.
#[must_use]
pub fn standard() -> Registry {
    Registry::new()
        .with(Kind::of::<file::File>().provider(content::Files::new()))
        .with(Kind::of::<template::Template>().provider(content::Files::new()))
        .with(Kind::of::<cookbook_file::CookbookFile>().provider(content::Files::new()))
        .with(Kind::of::<remote_file::RemoteFile>().provider(remote_file::Downloads))
        .with(Kind::of::<remote_directory::RemoteDirectory>().provider(remote_directory::Copies))
        .with(Kind::of::<directory::Directory>().provider(directory::Directories))
        .with(Kind::of::<link::Link>().provider(link::Links))
}
