//! The machine: files, processes, accounts, facts and content from elsewhere, real and simulated.
//!
//! It knows nothing of cookbooks, stacks and resources.
//!
//! - [`system`]: the machine as two traits, `Query` to read and `System` to change; the real
//!   machine, its processes and HTTP; a machine in memory
//! - [`removal`]: the rule for directories that are removed with all that is in them
//! - [`temporary_name`]: names of what is made for a moment
//! - [`trusted_link`]: the rule for the symbolic links that are followed
//! - [`trust`]: the rule for the files that decide what toque runs
//! - [`view`]: the machine as a run sees it: what was read once, and the changes that a plan
//!   assumes
//! - [`planned`]: those changes, and the uncertainty that they leave
//! - [`areas`]: parts of the machine that are read as a whole, and dropped when they change
//! - [`content`]: content of files, in memory or in pieces from a disk
//! - [`command`]: a process to run, and its output
//! - [`atomic_write`]: files and folders that are written whole or not at all
//! - [`accounts`]: users and groups by name and number
//! - [`facts`]: the properties of the machine under Ohai's names, each read on first use; facts of
//!   cookbooks, and shipped facts of other platforms
//! - [`source`]: git repositories, archives and objects in S3, fetched and unpacked
//! - [`property`]: types that properties of many kinds share: modes, accounts, command lines

pub mod removal;
pub mod system;
pub mod temporary_name;
pub mod trust;
pub mod trusted_link;

pub mod areas;
pub mod atomic_write;
pub mod planned;
pub mod view;

pub mod accounts;
pub mod command;
pub mod content;
pub mod facts;
pub mod property;
pub mod source;
