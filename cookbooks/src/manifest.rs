//! The files of a repository that say which cookbooks it has, and what is packed of it.

pub mod cookfile;
pub mod lockfile;
pub(crate) mod toqueignore;
