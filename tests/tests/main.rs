//! Toque as a whole: on booted machines (`it`), beside recorded Chef (`conformance`), and on random
//! recipes (`law`).

mod conformance;
mod it;
mod law;
