//! Toque as a whole: on booted machines (`it`), beside recorded Chef (`conformance`), and on random
//! recipes (`law`); and what holds for its sources.

mod conformance;
mod it;
mod law;
mod layers;
mod messages;
mod sources;
