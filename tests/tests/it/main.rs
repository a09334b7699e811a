//! Toque on real machines.

mod bad_input;
mod crash;
mod files;
mod hosts;
mod properties;
mod semantics;
mod toque;
mod webserver;
