//! What kinds remember between runs, such as a server's ETag. Losing it costs a download and
//! nothing else.

use std::path::{Path, PathBuf};

use serde_json::Value;

use toque_core::checksum::sha256_hex;
use toque_core::failure::Failure;

/// What was remembered under a key.
#[must_use]
pub fn recall(state_dir: &Path, key: &str) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(place(state_dir, key)).ok()?).ok()
}

/// Remembers a value under a key.
/// # Errors
/// When it cannot be written.
pub fn remember(state_dir: &Path, key: &str, value: &Value) -> Result<(), Failure> {
    super::replace(&place(state_dir, key), value.to_string().as_bytes())
}

fn place(state_dir: &Path, key: &str) -> PathBuf {
    state_dir.join("memory").join(format!("{}.json", &sha256_hex(key)[..32]))
}
