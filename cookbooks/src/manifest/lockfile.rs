//! `Cookfile.lock`: what was chosen, so that every machine uses the same. Sorted, a block for each
//! cookbook, so that merges are small.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;
use toque_core::diagnostic::Diagnostic;
use toque_core::version::{Constraint, Version};
use toque_data::cookbook::{Manifest, span_at, toml_diagnostic};

use crate::manifest::cookfile::is_inside;
use crate::sha256::is_sha256;
use toque_core::name::is_word;
use toque_core::read_optional::read_optional;
use toque_machine::atomic_write::replace;

/// What the file is called.
pub const NAME: &str = "Cookfile.lock";
/// The form that is written. A newer one is refused: it may say what this one has no words for.
const FORM: u32 = 1;
/// What to do about a lockfile that cannot be used.
const ANEW: &str = "take it as it was committed, or delete it and run `toque cookbook install`, which chooses anew";

/// The cookbooks that were chosen, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lockfile {
    pub cookbooks: BTreeMap<String, LockedCookbook>,
}

/// A cookbook that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedCookbook {
    pub version: Version,
    pub origin: Origin,
    /// Of its files, as [`crate::directory_checksum`] counts them; none for what lies in the
    /// repository and may change.
    pub sha256: Option<String>,
    pub dependencies: IndexMap<String, Constraint>,
}

/// The place that a cookbook was fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Registry {
        registry: String,
    },
    Path {
        path: String,
    },
    Git {
        git: String,
        /// The branch, tag or commit that was asked for.
        asked: Option<String>,
        revision: String,
        rel: Option<String>,
    },
    Archive {
        archive: String,
        /// The SHA-256 of the archive itself.
        revision: String,
    },
}

impl LockedCookbook {
    /// Checks that the cookbook that is locked as `name` says the same of itself.
    /// # Errors
    /// The first thing that it says otherwise.
    pub(crate) fn check(&self, name: &str, about: &Manifest) -> Result<(), String> {
        if about.name != name {
            return Err(format!("its cookbook.toml calls it `{}`", about.name));
        }
        if about.version != self.version {
            return Err(format!("its cookbook.toml says version {}", about.version));
        }
        if about.dependencies != self.dependencies {
            return Err("its cookbook.toml names other dependencies".to_owned());
        }
        Ok(())
    }
}

impl Lockfile {
    /// Reads that of a repository; none when it has none.
    /// # Errors
    /// When it cannot be read; what is wrong with it, with the place.
    pub fn read(repository: &Path) -> Result<Option<Self>, Diagnostic> {
        let path = repository.join(NAME);
        read_optional(&path)?.map(|text| Self::parse(&path, &text)).transpose()
    }

    /// Reads the text of the one at `path`.
    /// # Errors
    /// What is wrong with it, with the place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        if let Some(at) = merge_mark(text) {
            return Err(Diagnostic::error(format!(
                "`{NAME}` holds two versions of itself that git could not merge"
            ))
            .at(span_at(path, text, at))
            .hint("keep one of the two, and run `toque cookbook install`"));
        }
        let of_toml = |error: toml::de::Error| toml_diagnostic(path, text, &error).hint(ANEW);
        let Form { version } = toml::from_str(text).map_err(of_toml)?;
        if *version.get_ref() > FORM {
            let newer = format!(
                "`{NAME}` has the form {}, and this toque knows forms up to {FORM}",
                version.get_ref()
            );
            return Err(Diagnostic::error(newer)
                .at(span_at(path, text, version.span()))
                .hint("use the version of toque that wrote it, or a newer one"));
        }
        let written: Written = toml::from_str(text).map_err(of_toml)?;
        let mut cookbooks = BTreeMap::new();
        for block in written.cookbook {
            let at = span_at(path, text, block.name.span());
            let name = block.name.into_inner();
            let wrong = |message: String| Diagnostic::error(message).at(at.clone()).hint(ANEW);
            if !is_word(&name) {
                return Err(wrong(format!("`{name}` is no name of a cookbook")));
            }
            let revision = || {
                let revision = block
                    .revision
                    .clone()
                    .ok_or_else(|| wrong(format!("`{name}` has no `revision`")))?;
                let digits = matches!(revision.len(), 40 | 64)
                    && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
                let short = format!(
                    "the `revision` of `{name}` has not the 40 or 64 hexadecimal digits that it must have"
                );
                digits.then_some(revision).ok_or_else(|| wrong(short))
            };
            let origin = match (block.registry, block.path, block.git, block.archive) {
                (Some(registry), None, None, None) => Origin::Registry { registry },
                (None, Some(path), None, None) => Origin::Path { path },
                (None, None, Some(git), None) => {
                    Origin::Git { git, asked: block.asked, revision: revision()?, rel: block.rel }
                }
                (None, None, None, Some(archive)) => {
                    Origin::Archive { archive, revision: revision()? }
                }
                _ => {
                    return Err(wrong(format!(
                        "`{name}` does not have one of `registry`, `path`, `git` and `archive`"
                    )));
                }
            };
            if let Origin::Git { rel: Some(rel), .. } = &origin
                && !is_inside(Path::new(rel))
            {
                return Err(wrong(format!(
                    "the `rel` of `{name}`, `{rel}`, is no folder inside the repository"
                )));
            }
            if let Some(sha256) = &block.sha256
                && !is_sha256(sha256)
            {
                return Err(wrong(format!(
                    "the `sha256` of `{name}` has not the 64 hexadecimal digits that it must have"
                )));
            }
            if block.sha256.is_none() && !matches!(origin, Origin::Path { .. }) {
                return Err(wrong(format!("`{name}` has no `sha256`")));
            }
            let locked = LockedCookbook {
                version: block.version,
                origin,
                sha256: block.sha256,
                dependencies: block.dependencies,
            };
            if cookbooks.insert(name.clone(), locked).is_some() {
                return Err(wrong(format!("`{name}` is there twice")));
            }
        }
        Ok(Self { cookbooks })
    }

    /// Writes that of a repository, unless this is what it says.
    /// # Errors
    /// When it cannot be written. Then it is as it was.
    pub fn write(&self, repository: &Path) -> Result<(), Diagnostic> {
        if !Self::read(repository).is_ok_and(|there| there.as_ref() == Some(self)) {
            replace(&repository.join(NAME), self.text().as_bytes())?;
        }
        Ok(())
    }

    /// Returns a cookbook that must be in it.
    /// # Errors
    /// When it is not; with the nearest name.
    pub fn require(&self, name: &str) -> Result<&LockedCookbook, Diagnostic> {
        self.cookbooks.get(name).ok_or_else(|| {
            let missing = Diagnostic::error(format!("there is no cookbook `{name}` in `{NAME}`"));
            missing.suggest_or(name, self.cookbooks.keys().map(String::as_str), || {
                "`toque cookbook list` shows those that are; `toque cookbook install` adds what Cookfile.toml asks for"
            })
        })
    }

    /// Which cookbooks need one, and in what versions.
    pub fn needs<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a LockedCookbook, &'a Constraint)> {
        let all = self.cookbooks.iter().filter(move |(asker, _)| *asker != name);
        all.filter_map(move |(asker, locked)| {
            Some((asker.as_str(), locked, locked.dependencies.get(name)?))
        })
    }

    /// The names of these and of all that they need, whether they are there or not.
    #[must_use]
    pub(crate) fn needed_by<'a>(
        &'a self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> BTreeSet<&'a str> {
        let mut left: Vec<&str> = names.into_iter().collect();
        let mut needed = BTreeSet::new();
        while let Some(name) = left.pop() {
            if needed.insert(name) {
                left.extend(
                    self.cookbooks
                        .get(name)
                        .into_iter()
                        .flat_map(|locked| locked.dependencies.keys().map(String::as_str)),
                );
            }
        }
        needed
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "# What `toque cookbook install` chose. Commit it; to change it, change Cookfile.toml.\nversion = {FORM}\n"
        );
        for (name, locked) in &self.cookbooks {
            let mut line = |key: &str, value: &str| {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{key} = {}", toml::Value::String(value.to_owned()));
            };
            line("\n[[cookbook]]\nname", name);
            line("version", &locked.version.to_string());
            match &locked.origin {
                Origin::Registry { registry } => line("registry", registry),
                Origin::Path { path } => line("path", path),
                Origin::Git { git, asked, revision, rel } => {
                    line("git", git);
                    asked.iter().for_each(|asked| line("asked", asked));
                    line("revision", revision);
                    rel.iter().for_each(|rel| line("rel", rel));
                }
                Origin::Archive { archive, revision } => {
                    line("archive", archive);
                    line("revision", revision);
                }
            }
            locked.sha256.iter().for_each(|sha256| line("sha256", sha256));
            let sorted: BTreeMap<_, _> = locked.dependencies.iter().collect();
            for (dependency, constraint) in sorted {
                line(&format!("dependencies.{dependency}"), &constraint.to_string());
            }
        }
        text
    }
}

/// What git leaves around lines that it could not merge.
fn merge_mark(text: &str) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n').find_map(|line| {
        let at = start..start + line.trim_end().len();
        start += line.len();
        ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
            .iter()
            .any(|mark| line.starts_with(mark))
            .then_some(at)
    })
}

#[derive(Deserialize)]
struct Form {
    version: Spanned<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "version")]
    _version: u32,
    #[serde(default)]
    cookbook: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    name: Spanned<String>,
    version: Version,
    registry: Option<String>,
    path: Option<String>,
    git: Option<String>,
    asked: Option<String>,
    revision: Option<String>,
    rel: Option<String>,
    archive: Option<String>,
    sha256: Option<String>,
    #[serde(default)]
    dependencies: IndexMap<String, Constraint>,
}

#[cfg(test)]
mod tests;
