//! Cookbooks on disk: what they say of themselves, and where their files lie.

pub mod cycle;

use std::any::Any;
use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;

use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_core::failure::{ErrorContext, Failure, FailureKind, plain_io};
use toque_core::name::is_word;
use toque_core::read_optional::{list_optional, optional};
use toque_core::read_text::read_text;
use toque_core::serde_errors::in_recipe_terms;
pub use toque_core::text::display_path as shown;
use toque_core::version::{Constraint, Version};

/// A cookbook's `cookbook.toml`, and its folder.
#[derive(Debug, Clone)]
pub struct Cookbook {
    pub manifest: Manifest,
    pub root: PathBuf,
}

/// The fields of `cookbook.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: String,
    pub version: Version,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub license: Option<String>,
    /// The engine versions it works with.
    #[serde(default)]
    pub toque: Option<Constraint>,
    #[serde(default)]
    pub dependencies: IndexMap<String, Constraint>,
    #[serde(default)]
    pub platforms: IndexMap<String, Constraint>,
}

/// The cookbooks of a repository by name.
pub type Cookbooks = IndexMap<String, Rc<Cookbook>>;

/// Cookbooks that a repository has from elsewhere, as its lockfile chose them.
#[derive(Clone, Default)]
pub struct Locked {
    /// Names and folders.
    pub roots: Vec<(String, PathBuf)>,
    /// What keeps them there for as long as it is held.
    pub held: Option<Rc<dyn Any>>,
}

/// Brings the cookbooks that the lockfile of a repository names to this machine. It fails when the
/// lockfile does not fit, or one of them cannot be fetched.
pub type FindLocked = Rc<dyn Fn(&Path) -> Result<Locked, Diagnostic>>;

/// Returns what finds cookbooks from elsewhere that are known already.
#[must_use]
pub fn found(locked: Locked) -> FindLocked {
    Rc::new(move |_| Ok(locked.clone()))
}

/// Every cookbook below `cookbooks/` of a repository, and those from elsewhere, which come before
/// its own of the same name.
/// # Errors
/// As [`find`].
pub fn find_all(repository: &Path, locked: &Locked) -> (Cookbooks, Vec<Diagnostic>) {
    let (mut found, mut wrong) = find(repository);
    for (name, root) in &locked.roots {
        if found.get(name).is_some_and(|own| own.root == *root) {
            continue;
        }
        match Cookbook::load(root) {
            Ok(cookbook) => {
                found.insert(name.clone(), Rc::new(cookbook));
            }
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    (found, wrong)
}

/// Every cookbook below `cookbooks/` of a repository.
/// # Errors
/// One for each folder that is no cookbook, and for a folder that cannot be listed.
pub fn find(repository: &Path) -> (Cookbooks, Vec<Diagnostic>) {
    let mut found = Cookbooks::new();
    let mut wrong = Vec::new();
    let folder = repository.join("cookbooks");
    let roots = visible(&folder, Metadata::is_dir).unwrap_or_else(|failure| {
        wrong.push(failure.into());
        Vec::new()
    });
    for root in roots {
        match Cookbook::load(&root) {
            Ok(cookbook) => {
                let name = cookbook.manifest.name.clone();
                if let Some(other) = found.get(&name) {
                    wrong.push(
                        Diagnostic::error(format!("two folders hold a cookbook `{name}`"))
                            .note(format!("{}\n{}", other.root.display(), root.display()))
                            .hint(
                                "remove one of them, or give it another name in its cookbook.toml",
                            ),
                    );
                }
                found.insert(name, Rc::new(cookbook));
            }
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    (found, wrong)
}

/// Whether a folder has what describes a cookbook for Chef, in Ruby.
#[must_use]
pub fn is_of_chef(root: &Path) -> bool {
    ["metadata.rb", "metadata.json"].iter().any(|name| root.join(name).is_file())
}

impl Cookbook {
    /// Reads a cookbook's `cookbook.toml`.
    /// # Errors
    /// When there is none or it is wrong, with the place in it.
    pub fn load(root: &Path) -> Result<Self, Diagnostic> {
        let path = root.join("cookbook.toml");
        let text = match optional(read_text(&path)) {
            Ok(Some(text)) => text,
            Ok(None) => {
                return Err(if is_of_chef(root) {
                    Diagnostic::error(format!("`{}` is a Ruby cookbook for Chef, which toque cannot run", root.display()))
                        .hint("rewrite its recipes in Rhai and describe it in a cookbook.toml, or move it out of cookbooks/")
                } else {
                    Diagnostic::error(format!("`{}` is no cookbook: it has no cookbook.toml", root.display()))
                        .hint("write a cookbook.toml with at least `name` and `version`, or move the folder out of cookbooks/")
                });
            }
            Err(error) => {
                return Err(Diagnostic::error(format!(
                    "cannot read `{}`: {}",
                    path.display(),
                    plain_io(&error)
                )));
            }
        };
        Self::parse(root, &text)
    }

    /// Reads the text of the `cookbook.toml` in a folder.
    /// # Errors
    /// What is wrong with it, with the place.
    pub fn parse(root: &Path, text: &str) -> Result<Self, Diagnostic> {
        let path = root.join("cookbook.toml");
        let manifest: Manifest =
            toml::from_str(text).map_err(|error| toml_diagnostic(&path, text, &error))?;
        let named = |name: &str| {
            Diagnostic::error(format!("`{}` is no name of a cookbook", name.escape_default()))
                .hint("a name is made of letters, digits, `-` and `_`")
        };
        if let Some(name) = manifest.dependencies.keys().find(|name| !is_word(name)) {
            return Err(named(name).at(place_of(&path, text, name)));
        }
        if let Some(folder) = root.file_name().and_then(|name| name.to_str())
            && folder != manifest.name
        {
            return Err(Diagnostic::error(format!(
                "the cookbook in the folder `{folder}` calls itself `{}`",
                manifest.name
            ))
            .of_kind(FailureKind::NameMismatch)
            .at(name_in(&path, text))
            .hint("give folder and cookbook the same name"));
        }
        if !is_word(&manifest.name) {
            return Err(named(&manifest.name).at(name_in(&path, text)));
        }
        Ok(Self { manifest, root: root.to_owned() })
    }

    /// Where its cookbook.toml names a dependency or another key.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<Span> {
        let path = self.root.join("cookbook.toml");
        let text = read_text(&path).ok()?;
        place_of(&path, &text, key)
    }

    /// The path of a recipe, if the cookbook has it.
    /// # Errors
    /// When it cannot be looked at.
    pub fn recipe(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        let path = self.root.join("recipes").join(format!("{name}.rhai"));
        Ok(is(&path, Metadata::is_file)?.then_some(path))
    }

    /// The path of a recipe that it must have.
    /// # Errors
    /// When it has not; with the nearest name.
    pub fn find_recipe(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        if let Some(path) = self.recipe(name)? {
            return Ok(path);
        }
        let missing =
            Diagnostic::error(format!("cookbook `{}` has no recipe `{name}`", self.manifest.name));
        let recipes = self.recipes()?;
        Err(missing.suggest_or(name, recipes.iter().map(String::as_str), || {
            if recipes.is_empty() {
                return format!("add it as recipes/{name}.rhai");
            }
            format!("its recipes are {}", recipes.join(", "))
        }))
    }

    /// The names of its recipes, sorted.
    /// # Errors
    /// A folder that cannot be listed; so do all that follow.
    pub fn recipes(&self) -> Result<Vec<String>, Failure> {
        scripts(&self.root.join("recipes"))
    }

    /// The paths of its custom resources, by name.
    /// # Errors
    /// As [`recipes`](Self::recipes).
    pub fn resource_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.root.join("resources");
        Ok(scripts(&folder)?.into_iter().map(|name| folder.join(format!("{name}.rhai"))).collect())
    }

    /// What its custom resources are called in recipes, sorted.
    /// # Errors
    /// As [`recipes`](Self::recipes).
    pub fn resources(&self) -> Result<Vec<String>, Failure> {
        let files = scripts(&self.root.join("resources"))?;
        let mut names: Vec<String> =
            files.iter().map(|file| kind_name(&self.manifest.name, file)).collect();
        names.sort();
        Ok(names)
    }

    /// The paths of its attribute files: `default.rhai` first, then by name.
    /// # Errors
    /// As [`recipes`](Self::recipes).
    pub fn attribute_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.root.join("attributes");
        let mut names = scripts(&folder)?;
        names.sort_by_key(|name| (name != "default", name.clone()));
        Ok(names.into_iter().map(|name| folder.join(format!("{name}.rhai"))).collect())
    }

    /// Returns the files of its facts, sorted, each with the cookbook's name.
    /// # Errors
    /// As [`recipes`](Self::recipes).
    pub fn fact_files(&self) -> Result<Vec<(String, PathBuf)>, Failure> {
        let files = visible(&self.root.join("facts"), Metadata::is_file)?;
        Ok(files.into_iter().map(|path| (self.manifest.name.clone(), path)).collect())
    }

    /// The names and paths of its libraries, sorted.
    /// # Errors
    /// As [`recipes`](Self::recipes).
    pub fn libraries(&self) -> Result<Vec<(String, PathBuf)>, Failure> {
        let folder = self.root.join("libraries");
        Ok(scripts(&folder)?
            .into_iter()
            .map(|name| (name.clone(), folder.join(format!("{name}.rhai"))))
            .collect())
    }
}

/// A cookbook of the repository by name.
/// # Errors
/// When there is none; with the nearest name.
pub fn get<'a>(cookbooks: &'a Cookbooks, name: &str) -> Result<&'a Rc<Cookbook>, Diagnostic> {
    cookbooks.get(name).ok_or_else(|| {
        let missing = Diagnostic::error(format!("there is no cookbook `{name}`"));
        missing.suggest_or(name, cookbooks.keys().map(String::as_str), || {
            format!("put it into cookbooks/{name}, or correct the name")
        })
    })
}

/// The cookbooks that `wanted` need, themselves included, dependencies first. Where some depend on
/// one another in a circle, the one that is come to first is last.
/// # Errors
/// A missing dependency, or a version that does not fit.
pub fn in_order(
    cookbooks: &Cookbooks,
    wanted: impl IntoIterator<Item = String>,
) -> Result<Vec<Rc<Cookbook>>, Diagnostic> {
    let mut begun: HashSet<&str> = HashSet::new();
    let mut done = Vec::new();
    for name in wanted {
        let first = get(cookbooks, &name)?;
        // The way to where the search is, each with the dependencies that are left to look at. It
        // may be longer than a stack is deep.
        let mut way = Vec::new();
        let mut next = Some(first);
        loop {
            // Else it is done, or in a circle that has come back to it.
            if let Some(cookbook) =
                next.take().filter(|cookbook| begun.insert(&cookbook.manifest.name))
            {
                way.push((cookbook, cookbook.manifest.dependencies.iter()));
            }
            let Some((cookbook, left)) = way.last_mut() else { break };
            match left.next() {
                Some((dependency, constraint)) => {
                    next = Some(needed(cookbooks, cookbook, dependency, constraint)?);
                }
                None => {
                    done.push(Rc::clone(cookbook));
                    way.pop();
                }
            }
        }
    }
    Ok(done)
}

/// What a cookbook depends on.
/// # Errors
/// When it is missing, or its version does not fit.
fn needed<'a>(
    cookbooks: &'a Cookbooks,
    asker: &Cookbook,
    dependency: &str,
    constraint: &Constraint,
) -> Result<&'a Rc<Cookbook>, Diagnostic> {
    let name = &asker.manifest.name;
    let at = || asker.place_of(dependency);
    let found = get(cookbooks, dependency)
        .map_err(|missing| missing.at(at()).note(format!("`{name}` depends on it")))?;
    if !constraint.accepts(&found.manifest.version) {
        let has = &found.manifest.version;
        return Err(Diagnostic::error(format!(
            "`{name}` needs `{dependency}` {constraint}, and the repository has {has}"
        ))
        .at(at())
        .hint("relax the constraint, or bring in a version that fits"));
    }
    Ok(found)
}

/// The name of the kind that a file of a cookbook's `resources/` makes.
#[must_use]
pub fn kind_name(cookbook: &str, file: &str) -> String {
    let name = if file == "default" { cookbook.to_owned() } else { format!("{cookbook}_{file}") };
    name.replace(['-', '.'], "_")
}

/// A TOML error with its place.
#[must_use]
pub fn toml_diagnostic(path: &Path, text: &str, error: &toml::de::Error) -> Diagnostic {
    let plain = in_recipe_terms(error.message());
    let diagnostic = Diagnostic::error(format!("cannot read `{}`: {}", shown(path), plain.message));
    let diagnostic = diagnostic.at(error.span().map(|range| span_at(path, text, range)));
    plain.hint.into_iter().fold(diagnostic, Diagnostic::hint)
}

/// The span of a byte range in a text.
#[must_use]
pub fn span_at(path: &Path, text: &str, range: std::ops::Range<usize>) -> Span {
    let (name, path) = (shown(path), Some(path.to_owned()));
    Span::of(&Arc::new(Source { name, path, text: text.to_owned() }), range)
}

/// Where a `cookbook.toml` says its name.
fn name_in(path: &Path, text: &str) -> Option<Span> {
    #[derive(Deserialize)]
    struct Named {
        name: toml::Spanned<String>,
    }
    toml::from_str::<Named>(text).ok().map(|named| span_at(path, text, named.name.span()))
}

/// Where a `cookbook.toml` names a dependency; else a key of its own.
#[must_use]
pub fn place_of(path: &Path, text: &str, key: &str) -> Option<Span> {
    type Table = IndexMap<toml::Spanned<String>, toml::Value>;
    #[derive(Deserialize)]
    struct Needs {
        #[serde(default)]
        dependencies: Table,
    }
    let of = |table: Table| {
        table
            .into_keys()
            .find(|name| name.get_ref() == key)
            .map(|name| span_at(path, text, name.span()))
    };
    let needs = toml::from_str::<Needs>(text).ok().and_then(|needs| of(needs.dependencies));
    needs.or_else(|| of(toml::from_str::<Table>(text).ok()?))
}

/// Returns the names of the scripts in a folder, sorted.
fn scripts(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for path in list_optional(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".rhai"));
        if let Some(name) = name
            && is(&path, Metadata::is_file)?
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Returns the entries of a folder that are of a kind and whose names begin with no dot, sorted.
fn visible(folder: &Path, kind: fn(&Metadata) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in list_optional(folder)? {
        let hidden = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
        if !hidden && is(&path, kind)? {
            found.push(path);
        }
    }
    Ok(found)
}

/// Returns true for a path, or what it leads to, of a kind. One that cannot be looked at is not
/// taken for another kind: a run would go on without it.
fn is(path: &Path, kind: fn(&Metadata) -> bool) -> Result<bool, Failure> {
    let found = optional(std::fs::metadata(path)).context("look at", path)?;
    Ok(found.as_ref().is_some_and(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cookbooks of these names, each with what it depends on.
    fn cookbooks(all: impl IntoIterator<Item = (String, Vec<String>)>) -> Cookbooks {
        let cookbook = |(name, needs): (String, Vec<String>)| {
            let needs: String = needs.iter().map(|name| format!("{name} = \">= 1.0\"\n")).collect();
            let text = format!("name = \"{name}\"\nversion = \"1.0\"\n[dependencies]\n{needs}");
            (
                name.clone(),
                Rc::new(Cookbook::parse(&Path::new("cookbooks").join(&name), &text).unwrap()),
            )
        };
        all.into_iter().map(cookbook).collect()
    }

    #[test]
    fn dependencies_come_first() {
        let some = |all: &[(&str, &str)]| {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            cookbooks(all.iter().map(|(name, needs)| ((*name).to_owned(), words(needs))))
        };
        let order = |all: &Cookbooks, wanted: &[&str]| {
            let found = in_order(all, wanted.iter().map(|name| (*name).to_owned())).unwrap();
            found
                .iter()
                .map(|cookbook| cookbook.manifest.name.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let all = some(&[
            ("a", "b c"),
            ("b", "d"),
            ("c", "d"),
            ("d", ""),
            ("e", "f"),
            ("f", "g"),
            ("g", "e"),
            ("h", "h"),
        ]);
        assert_eq!(order(&all, &["a"]), "d b c a");
        assert_eq!(order(&all, &["c", "a", "c"]), "d c b a");
        assert_eq!(order(&all, &["f", "h"]), "e g f h");
        let wrong = in_order(&some(&[("a", "b"), ("b", "c")]), ["a".to_owned()]).unwrap_err();
        assert_eq!(
            (wrong.message.as_str(), &wrong.notes[..]),
            ("there is no cookbook `c`", &["`b` depends on it".to_owned()][..])
        );
    }

    #[test]
    fn a_long_way_is_no_matter() {
        let next = |number: usize| (number < 10_000).then(|| format!("c{}", number + 1));
        let all = cookbooks(
            (0..=10_000).map(|number| (format!("c{number}"), next(number).into_iter().collect())),
        );
        let found = in_order(&all, ["c0".to_owned()]).unwrap();
        assert_eq!((found.len(), found[0].manifest.name.as_str()), (10_001, "c10000"));
    }

    #[test]
    fn another_name_than_the_folder_has_its_place() {
        for (name, column) in [("\"nginx\"", 8), ("\"n\\\\x\"", 8), ("\"\"", 8), ("'''web\n'''", 8)]
        {
            let text = format!("# nginx\nname = {name}\nversion = \"1.0\"\n");
            let wrong = Cookbook::parse(Path::new("cookbooks/web"), &text).expect_err(name);
            let span = wrong.span.map(|span| span.to_string());
            assert_eq!(span, Some(format!("cookbooks/web/cookbook.toml:2:{column}")), "{text}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one() {
        let repository = tempfile::tempdir().unwrap();
        let root = repository.path().join("cookbooks/web");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("cookbook.toml"), "name = \"web\"\nversion = \"1.0.0\"\n")
            .unwrap();
        let web = Cookbook::load(&root).unwrap();
        assert!(web.attribute_files().is_ok_and(|files| files.is_empty()));
        // A link to itself fails for root too.
        for folder in ["attributes", "recipes", "facts", "libraries", "resources"] {
            std::os::unix::fs::symlink(folder, root.join(folder)).unwrap();
        }
        assert!(web.attribute_files().is_err() && web.fact_files().is_err());
        assert!(web.recipes().is_err() && web.recipe("default").is_err());
        assert!(web.libraries().is_err() && web.resource_files().is_err());
        std::os::unix::fs::symlink("loop", repository.path().join("cookbooks/loop")).unwrap();
        let (found, wrong) = find(repository.path());
        assert!(found.is_empty() && wrong.len() == 1, "{wrong:?}");
    }
}
