//! The ground floor: mistakes with their place, redaction, documents, names, versions.
//!
//! Nothing here knows of a machine, a cookbook or a resource, and nothing here runs a process.
//!
//! Errors, and what may be shown of them:
//!
//! - [`diagnostic`]: a mistake as plain data, with its place in a source, notes and hints
//! - [`failure`]: an operation that failed, with its [`FailureKind`](failure::FailureKind), which
//!   code matches in place of the message
//! - [`message`]: the format of messages: values stand in backticks
//! - [`property_error`]: the error of one property of a resource
//! - [`serde_errors`]: errors of serde in the terms of recipes
//! - [`redaction`]: decrypted and sensitive values, found by value in texts and replaced
//!
//! Documents and formats:
//!
//! - [`json`]: JSON with comments and TOML, with the position of each value; typed fields of both
//! - [`formats`]: JSON, YAML and TOML to values and back
//! - [`read_text`], [`read_optional`]: documents, up to a limit; files that may be missing
//! - [`url`]: parts of URLs
//! - [`checksum`]: SHA-256 as hexadecimal digits
//! - [`text`]: shell quotes, paths as text
//!
//! Small values that all layers share:
//!
//! - [`name`]: `kind[name]`, `cookbook::recipe`
//! - [`version`]: versions, and constraints such as `~> 2.1`
//! - [`platform`]: platforms, and whether a cookbook supports one
//! - [`cancel`]: the token that asks a run to stop
//! - [`deep_stack`]: stack for work that recurses

pub mod diagnostic;
pub mod failure;
pub mod message;
pub mod property_error;
pub mod redaction;
pub mod serde_errors;

pub mod checksum;
pub mod formats;
pub mod json;
pub mod read_optional;
pub mod read_text;
pub mod text;
pub mod url;

pub mod cancel;
pub mod deep_stack;
pub mod name;
pub mod platform;
pub mod version;
