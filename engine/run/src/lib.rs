//! Toque's engine.

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
pub mod offline;
mod options;
mod prepared;
pub mod resolve;
pub mod run;
mod run_search;
pub mod state;

pub use graph_export as drawing;
pub use toque_contract::{actions, event, reference, registry, report};
pub use toque_core::cancel as stop;
pub use toque_core::redaction as masks;
pub use toque_core::serde_errors as plain;
pub use toque_core::{diagnostic, failure, json, name, platform, version};
pub use toque_data::encrypted_item as encrypted;
pub use toque_data::file_specificity as lookup;
pub use toque_data::{attributes, cookbook, data_bag, document_edit, run_list, search};
pub use toque_language::{COMMON, Limits, Reach, signature, words};
pub use toque_machine::areas as snapshots;
pub use toque_machine::{accounts, facts, property, source, view};

/// Old paths.
pub mod command {
    pub use toque_core::text::shell_quote;
    pub use toque_machine::command::*;
}
/// Old paths.
pub mod resource {
    pub use toque_contract::log_level::LogLevel as Level;
    pub use toque_contract::resource::ClosureId as Callback;
    pub use toque_contract::resource::*;
    pub use toque_core::failure::Failure;
    pub use toque_core::property_error::PropertyError;
    use toque_machine::command::{Command, Output};
    #[must_use]
    pub fn command_failure(command: &Command, output: &Output, sensitive: bool) -> Failure {
        output.failure(command, sensitive)
    }
}
/// Old paths.
pub mod system {
    pub use toque_machine::system::*;
    /// Old paths.
    pub mod fetch {
        pub use toque_core::url::*;
        pub use toque_machine::system::fetch::*;
    }
}
/// Old paths.
pub mod stack {
    pub use toque_data::secret_markers as secret;
    pub use toque_data::stack::hostname_theme as theme;
    pub use toque_data::stack::*;
}
