//! TODO

pub mod accounts;
pub mod areas;
pub mod command;
pub mod facts;
pub mod planned;
pub mod property;
pub mod source;
pub mod system;
pub mod view;
