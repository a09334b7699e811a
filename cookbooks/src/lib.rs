//! Cookbooks from many sources: what a repository asks for, what there is, what is chosen. It does
//! not print, exit, or read the environment.

mod beside;
pub mod content;
pub mod cookfile;
pub mod credentials;
pub mod edit;
mod explain;
pub mod fleet;
mod found;
mod group;
pub mod ignored;
pub mod index;
pub mod install;
pub mod lockfile;
pub mod new;
pub mod package;
mod parallel;
pub mod repository;
pub mod solve;
pub mod source;
mod step;
pub mod store;
pub mod tree;
pub mod universe;
pub mod vendor;
pub mod verify;
mod version_set;
