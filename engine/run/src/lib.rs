//! Toque as a library: recipes in, a machine in the declared state and a report out.
//!
//! ```no_run
//! use toque_engine::Run;
//! use toque_engine::machine::system::HostSystem;
//!
//! let report = Run::new(HostSystem::new(), toque_resources::standard())
//!     .recipe("motd", r#"file("/etc/motd", #{ content: "hello\n" })"#)
//!     .plan()?; // or .converge()?
//! println!("{} would change", report.counts.would_change);
//! # Ok::<(), toque_engine::Refused>(())
//! ```
//!
//! It does not print, exit, or read the environment.
//!
//! # Run recipes
//!
//! [`Run`] is the way in. It takes [`Options`], sends [`Event`]s to a [`Sink`] while it lasts, and
//! ends in a [`Report`]. A run that cannot begin is [`Refused`], and has touched nothing.
//! [`check`] finds mistakes in cookbooks, documents and stacks without a machine; [`definitions`]
//! and [`kinds`] serve editors and references.
//!
//! # Write a kind
//!
//! A kind of resource is a struct with the properties, and one or more providers. [`prelude`] has
//! all that they need; [`contract`] has the graph, the registry and the report too.
//!
//! # Read documents
//!
//! [`data`] reads cookbooks, attributes, data bags, run lists and stacks, and runs nothing.
//! [`machine`] has the real machine, its facts, and a machine in memory for tests.
//!
//! # The layers
//!
//! Each crate uses those above it in this list, and no other:
//!
//! - [`core`]: mistakes with their place, redaction, documents, names and versions
//! - [`machine`] and [`data`]: the machine; the documents of a repository
//! - [`contract`]: kinds, providers, the graph and reports. It knows nothing of [`data`].
//! - `toque_language`: recipes and templates
//! - this crate: compile, converge, report, state

// The way in.
mod options;
mod run;

// Before the first recipe.
mod cookbooks;
mod data_bags;
mod inputs;
mod prepared;

// From recipes to a report.
mod compile;
mod converge;
mod execution;
mod resolve;
pub mod state;

// Without a machine, or without changing it.
pub mod check;
pub mod definitions;
pub mod explain;
pub mod graph_export;
mod offline;
mod run_search;

pub use data_bags::expand;
pub use offline::kinds;
pub use options::{Options, Refused, Usual};
pub use resolve::asks;
pub use run::Run;
pub use run_search::{ENCRYPTED, Encrypted, Found};
pub use toque_contract::event::{Event, Sink};
pub use toque_contract::report::Report;
pub use toque_language::{Limits, MachineAccess};
pub use toque_machine::trust::Trust;
pub use {
    toque_contract as contract, toque_core as core, toque_data as data, toque_machine as machine,
};

/// Imports for a kind and its providers.
pub mod prelude {
    pub use toque_contract::actions;
    pub use toque_contract::registry::{Kind, Registry};
    pub use toque_contract::resource::{
        Action, Apply, Change, Effect, HostFacts, Provider, Resource, Scope, Services, Support,
    };
    pub use toque_core::diagnostic::Diagnostic;
    pub use toque_core::failure::{ErrorContext, Failure};
    pub use toque_core::property_error::PropertyError;
    pub use toque_machine::areas::{Area, Areas};
    pub use toque_machine::planned::PlannedEffect;
    pub use toque_machine::system::{Ownership, Query, System};
    pub use toque_machine::view::View;
}
