//! TODO

pub mod attributes;
pub mod cookbook;
pub mod data_bag;
pub mod decryption;
pub mod document_edit;
pub mod encrypted_item;
pub mod environment;
pub mod expanded_run_list;
pub mod file_specificity;
pub mod node_file;
pub mod role;
pub mod run_list;
pub mod search;
pub mod secret_markers;
pub mod stack;
