//! Toque as a whole: on booted machines (`it`), beside recorded Chef (`conformance`), and on random
//! recipes (`law`); and what holds for its sources.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on says why and ends"
)]

mod conformance;
mod it;
mod law;
mod layers;
mod messages;
mod sources;
