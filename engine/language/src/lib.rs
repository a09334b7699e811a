//! The recipe language and the templates. No other crate uses Rhai or Handlebars.
//!
//! It fills the graph of the contract; it converges nothing, and it has no state on disk.
//!
//! The way in, and its state:
//!
//! - [`Language`]: the operations that a run needs, from running a recipe to calling a closure
//! - [`run_inputs`]: the inputs of a run, which do not change; its limits
//! - [`interpreter`]: the state that scripts share: graph, scripts in progress, kept closures
//! - [`node`], [`this_node`]: attributes and facts of this node; the node as searches find it
//!
//! Running scripts:
//!
//! - `engine`: Rhai with limits, and without what recipes must not do
//! - `script`: reading, parsing and running recipes and attribute files
//! - `library`: imports of `libraries/*.rhai`
//! - `error`: errors of Rhai as diagnostics
//! - `script_stack`: the stack of scripts
//! - `source_positions`: the position of the property that an error is about
//! - `value`, `script_values`, `type_names`: values between Rhai and JSON, types of Toque that
//!   scripts hold, and the names of types in messages
//! - `closure`, `closures`: closures that are called after their script has ended
//!
//! Declaring resources:
//!
//! - `declare`: the kinds as functions
//! - `common_properties`, `property_checks`: properties that every kind has, checks of all
//! - `deferred`: properties that are computed when their resource converges
//! - `handle`: the value that a declaration returns, with `notifies`, `subscribes` and `set`
//! - `custom_resource`, `definition`: kinds that cookbooks define, and the expansion of their
//!   actions
//!
//! Functions:
//!
//! - [`function_table`], [`signature`]: every function with its signatures, description and example
//! - `functions`, `data_functions`, `search_functions`, `stack_functions`: their implementation
//! - `node_view`: `node` as a value of scripts
//!
//! Templates:
//!
//! - [`template`]: strict Handlebars
//! - `template_functions`: functions of libraries as helpers
//!
//! Mistakes found without running:
//!
//! - `lint`: unknown names, attributes that nothing sets, and other warnings
//! - [`known_attributes`]: the attributes that a repository sets

// The way in, and its state.
pub mod interpreter;
mod language;
pub mod node;
pub mod run_inputs;
pub mod this_node;

// Running scripts.
mod closure;
mod closures;
mod engine;
mod error;
mod library;
mod script;
mod script_stack;
mod script_values;
mod source_positions;
mod type_names;
mod value;

// Declaring resources.
mod common_properties;
mod custom_resource;
mod declare;
mod deferred;
mod definition;
mod handle;
mod property_checks;

// Functions.
mod data_functions;
pub mod function_table;
mod functions;
mod node_view;
mod search_functions;
pub mod signature;
mod stack_functions;

// Templates.
pub mod template;
mod template_functions;

// Mistakes found without running.
pub mod known_attributes;
mod lint;

pub use custom_resource::add_kinds as add_custom_kinds;
pub use function_table::COMMON;
pub use language::Language;
pub use library::Offered;
pub use lint::attributes_used::AttributesUsed;
pub use lint::check::Looked;
pub use run_inputs::{Limits, MachineAccess};
pub use script_stack::on_script_stack;
