//! The documents of a repository: cookbooks, attributes, data bags, run lists, stacks; and search.
//!
//! It reads folders, and runs nothing: no process, no script, no request.
//!
//! Cookbooks:
//!
//! - [`cookbook`]: `cookbook.toml`, the files of a cookbook, the cookbooks of a repository, cycles
//! - [`file_specificity`]: the most specific of the templates and files for a platform or host
//!
//! Nodes and what they run:
//!
//! - [`attributes`]: attributes by level, each with its origin, merged when they are read
//! - [`run_list`], [`expanded_run_list`]: run lists, and the recipes and roles that they expand to
//! - [`role`], [`environment`], [`node_file`]: the documents that hold run lists and attributes
//!
//! Data bags:
//!
//! - [`data_bag`]: data bags and their items, and an item as text in which values are replaced
//! - [`encrypted_item`]: encrypted values in Chef's format
//! - [`decryption`]: the secrets of a run, and items as they open them
//! - `secret_markers`: values of stack documents that are stored elsewhere
//! - [`search`]: queries over items, nodes, roles and environments
//!
//! Stacks:
//!
//! - [`stack`]: stack documents and the events on their instances; import from OpsWorks
//!
//! Below several of these:
//!
//! - [`document_edit`]: edits of JSON and TOML that leave the rest of the text as it is

pub mod cookbook;
pub mod file_specificity;

pub mod attributes;
pub mod environment;
pub mod expanded_run_list;
pub mod node_file;
pub mod role;
pub mod run_list;

pub mod data_bag;
pub mod decryption;
pub mod encrypted_item;
pub mod search;
pub(crate) mod secret_markers;

pub mod stack;

pub mod document_edit;
