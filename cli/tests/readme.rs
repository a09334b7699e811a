//! What the README shows is what there is: its recipe is the example's, its settings are read, its commands exist, and the examples
//! have no mistakes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

fn toque(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_toque")).current_dir(folder).args(args).output().unwrap()
}

#[test]
fn the_recipe_is_the_examples() {
    let recipe = std::fs::read_to_string(root().join("examples/webserver/cookbooks/webserver/recipes/default.rhai")).unwrap();
    assert_eq!(blocks("rhai"), [recipe]);
}

#[test]
fn the_examples_have_no_mistakes() {
    let output = toque(&root().join("examples/webserver"), &["check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Nor anything to warn of.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "no mistakes found\n");
    let output = toque(&root().join("examples/webserver"), &["graph", "--format", "dot"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("service[apache2]"));
}

#[test]
fn the_settings_are_read() {
    let folder = std::env::temp_dir().join(format!("toque-readme-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(root().join("examples/webserver/cookbooks").canonicalize().unwrap(), folder.join("cookbooks"))
        .unwrap();
    std::fs::write(folder.join("toque.toml"), &blocks("toml")[0]).unwrap();
    let output = toque(&folder, &["graph"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("package[apache2]"));
}

#[test]
fn every_command_is_there_and_has_an_example() {
    let text = readme();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `toque ")).collect();
    assert!(rows.len() >= 9);
    let commands = rows.iter().map(|row| row.trim_start_matches("| `toque ").split([' ', '`']).next().unwrap());
    for command in commands.chain(["runs list", "runs show", "runs owed", "resource list", "resource show"]) {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let output = toque(&root(), &args);
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && help.contains("Example:"), "toque {command} --help:\n{help}");
    }
}
