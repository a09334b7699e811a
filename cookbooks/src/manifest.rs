//! The files of a repository that say which cookbooks it has.

pub mod cookfile;
pub mod lockfile;
pub mod toqueignore;
