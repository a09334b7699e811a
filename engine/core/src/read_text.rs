//! Reading documents, which may be larger than the memory of the machine.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Bytes of the largest document that is read.
const LARGEST: u64 = 64 << 20;

/// Reads the document at a path.
/// # Errors
/// As `open(2)` and `read(2)`; a document above 64 MiB, or one that is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    text_from(File::open(path)?)
}

/// Reads a document to its end.
/// # Errors
/// As [`read_text`].
pub fn text_from(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let mebibytes = LARGEST >> 20;
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {mebibytes} MiB, the most that is read of a document"),
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_up_to_its_limit() {
        let kind = |reader: &mut dyn Read| text_from(reader).map_err(|error| error.kind());
        assert_eq!(kind(&mut &b"text"[..]).as_deref(), Ok("text"));
        assert_eq!(kind(&mut &b"\xff"[..]), Err(ErrorKind::InvalidData));
        assert_eq!(kind(&mut io::repeat(b'x')), Err(ErrorKind::FileTooLarge));
        let most = text_from(io::repeat(b'x').take(LARGEST));
        assert_eq!(most.map(|text| text.len() as u64).ok(), Some(LARGEST));
        let none = read_text(Path::new("/no/such/document"));
        assert_eq!(none.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    }
}
