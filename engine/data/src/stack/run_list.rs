//! The recipes that a command comes to.

use super::{Command, Event, Layer, Package};
use crate::run_list::{Item, Placed};

impl Command {
    /// The recipes of its event, of each layer of the instance, each once; a setup ends with a
    /// deploy.
    #[must_use]
    pub fn run_list(&self) -> Vec<Placed> {
        if let Some(recipes) = &self.recipes {
            return recipes.clone();
        }
        let events: &[Event] = match self.event {
            Event::Setup => &[Event::Setup, Event::Deploy],
            // What deploys an app also knows how to take it back, and how to start it again.
            Event::Deploy | Event::Rollback | Event::Restart => &[Event::Deploy],
            Event::Configure => &[Event::Configure],
            Event::Undeploy => &[Event::Undeploy],
            Event::Shutdown => &[Event::Shutdown],
            Event::ExecuteRecipes
            | Event::InstallDependencies
            | Event::UpdateCustomCookbooks
            | Event::Other(_) => &[],
        };
        let mut list: Vec<Placed> = Vec::new();
        for event in events {
            for placed in self.layers().flat_map(|layer| layer.recipes(*event)) {
                if !list.iter().any(|known| same(&known.item, &placed.item)) {
                    list.push(placed.clone());
                }
            }
        }
        list
    }

    /// Returns the packages of the layers, each once, where the event installs them.
    #[must_use]
    pub fn packages(&self) -> Vec<&Package> {
        let wanted = matches!(self.event, Event::Setup | Event::InstallDependencies);
        let mut packages: Vec<&Package> = Vec::new();
        for package in self.layers().filter(|_| wanted).flat_map(|layer| &layer.packages) {
            if !packages.iter().any(|known| known.name == package.name) {
                packages.push(package);
            }
        }
        packages
    }

    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.own().into_iter().flat_map(|instance| self.stack.layers_of(instance))
    }
}

impl Layer {
    /// Its recipes for a lifecycle event.
    #[must_use]
    pub fn recipes(&self, event: Event) -> &[Placed] {
        let place = Event::LIFECYCLE.iter().position(|known| *known == event);
        place.map_or(&[], |place| &self.recipes[place])
    }
}

/// Two layers may name one recipe with and without the version of its cookbook.
fn same(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Recipe { name: one, .. }, Item::Recipe { name: other, .. }) => one == other,
        (one, other) => one == other,
    }
}
