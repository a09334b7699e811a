//! Toque's engine: the recipe language, the node, the contract of resources, and the run that brings a machine to the declared
//! state. It does not print, exit, or read the environment.

pub mod accounts;
pub mod command;
pub mod diagnostic;
pub mod failure;
mod overlay;
pub mod property;
pub mod registry;
pub mod resource;
pub mod snapshots;
pub mod stop;
pub mod system;
pub mod view;
