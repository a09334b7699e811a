//! A machine that has nothing yet: it asks a registry on loopback what there is, chooses, and
//! fetches it all.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};
use toque_cookbooks::resolve::catalog::Catalog;
use toque_cookbooks::resolve::{Preferred, Solution, solve};

use crate::measure::{self, Usage};
use crate::universe::{self, Shape};

const RUNS: usize = 5;

/// What `toque cookbook install` takes with an empty cache, and how many cookbooks it fetches.
pub(crate) fn install(binary: &Path, folder: &Path) -> (Usage, usize) {
    let universe = universe::universe(0);
    let requirements = universe::request(&universe, Shape::Any, 0).requirements;
    let solution =
        solve(&universe, &requirements, &Preferred::default()).expect("the request can be met");
    let url = serve(&universe, &solution, folder);
    let repository = folder.join("cold");
    fs::create_dir_all(&repository).expect("the folder can be made");
    let mut cookfile = format!("[[source]]\nurl = \"{url}\"\n[cookbooks]\n");
    for requirement in &requirements {
        let _ = writeln!(cookfile, "{} = \"{}\"", requirement.cookbook, requirement.constraint);
    }
    fs::write(repository.join("Cookfile.toml"), cookfile).expect("the Cookfile can be written");
    let (cache, lockfile) = (folder.join("cold-cache"), repository.join("Cookfile.lock"));
    let one = || {
        let _ = (fs::remove_dir_all(&cache), fs::remove_file(&lockfile));
        let text = |path: &Path| path.display().to_string();
        // No proxy stands between this machine and itself, and nobody reads what it tells.
        let run = "unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY; log=$1; shift; exec \"$@\" 2> \"$log\"";
        let words = [
            "sh".to_owned(),
            "-c".to_owned(),
            run.to_owned(),
            "sh".to_owned(),
            text(&folder.join("cold.log")),
        ];
        let install = [
            text(binary),
            "cookbook".to_owned(),
            "install".to_owned(),
            "--repo".to_owned(),
            text(&repository),
        ];
        let words: Vec<String> = words
            .into_iter()
            .chain(install)
            .chain(["--cache-dir".to_owned(), text(&cache)])
            .collect();
        let usage = measure::run(&words);
        let locked = fs::read_to_string(&lockfile).expect("there is a lockfile");
        assert_eq!(locked.matches("[[cookbook]]").count(), solution.len(), "all of it was locked");
        usage
    };
    ((1..RUNS).fold(one(), |least, _| least.least(one())), solution.len())
}

/// Serves what there is, and the archives of what will be chosen, until this process ends.
fn serve(universe: &Catalog, solution: &Solution, folder: &Path) -> String {
    let mut documents = HashMap::new();
    for (name, version) in solution {
        let release = universe
            .releases(name)
            .iter()
            .find(|release| release.version == *version)
            .expect("it is there");
        let mut text = format!("name = \"{name}\"\nversion = \"{version}\"\n\n[dependencies]\n");
        for (other, constraint) in &release.dependencies {
            let _ = writeln!(text, "{other} = \"{constraint}\"");
        }
        documents.insert(format!("/files/{name}-{version}.tar.gz"), archive(folder, name, &text));
    }
    toque_acceptance::serve(move |url| {
        documents.insert("/universe".to_owned(), list(universe, url, &documents).into_bytes());
        move |path: &str| documents.get(path).cloned()
    })
}

/// A cookbook as people write them: a few recipes and templates, some ten thousand bytes.
fn archive(folder: &Path, name: &str, about: &str) -> Vec<u8> {
    let root = folder.join("cold-packing").join(name);
    for part in ["recipes", "templates", "attributes"] {
        fs::create_dir_all(root.join(part)).expect("the folder can be made");
    }
    let put =
        |path: &str, text: &str| fs::write(root.join(path), text).expect("the file can be written");
    put("cookbook.toml", about);
    put("attributes/default.rhai", &format!("default(\"{name}.port\", 80);\n"));
    for number in 0..6 {
        put(
            &format!("recipes/part{number}.rhai"),
            &format!("// {name}, {number}\npackage(\"nginx\");\n").repeat(30),
        );
        put(
            &format!("templates/part{number}.hbs"),
            &format!("listen {{{{node.{name}.port}}}} {number}\n").repeat(20),
        );
    }
    let packed = Command::new("tar")
        .args(["-czf", "-", "-C"])
        .arg(&root)
        .arg(".")
        .output()
        .expect("there is tar");
    assert!(packed.status.success(), "tar ended with {}", packed.status);
    fs::remove_dir_all(&root).expect("the folder can be removed");
    packed.stdout
}

/// `/universe` in Supermarket's shape.
fn list(universe: &Catalog, url: &str, archives: &HashMap<String, Vec<u8>>) -> String {
    let mut text = "{".to_owned();
    for (index, name) in universe.names().enumerate() {
        let _ = write!(text, "{}\"{name}\":{{", if index == 0 { "" } else { "," });
        for (index, release) in universe.releases(name).iter().enumerate() {
            let needs: Vec<String> = release
                .dependencies
                .iter()
                .map(|(name, text)| format!("\"{name}\":\"{text}\""))
                .collect();
            let (version, path) =
                (&release.version, format!("/files/{name}-{}.tar.gz", release.version));
            let sha256 = archives.get(&path).map(|archive| {
                let digest: String =
                    Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
                format!(",\"sha256\":\"{digest}\"")
            });
            let _ = write!(
                text,
                "{}\"{version}\":{{\"location_type\":\"opscode\",\"location_path\":\"{url}/api/v1\",\"download_url\":\"{url}{path}\",\
                 \"dependencies\":{{{}}}{}}}",
                if index == 0 { "" } else { "," },
                needs.join(","),
                sha256.unwrap_or_default()
            );
        }
        text.push('}');
    }
    text.push('}');
    text
}
