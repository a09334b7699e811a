//! Parts that several kinds share.

pub(crate) mod account_ids;
pub(crate) mod apt_lists;
pub(crate) mod change;
pub(crate) mod checksum;
pub(crate) mod cookbook_source;
pub(crate) mod defaults;
pub(crate) mod from_source;
pub(crate) mod managed_file;
pub(crate) mod optional;
pub(crate) mod ownership;
pub mod parse;
pub(crate) mod path;
pub(crate) mod process;
pub(crate) mod target_directory;
pub(crate) mod trusted_path;
pub(crate) mod words;
