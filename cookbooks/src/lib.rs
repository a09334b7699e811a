//! Cookbooks from many sources. A [`Repository`] asks for them in its [`Cookfile`]; an install
//! chooses versions, fetches them and writes the [`Lockfile`], so that every machine uses the same.
//! The crate does not print, exit, or read the environment.
//!
//! From the files of a repository to cookbooks on this machine:
//!
//! - [`manifest`]: `Cookfile.toml`, `Cookfile.lock` and `.toqueignore`
//! - [`repository`]: a repository, what it asks for, and its sources
//! - [`resolve`]: choosing versions, and explaining why none go together
//! - [`fetch`]: registries, git, archives and folders, and the cookbook in what they have
//! - [`cache`]: cookbooks that were fetched, by checksum; garbage collection
//! - [`install`]: all of these in order; cookbooks that are outdated
//! - `staleness`: whether a lockfile is still what its repository asks for
//! - [`edit`], [`text`]: adding and removing entries of a Cookfile
//! - [`verify`]: whether cookbooks are what was locked
//! - [`new`]: a cookbook to begin with
//!
//! From a repository to elsewhere:
//!
//! - [`package_contents`], [`package`]: what is packed, and the archive
//! - [`vendor`]: cookbooks as a folder that is kept with a repository
//! - [`index`]: a folder of archives as a registry
//!
//! Below all of them: `atomic_write`, `directory_checksum`, `file_lock`, `read_optional`, `sha256`.

mod atomic_write;
pub mod cache;
pub mod directory_checksum;
pub mod edit;
pub mod fetch;
mod file_lock;
pub mod index;
pub mod install;
pub mod manifest;
pub mod new;
pub mod package;
pub mod package_contents;
mod read_optional;
pub mod repository;
pub mod resolve;
mod sha256;
mod staleness;
pub mod vendor;
pub mod verify;

pub use self::cache::Cache;
pub use self::fetch::FetchContext;
pub use self::install::InstallOptions;
pub use self::manifest::cookfile::Cookfile;
pub use self::manifest::lockfile::Lockfile;
pub use self::repository::{Repository, Update};
