//! Toque on real machines.

mod hosts;
mod semantics;
mod toque;
mod webserver;
