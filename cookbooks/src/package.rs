//! One archive of what is packed: the same bytes whenever, wherever and by whomever it is made.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_data::cookbook::Manifest;
use toque_machine::source::unpack::Limits;

use crate::fetch::LIMITS;
use crate::package_contents::{EntryKind, PackageContents, PackageEntry};
use crate::sha256::{Summed, sha256_of_file};
use toque_machine::atomic_write::{self, NewMode};

/// The time of every file, in seconds since 1970: the first day of 1980, the earliest that every
/// tool knows.
const TIME: u64 = 315_532_800;
const ZSTANDARD_LEVEL: i32 = 12;
const GZIP_LEVEL: u32 = 9;

/// An archive that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub path: PathBuf,
    /// Of the archive, in hexadecimal.
    pub sha256: String,
    /// The archive's size.
    pub bytes: u64,
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Zstandard,
    Gzip,
}

impl Format {
    /// What a file's name says.
    /// # Errors
    /// When it says nothing that is known.
    pub fn of(file: &Path) -> Result<Self, Diagnostic> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match () {
            () if name.ends_with(".tar.zst") && name != ".tar.zst" => Ok(Self::Zstandard),
            () if name.ends_with(".tar.gz") && name != ".tar.gz" => Ok(Self::Gzip),
            () => Err(Diagnostic::error(format!(
                "`{}` does not say how it is to be packed",
                file.display()
            ))
            .hint("a package's name ends in `.tar.zst` or `.tar.gz`")),
        }
    }
}

/// Writes an archive of `content` to `file`: all of it, or none. What was there before is replaced
/// at once, and gives its mode to the new one.
/// # Errors
/// When something cannot be read or written, or the file's name does not say how to pack. Then
/// nothing is left of it.
pub fn package(
    content: &PackageContents,
    file: &Path,
    mode: NewMode,
) -> Result<Package, Diagnostic> {
    let (staged, package) = staged(content, file, mode)?;
    atomic_write::persist(staged, file).context("write", file)?;
    Ok(package)
}

/// Writes an archive of one cookbook into a folder, as `NAME-VERSION.tar.zst`. A version that is
/// there stays what it is.
/// # Errors
/// As [`package`], and when the version is there with other content.
pub fn publish(
    content: &PackageContents,
    folder: &Path,
    cookbook: &Manifest,
    mode: NewMode,
) -> Result<Package, Diagnostic> {
    let Manifest { name, version, .. } = cookbook;
    let file = folder.join(format!("{name}-{version}.tar.zst"));
    let (staged, package) = staged(content, &file, mode)?;
    match sha256_of_file(&file) {
        Ok(before) if before == package.sha256 => return Ok(package),
        Ok(_) => {
            return Err(Diagnostic::error(format!(
                "`{}` is there already, with other content",
                file.display()
            ))
            .hint(
                "a version that others may have stays what it is: raise `version` in cookbook.toml",
            )
            .hint("remove the file if nobody has it yet"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            atomic_write::persist(staged, &file).context("write", &file)?;
        }
        Err(error) => return Err(Failure::io("read", &file, &error).into()),
    }
    Ok(package)
}

/// Looks whether what is packed is not more than toque unpacks.
fn can_be_unpacked(content: &PackageContents) -> Result<(), Diagnostic> {
    let size = |entry: &PackageEntry| entry.path.symlink_metadata().map_or(0, |about| about.len());
    let most = if content.cookbooks.len() == 1 { LIMITS.bytes } else { Limits::default().bytes };
    if content.entries.iter().map(size).sum::<u64>() <= most {
        return Ok(());
    }
    let largest = content
        .entries
        .iter()
        .max_by_key(|entry| size(entry))
        .map(|entry| entry.name.as_str())
        .unwrap_or_default();
    Err(Diagnostic::error(format!(
        "there is more to pack than the {} GiB that are unpacked again",
        most >> 30
    ))
    .note(format!("the largest file is `{largest}`"))
    .hint(format!(
        "name what nobody needs in `{}`, and let a recipe fetch what is large",
        crate::manifest::toqueignore::NAME
    )))
}

/// Writes the whole archive to a temporary file beside its place.
fn staged(
    content: &PackageContents,
    file: &Path,
    mode: NewMode,
) -> Result<(NamedTempFile, Package), Diagnostic> {
    let format = Format::of(file)?;
    let folder = atomic_write::folder_of(file);
    content.not_into_itself(folder, file)?;
    can_be_unpacked(content)?;
    let staged = atomic_write::temporary_file(folder, file, mode).context("write", file)?;
    let summed = Summed::new(BufWriter::new(staged.as_file()));
    let summed = match format {
        Format::Zstandard => {
            let mut packer = zstd::Encoder::new(summed, ZSTANDARD_LEVEL).context("write", file)?;
            packer.include_checksum(true).context("write", file)?;
            archive(content, &mut packer, file)?;
            packer.finish()
        }
        Format::Gzip => {
            let mut packer = GzEncoder::new(summed, Compression::new(GZIP_LEVEL));
            archive(content, &mut packer, file)?;
            packer.finish()
        }
    }
    .context("write", file)?;
    let bytes = summed.bytes;
    let (mut buffered, sha256) = summed.finish();
    buffered.flush().context("write", file)?;
    drop(buffered);
    Ok((staged, Package { path: file.to_owned(), sha256, bytes }))
}

fn archive(content: &PackageContents, into: &mut impl Write, file: &Path) -> Result<(), Failure> {
    let mut builder = Builder::new(into);
    for entry in &content.entries {
        let mut header = Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(TIME);
        match &entry.kind {
            EntryKind::File { executable } => {
                let content = File::open(&entry.path).context("read", &entry.path)?;
                let size = content.metadata().context("look at", &entry.path)?.len();
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(size);
                // No more than its header says, also when somebody writes to it meanwhile.
                let mut content = content.take(size);
                let written = builder.append_data(&mut header, &entry.name, &mut content);
                if written.is_ok() && content.limit() > 0 {
                    return Err(Failure::new(format!(
                        "`{}` became shorter while it was read",
                        entry.path.display()
                    ))
                    .hint("try again when nobody writes to it"));
                }
                written
            }
            EntryKind::Link { to } => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                builder.append_link(&mut header, &entry.name, to)
            }
        }
        .context("write", file)?;
    }
    builder.into_inner().map(|_| ()).context("write", file)
}

#[cfg(test)]
mod tests;
