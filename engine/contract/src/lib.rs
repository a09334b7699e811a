//! The contract between kinds of resources and a run.
//!
//! It knows neither the recipe language nor the documents of a repository, so that kinds depend on
//! neither.
//!
//! - [`resource`]: the traits [`Resource`](resource::Resource) and
//!   [`Provider`](resource::Provider), changes, and what a run offers to both
//! - [`registry`]: all kinds with their providers, types erased
//! - [`graph`]: declared resources, names and their scopes, notifications; cycles among these
//! - [`guard`]: `only_if` and `not_if`
//! - [`event`]: the events of a run, as they happen
//! - [`report`]: the record of each action, and the report of a run
//! - [`log_level`]: the levels of log messages
//! - [`mod@reference`]: the description of a kind, from its schema and its doc comments

pub mod registry;
pub mod resource;

pub mod graph;
pub mod guard;

pub mod event;
pub mod log_level;
pub mod report;

pub mod reference;
