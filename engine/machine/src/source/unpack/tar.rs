//! Tar archives, packed or not.

use std::io;
use std::time::{Duration, SystemTime};

use tar::{Archive, EntryType};

use super::budget::{Budget, Limits, damaged};
use super::format::{Format, unpacked};
use super::tree::{Entry, Tree};
use crate::content::Content;
use toque_core::failure::{Failure, FailureKind};

/// What the headers of one entry may have: the longest names and attributes are far below.
const HEADERS: u64 = 1 << 20;
/// The year 10000: what is later is no time.
const LATEST: u64 = 253_402_300_800;

pub(super) fn unpack(
    format: Format,
    content: &Content,
    tree: &mut Tree<'_>,
    limits: &Limits,
) -> Result<(), Failure> {
    let budget = Budget::new(limits, content.len());
    let wrong = |error: &io::Error| budget.trouble().unwrap_or_else(|| damaged(&plain(error)));
    let reader = unpacked(format, content).map_err(|error| wrong(&error))?;
    let mut archive = Archive::new(budget.metered(reader));
    budget.expect(HEADERS);
    let entries = archive.entries().map_err(|error| wrong(&error))?;
    let mut first = true;
    for entry in entries {
        let mut entry = entry.map_err(|error| match budget.trouble() {
            None if first && format != Format::Tar => {
                Failure::new("what is packed in it is no tar archive")
                    .of_kind(FailureKind::BadArchive)
                    .hint("known are tar, alone or packed by gzip, xz, zstd or bzip2, and zip")
            }
            _ => wrong(&error),
        })?;
        first = false;
        let size = entry.size();
        budget.expect(size.saturating_add(HEADERS));
        let name = entry.path_bytes().into_owned();
        let mode = entry.header().mode().unwrap_or(0o644);
        let to = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let kind = entry.header().entry_type();
        // Old archives tell folders by their names alone.
        let folder = kind.is_dir() || kind.is_file() && name.ends_with(b"/");
        let what = match kind {
            _ if folder => Entry::Directory { mode },
            EntryType::Symlink => Entry::Link { to },
            EntryType::Link => Entry::HardLink { to },
            EntryType::Char | EntryType::Block => Entry::Special("a device"),
            EntryType::Fifo => Entry::Special("a pipe"),
            EntryType::XGlobalHeader => continue,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                if is_sparse_by_attributes(&mut entry).map_err(|error| wrong(&error))? {
                    return Err(Failure::new(
                        "it has files with holes in the manner of `pax`, which are not understood",
                    )
                    .of_kind(FailureKind::BadArchive)
                    .hint("make it without `--sparse`"));
                }
                budget.announce(size)?;
                let seconds = entry.header().mtime().ok().filter(|seconds| *seconds < LATEST);
                let modified = seconds.and_then(|seconds| {
                    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
                });
                Entry::File { mode, modified, content: &mut entry }
            }
            _ => Entry::Special("of a kind that is not known"),
        };
        let file = matches!(what, Entry::File { .. });
        let written =
            tree.add(&name, what).map_err(|failure| budget.trouble().unwrap_or(failure))?;
        // What is left out is read past all the same.
        let skipped = file && written == 0;
        if file && !skipped && written != size {
            return Err(damaged("a file in it ends too early"));
        }
        budget.expect(HEADERS.saturating_add(if skipped || !file { size } else { 0 }));
    }
    end(archive, &budget)
}

/// Reads to the end, where what was packed says whether all of it came.
fn end<R: io::Read>(archive: Archive<R>, budget: &Budget) -> Result<(), Failure> {
    if budget.zeros() < 512 {
        return Err(damaged("it has no end"));
    }
    budget.expect(u64::MAX);
    match io::copy(&mut archive.into_inner(), &mut io::sink()) {
        Ok(_) => Ok(()),
        Err(error) => Err(budget.trouble().unwrap_or_else(|| damaged(&plain(&error)))),
    }
}

/// Whether attributes say that what follows is a map of holes rather than the content.
fn is_sparse_by_attributes<R: io::Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<bool> {
    let Some(attributes) = entry.pax_extensions()? else { return Ok(false) };
    for attribute in attributes {
        if attribute?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
