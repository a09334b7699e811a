//! Cookbooks from many sources: what a repository asks for, what there is, what is chosen. It does not print, exit, or read the
//! environment.

mod explain;
pub mod solve;
pub mod universe;
mod version_set;
