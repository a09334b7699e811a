//! Checks of checksums.

use toque_core::property_error::PropertyError;

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
