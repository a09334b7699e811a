//! What an archive is, by its content: names say little about it.

use std::io::{BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use crate::content::Content;
use toque_core::failure::{Failure, FailureKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    Gzip,
    Xz,
    Zstandard,
    Bzip2,
    Zip,
}

const BEGINNINGS: [(&[u8], Format); 7] = [
    (b"\x1f\x8b", Format::Gzip),
    (b"\xfd7zXZ\0", Format::Xz),
    (b"\x28\xb5\x2f\xfd", Format::Zstandard),
    (b"BZh", Format::Bzip2),
    (b"PK\x03\x04", Format::Zip),
    // One without entries.
    (b"PK\x05\x06", Format::Zip),
    (b"PK\x07\x08", Format::Zip),
];

/// How much memory an archive may ask for, in bytes. `xz -9` asks for 65 MiB; a header can ask for
/// 4 GiB.
const XZ_MEMORY: u64 = 256 << 20;

/// # Errors
/// When it is none of those that are known.
pub(super) fn told(content: &[u8]) -> Result<Format, Failure> {
    if let Some((_, format)) =
        BEGINNINGS.iter().find(|(beginning, _)| content.starts_with(beginning))
    {
        return Ok(*format);
    }
    let header = content.first_chunk::<512>();
    if header.is_some_and(|header| header.iter().all(|byte| *byte == 0) || has_checksum(header)) {
        return Ok(Format::Tar);
    }
    let text =
        String::from_utf8_lossy(&content[..content.len().min(256)]).trim_start().to_lowercase();
    Err(match () {
        () if content.is_empty() => Failure::new("it is no archive: it is empty"),
        () if text.starts_with("<!doctype html") || text.starts_with("<html") => {
            Failure::new("it is no archive but a web page")
                .hint("many servers answer so when one must log in: check the URL and the password")
        }
        () if text.starts_with("<?xml") || text.starts_with(['{', '[']) => {
            Failure::new("it is no archive but a document, perhaps a message of the server")
                .hint("look at what the URL gives")
        }
        () => Failure::new("it is no archive that can be unpacked")
            .hint("known are tar, alone or packed by gzip, xz, zstd or bzip2, and zip"),
    }
    .of_kind(FailureKind::BadArchive))
}

/// The tar archive in what was packed.
pub(super) fn unpacked(format: Format, content: &Content) -> std::io::Result<Box<dyn Read>> {
    let content = BufReader::new(content.reader()?);
    Ok(match format {
        Format::Gzip => Box::new(MultiGzDecoder::new(content)),
        Format::Xz => Box::new(XzDecoder::new_stream(
            content,
            Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?,
        )),
        Format::Zstandard => Box::new(zstd::Decoder::with_buffer(content)?),
        Format::Bzip2 => Box::new(MultiBzDecoder::new(content)),
        Format::Tar | Format::Zip => Box::new(content),
    })
}

/// The first header of a tar archive says what its bytes add up to.
fn has_checksum(header: &[u8; 512]) -> bool {
    let told = String::from_utf8_lossy(&header[148..156]).trim_matches([' ', '\0']).to_owned();
    let sum: u32 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    u32::from_str_radix(&told, 8) == Ok(sum)
}
