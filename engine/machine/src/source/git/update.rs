//! A clone that is there, brought to another commit. What git does not know of in it stays.

use std::io::ErrorKind;
use std::path::Path;

use super::Wanted;
use super::store::{make, make_temporary, text};
use crate::command::{Command, Identity};
use crate::source::folder;
use crate::system::{FileKind, Metadata, Mounts};
use toque_core::failure::{ErrorContext, Failure};

/// A branch without a commit.
const UNFINISHED: &str = "refs/heads/toque-unfinished";
/// What git locks in a clone while it is brought to another commit.
const LOCKS: [&str; 3] = ["HEAD.lock", "index.lock", "shallow.lock"];

impl Wanted<'_> {
    /// Fetches into a folder of toque's own in `safe`, and lets its owner take over what was
    /// fetched: whoever may write a clone may also say in it what git runs.
    pub(super) fn update(
        &self,
        folder: &Path,
        clone: &Metadata,
        safe: &Path,
    ) -> Result<(), Failure> {
        let owner = (clone.uid != self.system.effective_uid())
            .then(|| self.view.accounts()?.owner(self.system.as_query(), clone))
            .transpose()?;
        let aside = make_temporary(self.system, safe)?;
        let done = self.take_over(folder, &aside, owner.as_ref());
        let removed = self.system.remove_dir_all(&aside, Mounts::Stay).context("remove", &aside);
        done.and(removed)?;
        match owner {
            // Root would open what the owner has put there.
            Some(_) => self.as_owner(owner.as_ref(), &["sync", "-f", "--", text(folder)?]),
            None => self.system.sync(folder).context("sync the file system of", folder),
        }
    }

    fn take_over(
        &self,
        folder: &Path,
        aside: &Path,
        owner: Option<&Identity>,
    ) -> Result<(), Failure> {
        let (store, parts) = (aside.join("store"), aside.join("parts"));
        make(self.system, &store)?;
        make(self.system, &parts)?;
        self.init(&["--quiet", "--bare"], &store)?;
        self.fetch(&store, false)?;
        let modules = self.modules(&store)?;
        for module in &modules {
            self.make_all(&parts, Path::new(&module.path))?;
        }
        self.put_modules(&modules, &parts, None, 0)?;
        if let Some(Identity { uid, gid, .. }) = owner {
            folder::give_all(self.system, aside, *uid, *gid)?;
        }
        let git_dir = format!("--git-dir={}", text(&folder.join(".git"))?);
        let work_tree = format!("--work-tree={}", text(folder)?);
        self.expect_locks(&folder.join(".git"));
        let git =
            |arguments: &[&str]| self.git.run_locally(self.system, self.view, owner, arguments);
        git(&[
            &git_dir,
            "fetch",
            "--quiet",
            "--no-tags",
            "--update-shallow",
            "--",
            text(&store)?,
            self.id,
        ])?;
        // Until all of it is there, the clone is at no commit: what is left half done is done again,
        // whatever the revision is by then.
        git(&[&git_dir, "symbolic-ref", "HEAD", UNFINISHED])?;
        git(&[&git_dir, &work_tree, "read-tree", "--reset", "-u", self.id])?;
        for module in &modules {
            let (from, to) = (parts.join(&module.path), folder.join(&module.path));
            self.as_owner(owner, &["rm", "-rf", "--", text(&to)?])?;
            self.as_owner(owner, &["cp", "-a", "--", text(&from)?, text(&to)?])?;
        }
        git(&[&git_dir, "update-ref", "--no-deref", "HEAD", self.id]).map(|_| ())
    }

    /// Writes down the locks that git leaves if it is killed. One that is there is somebody else's.
    fn expect_locks(&self, store: &Path) {
        for name in LOCKS {
            let lock = store.join(name);
            if self.system.lstat(&lock).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                self.system.expect_temporary(&lock);
            }
        }
    }

    fn as_owner(&self, owner: Option<&Identity>, argv: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(argv.iter().copied());
        command.identity = owner.cloned();
        command.cwd = Some("/".into());
        self.view.check_arguments(&command)?;
        let output = self.system.run(&command)?;
        if output.success() { Ok(()) } else { Err(output.failure(&command, false)) }
    }

    /// The folders on the way to a place, which a commit names.
    fn make_all(&self, root: &Path, path: &Path) -> Result<(), Failure> {
        let mut at = root.to_owned();
        for part in path.components() {
            let std::path::Component::Normal(name) = part else {
                return Err(Failure::new(format!(
                    "the commit has a submodule at `{}`, which leads outside",
                    path.display()
                ))
                .hint("leave submodules out"));
            };
            at.push(name);
            if !self.system.lstat(&at).is_ok_and(|metadata| metadata.kind == FileKind::Directory) {
                make(self.system, &at)?;
            }
        }
        Ok(())
    }
}
