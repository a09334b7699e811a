//! `toque cookbook gc`.

use std::path::Path;

use toque_cookbooks::cache::{Cache, GcReport, Removed};
use toque_engine::run::Refused;

use super::Exit;
use crate::output;
use crate::settings::{Settings, find_repository};

pub fn gc(repo: Option<&Path>, dry_run: bool, cache_dir: Option<&Path>) -> Result<Exit, Refused> {
    // It is about the store; a repository around may say where that is.
    let settings = Settings::read(find_repository(repo, None)?.as_deref())?;
    let folder = settings.cache_dir(cache_dir);
    // Nothing is made of a folder that is not there.
    let cleared = if folder.exists() {
        Cache::open(folder)?.collect_garbage(dry_run)?
    } else {
        GcReport::default()
    };
    let GcReport { removed, lockfiles, kept } = cleared;
    for Removed { what, bytes } in &removed {
        output::print(&format!("{what}, {}", size(*bytes)));
    }
    let freed = size(removed.iter().map(|one| one.bytes).sum());
    let freed = if dry_run { format!("{freed} would be freed") } else { format!("{freed} freed") };
    let counted =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    output::message(&format!(
        "{freed}; {} kept for {}",
        counted(kept, "cookbook"),
        counted(lockfiles.len(), "lockfile")
    ));
    Ok(Exit::Success)
}

/// In the largest unit of which there is at least one.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << shift) as f64),
        None => format!("{bytes} bytes"),
    }
}
