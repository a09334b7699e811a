//! `Cookfile.lock`: what was chosen, so that every machine uses the same. Sorted, a block for each cookbook, so that merges are small.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toque_engine::cookbook::{About, span_at, toml_diagnostic};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::plain_io;
use toque_engine::version::{Constraint, Version};

use crate::beside::replace;
use crate::cookfile::is_name;
use crate::tree::is_sha256;

/// What the file is called.
pub const NAME: &str = "Cookfile.lock";
/// The form that is written. A newer one is refused: it may say what this one has no words for.
const FORM: u32 = 1;
/// What to do about a lockfile that cannot be used.
const ANEW: &str = "take it as it was committed, or delete it and run `toque cookbook install`, which chooses anew";

/// The cookbooks that were chosen, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lockfile {
    pub cookbooks: BTreeMap<String, Locked>,
}

/// A cookbook that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    pub version: Version,
    pub origin: Origin,
    /// Of its files, as [`crate::tree`] counts them; none for what lies in the repository and may change.
    pub sha256: Option<String>,
    /// Name and constraint.
    pub dependencies: BTreeMap<String, Constraint>,
}

/// Where a cookbook was taken from.
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

/// In which way a cookbook is not what was locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It calls itself so.
    Name(String),
    /// It has this one.
    Version(Version),
    Dependencies,
}

impl Locked {
    /// Whether the cookbook that is locked as `name` says the same of itself.
    /// # Errors
    /// The first thing that it says otherwise.
    pub fn check(&self, name: &str, about: &About) -> Result<(), Difference> {
        let same = |(other, constraint): (&String, &Constraint)| self.dependencies.get(other) == Some(constraint);
        match () {
            () if about.name != name => Err(Difference::Name(about.name.clone())),
            () if about.version != self.version => Err(Difference::Version(about.version.clone())),
            () if about.dependencies.len() != self.dependencies.len() || !about.dependencies.iter().all(same) => {
                Err(Difference::Dependencies)
            }
            () => Ok(()),
        }
    }
}

impl Lockfile {
    /// Reads that of a repository; none when it has none.
    /// # Errors
    /// When it cannot be read; what is wrong with it, with the place.
    pub fn read(repository: &Path) -> Result<Option<Self>, Diagnostic> {
        let path = repository.join(NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Diagnostic::error(format!("cannot read `{}`: {}", path.display(), plain_io(&error)))),
        }
    }

    /// Reads the text of the one at `path`.
    /// # Errors
    /// What is wrong with it, with the place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        if let Some(at) = merge_mark(text) {
            return Err(Diagnostic::error(format!("`{NAME}` holds two versions of itself that git could not merge"))
                .at(span_at(path, text, at))
                .hint("keep one of the two, and run `toque cookbook install`"));
        }
        let of_toml = |error: toml::de::Error| toml_diagnostic(path, text, &error).hint(ANEW);
        let Form { version } = toml::from_str(text).map_err(of_toml)?;
        if *version.get_ref() > FORM {
            let newer = format!("`{NAME}` has the form {}, and this toque knows forms up to {FORM}", version.get_ref());
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
            if !is_name(&name) {
                return Err(wrong(format!("`{name}` is no name of a cookbook")));
            }
            let revision = || block.revision.clone().ok_or_else(|| wrong(format!("`{name}` has no `revision`")));
            let origin = match (block.registry, block.path, block.git, block.archive) {
                (Some(registry), None, None, None) => Origin::Registry { registry },
                (None, Some(path), None, None) => Origin::Path { path },
                (None, None, Some(git), None) => Origin::Git { git, asked: block.asked, revision: revision()?, rel: block.rel },
                (None, None, None, Some(archive)) => Origin::Archive { archive, revision: revision()? },
                _ => return Err(wrong(format!("`{name}` does not have one of `registry`, `path`, `git` and `archive`"))),
            };
            if let Some(sha256) = &block.sha256
                && !is_sha256(sha256)
            {
                return Err(wrong(format!("the `sha256` of `{name}` has not the 64 hexadecimal digits that it must have")));
            }
            if block.sha256.is_none() && !matches!(origin, Origin::Path { .. }) {
                return Err(wrong(format!("`{name}` has no `sha256`")));
            }
            let locked = Locked { version: block.version, origin, sha256: block.sha256, dependencies: block.dependencies };
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

    /// Which cookbooks need one, and in what versions.
    pub fn needs<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a Locked, &'a Constraint)> {
        let all = self.cookbooks.iter().filter(move |(asker, _)| *asker != name);
        all.filter_map(move |(asker, locked)| Some((asker.as_str(), locked, locked.dependencies.get(name)?)))
    }

    /// The names of these and of all that they need, whether they are there or not.
    #[must_use]
    pub fn needed_by<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut left: Vec<&str> = names.into_iter().collect();
        let mut needed = BTreeSet::new();
        while let Some(name) = left.pop() {
            if needed.insert(name) {
                left.extend(self.cookbooks.get(name).into_iter().flat_map(|locked| locked.dependencies.keys().map(String::as_str)));
            }
        }
        needed
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text =
            format!("# What `toque cookbook install` chose. Commit it; to change it, change Cookfile.toml.\nversion = {FORM}\n");
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
            for (dependency, constraint) in &locked.dependencies {
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
        ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)).then_some(at)
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
    dependencies: BTreeMap<String, Constraint>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Lockfile, Diagnostic> {
        Lockfile::parse(Path::new("Cookfile.lock"), text)
    }

    fn sample() -> Lockfile {
        let locked = |version: &str, origin: Origin, sha256: bool, dependencies: &[(&str, &str)]| Locked {
            version: version.parse().unwrap(),
            origin,
            sha256: sha256.then(|| "0a".repeat(32)),
            dependencies: dependencies.iter().map(|(name, text)| ((*name).to_owned(), text.parse().unwrap())).collect(),
        };
        let registry = Origin::Registry { registry: "https://cookbooks.example.com".to_owned() };
        let git = "https://git.example.com/redis.git".to_owned();
        let (asked, rel) = (Some("v1.4.0".to_owned()), Some("cookbooks/redis".to_owned()));
        let git = Origin::Git { git, asked, revision: "1b".repeat(20), rel };
        let archive = Origin::Archive { archive: "vendor/\"base\".tar.gz".to_owned(), revision: "2c".repeat(32) };
        let cookbooks = [
            ("web", locked("1.2.0", Origin::Path { path: "cookbooks/web".to_owned() }, false, &[("nginx", ">= 2.1, < 3")])),
            ("nginx", locked("2.1.0-rc.1", registry, true, &[("redis", "~> 1.4"), ("base", ">= 0.0.0")])),
            ("redis", locked("1.4.0", git, true, &[])),
            ("base", locked("1.0.0+5", archive, true, &[])),
        ];
        Lockfile { cookbooks: cookbooks.into_iter().map(|(name, locked)| (name.to_owned(), locked)).collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        let lockfile = sample();
        let text = lockfile.text();
        assert_eq!(parse(&text).unwrap(), lockfile, "{text}");
        assert_eq!(parse(&text).unwrap().text(), text);
        let web =
            "[[cookbook]]\nname = \"web\"\nversion = \"1.2.0\"\npath = \"cookbooks/web\"\ndependencies.nginx = \">= 2.1, < 3\"\n";
        assert!(text.ends_with(web), "{text}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let text = sample().text();
        let changed = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        };
        for (text, message, hint) in [
            (changed("version = 1", "version = 2"), "has the form 2, and this toque knows forms up to 1", "newer"),
            (changed("version = 1\n", ""), "`version` is required and not set", ANEW),
            (changed("[[cookbook]]", "<<<<<<< HEAD\n[[cookbook]]"), "git could not merge", "keep one of the two"),
            (changed("name = \"web\"", "nmae = \"web\""), "there is no key `nmae` here", "did you mean `name`?"),
            (changed("name = \"web\"", "name = \"nginx\""), "`nginx` is there twice", ANEW),
            (changed("name = \"web\"", "name = \"../web\""), "`../web` is no name of a cookbook", ANEW),
            (changed("path = \"cookbooks/web\"\n", ""), "`web` does not have one of", ANEW),
            (changed("revision = ", "rel2 = "), "there is no key `rel2` here", "did you mean `rel`?"),
            (changed("0a0a", "0A0a"), "the `sha256` of `base` has not", ANEW),
            (changed("version = \"1.4.0\"", "version = \"x\""), "`x` is no version", ANEW),
        ] {
            let told = parse(&text).expect_err(message);
            assert!(told.message.contains(message), "{told}");
            assert!(told.span.is_some() && told.hints.iter().any(|told| told.contains(hint)), "{told:?}");
        }
    }

    #[test]
    fn what_is_needed() {
        let mut lockfile = sample();
        let needed = |lockfile: &Lockfile, names: &[&str]| {
            lockfile.needed_by(names.iter().copied()).into_iter().map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(needed(&lockfile, &["web"]), "base nginx redis web");
        assert_eq!(needed(&lockfile, &["redis", "base"]), "base redis");
        assert_eq!(needed(&lockfile, &[]), "");
        // A circle, and one that is missing.
        let base = lockfile.cookbooks.get_mut("base").unwrap();
        base.dependencies =
            [("web", ">= 1.0"), ("gone", ">= 1.0")].map(|(name, text)| (name.to_owned(), text.parse().unwrap())).into();
        assert_eq!(needed(&lockfile, &["base"]), "base gone nginx redis web");
        // A way of any length.
        let locked = lockfile.cookbooks["redis"].clone();
        lockfile.cookbooks = (0..20_000)
            .map(|number| {
                let dependencies = [(format!("c{}", number + 1), Constraint::default())].into();
                (format!("c{number}"), Locked { dependencies, ..locked.clone() })
            })
            .collect();
        assert_eq!(lockfile.needed_by(["c0"]).len(), 20_001);
    }

    #[test]
    fn what_a_cookbook_says_otherwise() {
        let lockfile = sample();
        let check = |text: &str| lockfile.cookbooks["web"].check("web", &toml::from_str::<About>(text).unwrap());
        let about = |name: &str, version: &str, dependencies: &str| {
            format!("name = \"{name}\"\nversion = \"{version}\"\n[dependencies]\n{dependencies}")
        };
        let nginx = "nginx = \">= 2.1, < 3\"\n";
        for (text, told) in [
            (about("web", "1.2", nginx), Ok(())),
            (about("nginx", "1.2", nginx), Err(Difference::Name("nginx".to_owned()))),
            (about("web", "1.3.0", nginx), Err(Difference::Version("1.3.0".parse().unwrap()))),
            (about("web", "1.2.0", "nginx = \">= 2.1\""), Err(Difference::Dependencies)),
            (about("web", "1.2.0", &format!("{nginx}more = \">= 1.0\"")), Err(Difference::Dependencies)),
            (about("web", "1.2.0", "more = \">= 2.1, < 3\""), Err(Difference::Dependencies)),
            (about("web", "1.2.0", ""), Err(Difference::Dependencies)),
        ] {
            assert_eq!(check(&text), told, "{text}");
        }
    }
}
