//! The stack of recipes: deep enough for the limits of the language, small enough for a process
//! with a limit of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `toque` with its arguments by a shell that sets limits first.
fn limited(limits: &str, repository: &Path, arguments: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("{limits}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_toque")])
        .args(arguments)
        .arg("--state-dir")
        .arg(repository.join("state"))
        .current_dir(repository)
        .output()
        .unwrap()
}

/// A recipe that includes the next, from within as many calls as the limit allows, each with
/// blocks nested as deep as the parser allows.
fn recipe(next: usize) -> String {
    let (open, close) = ("if true { ".repeat(17), "}".repeat(17));
    format!(
        "fn f(n) {{ if n == 0 {{ next() }} else {{ {open} f(n - 1) {close} }} }}\n\
         fn next() {{ include_recipe(\"deep::r{next}\"); }}\n\
         f(56);\n"
    )
}

#[test]
fn holds_all_limits_of_the_language_at_once() {
    let repository = tempfile::tempdir().unwrap();
    let cookbook = repository.path().join("cookbooks/deep");
    fs::create_dir_all(cookbook.join("recipes")).unwrap();
    fs::write(cookbook.join("cookbook.toml"), "name = \"deep\"\nversion = \"1.0.0\"\n").unwrap();
    for index in 0..62 {
        let path = cookbook.join(format!("recipes/r{index}.rhai"));
        fs::write(path, recipe(index + 1)).unwrap();
    }
    fs::write(cookbook.join("recipes/r62.rhai"), "log(\"the deepest\");\n").unwrap();
    for limits in ["true", "ulimit -s 512"] {
        let output = limited(limits, repository.path(), &["converge", "deep::r0"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{limits}: {:?} {told}", output.status);
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(report.contains("converged 1 resource"), "{limits}: {report}");
    }
}

#[test]
fn fits_into_a_small_address_space() {
    let repository = tempfile::tempdir().unwrap();
    let path = repository.path().join("made");
    let code = format!("file(\"{}\", #{{ content: \"x\" }});", path.display());
    let output = limited("ulimit -v 300000", repository.path(), &["apply", "-e", &code]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} {told}", output.status);
    assert!(path.is_file());
}

#[test]
fn an_address_space_without_room_is_an_error() {
    let repository = tempfile::tempdir().unwrap();
    let cookbook = repository.path().join("cookbooks/deep");
    fs::create_dir_all(cookbook.join("recipes")).unwrap();
    fs::write(cookbook.join("cookbook.toml"), "name = \"deep\"\nversion = \"1.0.0\"\n").unwrap();
    fs::write(cookbook.join("recipes/default.rhai"), "log(\"x\");\n").unwrap();
    fs::write(repository.path().join("toque.toml"), "[limits]\ndepth = 20000\n").unwrap();
    let output = limited("ulimit -v 3000000", repository.path(), &["converge", "deep"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot reserve") && told.contains("ulimit -v"), "{told}");
}
