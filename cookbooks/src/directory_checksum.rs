//! A folder's files as one checksum, the same on every machine: it tells what is there, not how it
//! was packed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use toque_core::failure::{ErrorContext, Failure};

use crate::sha256::sha256_of_file;
use toque_core::checksum::sha256_hex;

/// The SHA-256, in hexadecimal, of the sorted list of all files and links below a folder: what each
/// is, its own SHA-256 or where it leads, its name. A file counts as executable when its owner may
/// execute it; folders count by what is in them.
/// # Errors
/// When it cannot be read, or has something that is no file, folder or link.
pub fn sha256(folder: &Path) -> Result<String, Failure> {
    let mut lines = Vec::new();
    list(folder, "", &mut lines)?;
    lines.sort_unstable();
    Ok(sha256_hex(lines.concat()))
}

fn list(folder: &Path, before: &str, lines: &mut Vec<String>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).context("list", folder)? {
        let entry = entry.context("list", folder)?;
        let path = entry.path();
        let named = entry.file_name().into_string();
        let named = named.map_err(|name| {
            Failure::new(format!("the name of `{}` is not UTF-8 text", folder.join(name).display()))
        })?;
        let name = format!("{before}{named}");
        let about = path.symlink_metadata().context("look at", &path)?;
        let (kind, what) = if about.is_dir() {
            list(&path, &format!("{name}/"), lines)?;
            continue;
        } else if about.is_symlink() {
            ("link", fs::read_link(&path).context("read the link", &path)?.display().to_string())
        } else if about.is_file() {
            let kind = if about.permissions().mode() & 0o100 == 0 { "file" } else { "executable" };
            (kind, sha256_of_file(&path).context("read", &path)?)
        } else {
            return Err(Failure::new(format!("`{}` is no file, folder or link", path.display())));
        };
        // Names may hold anything but these; so written, no two lists are the same text.
        lines.push(format!("{kind} {what:?} {name:?}\n"));
    }
    Ok(())
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
                    .unwrap();
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
}
