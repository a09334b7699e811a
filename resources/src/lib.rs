//! The kinds of resources that every Linux machine needs, and how each platform provides them.

mod checksum;
mod content;
pub mod cookbook_file;
pub mod directory;
pub mod file;
pub mod link;
mod ownership;
mod path;
pub mod remote_directory;
pub mod remote_file;
pub mod template;
#[cfg(test)]
mod testing;

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
        .with(Kind::of().provider(directory::Directories))
        .with(Kind::of().provider(link::Links))
}
