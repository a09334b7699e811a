//! The engine from outside: recipes, cookbooks and stacks on the fake machine.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod backups;
mod custom;
mod data_bags;
mod facts;
mod journal;
mod language;
mod libraries;
mod opsworks;
mod run_list;
mod search;
mod stack;
mod trust;
