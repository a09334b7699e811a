//! Copying the content of a file into another one that is open.

use std::fs::File;
use std::io::{self, Read};

use super::Metadata;

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// The copy is complete; of the file that was copied.
    Whole(Metadata),
    /// The file has more bytes than were to be copied, as many as this.
    TooLarge(u64),
}

/// Copies in pieces, and no more than `largest` bytes: a file may be large, and may grow meanwhile.
pub(super) fn in_pieces(
    metadata: Metadata,
    from: &mut dyn Read,
    to: &File,
    largest: u64,
) -> io::Result<Copied> {
    if metadata.size > largest {
        return Ok(Copied::TooLarge(metadata.size));
    }
    let mut to = to;
    let size = io::copy(&mut from.take(largest.saturating_add(1)), &mut to)?;
    Ok(if size > largest { Copied::TooLarge(size) } else { Copied::Whole(metadata) })
}
