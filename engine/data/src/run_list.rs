//! Run lists: what stands in them, and the recipes and roles that they come to.

use std::fmt;

use serde_json::Value;

use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::json::{Document, wrong_type};
use toque_core::name::{RecipeName, is_word, split_brackets};
use toque_core::version::Version;

/// An item of a run list: `web`, `recipe[web::tls@1.2.0]`, `role[web]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Recipe {
        name: RecipeName,
        /// The version that its cookbook must have.
        version: Option<Version>,
    },
    Role(String),
}

/// An item with its place, when a document names it.
#[derive(Debug, Clone)]
pub struct Placed {
    pub item: Item,
    pub at: Option<Span>,
}

impl Item {
    /// Reads an item.
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let inner = match split_brackets(text)? {
            (None | Some("recipe"), inner) => inner,
            (Some("role"), name) if is_word(name) => return Ok(Self::Role(name.to_owned())),
            (Some("role"), _) => {
                return Err(format!(
                    "`{text}` is no role: a name is made of letters, digits, `-` and `_`"
                ));
            }
            (Some(kind), _) => {
                return Err(format!(
                    "`{text}` cannot stand in a run list: there is no `{kind}[…]`"
                ));
            }
        };
        let (name, version) = match inner.split_once('@') {
            Some((name, version)) => {
                (name, Some(version.parse().map_err(|wrong| format!("`{text}`: {wrong}"))?))
            }
            None => (inner, None),
        };
        Ok(Self::Recipe { name: RecipeName::parse(name, None)?, version })
    }

    /// With its kind: `recipe[web]`, `role[base]`.
    pub fn in_brackets(&self) -> String {
        match self {
            Self::Recipe { .. } => format!("recipe[{self}]"),
            Self::Role(_) => self.to_string(),
        }
    }

    /// Reads the items of a document's array.
    /// # Errors
    /// An entry that is no item, or a value that is no array, at its place.
    pub fn all(
        document: &Document,
        path: &[&str],
        value: &Value,
    ) -> Result<Vec<Placed>, Diagnostic> {
        let Some(entries) = value.as_array() else {
            return Err(wrong_type(document, path, "an array of recipes and roles", value)
                .hint("write [\"recipe[web]\", \"role[base]\"]"));
        };
        let read = |(index, entry): (usize, &Value)| {
            let index = index.to_string();
            let path: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
            let text = entry
                .as_str()
                .ok_or_else(|| wrong_type(document, &path, "text", entry).hint(HINT))?;
            let at = document.value_at(&path);
            let item = Self::parse(text)
                .map_err(|wrong| Diagnostic::error(wrong).at(at.clone()).hint(HINT))?;
            Ok(Placed { item, at: Some(at) })
        };
        entries.iter().enumerate().map(read).collect()
    }
}

/// What may stand in a run list.
pub const HINT: &str =
    "a run list names recipes and roles: `web`, `web::tls`, `recipe[web@1.2.0]`, `role[web]`";

impl From<RecipeName> for Item {
    fn from(name: RecipeName) -> Self {
        Self::Recipe { name, version: None }
    }
}

/// `web::tls@1.2.0`, `role[web]`
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe { name, version: None } => name.fmt(f),
            Self::Recipe { name, version: Some(version) } => write!(f, "{name}@{version}"),
            Self::Role(name) => write!(f, "role[{name}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items() {
        for (text, shown) in [
            ("web", "web"),
            (" recipe[web] ", "web"),
            ("recipe[web::default]", "web"),
            ("web::tls", "web::tls"),
            ("recipe[web::tls@1.2.3]", "web::tls@1.2.3"),
            ("web@1.2", "web@1.2.0"),
            ("role[base-server_1]", "role[base-server_1]"),
        ] {
            assert_eq!(
                Item::parse(text).map(|item| item.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
        let wrong = [
            "",
            "recipe[]",
            "role[]",
            "role[a",
            "role[../x]",
            "role[a b]",
            "layer[x]",
            "web@",
            "web@x",
            "@1.2",
            "a::b::c",
            "[a]",
            "recipe[a]]",
        ];
        for text in wrong {
            assert!(Item::parse(text).is_err(), "{text}");
        }
    }
}
