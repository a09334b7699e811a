//! What is said when nothing goes together. Each file below `explain/` is a universe and a
//! repository in short, and below a line what is told; `UPDATE_EXPLANATIONS=1` writes that anew, to
//! be read before it is committed.
//!
//! ```text
//! Cookfile.toml: web ~> 1.2, nginx         what the Cookfile asks for, each on a line of its own
//! platforms: debian 12                     of the Cookfile
//! cookbooks/web 1.0.0: nginx ~> 2.0        a cookbook of the repository, and what it needs
//! nginx 3.0.0 (toque >= 2) (debian >= 13)  one of the registry, and what it is for
//! other/nginx 3.1.0                        one of a source that comes after the registry
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use toque_cookbooks::repository::Repository;
use toque_cookbooks::resolve::catalog::{Catalog, Release};
use toque_cookbooks::resolve::target_platforms::TargetPlatforms;
use toque_cookbooks::resolve::{Preferred, solve};
use toque_core::diagnostic::Diagnostic;

const LINE: &str = "\n----\n";

#[test]
fn it_is_told_why() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain");
    let mut cases: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 12);
    let mut wrong = Vec::new();
    for path in cases {
        let text = fs::read_to_string(&path).unwrap();
        let (case, expected) = text.split_once(LINE).unwrap_or((text.trim_end(), ""));
        let told = told(case);
        if std::env::var_os("UPDATE_EXPLANATIONS").is_some() {
            fs::write(&path, format!("{case}{LINE}{told}")).unwrap();
        } else if told != expected {
            wrong.push(format!("{} is told differently:\n{told}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn told(case: &str) -> String {
    let repository = tempfile::tempdir().unwrap();
    let (mut cookfile, mut platforms) = ("[cookbooks]\n".to_owned(), String::new());
    let mut offers: BTreeMap<(usize, &str), Vec<Release>> = BTreeMap::new();
    for line in case.lines().filter(|line| !line.starts_with('#')) {
        let (what, needs) = line.split_once(':').unwrap_or((line, ""));
        let needs: Vec<(&str, &str)> = needs
            .split(" & ")
            .map(|need| need.trim().split_once(' ').unwrap_or((need.trim(), ">= 0.0.0")))
            .collect();
        let needs = || needs.iter().filter(|(name, _)| !name.is_empty());
        match what.split_once(' ') {
            None if what == "Cookfile.toml" => {
                needs().for_each(|(name, text)| writeln!(cookfile, "{name} = {text:?}").unwrap());
            }
            None => {
                needs().for_each(|(name, text)| writeln!(platforms, "{name} = {text:?}").unwrap());
            }
            Some((path, about)) => {
                let (version, for_whom) = about.split_once(" (").unwrap_or((about, ""));
                let for_whom = for_whom.split(['(', ')']).filter(|text| !text.trim().is_empty());
                let for_whom: Vec<(&str, &str)> =
                    for_whom.map(|text| text.split_once(' ').unwrap()).collect();
                let name = path.rsplit('/').next().unwrap();
                let mut release =
                    Release { version: version.parse().unwrap(), ..Release::default() };
                release.dependencies = needs()
                    .map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()))
                    .collect();
                for (what, text) in for_whom {
                    match what {
                        "toque" => release.toque = Some(text.parse().unwrap()),
                        platform => {
                            _ = release
                                .platforms
                                .insert(platform.to_owned(), text.parse().unwrap());
                        }
                    }
                }
                let rank = ["cookbooks/", "", "other/"]
                    .iter()
                    .position(|rank| *rank == &path[..path.len() - name.len()])
                    .unwrap();
                if rank == 0 {
                    release.file = Some(write(repository.path(), name, &release));
                }
                offers.entry((rank, name)).or_default().push(release);
            }
        }
    }
    fs::write(
        repository.path().join("Cookfile.toml"),
        format!("{cookfile}\n[platforms]\n{platforms}"),
    )
    .unwrap();
    let repository = Repository::read(repository.path()).unwrap().unwrap();
    let mut universe =
        Catalog::for_targets(TargetPlatforms::of(repository.cookfile.platforms.clone()));
    universe.targets.toque = Some("1.5.0".parse().unwrap());
    for ((rank, name), releases) in offers {
        universe.offer(
            name,
            ["`cookbooks/`", "https://cookbooks.example.com", "the folder `other`"][rank],
            releases,
        );
    }
    let told = solve(&universe, &repository.requirements(), &Preferred::default()).expect_err(case);
    shown(&told)
}

fn write(repository: &Path, name: &str, release: &Release) -> std::path::PathBuf {
    let folder = repository.join("cookbooks").join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut text = format!("name = {name:?}\nversion = \"{}\"\n", release.version);
    release.toque.iter().for_each(|toque| writeln!(text, "toque = \"{toque}\"").unwrap());
    for (table, entries) in [
        ("dependencies", release.dependencies.clone()),
        ("platforms", release.platforms.clone().into_iter().collect()),
    ] {
        writeln!(text, "\n[{table}]").unwrap();
        entries
            .iter()
            .for_each(|(name, constraint)| writeln!(text, "{name} = \"{constraint}\"").unwrap());
    }
    let path = folder.join("cookbook.toml");
    fs::write(&path, text).unwrap();
    path
}

fn shown(told: &Diagnostic) -> String {
    let place = |told: &Diagnostic| {
        let at = told.span.as_ref()?;
        Some(format!(
            " --> {}:{}\n",
            Path::new(&at.source.name)
                .strip_prefix("/")
                .map_or(at.source.name.as_str(), |_| "Cookfile.toml"),
            at.line
        ))
    };
    let mut text = format!("error: {}\n{}", told.message, place(told).unwrap_or_default());
    told.notes
        .iter()
        .for_each(|note| writeln!(text, "note: {}", note.replace('\n', "\n      ")).unwrap());
    told.hints.iter().for_each(|hint| writeln!(text, "help: {hint}").unwrap());
    text
}
