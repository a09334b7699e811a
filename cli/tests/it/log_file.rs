//! The log of the settings, in a folder where another user can plant links.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

const APP: u32 = 61_001;

fn converge(repository: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_toque"))
        .args(["converge", "a", "--repo"])
        .arg(repository)
        .arg("--state-dir")
        .arg(repository.join("state"))
        .output()
        .unwrap()
}

#[test]
fn the_log_is_not_led_elsewhere() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(at("repo/cookbooks/a/recipes")).unwrap();
    fs::create_dir(at("logs")).unwrap();
    chown(at("logs"), Some(APP), Some(APP)).unwrap();
    let manifest = "name = \"a\"\nversion = \"1.0.0\"\n";
    fs::write(at("repo/cookbooks/a/cookbook.toml"), manifest).unwrap();
    fs::write(at("repo/cookbooks/a/recipes/default.rhai"), "log(\"x\");\n").unwrap();
    let log = at("logs/toque.log");
    fs::write(at("repo/toque.toml"), format!("log = \"{}\"\n", log.display())).unwrap();

    fs::write(at("precious"), "precious").unwrap();
    symlink(at("precious"), &log).unwrap();
    let output = converge(&at("repo"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot open the log") && told.contains("toque.log"), "{told}");
    assert_eq!(fs::read(at("precious")).unwrap(), b"precious");

    fs::remove_file(&log).unwrap();
    for runs in 1..3 {
        let output = converge(&at("repo"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(text.matches("converged 1 resource").count(), runs, "{text}");
    }
    assert_eq!(fs::metadata(&log).unwrap().mode() & 0o7777, 0o600);
}
