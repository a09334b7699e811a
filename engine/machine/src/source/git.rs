//! A git repository, by the program `git` (2.32 or newer).

mod address;
mod local;
mod program;
mod refs;
mod store;
mod submodules;
mod update;

use std::path::Path;

use self::address::Address;
use self::program::Git;
use self::refs::{Commit, Refs};
use super::{Checkout, ResolvedSource, Revision, Source, folder};
use crate::system::{Metadata, System};
use crate::trust::{Subject, Trust};
use crate::view::View;
use toque_core::failure::{Failure, FailureKind};
use toque_core::property_error::PropertyError;

pub(super) fn check(source: &Source) -> Result<(), PropertyError> {
    Address::parse(&source.url)?;
    if let Some(revision) = &source.revision {
        refs::check(revision)?;
    }
    let of_archives = [
        ("checksum", source.checksum.is_some()),
        ("strip", source.strip.is_some()),
        ("region", source.region.is_some()),
        ("session_token", source.session_token.is_some()),
    ];
    match of_archives.iter().find(|(_, set)| *set) {
        Some((name, _)) => Err(PropertyError::named(
            *name,
            format!("`{name}` has no meaning for a git repository"),
        )
        .hint("leave it out; `revision` can be the 40 digits of a commit")),
        None => Ok(()),
    }
}

/// Checks who decides where the branches and tags of a repository on this machine are: those who
/// can write it, or in its `.git`. Objects are named for their content.
pub(super) fn check_trust(source: &Source, trust: &Trust) -> Result<(), Failure> {
    let git = Git::of(source)?;
    let Some(path) = git.local() else { return Ok(()) };
    if source.revision.as_deref().is_some_and(refs::is_commit) {
        return Ok(());
    }
    trust.file(Subject::Source, path)?;
    let inner = path.join(".git");
    let folder = if inner.exists() { &inner } else { path };
    trust.folder(Subject::Source, folder)?;
    trust.tree(Subject::Source, &folder.join("refs"))
}

/// What the revision is now. The digits of a commit need no asking.
pub(super) fn resolve(source: &Source, view: &View<'_>) -> Result<ResolvedSource, Failure> {
    let git = Git::of(source)?;
    let revision = source.revision.as_deref().filter(|revision| *revision != "HEAD");
    let commit = match revision {
        Some(revision) if refs::is_commit(revision) => {
            Commit { id: revision.to_ascii_lowercase(), reference: None }
        }
        _ => {
            if let Some(path) = git.local() {
                view.depends_on_files_below(path);
            }
            // An earlier change of this plan may install git, start the server, or let it be
            // reached.
            find(&git, view, revision).inspect_err(|_| view.depends_on_everything())?
        }
    };
    let digits = &commit.id[..7];
    let name = commit
        .reference
        .as_deref()
        .map_or_else(|| digits.to_owned(), |name| format!("{} ({digits})", refs::short(name)));
    Ok(ResolvedSource {
        revision: Revision { id: commit.id, name },
        memory: None,
        content: None,
        reference: commit.reference,
    })
}

/// Puts one commit into a folder.
pub(super) fn check_out(
    source: &Source,
    system: &dyn System,
    view: &View<'_>,
    found: &ResolvedSource,
    into: &Path,
    how: &Checkout<'_>,
) -> Result<(), Failure> {
    let git = Git::of(source)?;
    folder::make(system, into, how, || {
        let wanted =
            Wanted { git: &git, system, view, id: &found.revision.id, name: &found.revision.name };
        let modules = if how.keep_git {
            wanted.clone_into(into)?
        } else {
            wanted.put_into(into, how.cache)?
        };
        wanted.put_modules(&modules, into, how.cache, 0)
    })
}

/// Brings a clone that is there to one commit.
pub(super) fn update(
    source: &Source,
    system: &dyn System,
    view: &View<'_>,
    found: &ResolvedSource,
    folder: &Path,
    clone: &Metadata,
    safe: &Path,
) -> Result<(), Failure> {
    let git = Git::of(source)?;
    Wanted { git: &git, system, view, id: &found.revision.id, name: &found.revision.name }
        .update(folder, clone, safe)
}

/// A commit that is to be checked out.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    git: &'a Git<'a>,
    system: &'a dyn System,
    view: &'a View<'a>,
    id: &'a str,
    /// As people know it.
    name: &'a str,
}

fn find(git: &Git<'_>, view: &View<'_>, revision: Option<&str>) -> Result<Commit, Failure> {
    let url = git.address.url.as_str();
    let shown = git.source.shown();
    let ask =
        |arguments: &[&str]| Ok::<_, Failure>(Refs::parse(&git.ask(view, arguments)?.stdout()));
    let Some(revision) = revision else {
        let refs = ask(&["ls-remote", "--symref", "--", url, "HEAD"])?;
        return refs.head().ok_or_else(|| {
            Failure::new(format!(
                "the git repository `{shown}` has no branch of its own, or no commit"
            ))
            .of_kind(FailureKind::RevisionNotFound)
            .hint("push to it, or set `revision`")
        });
    };
    let [tag, branch] = ["tags", "heads"].map(|folder| format!("refs/{folder}/{revision}"));
    let full = if revision.starts_with("refs/") {
        vec![revision]
    } else {
        vec![tag.as_str(), branch.as_str()]
    };
    let peeled: Vec<String> = full.iter().map(|name| format!("{name}^{{}}")).collect();
    let mut arguments = vec!["ls-remote", "--", url];
    arguments.extend(full.iter().copied().chain(peeled.iter().map(String::as_str)));
    if let Some(commit) = ask(&arguments)?.named(revision) {
        return Ok(commit);
    }
    let refs = ask(&["ls-remote", "--heads", "--tags", "--", url])?;
    let digits = (4..40).contains(&revision.len()) && refs::is_hexadecimal(revision);
    if digits && let Some(commit) = refs.beginning_with(revision)? {
        return Ok(commit);
    }
    let failure = Failure::new(format!(
        "the git repository `{shown}` has no branch, tag or commit `{revision}`"
    ))
    .of_kind(FailureKind::RevisionNotFound);
    Err(match refs.near(revision) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if refs.is_empty() => failure.hint("it is empty: push to it first"),
        None if digits => {
            failure.hint("a commit without a branch or tag is found only by all its 40 digits")
        }
        None => failure.hint("`git ls-remote` lists what there is"),
    })
}
