//! TODO

pub mod cancel;
pub mod diagnostic;
pub mod failure;
pub mod formats;
pub mod json;
pub mod message;
pub mod name;
pub mod platform;
pub mod property_error;
pub mod redaction;
pub mod serde_errors;
pub mod text;
pub mod url;
pub mod version;
