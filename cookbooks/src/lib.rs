//! Cookbooks from elsewhere: choosing, fetching, verifying and publishing them.
//!
//! A [`Repository`] asks for cookbooks in its [`Cookfile`]. An install chooses versions, fetches
//! them and writes the [`Lockfile`], so that every machine uses the same. A run never chooses. The
//! crate does not print, exit, or read the environment.
//!
//! From the files of a repository to cookbooks on this machine:
//!
//! - [`manifest`]: `Cookfile.toml`, `Cookfile.lock` and `.toqueignore`
//! - [`repository`]: a repository, its requirements and its sources
//! - [`resolve`]: the choice of versions, and the explanation when none go together
//! - [`fetch`]: registries, git, archives and folders, and the cookbook in each
//! - [`cache`]: fetched cookbooks by checksum; garbage collection
//! - [`install`]: all of these in order; outdated cookbooks
//! - `staleness`: checks that a lockfile is still what its repository asks for
//! - [`verify`]: checks that cookbooks are what was locked
//! - [`edit`]: adds and removes entries of a Cookfile
//! - [`new`]: a cookbook to begin with
//!
//! From a repository to elsewhere:
//!
//! - [`package_contents`], [`package`]: the files to pack, and the archive
//! - [`vendor`]: the cookbooks of the lockfile as a folder of the repository
//! - [`index`]: a folder of archives as a registry
//!
//! Below all of them: [`directory_checksum`], `file_lock`.

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
