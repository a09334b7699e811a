//! Branches and tags, as `git ls-remote` tells them, and the commit that a revision means.

use std::collections::BTreeSet;

use toque_core::diagnostic::nearest;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;

/// The branches and tags of a repository: names with commits, in the server's order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refs {
    list: Vec<(String, String)>,
    /// The branch that `HEAD` is.
    head: Option<String>,
}

/// What a revision is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub id: String,
    /// `refs/tags/v3`.
    pub reference: Option<String>,
}

impl Refs {
    /// Reads what `git ls-remote --symref` prints.
    pub(super) fn parse(text: &str) -> Self {
        let mut refs = Self::default();
        for (value, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            match value.strip_prefix("ref: ") {
                Some(branch) if name == "HEAD" => refs.head = Some(branch.to_owned()),
                Some(_) => {}
                // The server says what it likes.
                None if !is_commit(value) => {}
                None => refs.list.push((name.to_owned(), value.to_owned())),
            }
        }
        refs
    }

    /// The repository's own branch.
    pub(super) fn head(&self) -> Option<Commit> {
        let id = self.get("HEAD")?.to_owned();
        Some(Commit { id, reference: self.head.clone() })
    }

    /// What has exactly this name; a tag before a branch, as git itself decides.
    pub(super) fn named(&self, revision: &str) -> Option<Commit> {
        let full = [
            revision.to_owned(),
            format!("refs/tags/{revision}"),
            format!("refs/heads/{revision}"),
        ];
        let from = usize::from(!revision.starts_with("refs/"));
        full[from..].iter().find_map(|name| {
            // What an annotated tag is about comes under a name of its own.
            let id = self.get(&format!("{name}^{{}}")).or_else(|| self.get(name))?.to_owned();
            Some(Commit { id, reference: Some(name.clone()) })
        })
    }

    /// The commit that begins with these digits, among those that have a name.
    /// # Errors
    /// When several do.
    pub(super) fn beginning_with(&self, digits: &str) -> Result<Option<Commit>, Failure> {
        let digits = digits.to_ascii_lowercase();
        let found: BTreeSet<&str> = self
            .list
            .iter()
            .map(|(_, id)| id.as_str())
            .filter(|id| id.starts_with(&digits))
            .collect();
        match found.iter().copied().collect::<Vec<_>>().as_slice() {
            [] => Ok(None),
            [id] => {
                let name = self
                    .list
                    .iter()
                    .find(|(name, other)| other == id && name.starts_with("refs/"))
                    .map(|(name, _)| name);
                let reference = name.map(|name| name.trim_end_matches("^{}").to_owned());
                Ok(Some(Commit { id: (*id).to_owned(), reference }))
            }
            several => Err(Failure::new(format!(
                "`{digits}` is the beginning of {} commits",
                several.len()
            ))
            .hint("give more digits, or all 40")),
        }
    }

    /// The branch or tag that has nearly this name.
    pub(super) fn near(&self, revision: &str) -> Option<&str> {
        let names: Vec<&str> =
            self.list.iter().map(|(name, _)| short(name)).filter(|name| *name != "HEAD").collect();
        let without_remote = revision.strip_prefix("origin/").unwrap_or(revision);
        names
            .iter()
            .copied()
            .find(|name| *name == without_remote)
            .or_else(|| nearest(revision, names))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(other, _)| other == name).map(|(_, id)| id.as_str())
    }
}

/// A reference as people know it.
pub(super) fn short(reference: &str) -> &str {
    let name = reference
        .strip_prefix("refs/heads/")
        .or_else(|| reference.strip_prefix("refs/tags/"))
        .unwrap_or(reference);
    name.trim_end_matches("^{}")
}

/// Whether this is all of a commit's name.
pub(super) fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && is_hexadecimal(revision)
}

pub(super) fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// # Errors
/// When no branch or tag could have this name.
pub(super) fn check(revision: &str) -> Result<(), PropertyError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let bad = revision.starts_with(['-', '/'])
        || revision.contains("..")
        || revision.contains("@{")
        || revision.chars().any(odd);
    if bad {
        return Err(PropertyError::new(
            "revision",
            format!("`{}` is no branch, tag or commit", revision.escape_debug()),
        )
        .hint("write the name of a branch or a tag, or the 40 digits of a commit"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
    const B: &str = "1a2b3c4fffffffffffffffffffffffffffffffff";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    fn refs() -> Refs {
        Refs::parse(&format!(
            "ref: refs/heads/main\tHEAD\n{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/heads/v1\n{C}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\n{B}\trefs/heads/fix/a\n"
        ))
    }

    #[test]
    fn names_and_digits() {
        let commit = |id: &str, reference: &str| {
            Some(Commit { id: id.into(), reference: Some(reference.into()) })
        };
        let refs = refs();
        assert_eq!(refs.head(), commit(A, "refs/heads/main"));
        assert_eq!(refs.named("main"), commit(A, "refs/heads/main"));
        assert_eq!(refs.named("v1"), commit(A, "refs/tags/v1"), "a tag, and what it is about");
        assert_eq!(refs.named("refs/heads/v1"), commit(B, "refs/heads/v1"));
        assert_eq!(refs.named("fix/a"), commit(B, "refs/heads/fix/a"));
        assert_eq!(
            (refs.named("a"), refs.named("HEAD"), refs.named("heads/main")),
            (None, None, None)
        );
        assert_eq!(refs.beginning_with("1A2B3C4D").unwrap(), commit(A, "refs/heads/main"));
        assert_eq!(refs.beginning_with("9999").unwrap(), None);
        assert!(refs.beginning_with("1a2b").unwrap_err().message.contains("2 commits"));
        assert_eq!(
            (refs.near("mian"), refs.near("origin/fix/a"), refs.near("release")),
            (Some("main"), Some("fix/a"), None)
        );
    }

    #[test]
    fn what_can_be_no_revision() {
        for revision in ["-x", "a..b", "a b", "v1^{}", "v1~2", "HEAD@{1}", "a:b", "*", "a\nb", "/a"]
        {
            check(revision).unwrap_err();
        }
        for revision in ["main", "feature/x", "v1.2.3", "refs/tags/v1", "release-1", "ünï", A] {
            check(revision).unwrap();
        }
    }
}
