//! Bad input: each file or repository below `mistakes/` is refused with one clear error, exit code
//! 2, and nothing touched. What is printed stands beside it in `.stderr`; `UPDATE_MISTAKES=1`
//! writes it anew, to be read before it is committed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn mistakes_are_told_clearly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| {
        path.is_dir() || path.extension().is_some_and(|extension| extension == "rhai")
    });
    cases.sort();
    assert!(cases.len() > 30);
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_stem().unwrap().to_str().unwrap();
        let state =
            std::env::temp_dir().join(format!("toque-mistakes-{}-{name}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        // The sources of toque may belong to anybody.
        let owner = std::os::unix::fs::MetadataExt::uid(&folder.metadata().unwrap());
        command.env("SUDO_UID", owner.to_string());
        let args = std::fs::read_to_string(case.join("args")).unwrap_or_default();
        // These have no state.
        let converges =
            !["check", "stack"].iter().any(|other| args.split_whitespace().next() == Some(other));
        if case.is_dir() {
            command
                .current_dir(&case)
                .args(converges.then_some("converge"))
                .args(args.split_whitespace());
        } else {
            command.current_dir(&folder).arg("apply").arg(case.file_name().unwrap());
        }
        if converges {
            command.arg("--state-dir").arg(&state);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let told = told
            .replace(&format!("{}/", case.display()), "")
            .replace(&case.display().to_string(), "HERE");
        if state.join("runs").exists() {
            wrong.push(format!("{name} began to converge"));
        }
        let _ = std::fs::remove_dir_all(&state);
        if output.status.code() != Some(2) {
            wrong.push(format!("{name} exited with {:?}", output.status.code()));
        }
        let expected = folder.join(format!("{name}.stderr"));
        if std::env::var_os("UPDATE_MISTAKES").is_some() {
            std::fs::write(&expected, &told).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{name} is told differently:\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_recipe_can_come_from_standard_input() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
    command.args(["apply", "-", "--plan"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut toque = command.spawn().unwrap();
    toque.stdin.take().unwrap().write_all(b"let x = 1;\nservce(x);\n").unwrap();
    let output = toque.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("standard input:2:1") && told.contains("did you mean `service`?"),
        "{told}"
    );
}
