//! Random sequences of deployments, some of which fail, against what ought to come of them.

use proptest::prelude::*;
use serde_json::{Value, json};
use toque_contract::resource::Asked;

use super::Site;

const KEEP: usize = 3;

/// What happens to the app.
#[derive(Debug, Clone)]
enum Event {
    Deploy { version: usize, asked: bool, fails: Option<&'static str> },
    Rollback,
}

fn event() -> impl Strategy<Value = Event> {
    let fails = prop_oneof![
        4 => Just(None),
        1 => Just(Some("before_migrate")),
        1 => Just(Some("before_symlink")),
        1 => Just(Some("before_restart")),
        1 => Just(Some("restart")),
        1 => Just(Some("check")),
    ];
    prop_oneof![
        3 => (1..=5usize, any::<bool>(), fails).prop_map(|(version, asked, fails)| Event::Deploy { version, asked, fails }),
        1 => Just(Event::Rollback),
    ]
}

/// The releases in order, each with whether it was rolled back, and the current one.
#[derive(Debug, Clone, Default)]
struct Model {
    order: Vec<(usize, bool)>,
    current: Option<usize>,
}

impl Model {
    fn place(&self, version: usize) -> Option<usize> {
        self.order.iter().position(|(known, _)| *known == version)
    }

    /// Whether the run ends well.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Rollback => {
                let Some(place) = self.current.and_then(|current| self.place(current)) else {
                    return false;
                };
                let Some((to, _)) =
                    self.order[..place].iter().rev().find(|(_, left)| !left).copied()
                else {
                    return false;
                };
                self.order[place].1 = true;
                self.current = Some(to);
            }
            Event::Deploy { version, asked, fails } => {
                let place = self.place(*version);
                let current = self.current.and_then(|current| self.place(current));
                let held = place.is_some_and(|place| {
                    self.order[place].1 && current.is_some_and(|current| current < place)
                });
                if held && !asked {
                    return true;
                }
                if self.current != Some(*version) {
                    match fails {
                        // A release that is complete is not prepared again.
                        Some("before_migrate" | "before_symlink") if place.is_some() => {}
                        Some("before_migrate" | "before_symlink") => return false,
                        Some(_) => {
                            self.order.retain(|(known, _)| known != version);
                            return false;
                        }
                        None => {}
                    }
                    self.order.retain(|(known, _)| known != version);
                    self.order.push((*version, false));
                    self.current = Some(*version);
                }
                // The source has what is current: nobody wants what was rolled back.
                self.order.retain(|(_, left)| !left);
                let mut most = self.order.len().saturating_sub(KEEP);
                self.order.retain(|(known, _)| {
                    let goes = most > 0 && Some(*known) != Some(*version);
                    most -= usize::from(goes);
                    !goes
                });
            }
        }
        true
    }
}

fn properties(version: usize, fails: Option<&str>) -> Value {
    let of = |name: &str| if fails == Some(name) { "exit 7" } else { "true" };
    json!({
        "keep_releases": KEEP,
        "before_migrate": of("before_migrate"), "before_symlink": of("before_symlink"), "before_restart": of("before_restart"),
        // Only this version fails: the release that is gone back to can be restarted.
        "restart": if fails == Some("restart") { format!("! grep -qx v{version} version") } else { "true".to_owned() },
        "check": { "command": of("check"), "timeout": 0 },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_comes_to_what_it_should(events in proptest::collection::vec(event(), 1..10)) {
        let site = Site::new();
        let mut model = Model::default();
        for event in &events {
            let before = (site.current(), model.clone());
            let well = model.take(event);
            let result = match event {
                Event::Rollback => site.rollback(),
                Event::Deploy { version, asked, fails } => {
                    let asked = if *asked { Asked::Deploy } else { Asked::Nothing };
                    site.run("deploy", asked, site.properties(&format!("v{version}"), properties(*version, *fails)), true)
                }
            };
            prop_assert_eq!(result.is_ok(), well, "{:?} after {:?}: {:?}", event, before, result);
            prop_assert_eq!(site.current(), model.current.map(|version| format!("v{version}")), "{:?} after {:?}", event, before);
            let mut there: Vec<String> = model.order.iter().map(|(version, _)| format!("v{version}")).collect();
            there.sort();
            prop_assert_eq!(site.releases(), there, "{:?} after {:?}", event, before);
            prop_assert!(site.names("app").iter().all(|name| !name.starts_with('.')));
        }
    }
}
