//! TODO

pub mod event;
pub mod graph;
pub mod guard;
pub mod log_level;
pub mod reference;
pub mod registry;
pub mod report;
pub mod resource;
