//! Cookbooks from outside: chosen, fetched, installed, edited and published.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod bench;
mod edit;
mod edited;
mod explain;
mod fetching;
mod install;
mod platforms;
mod publish;
mod registry;
mod solve;
mod text;
