//! What kinds remember between runs, such as a server's ETag. Losing it costs a download and
//! nothing else.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use toque_core::failure::Failure;
use toque_core::text::hex;

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
    let digest = Sha256::digest(key.as_bytes());
    state_dir.join("memory").join(format!("{}.json", hex(&digest[..16])))
}
