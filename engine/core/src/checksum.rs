//! SHA-256 checksums, as `sha256sum` writes them.

use sha2::{Digest, Sha256};

use crate::text::hex;

/// Returns the checksum of some bytes: 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}
