//! What a registry answers at `/universe`: what is offered can be chosen from, and what is chosen
//! goes together.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_cookbooks::fetch::registry;
use toque_cookbooks::resolve::catalog::Catalog;
use toque_cookbooks::resolve::target_platforms::TargetPlatforms;
use toque_cookbooks::resolve::{Preferred, Requirement, solve};
use toque_core::platform::Platform;
use toque_core::version::Constraint;
use toque_fuzz::sound;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(answered) = registry::Universe::parse(bytes) else { return Corpus::Keep };
    let platform = Platform { name: "debian".to_owned(), version: "12".to_owned() };
    let mut universe = Catalog::for_targets(TargetPlatforms::of(vec![platform]));
    for (name, releases) in answered.releases() {
        universe.offer(&name, "https://cookbooks.example.com", releases);
    }
    let mut names: Vec<&str> = universe.names().collect();
    names.sort_unstable();
    let requirements: Vec<Requirement> = names
        .iter()
        .take(4)
        .map(|name| Requirement {
            cookbook: (*name).to_owned(),
            constraint: Constraint::default(),
            asker: "Cookfile.toml".to_owned(),
            at: None,
        })
        .collect();
    match solve(&universe, &requirements, &Preferred::default()) {
        Err(told) => {
            sound(&told);
            assert!(!told.hints.is_empty() && !told.notes.is_empty(), "{told:?}");
        }
        Ok(solution) => {
            assert!(
                requirements.iter().all(|requirement| solution.contains_key(&requirement.cookbook)),
                "{solution:?}"
            );
            for (name, version) in &solution {
                let release =
                    universe.releases(name).iter().find(|release| release.version == *version);
                let release = release.expect("what is chosen is there");
                assert!(release.refused_by(&universe.targets).is_none(), "{name} {version}");
                for (other, constraint) in &release.dependencies {
                    assert!(
                        solution.get(other).is_some_and(|version| constraint.accepts(version)),
                        "{name} {solution:?}"
                    );
                }
            }
        }
    }
    Corpus::Keep
});
