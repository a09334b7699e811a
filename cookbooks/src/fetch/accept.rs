//! Accepts a cookbook that was fetched: checks it, and moves it into the cache.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tempfile::TempDir;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, FailureKind};
use toque_data::cookbook::Cookbook;
use toque_machine::source::unpack::leads_outside;
use walkdir::{DirEntry, WalkDir};

use crate::fetch::FetchContext;
use crate::fetch::locate_cookbook::{NotFoundReason, find, not_found_reason};

impl FetchContext<'_> {
    /// Checks the cookbook `name` in what was unpacked to `rel` below `scratch`, and moves it into
    /// the cache. Returns it with its checksum.
    pub(super) fn accept(
        &self,
        scratch: &TempDir,
        rel: &Path,
        name: &str,
        from: &str,
    ) -> Result<(Cookbook, String), Diagnostic> {
        let top = scratch.path().join(rel);
        // A link in what was fetched must not lead to a folder of this machine, which would be
        // taken away.
        let inside = |path: &Path| {
            let (path, scratch) = (path.canonicalize(), scratch.path().canonicalize());
            path.is_ok_and(|path| scratch.is_ok_and(|scratch| path.starts_with(scratch)))
        };
        if top.exists() && !inside(&top) {
            return Err(Diagnostic::error(format!(
                "`{}` leads out of what {from} has for `{name}`",
                rel.strip_prefix("fetched").unwrap_or(rel).display()
            ))
            .hint("name a folder by `rel`, and no link"));
        }
        let Some(found) = find(&top, name)? else {
            return Err(match not_found_reason(&top)? {
                NotFoundReason::Ruby => {
                    Diagnostic::error(format!("`{name}` from {from} is a Ruby cookbook for Chef, which toque cannot run"))
                        .hint("take a version that is written for toque, or rewrite its recipes in Rhai")
                }
                NotFoundReason::Deeper(_) | NotFoundReason::Nothing => {
                    Diagnostic::error(format!("there is no cookbook in what {from} has for `{name}`: no cookbook.toml"))
                        .hint("correct where it comes from; the folder that it is in, in a git repository, is named by `rel`")
                }
            });
        };
        let alone = self.cache.scratch()?;
        let moved = alone.path().join(name);
        std::fs::rename(&found, &moved).context("move", &found)?;
        // A mistake is shown as in what was fetched, and not as in a folder of the cache.
        let text = std::fs::read_to_string(moved.join("cookbook.toml"));
        let read = text.map_or_else(
            |_| Cookbook::load(&moved),
            |text| Cookbook::parse(Path::new(name), &text),
        );
        let cookbook = read.map_err(|mut wrong| {
            if wrong.kind == FailureKind::NameMismatch {
                wrong.hints =
                    vec!["ask for it by its own name, or correct where it comes from".to_owned()];
            }
            wrong.note(format!("in what {from} has for `{name}`"))
        })?;
        if moved.join(".git").exists() {
            return Err(Diagnostic::error(format!(
                "what {from} has for `{name}` is a git repository, and not a cookbook alone"
            )));
        }
        links_stay_inside(&moved, name, from)?;
        let (sha256, root) = self.cache.put(&alone, name)?;
        Ok((Cookbook { root, ..cookbook }, sha256))
    }
}

/// Checks that all links in a cookbook lead to what is in it: what is elsewhere is not locked with
/// it.
fn links_stay_inside(root: &Path, name: &str, from: &str) -> Result<(), Diagnostic> {
    for link in WalkDir::new(root).into_iter().flatten().filter(DirEntry::path_is_symlink) {
        let to = std::fs::read_link(link.path()).context("read the link", link.path())?;
        if let Some(why) = leads_outside(to.as_os_str().as_bytes(), link.depth() - 1) {
            let inner = link.path().strip_prefix(root).unwrap_or(link.path());
            return Err(Diagnostic::error(format!(
                "`{}` of `{name}` from {from} {why}",
                inner.display()
            ))
            .note(format!("it leads to `{}`", to.display()))
            .hint("put there what it leads to, or take a cookbook that is whole by itself"));
        }
    }
    Ok(())
}
