//! The command from outside: what it prints, what it refuses, and what becomes of files.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod book;
mod cookbook;
mod cookbook_edit;
mod data_bag;
mod definitions;
mod explain;
mod kept_attributes;
mod log_file;
mod memory;
mod mistakes;
mod opsworks;
mod pack;
mod stack;
mod stack_cookbooks;
mod stack_space;
mod stop;
mod trust;
mod written_modes;
