//! The machine as recipes read it: its attributes, and over them its facts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use toque_core::diagnostic::Diagnostic;
use toque_data::attributes::{Attributes, Level, Origin, Setting, merge, settings_of};
use toque_data::cookbook;
use toque_data::expanded_run_list::Expanded;
use toque_data::file_specificity::Machine;
use toque_machine::areas::Area;
use toque_machine::facts::Facts;
use toque_machine::planned::Uncertainty;
use toque_machine::view::View;

/// This machine and what is known of it.
pub struct Node {
    pub name: String,
    pub environment: String,
    pub run_list: Expanded,
    pub attributes: RefCell<Attributes>,
    facts: Facts,
    /// What leaves the facts of a group open that were read in a plan.
    doubts: RefCell<HashMap<usize, Uncertainty>>,
}

impl Node {
    /// A node; what the run knows of it becomes automatic attributes.
    #[must_use]
    pub fn new(
        name: String,
        environment: String,
        mut attributes: Attributes,
        run_list: Expanded,
        facts: Facts,
    ) -> Self {
        let recipes: Vec<String> = run_list.recipes().iter().map(ToString::to_string).collect();
        let items: Vec<String> =
            run_list.items.iter().map(|placed| placed.item.in_brackets()).collect();
        let known = Map::from_iter([
            ("run_list".to_owned(), items.into()),
            ("name".to_owned(), name.as_str().into()),
            ("environment".to_owned(), environment.as_str().into()),
            ("chef_environment".to_owned(), environment.as_str().into()),
            ("recipes".to_owned(), recipes.into()),
            ("roles".to_owned(), run_list.roles.clone().into()),
        ]);
        attributes.merge(Level::Automatic, &known, &Rc::new(Origin::Run));
        Self {
            name,
            environment,
            run_list,
            attributes: RefCell::new(attributes),
            facts,
            doubts: RefCell::default(),
        }
    }

    /// Forgets the facts, so that they are read again when they are next asked for.
    pub fn reload_facts(&self) {
        self.facts.reload();
        self.doubts.borrow_mut().clear();
    }

    /// Facts are kept, and with them what left them open when they were read.
    fn fact(&self, key: &str, view: &View<'_>) -> Result<Option<Rc<Value>>, Diagnostic> {
        let reads = self.facts.reads();
        let (fact, found) = view.observe(|| {
            let fact = self.facts.read(key, view);
            if self.facts.reads() > reads {
                // The program of a cookbook may read anything.
                if self.is_program(key) {
                    view.depends_on_everything();
                } else {
                    view.depends_on_area(Area::Facts);
                }
            }
            fact
        });
        if let Some(group) = self.facts.together(key) {
            let mut doubts = self.doubts.borrow_mut();
            let known = doubts.entry(group).or_default();
            known.extend(found);
            view.doubt(known.clone());
        }
        fact
    }

    /// Whether a name is that of a fact, of the machine or of a cookbook.
    #[must_use]
    pub(crate) fn is_fact(&self, key: &str) -> bool {
        Facts::keys().any(|fact| fact == key) || self.facts.custom().fact(key).is_some()
    }

    /// Whether a program of a cookbook tells it.
    #[must_use]
    pub fn is_program(&self, key: &str) -> bool {
        self.facts.custom().fact(key).is_some_and(|fact| fact.program)
    }

    /// The value below a first key: attributes with the facts over them. A fact is computed when it
    /// is first read.
    /// # Errors
    /// When the fact is a cookbook's and cannot be read.
    pub fn get(&self, key: &str, view: &View<'_>) -> Result<Option<Rc<Value>>, Diagnostic> {
        let fact = self.fact(key, view)?;
        let attribute = self.attributes.borrow().get(key);
        Ok(match (attribute, fact) {
            (Some(attribute), Some(fact)) if attribute.is_object() && fact.is_object() => {
                let mut merged = (*attribute).clone();
                merge(&mut merged, (*fact).clone());
                Some(Rc::new(merged))
            }
            (attribute, fact) => fact.or(attribute),
        })
    }

    /// What each level has below a first key, lowest level first.
    /// # Errors
    /// When the fact there is a cookbook's and cannot be read.
    pub fn settings(&self, key: &str, view: &View<'_>) -> Result<Vec<Setting>, Diagnostic> {
        let mut settings = self.attributes.borrow().settings(key);
        if let Some(fact) = self.fact(key, view)? {
            let custom = self.facts.custom().fact(key);
            let origin =
                custom.map_or(Origin::Machine, |fact| Origin::Fact(cookbook::shown(&fact.path)));
            settings.extend(settings_of(Level::Automatic, key, &fact, &Rc::new(origin)));
        }
        Ok(settings)
    }

    /// A fact that is text; empty when there is none.
    #[must_use]
    pub fn text(&self, key: &str, view: &View<'_>) -> String {
        self.fact(key, view)
            .ok()
            .flatten()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The names of all facts, the machine's and the cookbooks'.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        self.facts.names().into_iter().map(str::to_owned).collect()
    }

    /// Every first key that can be read.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let attributes = self.attributes.borrow();
        let mut keys: Vec<String> =
            attributes.keys().into_iter().map(str::to_owned).chain(self.facts()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What decides which file or template the machine is given.
    #[must_use]
    pub fn machine(&self, view: &View<'_>) -> Machine {
        Machine {
            fqdn: self.text("fqdn", view),
            platform: self.text("platform", view),
            platform_version: self.text("platform_version", view),
            platform_family: self.text("platform_family", view),
        }
    }
}
