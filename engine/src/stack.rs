//! The stack document: what OpsWorks held, in one file.

pub mod add;
pub mod import;
pub mod text;
pub mod theme;
