use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

/// A repository with these cookbooks, and a folder `vendor` for them.
fn bench(cookbooks: &[&str]) -> TempDir {
    let bench = tempfile::tempdir().unwrap();
    for name in cookbooks {
        cookbook(&bench, name, "one");
    }
    bench
}

fn cookbook(bench: &TempDir, name: &str, text: &str) {
    let root = bench.path().join("repository/cookbooks").join(name);
    fs::create_dir_all(root.join("files")).unwrap();
    fs::write(root.join("cookbook.toml"), format!("name = \"{name}\"\nversion = \"1.0.0\"\n"))
        .unwrap();
    fs::write(root.join("files/x"), text).unwrap();
    fs::write(root.join("files/x~"), text).unwrap();
    fs::set_permissions(root.join("files/x"), fs::Permissions::from_mode(0o755)).unwrap();
    let _ = symlink("x", root.join("files/link"));
}

fn content(bench: &TempDir) -> PackageContents {
    let repository = bench.path().join("repository");
    let listed = fs::read_dir(repository.join("cookbooks")).unwrap();
    let roots = listed.map(|entry| {
        (entry.as_ref().unwrap().file_name().into_string().unwrap(), entry.unwrap().path())
    });
    PackageContents::of_cookbooks(&repository, &roots.collect::<BTreeMap<_, _>>()).unwrap()
}

fn run(bench: &TempDir) -> Result<(), Diagnostic> {
    let done = vendor(&content(bench), &bench.path().join("vendor"));
    let beside = fs::read_dir(bench.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name() != "vendor")
        .count();
    assert_eq!(beside, 1, "nothing is left beside");
    done
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What is refused changes nothing.
fn refused(bench: &TempDir) -> String {
    let folder = bench.path().join("vendor");
    let before = directory_checksum::sha256(&folder).unwrap();
    let told = run(bench).expect_err("it is refused");
    assert_eq!(directory_checksum::sha256(&folder).unwrap(), before);
    assert!(!told.hints.is_empty());
    told.message.replace(&bench.path().display().to_string(), "")
}

#[test]
fn again_and_again() {
    let bench = bench(&["nginx", "web"]);
    let folder = bench.path().join("vendor");
    run(&bench).unwrap();
    assert_eq!(names(&folder), [".toque-vendor", "nginx", "web"]);
    assert_eq!(names(&folder.join("web/files")), ["link", "x"]);
    assert_eq!(
        fs::metadata(folder.join("web/files/x")).unwrap().permissions().mode() & 0o100,
        0o100
    );
    assert_eq!(fs::read_link(folder.join("web/files/link")).unwrap(), Path::new("x"));
    let made = directory_checksum::sha256(&folder).unwrap();
    run(&bench).unwrap();
    assert_eq!(directory_checksum::sha256(&folder).unwrap(), made, "the same again is the same");

    fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
    fs::remove_dir_all(bench.path().join("repository/cookbooks/nginx")).unwrap();
    cookbook(&bench, "web", "two");
    cookbook(&bench, "redis", "one");
    run(&bench).unwrap();
    assert_eq!(names(&folder), [".toque-vendor", "redis", "web"]);
    assert_eq!(fs::read_to_string(folder.join("web/files/x")).unwrap(), "two");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o750);
    // What is gone comes back.
    fs::remove_dir_all(folder.join("redis")).unwrap();
    run(&bench).unwrap();
    assert_eq!(names(&folder), [".toque-vendor", "redis", "web"]);
}

#[test]
fn what_others_put_there_stays() {
    let bench = bench(&["web"]);
    let folder = bench.path().join("vendor");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes"), "mine").unwrap();
    assert_eq!(
        refused(&bench),
        "`/vendor` is not replaced: its `notes` was not put there by `toque cookbook vendor`"
    );
    fs::write(folder.join(MARK), "").unwrap();
    assert!(refused(&bench).contains("its `.toque-vendor` was not put there"));
    fs::remove_file(folder.join(MARK)).unwrap();
    fs::remove_file(folder.join("notes")).unwrap();
    run(&bench).unwrap();

    fs::write(folder.join("notes"), "mine").unwrap();
    assert_eq!(
        refused(&bench),
        "`/vendor` is not replaced: its `notes` was not put there by `toque cookbook vendor`"
    );
    fs::remove_file(folder.join("notes")).unwrap();
    fs::write(folder.join("web/notes"), "mine").unwrap();
    assert_eq!(
        refused(&bench),
        "`/vendor` is not replaced: its `web` was changed since it was put there"
    );
    fs::remove_file(folder.join("web/notes")).unwrap();
    fs::write(folder.join("web/files/x"), "mine").unwrap();
    assert_eq!(
        refused(&bench),
        "`/vendor` is not replaced: its `web` was changed since it was put there"
    );
    fs::write(folder.join("web/files/x"), "one").unwrap();
    run(&bench).unwrap();
    // A mark alone makes nothing ours.
    fs::write(folder.join(MARK), format!("web {}\n", "0".repeat(64))).unwrap();
    assert!(refused(&bench).contains("its `web` was changed"));
}

#[test]
fn places_for_it() {
    let bench = bench(&["web"]);
    let at = |name: &str| vendor(&content(&bench), &bench.path().join(name));
    at("new/folders/vendor").unwrap();
    assert_eq!(names(&bench.path().join("new/folders")), ["vendor"]);
    // A link stays a link.
    fs::create_dir(bench.path().join("real")).unwrap();
    symlink("real", bench.path().join("linked")).unwrap();
    at("linked").unwrap();
    at("linked").unwrap();
    assert!(bench.path().join("linked").is_symlink());
    assert_eq!(names(&bench.path().join("real")), [MARK, "web"]);
    assert_eq!(names(bench.path()), ["linked", "new", "real", "repository"]);

    fs::write(bench.path().join("file"), "").unwrap();
    assert!(
        at("file")
            .expect_err("it is a file")
            .message
            .ends_with("a part of the path is not a directory")
    );
    let own = at("repository/cookbooks").expect_err("they are there").message;
    assert!(own.ends_with("its `web` was not put there by `toque cookbook vendor`"), "{own}");
    let inside = at("repository/cookbooks/web/new/vendor").expect_err("it is inside").message;
    assert!(inside.ends_with("would be inside of `cookbooks`, which is packed"), "{inside}");
    assert!(!bench.path().join("repository/cookbooks/web/new").exists());
    let among = at("repository/cookbooks/more").expect_err("it is no cookbook").message;
    assert!(among.ends_with("would be inside of `cookbooks`, which is packed"), "{among}");
    assert!(vendor(&content(&bench), Path::new("/")).is_err());
}

#[test]
fn all_or_nothing() {
    let bench = bench(&["nginx", "web"]);
    let read = content(&bench);
    let gone = bench.path().join("repository/cookbooks/web/files/x");
    fs::remove_file(&gone).unwrap();
    let told = vendor(&read, &bench.path().join("vendor")).expect_err("a file is gone");
    assert_eq!(told.message, format!("cannot read `{}`: it does not exist", gone.display()));
    assert_eq!(names(bench.path()), ["repository"]);
    run(&bench).unwrap();
    let made = directory_checksum::sha256(&bench.path().join("vendor")).unwrap();
    vendor(&read, &bench.path().join("vendor")).expect_err("a file is gone");
    assert_eq!(directory_checksum::sha256(&bench.path().join("vendor")).unwrap(), made);
}
