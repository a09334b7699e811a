//! Toque's engine: the recipe language, the node, the contract of resources, and the run that brings a machine to the declared
//! state. It does not print, exit, or read the environment.

pub mod accounts;
pub mod attributes;
pub mod check;
pub mod command;
mod compile;
mod converge;
mod convert;
pub mod cookbook;
pub mod definitions;
pub mod diagnostic;
pub mod drawing;
mod environment;
pub mod event;
pub mod explain;
pub mod facts;
pub mod failure;
mod graph;
mod guard;
pub mod json;
mod known;
mod language;
pub mod lookup;
pub mod name;
mod node;
mod node_file;
mod overlay;
pub mod plain;
pub mod property;
pub mod reference;
pub mod registry;
pub mod report;
pub mod resource;
mod role;
pub mod run;
pub mod run_list;
mod session;
pub mod snapshots;
pub mod state;
pub mod stop;
pub mod system;
mod template;
pub mod version;
pub mod view;

pub use language::{COMMON, signature, words};
pub use session::{Limits, Reach};
