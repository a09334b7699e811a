//! Adding cookbooks to a Cookfile and removing them: both of its files are written when all that is
//! asked for goes together, or neither.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::name::is_word;
use toque_core::version::Version;
use toque_data::document_edit::toml;

use crate::fetch::FetchContext;
use crate::install::{InstallOptions, Installed};
use crate::manifest::cookfile::{self, Archive, Cookfile, CookfileEntry, Git, Location, NAME};
use crate::manifest::lockfile::Lockfile;
use crate::repository::{Repository, Update};
use toque_core::read_optional::read_optional;
use toque_machine::atomic_write::replace;

/// The result of an edit of a Cookfile and its lockfile.
#[derive(Debug, Clone)]
pub struct Edited {
    pub changes: Vec<Change>,
    /// The lockfile as it was, empty when there was none, and as it is.
    pub before: Lockfile,
    pub after: Lockfile,
}

/// An entry that was added, removed, or says something else now.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub name: String,
    pub group: Option<String>,
    pub before: Option<Location>,
    pub after: Option<Location>,
}

/// Adds a cookbook to the Cookfile of the machine's repository, or lets the entry that is there say
/// this, and chooses what is needed as [`Repository::install`] does. Without an entry it takes the
/// newest version of the sources that goes with the rest, and asks for what is compatible with it.
/// Where there is no Cookfile, one is made. Of the groups `left_out` nothing is fetched that is
/// locked already.
/// # Errors
/// When the name or the entry is wrong, nothing fits, or something cannot be fetched. Then both
/// files are as they were.
pub fn add(
    context: &FetchContext<'_>,
    name: &str,
    group: Option<&str>,
    entry: Option<&Entry>,
    left_out: &[String],
) -> Result<Edited, Diagnostic> {
    if !is_word(name) {
        return Err(Diagnostic::error(format!("`{name}` is no name of a cookbook"))
            .hint("a name is made of letters, digits, `-` and `_`; a constraint is an argument of its own: `nginx \">= 2.1\"`"));
    }
    let there = Files::read(context.repository)?;
    let text = |entry: &Entry| with_entry(&there.path, &there.text, group, name, entry);
    let (new, installed) = match entry {
        Some(entry) => {
            let new = text(entry)?;
            let installed = prepare(context, &there, &new, Update::Nothing, left_out)?;
            (new, installed)
        }
        None => {
            // Who names what is in use wants it as new as it can be.
            let in_use = Lockfile::read(context.repository)?
                .is_some_and(|lockfile| lockfile.cookbooks.contains_key(name));
            let update = if in_use { Update::Some(vec![name.to_owned()]) } else { Update::Nothing };
            let chosen = |installed: &Installed| {
                installed.after.cookbooks.get(name).map(|locked| locked.version.clone())
            };
            let mut installed = prepare(
                context,
                &there,
                &text(&Entry::version(">= 0.0.0"))?,
                update.clone(),
                left_out,
            )?;
            if chosen(&installed).is_some_and(|version| version.pre_release.is_some())
                && let Ok(finished) =
                    prepare(context, &there, &text(&Entry::version(">= 0.0.1"))?, update, left_out)
            {
                installed = finished;
            }
            let version = chosen(&installed).unwrap_or_default();
            (text(&Entry::version(&compatible(&version)))?, installed)
        }
    };
    there.write(context, &new, &installed.after)?;
    let of = |cookfile: &Cookfile| {
        let mut all = cookfile.cookbooks.iter();
        all.find(|wanted| wanted.name == name && wanted.group.as_deref() == group)
            .map(|wanted| wanted.from.clone())
    };
    let (before, after) = (of(&there.cookfile), of(&Cookfile::parse(&there.path, &new)?));
    let change = Change { name: name.to_owned(), group: group.map(str::to_owned), before, after };
    Ok(Edited { changes: vec![change], before: installed.before, after: installed.after })
}

/// Removes cookbooks from the Cookfile of the machine's repository: from a group, or from wherever
/// they stand. What nobody needs any more goes from the lockfile; nobody is asked, unless the
/// lockfile was out of step before.
/// # Errors
/// When one is not there, what is left does not go together, or a file cannot be written. Then both
/// files are as they were.
pub fn remove(
    context: &FetchContext<'_>,
    names: &[String],
    group: Option<&str>,
    left_out: &[String],
) -> Result<Edited, Diagnostic> {
    let there = Files::read(context.repository)?;
    let lockfile = Lockfile::read(context.repository)?;
    let mut new = there.text.clone();
    let mut changes: Vec<Change> = Vec::new();
    for name in names.iter().collect::<BTreeSet<_>>() {
        let is_it = |wanted: &&CookfileEntry| {
            wanted.name == *name && (group.is_none() || wanted.group.as_deref() == group)
        };
        let found = there.cookfile.cookbooks.iter().filter(is_it).map(|wanted| Change {
            name: name.clone(),
            group: wanted.group.clone(),
            before: Some(wanted.from.clone()),
            after: None,
        });
        let count = changes.len();
        changes.extend(found);
        if changes.len() == count {
            return Err(there.unknown(name, group, lockfile.as_ref()));
        }
        new = without_entry(&there.path, &new, group, name)?;
    }
    let repository = Repository::of(context.repository, Cookfile::parse(&there.path, &new)?)?;
    let left = lockfile.map(|lockfile| (repository.without(&lockfile, &[]), lockfile));
    let (before, after) = match left.filter(|(left, _)| repository.stale_reason(left).is_none()) {
        Some((left, before)) => (before, left),
        None => {
            let installed = prepare(context, &there, &new, Update::Nothing, left_out)?;
            (installed.before, installed.after)
        }
    };
    there.write(context, &new, &after)?;
    Ok(Edited { changes, before, after })
}

/// What accepts a version and those that are compatible with it.
fn compatible(version: &Version) -> String {
    match version.pre_release {
        Some(_) => format!(">= {version}"),
        None => format!("~> {}.{}", version.major, version.minor),
    }
}

/// Chooses what a Cookfile asks for that is not written yet.
fn prepare(
    context: &FetchContext<'_>,
    there: &Files,
    text: &str,
    update: Update,
    left_out: &[String],
) -> Result<Installed, Diagnostic> {
    let prepared = || {
        let cookfile = Cookfile::parse(&there.path, text)?;
        let without = left_out.to_vec();
        Repository::of(context.repository, cookfile)?
            .prepare(context, &InstallOptions { update, locked: false, without })
    };
    prepared().map_err(|wrong: Diagnostic| {
        let is_of_cookfile =
            wrong.span.as_ref().is_some_and(|span| span.source.path.as_ref() == Some(&there.path));
        let shown = if is_of_cookfile { ", which is shown as it would have been" } else { "" };
        wrong.note(format!("nothing was changed in `{NAME}`{shown}"))
    })
}

/// A Cookfile as it was before it is edited.
struct Files {
    path: PathBuf,
    is_there: bool,
    text: String,
    cookfile: Cookfile,
}

impl Files {
    fn read(repository: &Path) -> Result<Self, Diagnostic> {
        let path = repository.join(NAME);
        let text = read_optional(&path)?;
        let (is_there, text) = (text.is_some(), text.unwrap_or_default());
        let cookfile = Cookfile::parse(&path, &text)?;
        Ok(Self { path, is_there, text, cookfile })
    }

    /// Writes both files, the Cookfile first: should the other not follow, the next install mends
    /// that.
    fn write(
        &self,
        context: &FetchContext<'_>,
        new: &str,
        lockfile: &Lockfile,
    ) -> Result<(), Diagnostic> {
        let now = Self::read(context.repository)?;
        if (now.is_there, &now.text) != (self.is_there, &self.text) {
            return Err(Diagnostic::error(format!(
                "`{NAME}` was changed by somebody else meanwhile, and is left as it is now"
            ))
            .hint("look at what it has become, and try again"));
        }
        if new != self.text || !self.is_there {
            replace(&self.path, new.as_bytes())?;
        }
        lockfile.write(context.repository).inspect_err(|_| {
            // Should that fail too, the next install mends it.
            let before = self.text.as_bytes();
            let _ = if self.is_there {
                replace(&self.path, before).is_ok()
            } else {
                std::fs::remove_file(&self.path).is_ok()
            };
        })?;
        context.cache.remember(context.repository);
        Ok(())
    }

    /// A cookbook that is to be removed, and is not there.
    fn unknown(&self, name: &str, group: Option<&str>, lockfile: Option<&Lockfile>) -> Diagnostic {
        let of_group = group.map(|group| format!(" in the group `{group}`")).unwrap_or_default();
        let missing = Diagnostic::error(format!("`{NAME}` does not ask for `{name}`{of_group}"));
        let all = || self.cookfile.cookbooks.iter();
        if let Some(other) = all().find(|wanted| wanted.name == name) {
            return missing.hint(match &other.group {
                Some(group) => format!("it is in the group `{group}`"),
                None => "it is in no group: leave `--group` out".to_owned(),
            });
        }
        if let Some((asker, locked, _)) = lockfile.and_then(|lockfile| lockfile.needs(name).next())
        {
            return missing.hint(format!("`{asker}` {} needs it: remove that", locked.version));
        }
        let names = all()
            .filter(|wanted| group.is_none() || wanted.group.as_deref() == group)
            .map(|wanted| wanted.name.as_str());
        missing.suggest_or(name, names, || {
            if lockfile.is_some_and(|lockfile| lockfile.cookbooks.contains_key(name)) {
                return format!(
                    "it lies in the repository: to remove it, remove `cookbooks/{name}`"
                );
            }
            "`toque cookbook tree` shows what it asks for".to_owned()
        })
    }
}

/// The fields of an entry in the order in which they are written, as [`Cookfile`] reads them.
/// `version` alone is written as a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(pub Vec<(&'static str, String)>);

impl Entry {
    /// The entry of a cookbook of the sources.
    #[must_use]
    pub fn version(constraint: &str) -> Self {
        Self(vec![("version", constraint.to_owned())])
    }
}

/// The text of the Cookfile at `path` with an entry, which takes the place of the one that the
/// table has for this name. A new one comes after the last of the table.
/// # Errors
/// A mistake in the text or in the entry, with the place; a text that cannot be edited.
pub fn with_entry(
    path: &Path,
    text: &str,
    group: Option<&str>,
    name: &str,
    entry: &Entry,
) -> Result<String, Diagnostic> {
    let before = Cookfile::parse(path, text)?;
    let new =
        toml::set(text, &path_of(group, name), &entry.0, "version").ok_or_else(|| by_hand(name))?;
    let after = Cookfile::parse(path, &new)?;
    let is_it = |wanted: &CookfileEntry| wanted.name == name && wanted.group.as_deref() == group;
    let same = all_but(&before, is_it) == all_but(&after, is_it);
    if same && after.cookbooks.iter().any(is_it) { Ok(new) } else { Err(by_hand(name)) }
}

/// The text of the Cookfile at `path` without a cookbook: in a group, or wherever it stands. With
/// an entry go the lines of comments directly above it, and with the last entry of a group its
/// table, unless a comment is left in it.
/// # Errors
/// A mistake in the text, with the place; a text that cannot be edited.
pub fn without_entry(
    path: &Path,
    text: &str,
    group: Option<&str>,
    name: &str,
) -> Result<String, Diagnostic> {
    let before = Cookfile::parse(path, text)?;
    let is_it = |wanted: &CookfileEntry| {
        wanted.name == name && (group.is_none() || wanted.group.as_deref() == group)
    };
    let mut new = text.to_owned();
    for wanted in before.cookbooks.iter().filter(|wanted| is_it(wanted)) {
        let keys = path_of(wanted.group.as_deref(), name);
        new = toml::unset(&new, &keys).ok_or_else(|| by_hand(name))?;
        if wanted.group.is_some() {
            new = toml::unset_empty(&new, &keys[..2]).ok_or_else(|| by_hand(name))?;
        }
    }
    let after = Cookfile::parse(path, &new).map_err(|_| by_hand(name))?;
    let same = all_but(&before, is_it) == all_but(&after, is_it);
    if same && !after.cookbooks.iter().any(is_it) { Ok(new) } else { Err(by_hand(name)) }
}

/// The parts of a Cookfile without some of its cookbooks.
fn all_but(cookfile: &Cookfile, left_out: impl Fn(&CookfileEntry) -> bool) -> impl PartialEq {
    let kept = cookfile.cookbooks.iter().filter(|wanted| !left_out(wanted));
    let mut all: Vec<_> =
        kept.map(|wanted| (wanted.name.as_str(), wanted.group.as_deref(), &wanted.from)).collect();
    all.sort_by_key(|(name, group, _)| (*name, *group));
    (&cookfile.sources, &cookfile.platforms, all)
}

fn by_hand(name: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "cannot change `{name}` in `{NAME}`, as that is laid out, and leave all else as it is"
    ))
    .hint("change it by hand, and run `toque cookbook install`")
}

/// The keys of a cookbook's entry.
fn path_of(group: Option<&str>, name: &str) -> Vec<String> {
    match group {
        None => ["cookbooks", name].map(str::to_owned).into(),
        Some(group) => ["groups", group, "cookbooks", name].map(str::to_owned).into(),
    }
}

/// What an entry says, as it is written, without what must not be repeated.
#[must_use]
pub fn shown(from: &Location) -> String {
    let map = |fields: &[(&str, Option<String>)]| {
        let each =
            fields.iter().filter_map(|(key, value)| Some(format!("{key} = {:?}", value.as_ref()?)));
        format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
    };
    match from {
        Location::Sources(constraint) => format!("\"{constraint}\""),
        Location::Path(path) => map(&[("path", Some(path.display().to_string()))]),
        Location::Git(Git { url: git, revision, rel }) => {
            let rel = rel.as_ref().map(|rel| rel.display().to_string());
            // A branch, a tag or a commit: which of them, nothing but the file says.
            map(&[("git", Some(cookfile::shown(git))), ("at", revision.clone()), ("rel", rel)])
        }
        Location::Archive(Archive { location, sha256 }) => {
            map(&[("archive", Some(cookfile::shown(location))), ("sha256", sha256.clone())])
        }
    }
}
