//! A folder's files as one checksum, the same on every machine: it tells what is there, not how it
//! was packed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use toque_engine::failure::{Attempting, Failure};

/// The SHA-256, in hexadecimal, of the sorted list of all files and links below a folder: what each
/// is, its own SHA-256 or where it leads, its name. A file counts as executable when its owner may
/// execute it; folders count by what is in them.
/// # Errors
/// When it cannot be read, or has something that is no file, folder or link.
pub fn sha256(folder: &Path) -> Result<String, Failure> {
    let mut lines = Vec::new();
    list(folder, "", &mut lines)?;
    lines.sort_unstable();
    Ok(hexadecimal(&Sha256::digest(lines.concat())))
}

fn list(folder: &Path, before: &str, lines: &mut Vec<String>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).attempting("list", folder)? {
        let entry = entry.attempting("list", folder)?;
        let path = entry.path();
        let named = entry.file_name().into_string();
        let named = named.map_err(|name| {
            Failure::new(format!("the name of `{}` is not UTF-8 text", folder.join(name).display()))
        })?;
        let name = format!("{before}{named}");
        let about = path.symlink_metadata().attempting("look at", &path)?;
        let (kind, what) = if about.is_dir() {
            list(&path, &format!("{name}/"), lines)?;
            continue;
        } else if about.is_symlink() {
            ("link", fs::read_link(&path).attempting("read the link", &path)?.display().to_string())
        } else if about.is_file() {
            let kind = if about.permissions().mode() & 0o100 == 0 { "file" } else { "executable" };
            (kind, sha256_of_file(&path).attempting("read", &path)?)
        } else {
            return Err(Failure::new(format!("`{}` is no file, folder or link", path.display())));
        };
        // Names may hold anything but these; so written, no two lists are the same text.
        lines.push(format!("{kind} {what:?} {name:?}\n"));
    }
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal. It may be larger than the memory.
/// # Errors
/// When it cannot be read.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let (mut file, mut digest, mut chunk) = (File::open(path)?, Sha256::new(), [0; 16 << 10]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hexadecimal(&digest.finalize())),
            Ok(count) => digest.update(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether it is a SHA-256 as it is written here.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Lower-case digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_tells() {
        let made = |change: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("recipes")).unwrap();
            fs::write(folder.path().join("recipes/default.rhai"), "file(\"/x\");").unwrap();
            fs::write(folder.path().join("cookbook.toml"), "").unwrap();
            change(folder.path());
            sha256(folder.path()).unwrap()
        };
        let plain = made(&|_| {});
        assert_eq!(plain, made(&|_| {}));
        let changes: [&dyn Fn(&Path); 6] = [
            &|path| fs::write(path.join("cookbook.toml"), "x").unwrap(),
            &|path| fs::write(path.join("new"), "").unwrap(),
            &|path| fs::rename(path.join("recipes"), path.join("libraries")).unwrap(),
            &|path| fs::remove_file(path.join("cookbook.toml")).unwrap(),
            &|path| {
                fs::set_permissions(path.join("cookbook.toml"), fs::Permissions::from_mode(0o755))
                    .unwrap()
            },
            &|path| {
                fs::remove_file(path.join("cookbook.toml")).unwrap();
                std::os::unix::fs::symlink("recipes/default.rhai", path.join("cookbook.toml"))
                    .unwrap();
            },
        ];
        let mut seen: Vec<String> = changes.into_iter().map(made).chain([plain]).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 7);
    }

    #[test]
    fn the_sum_of_a_file_is_that_of_all_its_bytes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for size in [0, 1, 16 << 10, 100_000] {
            let content: Vec<u8> = (0..size).map(|number: u32| number.to_le_bytes()[0]).collect();
            fs::write(file.path(), &content).unwrap();
            assert_eq!(
                sha256_of_file(file.path()).unwrap(),
                hexadecimal(&Sha256::digest(&content)),
                "{size}"
            );
        }
    }
}
