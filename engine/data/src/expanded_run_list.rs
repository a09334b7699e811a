//! A run list with its roles opened.

use std::path::Path;

use toque_core::diagnostic::{Diagnostic, Span};
use toque_core::name::RecipeName;
use toque_core::version::Version;

use crate::cookbook::{self, Cookbooks};
use crate::role::Role;
use crate::run_list::{Item, Placed};

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
            let there = &cookbook.manifest.version;
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
        Ok(needed.into_iter().map(|cookbook| (cookbook.manifest.name.clone(), cookbook)).collect())
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
