//! Cookbooks from many sources: what a repository asks for, what there is, what is chosen. It does not print, exit, or read the
//! environment.

pub mod cookfile;
mod explain;
pub mod fleet;
pub mod install;
pub mod lockfile;
pub mod repository;
pub mod solve;
pub mod source;
mod step;
pub mod store;
pub mod tree;
pub mod universe;
mod version_set;
