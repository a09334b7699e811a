//! Toque on real machines.

mod bad_input;
mod crash;
mod hosts;
mod semantics;
mod toque;
mod webserver;
