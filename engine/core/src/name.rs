//! Names as people write them: `kind[name]`, `cookbook::recipe`, run list items.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a resource is called: `template[/etc/motd]`, and `nginx_vhost[a]/template[/etc/motd]`
/// inside a custom resource.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResourceId {
    pub kind: Rc<str>,
    pub name: Rc<str>,
    /// What people see instead of the name, when that holds something sensitive.
    pub shown: Option<Rc<str>>,
    /// The custom resource that it is inside of.
    pub owner: Option<Rc<ResourceId>>,
}

impl ResourceId {
    /// Reads `kind[name]`; the name may hold brackets. What is inside a custom resource has no name
    /// that could be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('[')?;
        let name = rest.strip_suffix(']')?;
        let word = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (word && !name.is_empty()).then(|| Self {
            kind: kind.into(),
            name: name.into(),
            shown: None,
            owner: None,
        })
    }

    /// Whether it has this kind and name, wherever it is.
    #[must_use]
    pub fn is_called(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written for every record of a run, so without the machinery of formats.
        if let Some(owner) = &self.owner {
            owner.fmt(f)?;
            f.write_str("/")?;
        }
        f.write_str(&self.kind)?;
        f.write_str("[")?;
        f.write_str(self.shown.as_ref().unwrap_or(&self.name))?;
        f.write_str("]")
    }
}

/// What people see, because anything may be printed for debugging.
impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A recipe of a cookbook: `nginx::ssl`. `nginx` is `nginx::default`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipeName {
    pub cookbook: String,
    pub recipe: String,
}

impl RecipeName {
    /// Reads `cookbook`, `cookbook::recipe`, `recipe[…]` around either, and `::recipe` for one of
    /// `own`.
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str, own: Option<&str>) -> Result<Self, String> {
        let inner = match split_brackets(text)? {
            (None | Some("recipe"), inner) => inner,
            (Some(kind), _) => return Err(format!("`{text}` is no recipe, but a `{kind}[…]`")),
        };
        let inner = inner.trim();
        if inner.is_empty() {
            return Err("a recipe's name cannot be empty".to_owned());
        }
        let (cookbook, recipe) = inner.split_once("::").unwrap_or((inner, "default"));
        let cookbook = match (cookbook, own) {
            ("", Some(own)) => own,
            ("", None) => return Err(format!("`{text}` names no cookbook")),
            (cookbook, _) => cookbook,
        };
        if is_dotted_word(cookbook) && is_dotted_word(recipe) {
            Ok(Self { cookbook: cookbook.to_owned(), recipe: recipe.to_owned() })
        } else {
            Err(format!("`{text}` is no recipe: write `cookbook` or `cookbook::recipe`"))
        }
    }
}

/// `nginx::ssl`, and `nginx` for `nginx::default`.
impl fmt::Display for RecipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.recipe == "default" {
            f.write_str(&self.cookbook)
        } else {
            write!(f, "{}::{}", self.cookbook, self.recipe)
        }
    }
}

impl Serialize for RecipeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecipeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, None).map_err(serde::de::Error::custom)
    }
}

/// Splits `kind[name]`; a text without brackets has no kind.
/// # Errors
/// A bracket that is not closed, as a sentence.
pub fn split_brackets(text: &str) -> Result<(Option<&str>, &str), String> {
    let Some((kind, rest)) = text.split_once('[') else { return Ok((None, text)) };
    let name = rest.strip_suffix(']').ok_or_else(|| format!("`{text}` has no closing bracket"))?;
    Ok((Some(kind), name))
}

/// Letters, digits, `-`, `_` and `.`, at least one: a recipe, a data bag or an item.
pub fn is_dotted_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Letters, digits, `-` and `_`, at least one: the name of a cookbook, a role or an environment.
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_ids() {
        for text in ["file[/etc/motd]", "package[git, curl]", "execute[test a[1] = b]"] {
            assert_eq!(ResourceId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        for text in ["file", "file[]", "[x]", "file[x", "fi le[x]"] {
            assert_eq!(ResourceId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn recipe_names() {
        let parse = |text| RecipeName::parse(text, Some("own")).map(|name| name.to_string());
        assert_eq!(parse("web"), Ok("web".into()));
        assert_eq!(parse("recipe[web::tls]"), Ok("web::tls".into()));
        assert_eq!(parse("::tls"), Ok("own::tls".into()));
        assert_eq!(parse("recipe[web::default]"), Ok("web".into()));
        for bad in ["", "recipe[web", "role[web]", "a::b::c", "a b"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
