//! The modes of files that commands write and that may hold secrets, and of links in their way.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

fn toque(folder: &Path, arguments: &[&str]) -> Output {
    let line = format!("umask 022; exec \"$0\" {}", arguments.join(" "));
    Command::new("sh")
        .args(["-c", &line, env!("CARGO_BIN_EXE_toque")])
        .current_dir(folder)
        .output()
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

const PLAN: [&str; 4] = ["apply", "--plan", "-e", "'log(\"x\");'"];

fn reported(folder: &Path, arguments: &[&str]) -> Output {
    toque(folder, &[&PLAN, arguments].concat())
}

#[test]
fn a_report_is_for_its_owner_alone() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("kept"), "x".repeat(100_000)).unwrap();
    fs::set_permissions(at("kept"), Permissions::from_mode(0o646)).unwrap();
    for (arguments, file, wanted) in [
        (vec!["--report", "new"], "new", 0o600),
        (vec!["--report", "kept"], "kept", 0o646),
        (vec!["--report", "by-umask", "--report-mode", "umask"], "by-umask", 0o644),
        (vec!["--report", "given", "--report-mode", "0640"], "given", 0o640),
    ] {
        let output = reported(folder.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(mode(&at(file)), wanted, "{arguments:?}");
        let report: serde_json::Value =
            serde_json::from_slice(&fs::read(at(file)).unwrap()).unwrap();
        assert_eq!(report["outcome"], "success");
    }
    let output = reported(folder.path(), &["--report", "/dev/stdout", "--quiet"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"outcome\""), "{output:?}");
}

#[test]
fn a_report_is_led_nowhere_and_read_by_no_stranger() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("precious"), "precious").unwrap();
    fs::create_dir(at("open")).unwrap();
    fs::set_permissions(at("open"), Permissions::from_mode(0o1777)).unwrap();
    symlink("../precious", at("open/link")).unwrap();
    fs::write(at("open/file"), "").unwrap();
    chown(at("open/file"), Some(61_001), None).unwrap();
    for name in ["open/link", "open/file"] {
        let output = reported(folder.path(), &["--report", name]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {told}");
        assert!(told.contains("cannot write the report to"), "{name}: {told}");
    }
    assert_eq!(fs::read(at("precious")).unwrap(), b"precious");
    assert_eq!(fs::read(at("open/file")).unwrap(), b"");
}

#[test]
fn a_package_of_a_repository_is_for_its_owner_alone() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("cookbooks/web/recipes")).unwrap();
    fs::write(at("cookbooks/web/cookbook.toml"), "name = \"web\"\nversion = \"1.0.0\"\n").unwrap();
    fs::write(at("cookbooks/web/recipes/default.rhai"), "").unwrap();
    fs::create_dir(at("registry")).unwrap();
    let packed = |arguments: &[&str]| {
        let output = toque(folder.path(), &[&["cookbook", "package"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
    };
    packed(&["a.tar.zst"]);
    assert_eq!(mode(&at("a.tar.zst")), 0o600);
    fs::set_permissions(at("a.tar.zst"), Permissions::from_mode(0o664)).unwrap();
    packed(&["a.tar.zst"]);
    assert_eq!(mode(&at("a.tar.zst")), 0o664, "it keeps its mode");
    packed(&["b.tar.zst", "--mode", "umask"]);
    assert_eq!(mode(&at("b.tar.zst")), 0o644);
    packed(&["registry", "web"]);
    assert_eq!(mode(&at("registry/web-1.0.0.tar.zst")), 0o644, "a web server reads it");
}
