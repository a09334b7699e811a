//! `toque cookbook add`.

use std::path::{Component, Path, PathBuf};

use toque_cookbooks::edit::{self, Change, Entry};
use toque_cookbooks::manifest::cookfile;
use toque_cookbooks::repository::Repository;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_engine::Refused;
use toque_machine::trust::Subject;

use super::{install, with_machine};
use crate::exit::Exit;
use crate::fetching::Fetching;
use crate::output;
use crate::repository::{Named, find_repository, trusted};

/// Add a cookbook to Cookfile.toml, or change what it says of one, and install it
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque cookbook add nginx\n  toque cookbook add nginx '>= 2.1, < 4'\n  toque cookbook add redis --git https://git.example.com/redis.git --tag v1.4.0\n  toque cookbook add probe --group test"
)]
pub(crate) struct Args {
    name: String,
    /// Which versions of the sources will do, such as `~> 2.1`; unless told, those compatible with
    /// the newest that goes with the rest
    #[arg(conflicts_with_all = ["path", "git", "archive"])]
    constraint: Option<String>,
    /// The folder that it is in
    #[arg(long, value_name = "DIR", conflicts_with_all = ["git", "archive"])]
    path: Option<PathBuf>,
    /// The git repository that it is in
    #[arg(long, value_name = "URL", conflicts_with = "archive")]
    git: Option<String>,
    #[arg(long, value_name = "NAME", requires = "git", conflicts_with_all = ["tag", "revision"])]
    branch: Option<String>,
    #[arg(long, value_name = "NAME", requires = "git", conflicts_with = "revision")]
    tag: Option<String>,
    /// A commit
    #[arg(long, value_name = "REVISION", requires = "git")]
    revision: Option<String>,
    /// The folder in the git repository
    #[arg(long, value_name = "DIR", requires = "git")]
    rel: Option<PathBuf>,
    /// The archive that it is in: a URL or a path
    #[arg(long, value_name = "LOCATION")]
    archive: Option<String>,
    /// The SHA-256 that the archive must have
    #[arg(long, value_name = "DIGITS", requires = "archive")]
    sha256: Option<String>,
    /// The group that asks for it
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let here = std::env::current_dir()
        .map_err(|error| Diagnostic::from(Failure::io("find", Path::new("."), &error)))?;
    let repository = match find_repository(repo, None)? {
        Some(found) => found,
        None => {
            // It becomes one.
            trusted(&here, repo.trust)?;
            here.clone()
        }
    };
    if let Some(path) = &args.path {
        repo.trust.tree(Subject::Repository, path)?;
    }
    let _alone = Repository::lock(&repository, &CancelToken::default())?;
    let is_new = !repository.join(cookfile::NAME).exists();
    let entry = entry(args, &here, &repository)?;
    let (name, group) = (args.name.as_str(), args.group.as_deref());
    let edited = with_machine(&repository, &args.fetching, repo.trust, |network, machine| {
        edit::add(machine, name, group, entry.as_ref(), &network.without)
    })?;
    if is_new {
        output::message(&format!("`{}` was made", repository.join(cookfile::NAME).display()));
    }
    edited.changes.iter().for_each(|change| output::print(&line(change)));
    install::report(&edited.before, &edited.after);
    Ok(Exit::Success)
}

/// Returns the entry that the flags describe; none when the sources decide.
fn entry(args: &Args, here: &Path, repository: &Path) -> Result<Option<Entry>, Diagnostic> {
    let seen = |path: &Path| seen_from(repository, here, path).display().to_string();
    let archive = |location: &String| {
        if location.contains("://") { location.clone() } else { seen(Path::new(location)) }
    };
    if let Some(constraint) = &args.constraint {
        constraint.parse::<toque_core::version::Constraint>().map_err(Diagnostic::error)?;
    }
    let fields = [
        ("version", args.constraint.clone()),
        ("path", args.path.as_deref().map(seen)),
        ("git", args.git.clone()),
        ("branch", args.branch.clone()),
        ("tag", args.tag.clone()),
        ("revision", args.revision.clone()),
        ("rel", args.rel.as_ref().map(|rel| rel.display().to_string())),
        ("archive", args.archive.as_ref().map(archive)),
        ("sha256", args.sha256.clone()),
    ];
    let fields: Vec<_> =
        fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    Ok((!fields.is_empty()).then_some(Entry(fields)))
}

/// Returns a path relative to `here` as the Cookfile of a repository names it.
fn seen_from(repository: &Path, here: &Path, path: &Path) -> PathBuf {
    let Ok(real) = here.join(path).canonicalize() else { return path.to_owned() };
    if path.is_absolute() || here == repository {
        return path.to_owned();
    }
    let shared = repository
        .components()
        .zip(real.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = repository.components().skip(shared).map(|_| Component::ParentDir);
    let seen: PathBuf = up.chain(real.components().skip(shared)).collect();
    if seen.as_os_str().is_empty() { PathBuf::from(".") } else { seen }
}

/// Describes the change of an entry.
pub(crate) fn line(Change { name, group, before, after }: &Change) -> String {
    let [was, is] = [before, after].map(|from| from.as_ref().map(edit::shown));
    let said = match (was, is) {
        (Some(was), Some(is)) if was == is => format!("{was} as before"),
        (Some(was), Some(is)) => format!("{was} -> {is}"),
        (None, Some(is)) => format!("{is} added"),
        (Some(was), None) => format!("{was} removed"),
        (None, None) => String::new(),
    };
    match group {
        Some(group) => format!("{name} {said} (group {group})"),
        None => format!("{name} {said}"),
    }
}
