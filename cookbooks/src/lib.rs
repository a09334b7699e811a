//! Cookbooks from many sources: what a repository asks for, what there is, what is chosen. It does
//! not print, exit, or read the environment.

pub mod atomic_write;
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
pub mod text;
pub mod vendor;
pub mod verify;
