//! Toque as a library: recipes in, a machine in the declared state and a report out.
//!
//! ```no_run
//! use toque_engine::Run;
//! use toque_engine::machine::system::HostSystem;
//!
//! let report = Run::new(HostSystem::new(), toque_resources::standard())
//!     .recipe("motd", r#"file("/etc/motd", #{ content: "hello\n" })"#)
//!     .plan()?;                      // or .converge()?
//! println!("{} would change", report.counts.would_change);
//! # Ok::<(), toque_engine::Refused>(())
//! ```
//!
//! - **Run it**: [`Run`] and its [`Options`]; what comes of it is a [`Report`], and [`Event`]s while
//!   it lasts. [`check`] finds mistakes without a machine.
//! - **Write a kind**: [`prelude`] has all that a kind and its providers need.
//! - **Read documents**: [`data`] reads cookbooks, attributes, data bags, run lists and stacks, and
//!   runs nothing.
//!
//! The engine is layered: [`core`] below [`machine`] and [`data`], [`contract`] above these, then
//! the recipe language, then this crate. It does not print, exit, or read the environment.

pub mod check;
mod compile;
mod converge;
mod cookbooks;
mod data_bags;
mod deep_stack;
pub mod definitions;
mod execution;
pub mod explain;
pub mod graph_export;
mod inputs;
mod offline;
mod options;
mod prepared;
mod resolve;
mod run;
mod run_search;
pub mod state;

pub use data_bags::expand;
pub use offline::kinds;
pub use options::{Options, Refused, Usual};
pub use resolve::asks;
pub use run::Run;
pub use run_search::{ENCRYPTED, Encrypted, Found};
pub use toque_contract::event::{Event, Sink};
pub use toque_contract::report::Report;
pub use toque_language::{Limits, MachineAccess};
pub use {
    toque_contract as contract, toque_core as core, toque_data as data, toque_machine as machine,
};

/// All that a kind and its providers need.
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
