//! Toque on real machines.

mod accounts;
mod bad_input;
mod book;
mod chance;
mod common;
mod cookbooks;
mod crash;
mod deploy;
mod execution;
mod files;
mod hosts;
mod left_overs;
mod ohai;
mod packages;
mod properties;
mod s3;
mod secrets;
mod semantics;
mod servers;
mod services;
mod shop;
mod sources;
mod stack;
mod toque;
mod webserver;
