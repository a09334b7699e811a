//! `toque definitions` writes what it made before anew, and nothing else.

use std::path::Path;
use std::process::{Command, Output};

fn definitions(repository: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_toque"))
        .current_dir(repository)
        .args(["definitions", ".rhai"])
        .output()
        .unwrap()
}

#[test]
fn files_are_written_anew_and_foreign_ones_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        std::fs::write(at(path), text).unwrap();
    };
    write("cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.0.0\"\n");
    write("cookbooks/web/libraries/names.rhai", "/// A name.\nfn name_of(site) { site }\n");
    let output = definitions(folder.path());
    assert!(output.status.success(), "{output:?}");
    let read = |path: &str| std::fs::read_to_string(at(path)).unwrap();
    assert!(read(".rhai/kinds.d.rhai").contains("\nop package(?, Map) -> Resource;\n"));
    assert!(
        read(".rhai/kinds.d.rhai").contains("/// - `source` (string or array of string, default: ")
    );
    assert!(
        read(".rhai/libraries/web/names.d.rhai").contains("/// A name.\nfn name_of(site: ?) -> ?;")
    );

    // The same again, and without the library when it is gone.
    let before = read(".rhai/language.d.rhai");
    std::fs::remove_file(at("cookbooks/web/libraries/names.rhai")).unwrap();
    assert!(definitions(folder.path()).status.success());
    assert_eq!(read(".rhai/language.d.rhai"), before);
    assert!(!at(".rhai/libraries/web/names.d.rhai").exists());

    // One written by hand stops it before it writes anything.
    write(".rhai/kinds.d.rhai", "module static;\n");
    std::fs::remove_file(at(".rhai/language.d.rhai")).unwrap();
    let output = definitions(folder.path());
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(".rhai/kinds.d.rhai") && told.contains("move it away"), "{told}");
    assert_eq!(read(".rhai/kinds.d.rhai"), "module static;\n");
    assert!(!at(".rhai/language.d.rhai").exists());
}
