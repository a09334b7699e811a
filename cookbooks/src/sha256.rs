//! SHA-256 sums as 64 lower-case hexadecimal digits.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use toque_core::text::hex;

/// Returns the sum of a file, which may be larger than the memory.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut summed = Summed::new(io::sink());
    io::copy(&mut File::open(path)?, &mut summed)?;
    Ok(summed.finish().1)
}

/// A writer that sums what passes through it.
pub(crate) struct Summed<W> {
    inner: W,
    digest: Sha256,
    /// How many bytes were written.
    pub bytes: u64,
}

impl<W> Summed<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new(), bytes: 0 }
    }

    /// Returns the writer inside, and the sum.
    pub(crate) fn finish(self) -> (W, String) {
        (self.inner, hex(&self.digest.finalize()))
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Whether a text is a sum as this module writes it.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use toque_core::checksum::sha256_hex;

    use super::*;

    #[test]
    fn the_sum_of_a_file_is_that_of_all_its_bytes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for size in [0, 1, 16 << 10, 100_000] {
            let content: Vec<u8> = (0..size).map(|number: u32| number.to_le_bytes()[0]).collect();
            std::fs::write(file.path(), &content).unwrap();
            assert_eq!(sha256_of_file(file.path()).unwrap(), sha256_hex(&content), "{size}");
        }
    }
}
