//! The recipe language.

pub mod closures;
pub mod common_properties;
pub mod custom_resource;
pub mod data_functions;
pub mod declare;
pub mod engine;
pub mod error;
pub mod function_table;
pub mod functions;
pub mod handle;
pub mod interpreter;
pub mod known_attributes;
pub mod language;
pub mod library;
pub mod lint;
pub mod node;
pub mod node_view;
pub mod run_inputs;
pub mod script;
pub mod search_functions;
pub mod signature;
pub mod source_positions;
pub mod stack_functions;
pub mod template;
pub mod template_functions;
pub mod this_node;
pub mod value;

pub use custom_resource::add_kinds as add_custom_kinds;
pub use function_table as words;
pub use function_table::COMMON;
pub use language::Language;
pub use library::Offered;
pub use lint::attributes_used::AttributesUsed;
pub use lint::check::Looked;
pub use run_inputs::{Limits, Reach};
