//! Toque on real machines.

mod hosts;
mod toque;
mod webserver;
