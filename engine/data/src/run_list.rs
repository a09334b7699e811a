//! Run lists: what stands in them, and the recipes and roles that they come to.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use crate::cookbook::{self, Cookbooks};
use crate::role::Role;
use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::json::{Document, wrong_type};
use toque_core::name::RecipeName;
use toque_core::name::is_word;
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

/// A run list with its roles opened.
#[derive(Debug, Default)]
pub struct Expanded {
    /// As it was asked for.
    pub items: Vec<Placed>,
    /// Every recipe as often as it is named, in order.
    named: Vec<(RecipeName, Option<Version>, Option<Span>)>,
    /// The names of the roles, each once, in the order in which they were come to.
    pub roles: Vec<String>,
    /// The same roles; those inside a role before it, so that what is nearer to the node comes
    /// later.
    pub opened: Vec<Role>,
}

impl Item {
    /// Reads an item.
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("role[") {
            let name =
                rest.strip_suffix(']').ok_or_else(|| format!("`{text}` has no closing bracket"))?;
            return match is_word(name) {
                true => Ok(Self::Role(name.to_owned())),
                false => Err(format!(
                    "`{text}` is no role: a name is made of letters, digits, `-` and `_`"
                )),
            };
        }
        let inner = match text.split_once('[') {
            None => text,
            Some(("recipe", rest)) => {
                rest.strip_suffix(']').ok_or_else(|| format!("`{text}` has no closing bracket"))?
            }
            Some((what, _)) => {
                return Err(format!(
                    "`{text}` cannot stand in a run list: there is no `{what}[…]`"
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

impl Expanded {
    /// Opens roles depth first, each once.
    /// # Errors
    /// A role that is not there, or cannot be read; roles that name one another in a circle.
    pub fn of(
        items: Vec<Placed>,
        environment: &str,
        repository: &Path,
    ) -> Result<Self, Diagnostic> {
        let mut expanded = Self::default();
        for placed in &items {
            expanded.open(placed, environment, repository, &mut Vec::new())?;
        }
        expanded.items = items;
        Ok(expanded)
    }

    fn open(
        &mut self,
        placed: &Placed,
        environment: &str,
        repository: &Path,
        inside: &mut Vec<(String, Option<Span>)>,
    ) -> Result<(), Diagnostic> {
        let name = match &placed.item {
            Item::Recipe { name, version } => {
                self.named.push((name.clone(), version.clone(), placed.at.clone()));
                return Ok(());
            }
            Item::Role(name) => name,
        };
        if let Some(from) = inside.iter().position(|(other, _)| other == name) {
            return Err(circle(&inside[from..], placed.at.as_ref()));
        }
        if self.roles.contains(name) {
            return Ok(());
        }
        let role =
            Role::read(repository, name).map_err(|wrong| match (&wrong.span, &placed.at) {
                (None, at) => wrong.at(at.clone()),
                (Some(_), Some(at)) => {
                    wrong.frame(at.clone(), format!("`role[{name}]` is named here"))
                }
                (Some(_), None) => wrong,
            })?;
        self.roles.push(name.clone());
        inside.push((name.clone(), placed.at.clone()));
        for placed in role.run_list(environment) {
            self.open(placed, environment, repository, inside)?;
        }
        inside.pop();
        self.opened.push(role);
        Ok(())
    }

    /// The recipes, each once, in order.
    #[must_use]
    pub fn recipes(&self) -> Vec<RecipeName> {
        let mut recipes: Vec<RecipeName> = Vec::new();
        for (name, ..) in &self.named {
            if !recipes.contains(name) {
                recipes.push(name.clone());
            }
        }
        recipes
    }

    /// The cookbooks that it needs, dependencies first.
    /// # Errors
    /// A cookbook that is not there, or of another version than is asked for, with the place that
    /// names it.
    pub fn cookbooks(&self, all: &Cookbooks) -> Result<Cookbooks, Diagnostic> {
        for (name, version, at) in &self.named {
            let cookbook =
                cookbook::get(all, &name.cookbook).map_err(|missing| missing.at(at.clone()))?;
            let there = &cookbook.about.version;
            if let Some(wanted) = version.as_ref().filter(|wanted| *wanted != there) {
                let wrong = format!(
                    "the run list asks for version {wanted} of cookbook `{}`, and the repository has {there}",
                    name.cookbook
                );
                return Err(Diagnostic::error(wrong)
                    .at(at.clone())
                    .hint(format!("ask for `{name}@{there}`, or for `{name}` of any version, or bring in version {wanted}")));
            }
        }
        let needed =
            cookbook::in_order(all, self.named.iter().map(|(name, ..)| name.cookbook.clone()))?;
        Ok(needed.into_iter().map(|cookbook| (cookbook.about.name.clone(), cookbook)).collect())
    }

    /// Looks whether its recipes are there.
    /// # Errors
    /// The first that is not, with the place that names it.
    pub fn check_recipes(&self, cookbooks: &Cookbooks) -> Result<(), Diagnostic> {
        self.named.iter().try_for_each(|(name, _, at)| {
            let cookbook = cookbook::get(cookbooks, &name.cookbook)?;
            cookbook.find_recipe(&name.recipe).map(|_| ()).map_err(|missing| missing.at(at.clone()))
        })
    }
}

/// `inside` are the roles from the first that comes again, each with where it is named; `at` is
/// where the first is named again. It is told the same way wherever it was entered.
fn circle(inside: &[(String, Option<Span>)], at: Option<&Span>) -> Diagnostic {
    let names = inside.iter().map(|(name, _)| name.as_str());
    // Each role, and where it names the next.
    let mut circle: Vec<(&str, Option<&Span>)> =
        names.zip(inside.iter().skip(1).map(|(_, at)| at.as_ref()).chain([at])).collect();
    let first = circle.iter().map(|(name, _)| *name).min();
    let turn = circle.iter().position(|(name, _)| Some(*name) == first).unwrap_or(0);
    circle.rotate_left(turn);
    let names: Vec<String> =
        circle.iter().map(|(name, _)| *name).chain(first).map(|name| format!("`{name}`")).collect();
    let wrong =
        Diagnostic::error(format!("roles name one another in a circle: {}", names.join(" -> ")));
    let mut wrong = wrong.at(circle.last().and_then(|(_, at)| at.cloned()));
    for (pair, (_, at)) in circle.windows(2).zip(&circle) {
        if let (Some(at), [_, (next, _)]) = (at, pair) {
            wrong = wrong.frame((*at).clone(), format!("`role[{next}]` is named here"));
        }
    }
    wrong.hint("take one of them out of the other's run list")
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
