//! `git`: what a repository has, in a folder.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Apply, Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::property::Account;
use toque_machine::source::{ResolvedSource, Source, SourceType};
use toque_machine::system::FileKind;
use toque_machine::view::View;

use crate::shared::from_source::{self, Desired, Filled, FromSource, State, Update};
use crate::shared::optional;
use crate::shared::ownership::Declared;
use crate::shared::path;

/// A commit of a git repository, checked out into a folder. It needs the program `git`, version
/// 2.32 or newer for passwords and for repositories of other users.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Git {
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
    type Desired = Desired<Self>;

    fn check(&self, _actions: &[GitAction]) -> Result<(), PropertyError> {
        from_source::check(&self.destination, &self.source(), "repository", "a repository")
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Desired<Self>, Diagnostic> {
        Ok(Desired {
            path: path::plain(&self.destination),
            source: self.source(),
            declared: Declared { owner: self.user.clone(), group: self.group.clone(), mode: None },
            resource: self,
        })
    }
}

impl FromSource for Git {
    const OWNER: &'static str = "user";

    fn filled(
        view: &View<'_>,
        desired: &Desired<Self>,
        action: GitAction,
    ) -> Result<Filled, Failure> {
        match action {
            GitAction::Sync => Ok(Filled::Update(Some(head(view, &desired.path)?))),
            GitAction::Checkout => Ok(Filled::Keep),
            GitAction::Export => match from_source::remembered(view, desired, action) {
                Some(commit) => Ok(Filled::Replace(Some(commit))),
                None => Err(Failure::new(format!(
                    "`{}` has something in it that was not exported by this resource",
                    desired.path.display()
                ))
                .hint(
                    "empty it, or use another path: what is exported takes the place of the folder",
                )),
            },
        }
    }

    fn describe(
        desired: &Desired<Self>,
        action: GitAction,
        state: &State,
        found: &ResolvedSource,
    ) -> Result<String, Failure> {
        let (path, shown) = (desired.path.display(), desired.source.shown());
        let name = &found.revision.name;
        Ok(match (&state.present, action) {
            (Some(from), GitAction::Export) => {
                format!("replace `{path}`, exported from {}, by {name} of `{shown}`", short(from))
            }
            (Some(from), _) => {
                format!("bring `{path}` from {} to {name} of `{shown}`", short(from))
            }
            (None, GitAction::Export) => format!("export {name} of `{shown}` to `{path}`"),
            (None, _) => format!("check out {name} of `{shown}` to `{path}`"),
        })
    }

    fn keeps_git(action: GitAction) -> bool {
        action != GitAction::Export
    }

    fn update(apply: &Apply<'_>, desired: &Desired<Self>, update: &Update) -> Result<(), Failure> {
        let Update { found, folder, place } = update;
        let (source, path) = (&desired.source, &desired.path);
        source.update(apply.system, apply.view, found, path, folder, &place.safe)
    }

    fn memory_field(action: GitAction) -> Option<&'static str> {
        (action == GitAction::Export).then_some("commit")
    }
}

/// The commit that a clone is at. Its owner may have put there what leads elsewhere, to what only
/// root can read.
fn head(view: &View<'_>, path: &Path) -> Result<String, Failure> {
    let git = path.join(".git");
    let Some(head) = read(view, &git, "HEAD")? else {
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
            match read(view, &git, branch)? {
                Some(commit) => Some(commit.trim().to_owned()),
                None => {
                    read(view, &git, "packed-refs")?.and_then(|refs| refs.lines().find_map(of_line))
                }
            }
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
fn read(view: &View<'_>, git: &Path, name: &str) -> Result<Option<String>, Failure> {
    let file = git.join(name);
    let folders = file.ancestors().skip(1).take_while(|above| above.starts_with(git));
    for folder in folders {
        if !optional::is(view, folder, FileKind::Directory)? {
            return Ok(None);
        }
    }
    if optional::is(view, &file, FileKind::File)? {
        optional::read_text(view, &file)
    } else {
        Ok(None)
    }
}

fn short(commit: &str) -> &str {
    match commit.get(..7) {
        Some(digits) => digits,
        None => "no commit",
    }
}

#[cfg(test)]
mod tests;
