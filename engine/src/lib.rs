//! Toque's engine: the recipe language, the node, the contract of resources, and the run that brings a machine to the declared
//! state. It does not print, exit, or read the environment.

pub mod accounts;
pub mod command;
pub mod cookbook;
pub mod diagnostic;
pub mod failure;
pub mod lookup;
pub mod name;
mod overlay;
pub mod property;
pub mod registry;
pub mod resource;
pub mod snapshots;
pub mod stop;
pub mod system;
pub mod version;
pub mod view;
