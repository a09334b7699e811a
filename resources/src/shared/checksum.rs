//! SHA-256, as `sha256sum` writes it.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use toque_core::property_error::PropertyError;

/// 64 lower-case hexadecimal digits.
pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// # Errors
/// When it cannot be a SHA-256, or the first digits of one, from `least` digits on.
pub(crate) fn check(checksum: &str, least: usize) -> Result<(), PropertyError> {
    if checksum.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (least..=64).contains(&checksum.len())
    {
        return Ok(());
    }
    Err(PropertyError::new("checksum", format!("`{checksum}` is no SHA-256"))
        .hint("write the 64 hexadecimal digits of `sha256sum`"))
}
