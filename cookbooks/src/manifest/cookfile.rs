//! `Cookfile.toml`: which cookbooks a repository needs, and from where.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::name::is_word;
use toque_core::platform::Platform;
use toque_core::version::{Constraint, Version};
use toque_data::cookbook::{span_at, toml_diagnostic};

use toque_core::read_optional::read_optional;

/// What the file is called.
pub const NAME: &str = "Cookfile.toml";

/// A Cookfile as it is read.
#[derive(Debug, Clone, Default)]
pub struct Cookfile {
    /// In order: the first that knows a cookbook's name is the only one that is asked for it.
    pub sources: Vec<Source>,
    /// Those of all groups.
    pub cookbooks: Vec<CookfileEntry>,
    /// Those of the machines that the repository is for; none when it does not say.
    pub platforms: Vec<Platform>,
}

/// Where cookbooks are looked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The URL of a registry, which serves `/universe`.
    Registry(String),
    /// A folder of cookbooks, seen from the repository.
    Folder(PathBuf),
}

/// A cookbook that is asked for.
#[derive(Debug, Clone)]
pub struct CookfileEntry {
    pub name: String,
    pub from: Location,
    /// The group that asks for it, where it is in one.
    pub group: Option<String>,
    pub at: Span,
}

impl CookfileEntry {
    /// Whether it is pinned to a git repository or an archive.
    #[must_use]
    pub(crate) fn is_checked_out(&self) -> bool {
        matches!(self.from, Location::Git(_) | Location::Archive(_))
    }
}

/// Where a cookbook comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// Whoever has it first, in a version that fits.
    Sources(Constraint),
    /// A folder, seen from the repository.
    Path(PathBuf),
    Git(Git),
    Archive(Archive),
}

/// A cookbook in a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    pub url: String,
    /// A branch, a tag or a commit; the repository's own branch when absent.
    pub revision: Option<String>,
    /// The folder in it.
    pub rel: Option<PathBuf>,
}

/// A cookbook in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// A URL, or a path seen from the repository.
    pub location: String,
    /// The SHA-256 that it must have, in hexadecimal.
    pub sha256: Option<String>,
}

impl Cookfile {
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
        let mut read = Self::parse_and_show(path, text).map_err(|mut wrong| {
            wrong.each_span(&mut hide_secrets);
            wrong
        })?;
        read.cookbooks.iter_mut().for_each(|wanted| hide_secrets(&mut wanted.at));
        Ok(read)
    }

    fn parse_and_show(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        let written: Written =
            toml::from_str(text).map_err(|error| toml_diagnostic(path, text, &error))?;
        let sources = written.source.into_iter().map(|source| source.0).collect();
        let groups = written.groups.into_iter().map(|(name, group)| (Some(name), group.cookbooks));
        let mut cookbooks: Vec<CookfileEntry> = Vec::new();
        for (group, asked) in [(None, written.cookbooks)].into_iter().chain(groups) {
            for (key, from) in asked {
                let at = span_at(path, text, key.span());
                let name = key.into_inner();
                if !is_word(&name) {
                    return Err(Diagnostic::error(format!("`{name}` is no name of a cookbook"))
                        .at(at)
                        .hint("a name is made of letters, digits, `-` and `_`"));
                }
                let pinned = |from: &Location| !matches!(from, Location::Sources(_));
                let other = cookbooks.iter().find(|other| other.name == name && other.from != from);
                if let Some(other) = other.filter(|other| pinned(&other.from) || pinned(&from)) {
                    return Err(Diagnostic::error(format!(
                        "cookbook `{name}` is asked for from two places"
                    ))
                    .at(at)
                    .frame(other.at.clone(), "from another here")
                    .hint("keep one of them"));
                }
                cookbooks.push(CookfileEntry { name, from, group: group.clone(), at });
            }
        }
        let platforms = written.platforms.into_iter().flat_map(|(name, Versions(versions))| {
            versions.into_iter().map(move |version| Platform { name: name.clone(), version })
        });
        Ok(Self { sources, cookbooks, platforms: platforms.collect() })
    }

    /// Checks that it has groups of these names.
    /// # Errors
    /// When it has not; with the nearest name.
    pub fn check_groups(&self, names: &[String]) -> Result<(), Diagnostic> {
        let known: BTreeSet<&str> =
            self.cookbooks.iter().filter_map(|wanted| wanted.group.as_deref()).collect();
        let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) else {
            return Ok(());
        };
        let missing = Diagnostic::error(format!("there is no group `{unknown}` in {NAME}"));
        let all = || known.iter().map(|group| format!("`{group}`")).collect::<Vec<_>>().join(", ");
        Err(missing.suggest_or(unknown, known.iter().copied(), || {
            if known.is_empty() {
                return "it has no groups: leave `--without` out".to_owned();
            }
            format!("its groups are {}", all())
        }))
    }
}

/// Lets a place show nothing of a line that has a password or a token in a URL.
fn hide_secrets(span: &mut Span) {
    let is_secret = |word: &str| {
        let Some((scheme, rest)) = word.split_once("://") else { return false };
        let user = rest.split('/').next().and_then(|host| host.rsplit_once('@'));
        // The name that one logs in with is none.
        rest.contains('?') || user.is_some_and(|(user, _)| scheme != "ssh" || user.contains(':'))
    };
    if span.line_text().split(['"', '\'', ' ', '\t']).any(is_secret) {
        *span = span.hidden();
    }
}

/// Whether a path, seen from a folder, cannot lead out of it but by links.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    source: Vec<WrittenSource>,
    #[serde(default)]
    cookbooks: Asked,
    #[serde(default)]
    groups: IndexMap<String, Group>,
    #[serde(default)]
    platforms: IndexMap<String, Versions>,
}

/// One, or a list.
struct Versions(Vec<String>);

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Versions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version in quotes, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Versions, E> {
                checked(text.to_owned()).map(|version| Versions(vec![version]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Versions, A::Error> {
                let mut versions = Vec::new();
                while let Some(version) = list.next_element()? {
                    versions.push(checked(version)?);
                }
                if versions.is_empty() {
                    Err(A::Error::custom("a platform has at least one version"))
                } else {
                    Ok(Versions(versions))
                }
            }
        }

        fn checked<E: serde::de::Error>(version: String) -> Result<String, E> {
            let wrong = |_| {
                E::custom(format!(
                    "`{version}` is no version of a platform: write for example `12` or `24.04`"
                ))
            };
            version.parse::<Version>().map_err(wrong)?;
            Ok(version)
        }

        deserializer.deserialize_any(Either)
    }
}

type Asked = IndexMap<Spanned<String>, Location>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(default)]
    cookbooks: Asked,
}

struct WrittenSource(Source);

impl<'de> Deserialize<'de> for WrittenSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            url: Option<String>,
            path: Option<PathBuf>,
        }
        match Fields::deserialize(deserializer)? {
            Fields { url: Some(url), path: None } => {
                registry(&url).map(|url| Self(Source::Registry(url))).map_err(D::Error::custom)
            }
            Fields { url: None, path: Some(path) } => Ok(Self(Source::Folder(path))),
            _ => Err(D::Error::custom("a source has either a `url` or a `path`")),
        }
    }
}

/// # Errors
/// When it is none, or says what belongs to whoever runs toque and not into a file that others have
/// too.
fn registry(url: &str) -> Result<String, String> {
    let shown = shown(url);
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(format!(
            "`{shown}` is no URL of a registry: it begins with `https://` or `http://`"
        ));
    }
    if shown != url {
        return Err(format!(
            "the URL of the registry `{shown}` has a user, a password or a query: say in `[credentials]` of your settings who you are"
        ));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A URL without a password and a query.
pub(crate) fn shown(url: &str) -> String {
    toque_machine::source::Source { url: url.to_owned(), ..Default::default() }.shown()
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Location;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version constraint, or a map with `path`, `git` or `archive`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Location, E> {
                text.parse().map(Location::Sources).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Location, A::Error> {
                Pin::deserialize(MapAccessDeserializer::new(map))?
                    .checked()
                    .map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    version: Option<Constraint>,
    path: Option<PathBuf>,
    git: Option<String>,
    branch: Option<String>,
    tag: Option<String>,
    revision: Option<String>,
    rel: Option<PathBuf>,
    archive: Option<String>,
    sha256: Option<String>,
}

impl Pin {
    /// # Errors
    /// Which fields do not go together.
    fn checked(self) -> Result<Location, String> {
        let revisions = [self.branch, self.tag, self.revision];
        let of_git = revisions.iter().flatten().next().is_some() || self.rel.is_some();
        if self.git.is_none() && of_git {
            return Err("`branch`, `tag`, `revision` and `rel` belong to `git`, which is not set"
                .to_owned());
        }
        if let Some(rel) = self.rel.as_ref().filter(|rel| !is_inside(rel)) {
            return Err(format!("`{}` is no folder inside the repository", rel.display()));
        }
        if self.archive.is_none() && self.sha256.is_some() {
            return Err("`sha256` belongs to `archive`, which is not set".to_owned());
        }
        match (self.version, self.path, self.git, self.archive) {
            (Some(constraint), None, None, None) => Ok(Location::Sources(constraint)),
            (None, Some(path), None, None) => Ok(Location::Path(path)),
            (None, None, Some(url), None) => {
                let mut revisions = revisions.into_iter().flatten();
                match (revisions.next(), revisions.next()) {
                    (revision, None) => Ok(Location::Git(Git { url, revision, rel: self.rel })),
                    _ => Err("only one of `branch`, `tag` and `revision` can be set".to_owned()),
                }
            }
            (None, None, None, Some(location)) => {
                Ok(Location::Archive(Archive { location, sha256: self.sha256 }))
            }
            _ => Err("a cookbook has one of `version`, `path`, `git` and `archive`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
