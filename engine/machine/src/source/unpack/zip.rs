//! Zip archives, which `.war` and `.jar` files are too.

use std::io::{BufReader, Read};
use std::time::{Duration, SystemTime};

use jiff::civil::date;
use jiff::tz::TimeZone;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::budget::{Budget, Limits, damaged, trap};
use super::tree::{Entry, Tree};
use super::unreadable;
use crate::content::Content;
use toque_core::failure::{Failure, FailureKind};

/// What a link may lead to is no longer than this.
const LONGEST_LINK: u64 = 1 << 16;
/// The kinds of files in a Unix mode.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

pub(super) fn unpack(
    content: &Content,
    tree: &mut Tree<'_>,
    limits: &Limits,
) -> Result<(), Failure> {
    let budget = Budget::new(limits, content.len());
    let reader = content.reader().map_err(|error| unreadable(&error))?;
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(|error| wrong(&error))?;
    if archive.len() as u64 > limits.entries {
        // Before any of them is looked at.
        return Err(trap(&format!("it has more than {} entries", limits.entries)));
    }
    for number in 0..archive.len() {
        let file = archive.by_index(number).map_err(|error| wrong(&error))?;
        let name = file.name_raw().to_vec();
        let mode = file.unix_mode().unwrap_or(0);
        let modified = modified(&file);
        let mut content = budget.metered(file);
        let what = match mode & KIND {
            _ if name.ends_with(b"/") => Entry::Directory { mode: permissions(mode, 0o755) },
            DIRECTORY => Entry::Directory { mode: permissions(mode, 0o755) },
            LINK => {
                let mut to = Vec::new();
                (&mut content).take(LONGEST_LINK).read_to_end(&mut to).map_err(|error| {
                    budget.trouble().unwrap_or_else(|| damaged(&error.to_string()))
                })?;
                Entry::Link { to }
            }
            // Made on a system that knows no such modes.
            0 | REGULAR => {
                Entry::File { mode: permissions(mode, 0o644), modified, content: &mut content }
            }
            _ => Entry::Special("a device or a pipe"),
        };
        tree.add(&name, what).map_err(|failure| budget.trouble().unwrap_or(failure))?;
    }
    Ok(())
}

fn permissions(mode: u32, usual: u32) -> u32 {
    if mode & 0o777 == 0 { usual } else { mode & 0o777 }
}

/// The time of an entry, which says nothing of its zone.
fn modified<R: Read>(file: &ZipFile<'_, R>) -> Option<SystemTime> {
    let time = file.last_modified()?;
    let day = |number: u8| i8::try_from(number).unwrap_or(-1);
    let year = i16::try_from(time.year()).ok()?;
    let valid = jiff::civil::Date::new(year, day(time.month()), day(time.day())).is_ok()
        && time.hour() < 24
        && time.minute() < 60;
    if !valid {
        return None;
    }
    let at = date(year, day(time.month()), day(time.day())).at(
        day(time.hour()),
        day(time.minute()),
        0,
        0,
    );
    let seconds = at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    SystemTime::UNIX_EPOCH.checked_add(
        Duration::from_secs(u64::try_from(seconds).ok()?)
            + Duration::from_secs(u64::from(time.second().min(59))),
    )
}

fn wrong(error: &ZipError) -> Failure {
    match error {
        ZipError::UnsupportedArchive(what) if what.contains("assword") => {
            Failure::new("it is encrypted")
                .of_kind(FailureKind::BadArchive)
                .hint("make it without a password")
        }
        ZipError::UnsupportedArchive(what) => {
            Failure::new(format!("it is a zip archive of a sort that is not understood: {what}"))
                .of_kind(FailureKind::BadArchive)
                .hint("make it with `zip -Z deflate`")
        }
        other => damaged(&other.to_string()),
    }
}
