//! `toque cookbook add`.

use std::path::{Component, Path, PathBuf};

use toque_cookbooks::edit::{self, Change};
use toque_cookbooks::manifest::cookfile;
use toque_cookbooks::repository::Repository;
use toque_cookbooks::text::Entry;
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::Failure;
use toque_engine::run::Refused;
use toque_engine::stop::Stop;

use super::{Exit, install, with_machine_at};
use crate::args::AddCookbook;
use crate::output;
use crate::settings::find_repository;

pub fn add(repo: Option<&Path>, wanted: &AddCookbook) -> Result<Exit, Refused> {
    let here = std::env::current_dir()
        .map_err(|error| Diagnostic::from(Failure::io("find", Path::new("."), &error)))?;
    let repository = find_repository(repo, None)?.unwrap_or_else(|| here.clone());
    let _alone = Repository::lock(&repository, &Stop::default())?;
    let is_new = !repository.join(cookfile::NAME).exists();
    let entry = entry(wanted, &here, &repository)?;
    let (name, group) = (wanted.name.as_str(), wanted.group.as_deref());
    let edited = with_machine_at(&repository, &wanted.fetching, |network, machine| {
        edit::add(machine, name, group, entry.as_ref(), &network.without)
    })?;
    if is_new {
        output::message(&format!("`{}` was made", repository.join(cookfile::NAME).display()));
    }
    edited.changes.iter().for_each(|change| output::print(&line(change)));
    install::tell(&edited.before, &edited.after);
    Ok(Exit::Success)
}

/// What the flags say; none when the sources decide.
fn entry(
    wanted: &AddCookbook,
    here: &Path,
    repository: &Path,
) -> Result<Option<Entry>, Diagnostic> {
    let seen = |path: &Path| seen_from(repository, here, path).display().to_string();
    let archive = |location: &String| {
        if location.contains("://") { location.clone() } else { seen(Path::new(location)) }
    };
    if let Some(constraint) = &wanted.constraint {
        constraint.parse::<toque_engine::version::Constraint>().map_err(Diagnostic::error)?;
    }
    let fields = [
        ("version", wanted.constraint.clone()),
        ("path", wanted.path.as_deref().map(seen)),
        ("git", wanted.git.clone()),
        ("branch", wanted.branch.clone()),
        ("tag", wanted.tag.clone()),
        ("revision", wanted.revision.clone()),
        ("rel", wanted.rel.as_ref().map(|rel| rel.display().to_string())),
        ("archive", wanted.archive.as_ref().map(archive)),
        ("sha256", wanted.sha256.clone()),
    ];
    let fields: Vec<_> =
        fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    Ok((!fields.is_empty()).then_some(Entry(fields)))
}

/// A path that is seen from `here`, as the Cookfile of a repository names it.
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

/// What an entry says now.
pub fn line(Change { name, group, before, after }: &Change) -> String {
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
