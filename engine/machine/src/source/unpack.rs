//! Archives into folders. Nothing of an archive reaches anything outside of its folder, whatever it
//! says.

mod budget;
mod format;
mod tar;
mod tree;
mod zip;

use std::path::Path;

pub use self::budget::Limits;
use self::format::Format;
use self::tree::Tree;
pub use self::tree::leads_outside;
use crate::content::Content;
use crate::system::System;
use toque_core::failure::{Failure, FailureKind, plain_io};

/// Puts what is in an archive into a folder that is there and empty, and that nobody else can
/// enter. The first `strip` folders of each name are left out, and so is what has no more than
/// these. Modes are those of the archive, without setuid, setgid, and the right of others to write.
/// # Errors
/// When it is no archive, is damaged, is too large, or has a name or a link that would lead
/// outside; and when it cannot be written. What was written by then stays for the caller to remove.
pub fn unpack(
    system: &dyn System,
    content: &Content,
    into: &Path,
    strip: usize,
    limits: &Limits,
) -> Result<(), Failure> {
    if content.len() > limits.packed {
        return Err(Failure::new(format!("it has more than {} bytes", limits.packed))
            .of_kind(FailureKind::BadArchive)
            .hint("leave out what nobody needs, or pack it in parts"));
    }
    let mut tree = Tree::new(system, into, strip, limits.entries);
    match told(content)? {
        Format::Zip => zip::unpack(content, &mut tree, limits)?,
        format => tar::unpack(format, content, &mut tree, limits)?,
    }
    tree.finish()
}

/// Whether this is an archive at all, as far as its beginning tells.
/// # Errors
/// What it is instead.
pub fn check(content: &Content) -> Result<(), Failure> {
    told(content).map(|_| ())
}

fn told(content: &Content) -> Result<Format, Failure> {
    format::told(&content.beginning(512).map_err(|error| unreadable(&error))?)
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(format!("it cannot be read: {}", plain_io(error)))
}
