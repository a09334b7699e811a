//! Where cookbooks come from, behind one interface.

mod checkout;
mod folder;
pub mod registry;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toque_engine::cookbook::Cookbook;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;
use toque_engine::source::Access;
use toque_engine::source::unpack::{Limits, leads_outside};
use toque_engine::stop::Stop;
use toque_engine::system::HostSystem;
use toque_engine::version::Version;
use walkdir::WalkDir;

pub use self::checkout::Checkout;
pub use self::folder::Folder;
pub use self::registry::Registry;
use crate::credentials::Credential;
use crate::found::{self, Instead};
use crate::lockfile::{Locked, Origin};
use crate::store::Store;
use crate::universe::Release;

/// How long a server may be silent, where nobody says otherwise. In as much time at least 1 KiB a
/// second must come of what it sends.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What the archive of a cookbook may come to, and the list of a registry. No cookbook is nearly as
/// large, and several archives are in memory at once.
pub const LIMITS: Limits = Limits { packed: 256 << 20, bytes: 2 << 30, ..Limits::USUAL };

/// A place that has cookbooks. Several threads may ask it at once.
pub trait Source: Sync {
    /// Where it is, as messages show it.
    fn shown(&self) -> String;
    /// What it has, by name.
    /// # Errors
    /// When it cannot be asked, or answers what is no answer.
    fn offers(
        &self,
        machine: &Machine<'_>,
        system: &HostSystem,
    ) -> Result<Vec<(String, Vec<Release>)>, Diagnostic>;
    /// Takes a version of a cookbook that it offered: afterwards it is on this machine.
    /// # Errors
    /// When it cannot be fetched, or is not what it was said to be.
    fn take(
        &self,
        machine: &Machine<'_>,
        system: &HostSystem,
        name: &str,
        version: &Version,
    ) -> Result<Taken, Diagnostic>;
}

/// What sources work with.
pub struct Machine<'a> {
    /// Makes what reaches files, programs and servers: each thread has its own.
    pub system: &'a (dyn Fn() -> HostSystem + Sync),
    /// Paths are seen from here.
    pub repository: &'a Path,
    pub store: &'a Store,
    /// Whether no server may be asked.
    pub offline: bool,
    /// How long a server may be silent.
    pub patience: Duration,
    /// The socket of an agent that has keys for `ssh`.
    pub ssh_agent: Option<&'a Path>,
    /// What is shown to the server of a URL.
    pub credential: &'a (dyn Fn(&str) -> Result<Credential, Diagnostic> + Sync),
    pub tell: &'a (dyn Fn(Told<'_>) + Sync),
}

/// What there is to tell while cookbooks are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// Something that may take long begins.
    Begun(&'a str),
    /// So many of so many cookbooks are there; the last of them was this one, or none at the
    /// beginning.
    Fetched { count: usize, of: usize, name: &'a str },
    /// Something is strange, and goes on.
    Warning(&'a str),
}

/// A cookbook that is on this machine.
#[derive(Debug, Clone)]
pub struct Taken {
    pub root: PathBuf,
    pub locked: Locked,
}

impl Taken {
    /// A cookbook as its own `cookbook.toml` describes it.
    pub(crate) fn of(cookbook: &Cookbook, origin: Origin, sha256: Option<String>) -> Self {
        let about = &cookbook.about;
        let dependencies = about
            .dependencies
            .iter()
            .map(|(name, constraint)| (name.clone(), constraint.clone()))
            .collect();
        Self {
            root: cookbook.root.clone(),
            locked: Locked { version: about.version.clone(), origin, sha256, dependencies },
        }
    }

    /// The same as something to choose from. `can_be_changed` says that it lies where its user can
    /// change it.
    /// # Errors
    /// When its cookbook.toml cannot be read any more.
    pub(crate) fn release(&self, can_be_changed: bool) -> Result<Release, Diagnostic> {
        let dependencies = self
            .locked
            .dependencies
            .iter()
            .map(|(name, constraint)| (name.clone(), constraint.clone()));
        let about = Cookbook::load(&self.root)?.about;
        Ok(Release {
            version: self.locked.version.clone(),
            dependencies: dependencies.collect(),
            toque: about.toque,
            platforms: about.platforms,
            file: can_be_changed.then(|| self.root.join("cookbook.toml")),
        })
    }
}

impl Machine<'_> {
    /// # Errors
    /// When no server may be asked.
    fn online(&self, what: &str) -> Result<(), Diagnostic> {
        if self.offline {
            return Err(Diagnostic::error(format!(
                "{what} has to be fetched, and `--offline` forbids it"
            ))
            .hint("run `toque cookbook install` where the network can be reached"));
        }
        Ok(())
    }

    /// How a URL is reached by whoever runs toque.
    /// # Errors
    /// When what its server wants cannot be read.
    fn access(&self, url: &str) -> Result<(Credential, Access), Diagnostic> {
        let credential = (self.credential)(url)?;
        let ssh_agent = self.ssh_agent.map(Path::to_owned);
        let access = Access {
            silence: Some(self.patience),
            ssh_agent,
            limits: LIMITS,
            token: credential.token.clone(),
        };
        Ok((credential, access))
    }

    /// The stop that all its systems share.
    pub(crate) fn stop(&self) -> Stop {
        (self.system)().stop
    }

    fn begin(&self, what: &str) {
        (self.tell)(Told::Begun(what));
    }

    /// Takes what was unpacked to `rel` below `scratch`: a cookbook, or a folder whose one cookbook
    /// it is.
    fn keep(
        &self,
        scratch: &tempfile::TempDir,
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
        let Some(found) = found::find(&top, name)? else {
            return Err(match found::instead(&top)? {
                Instead::Ruby => {
                    Diagnostic::error(format!("`{name}` from {from} is a Ruby cookbook for Chef, which toque cannot run"))
                        .hint("take a version that is written for toque, or rewrite its recipes in Rhai")
                }
                Instead::Deeper(_) | Instead::Nothing => {
                    Diagnostic::error(format!("there is no cookbook in what {from} has for `{name}`: no cookbook.toml"))
                        .hint("correct where it comes from; the folder that it is in, in a git repository, is named by `rel`")
                }
            });
        };
        let alone = self.store.scratch()?;
        let moved = alone.path().join(name);
        std::fs::rename(&found, &moved).map_err(|error| Failure::io("move", &found, &error))?;
        // Before anything is kept, so that it is told of what came and not of what is there.
        let text = std::fs::read_to_string(moved.join("cookbook.toml"));
        let read = text.map_or_else(
            |_| Cookbook::load(&moved),
            |text| Cookbook::parse(Path::new(name), &text),
        );
        read.map_err(|wrong| {
            let mut wrong = wrong.note(format!("in what {from} has for `{name}`"));
            if wrong.message.contains("calls itself") {
                wrong.hints =
                    vec!["ask for it by its own name, or correct where it comes from".to_owned()];
            }
            wrong
        })?;
        let git = moved.join(".git");
        if git.exists() {
            return Err(Diagnostic::error(format!(
                "what {from} has for `{name}` is a git repository, and not a cookbook alone"
            )));
        }
        links_stay_inside(&moved, name, from)?;
        let (sha256, root) = self.store.put(&alone, name)?;
        Ok((Cookbook::load(&root)?, sha256))
    }
}

/// Looks whether all links in a cookbook lead to what is in it: what is elsewhere is not locked
/// with it.
fn links_stay_inside(root: &Path, name: &str, from: &str) -> Result<(), Diagnostic> {
    for link in WalkDir::new(root).into_iter().flatten().filter(walkdir::DirEntry::path_is_symlink)
    {
        let to = std::fs::read_link(link.path())
            .map_err(|error| Failure::io("read the link", link.path(), &error))?;
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

/// What a recipe would say by a property, a person says in the settings.
fn in_time(failure: Failure) -> Failure {
    match &failure.hint {
        Some(hint) if hint.contains("raise") => {
            failure.hint("check that the server can be reached and answers, or raise `fetch_timeout` in the settings")
        }
        _ => failure,
    }
}
