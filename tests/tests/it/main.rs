//! Toque on real machines.

mod crash;
mod hosts;
mod semantics;
mod toque;
mod webserver;
