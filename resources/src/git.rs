//! `git`: what a repository has, in a folder.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use toque_engine::actions;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::{Attempting, Failure};
use toque_engine::property::Account;
use toque_engine::resource::{
    self, Apply, Change, Effect, PropertyError, Provide, Resource, Scope,
};
use toque_engine::snapshots::{Area, Areas};
use toque_engine::source::{Checkout, Found, Source, SourceType};
use toque_engine::system::{FileKind, Metadata, Ownership, Query};
use toque_engine::view::View;

use crate::shared::ownership::Declared;
use crate::shared::target_directory::{self, StagingDirectory, StagingPlace, TargetState};

/// A commit of a git repository, checked out into a folder. It needs the program `git`, version
/// 2.32 or newer for passwords and for repositories of other users.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// Absolute path of the folder; the folder above it must be there, and either root's or that of
    /// `user`. Default: the resource's name.
    pub destination: String,
    /// Where the repository is: `https:`, `ssh:`, `git:`, `file:`, `user@host:path` or an absolute
    /// path.
    pub repository: String,
    /// A branch, a tag or a commit. Default: the branch that the repository itself has as its own.
    #[serde(default)]
    pub revision: Option<String>,
    /// Owner of what is checked out, by name or number. A clone that is there is brought up to date
    /// as its owner, whoever that is. Default: toque's own user.
    #[serde(default)]
    pub user: Option<Account>,
    /// Group of what is checked out, by name or number. Default: that of `user`, or toque's own.
    #[serde(default)]
    pub group: Option<Account>,
    /// The private key for `ssh`, as text, without a passphrase. It is never written to a disk.
    #[serde(default)]
    #[schemars(extend("sensitive" = true))]
    pub ssh_key: Option<String>,
    /// Who asks, where an `https:` server wants a password. Default: the one in `repository`, if
    /// any.
    #[serde(default)]
    pub username: Option<String>,
    /// The password for an `https:` server. Only that server is given it. Default: the one in
    /// `repository`, if any.
    #[serde(default)]
    #[schemars(extend("sensitive" = true))]
    pub password: Option<String>,
    /// Whether submodules are checked out too, and theirs. Default: `false`.
    #[serde(default)]
    pub enable_submodules: bool,
    /// Whether only the commit itself is fetched, without those before it. Default: `false`.
    #[serde(default)]
    pub shallow: bool,
}

actions! {
    pub enum GitAction {
        Sync = "sync", "Make the folder a clone at the revision. One that is at another commit is brought to it: changes to files that git knows of are undone, other files stay.";
        Checkout = "checkout", "As `sync`, but leave a folder alone that has something in it.";
        Export = "export", "Put the files of the revision there, without a repository. A folder that was exported before is replaced when the revision is another.";
    }
}

impl Git {
    fn source(&self) -> Source {
        Source {
            kind: Some(SourceType::Git),
            url: self.repository.clone(),
            revision: self.revision.clone(),
            user: self.username.clone(),
            password: self.password.clone(),
            ssh_key: self.ssh_key.clone(),
            submodules: Some(self.enable_submodules),
            shallow: Some(self.shallow),
            ..Source::default()
        }
        .trimmed()
    }
}

impl Resource for Git {
    const KIND: &'static str = "git";
    const IDENTITY: &'static str = "destination";
    type Action = GitAction;
    type Desired = Desired;

    fn check(&self, _actions: &[GitAction]) -> Result<(), PropertyError> {
        crate::shared::path::check("destination", &self.destination)?;
        if crate::shared::path::plain(&self.destination).parent().is_none() {
            return Err(PropertyError::new("destination", "`/` is no folder for a repository"));
        }
        // Its address goes by another name here.
        self.source().check().map_err(|error| match error.property.as_str() {
            "url" => PropertyError { property: "repository".to_owned(), ..error },
            _ => error,
        })
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Desired, Diagnostic> {
        Ok(Desired {
            path: crate::shared::path::plain(&self.destination),
            source: self.source(),
            declared: Declared { owner: self.user, group: self.group, mode: None },
        })
    }
}

/// What the folder has to have.
#[derive(Debug)]
pub struct Desired {
    pub path: PathBuf,
    pub source: Source,
    pub declared: Declared,
}

/// What `inspect` found.
#[derive(Debug)]
pub struct State {
    pub there: TargetState,
    /// The commit of the clone, or of what was exported.
    pub commit: Option<String>,
    /// What the repository has, unless nothing is done anyway.
    pub found: Option<Found>,
    pub owner: Ownership,
    pub ground: Option<StagingPlace>,
    /// The clone that is there.
    pub clone: Option<Metadata>,
}

/// One thing to do.
#[derive(Debug)]
pub enum Step {
    /// A folder of its own, in the place of what is there.
    CheckOut { found: Found, owner: Ownership, ground: StagingPlace, instead_of: TargetState },
    /// Another commit in the clone that is there.
    Update { found: Found, ground: StagingPlace, clone: Metadata },
}

/// Runs the program `git`.
#[derive(Debug)]
pub struct Provider;

impl resource::Provider for Provider {
    type Resource = Git;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "git";
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired,
        action: GitAction,
    ) -> Result<State, Failure> {
        let there = target_directory::inspect(view, &desired.path)?;
        let owner = desired.declared.resolve(view)?;
        let is_clone = (there, action) == (TargetState::Filled, GitAction::Sync);
        let clone = is_clone
            .then(|| view.lstat(&desired.path).attempting("look at", &desired.path))
            .transpose()?;
        // A clone is its owner's, whoever that is.
        let uid = clone.map_or(owner.uid, |clone| Some(clone.uid));
        let commit = match (there, action) {
            (TargetState::Filled, GitAction::Sync) => Some(head(view, &desired.path)?),
            (TargetState::Filled, GitAction::Export) => Some(exported(view, &desired.path)?),
            _ => None,
        };
        let found = match (there, action) {
            (TargetState::Filled, GitAction::Checkout) => None,
            _ => Some(desired.source.look(view)?),
        };
        let ground = found
            .as_ref()
            .map(|_| target_directory::staging_place(view, &desired.path, uid, "user"))
            .transpose()?;
        Ok(State { there, commit, found, owner, ground, clone })
    }

    fn plan(
        &self,
        desired: &Desired,
        action: GitAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let (Some(found), Some(ground)) = (state.found.clone(), state.ground.clone()) else {
            return Ok(Vec::new());
        };
        if state.commit.as_ref() == Some(&found.revision.id) {
            return Ok(Vec::new());
        }
        let (path, shown) = (desired.path.display(), desired.source.shown());
        let name = found.revision.name.clone();
        let (what, step) = match (&state.commit, state.clone) {
            (Some(from), Some(clone)) => (
                format!("bring `{path}` from {} to {name} of `{shown}`", short(from)),
                Step::Update { found, ground, clone },
            ),
            (from, _) => {
                let what = match (from, action) {
                    (Some(from), _) => format!(
                        "replace `{path}`, exported from {}, by {name} of `{shown}`",
                        short(from)
                    ),
                    (None, GitAction::Export) => format!("export {name} of `{shown}` to `{path}`"),
                    (None, _) => format!("check out {name} of `{shown}` to `{path}`"),
                };
                (
                    what,
                    Step::CheckOut { found, owner: state.owner, ground, instead_of: state.there },
                )
            }
        };
        let change = Change::new(what, step)
            .provides(Provide::Anything(Area::Files.into()))
            .touches(Area::Files);
        Ok(vec![change])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Desired,
        action: GitAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let (path, source) = (desired.path.as_path(), &desired.source);
        for change in changes {
            let found = match &change.step {
                Step::CheckOut { found, owner, ground, instead_of } => {
                    let site = StagingDirectory::new(apply, path, ground, owner)?;
                    let how = Checkout {
                        cache: None,
                        uid: site.uid,
                        gid: site.gid,
                        keep_git: action != GitAction::Export,
                    };
                    source.check_out(apply.system, apply.view, found, &site.path(), &how)?;
                    site.install(apply, *instead_of)?;
                    found
                }
                Step::Update { found, ground, clone } => {
                    source.update(apply.system, apply.view, found, path, clone, &ground.safe)?;
                    found
                }
            };
            if action == GitAction::Export {
                apply.services.remember(&key(path), &json!({ "commit": found.revision.id }))?;
            }
        }
        Ok(Effect::Changed)
    }
}

/// The commit that a clone is at. Its owner may have put there what leads elsewhere, to what only
/// root can read.
fn head(view: &View<'_>, path: &Path) -> Result<String, Failure> {
    let git = path.join(".git");
    let Some(head) = read(view, &git, "HEAD") else {
        return Err(Failure::new(format!(
            "`{}` has something in it, and is no clone of a git repository",
            path.display()
        ))
        .hint("empty it, use another path, or the action `checkout` to leave it alone"));
    };
    let commit = match head.trim().strip_prefix("ref: ") {
        None => Some(head.trim().to_owned()),
        Some(branch)
            if branch.starts_with("refs/") && !branch.split('/').any(|part| part == "..") =>
        {
            let of_line =
                |line: &str| line.strip_suffix(branch)?.strip_suffix(' ').map(str::to_owned);
            let packed =
                || read(view, &git, "packed-refs").and_then(|refs| refs.lines().find_map(of_line));
            read(view, &git, branch).map(|commit| commit.trim().to_owned()).or_else(packed)
        }
        Some(_) => None,
    };
    let is_commit = |text: &String| {
        matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    // A branch without a commit is another than any.
    Ok(commit.filter(is_commit).unwrap_or_default())
}

/// A file of a clone that no link leads to.
fn read(view: &View<'_>, git: &Path, name: &str) -> Option<String> {
    let file = git.join(name);
    let kind = |path: &Path| view.lstat(path).ok().map(|found| found.kind);
    let folders = file
        .ancestors()
        .skip(1)
        .take_while(|above| above.starts_with(git))
        .all(|above| kind(above) == Some(FileKind::Directory));
    let plain = folders && kind(&file) == Some(FileKind::File);
    plain
        .then(|| view.read(&file).ok())
        .flatten()
        .map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// The commit that was exported to a folder.
fn exported(view: &View<'_>, path: &Path) -> Result<String, Failure> {
    let known =
        view.remembered(&key(path)).and_then(|known| known["commit"].as_str().map(str::to_owned));
    known.ok_or_else(|| {
        Failure::new(format!(
            "`{}` has something in it that was not exported by this resource",
            path.display()
        ))
        .hint("empty it, or use another path: what is exported takes the place of the folder")
    })
}

fn key(path: &Path) -> String {
    format!("git:{}", path.display())
}

fn short(commit: &str) -> &str {
    match commit.get(..7) {
        Some(digits) => digits,
        None => "no commit",
    }
}

#[cfg(test)]
mod tests;
