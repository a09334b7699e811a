//! The levels of log messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a log line is weighed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, Default,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LogLevel {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}
