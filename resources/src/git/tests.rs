use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use serde_json::{Value, json};
use toque_contract::resource::{Apply, Provider as _, Resource};
use toque_core::failure::Failure;
use toque_machine::system::temporaries::{Temporaries, clear};
use toque_machine::system::{HostSystem, System};
use toque_machine::view::View;

use super::{Git, GitAction};
use crate::shared::from_source::{Desired, Provider};
use crate::shared::ownership::Declared;
use crate::testing::Bench;

/// A repository of this machine, and a folder for what is checked out.
struct Place {
    folder: tempfile::TempDir,
    host: HostSystem,
    bench: Bench,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            host: HostSystem::new(),
            bench: Bench::new(),
        };
        std::fs::create_dir(place.folder.path().join("site")).unwrap();
        place.git(&["init", "--quiet", "--initial-branch=main", "."]);
        place.commit("a.txt", "one");
        place
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        assert!(command.current_dir(self.folder.path().join("site")).status().unwrap().success());
    }

    fn commit(&self, file: &str, content: &str) {
        std::fs::write(self.folder.path().join("site").join(file), content).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", file]);
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn there(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// What was changed, in words; a second run must find nothing to do.
    fn converge(&self, action: GitAction, to: &str) -> Result<Vec<String>, Failure> {
        let value = json!({ "destination": self.folder.path().join(to), "repository": self.folder.path().join("site") });
        let done = self.once(action, value.clone())?;
        if action != GitAction::Checkout {
            assert_eq!(self.once(action, value)?, [""; 0]);
        }
        Ok(done)
    }

    fn once(&self, action: GitAction, value: Value) -> Result<Vec<String>, Failure> {
        let git: Git = serde_json::from_value(value).unwrap();
        git.check(&[action]).unwrap();
        let declared = Declared { owner: git.user.clone(), ..Declared::default() };
        let desired = Desired {
            path: crate::shared::path::plain(&git.destination),
            source: git.source(),
            declared,
            resource: git,
        };
        let memory = |key: &str| self.bench.memory.borrow().get(key).cloned();
        let view = View::new(&self.host).with_memory(memory);
        let state = Provider::<Git>::new().inspect(&view, &desired, action)?;
        let changes = Provider::<Git>::new().plan(&desired, action, &state)?;
        let mut apply = Apply {
            system: &self.host,
            view: &view,
            services: &self.bench,
            sensitive: false,
            notes: Vec::new(),
        };
        if !changes.is_empty() {
            Provider::<Git>::new().apply(&mut apply, &desired, action, &changes)?;
        }
        let from = self.folder.path().display().to_string();
        // Commits are other ones each time.
        Ok(changes
            .iter()
            .map(|change| {
                change.what.replace(&from, "").split(" (").next().unwrap_or_default().to_owned()
            })
            .collect())
    }
}

#[test]
fn sync_follows_the_branch_and_keeps_what_git_does_not_know() {
    let place = Place::new();
    assert_eq!(place.converge(GitAction::Sync, "x").unwrap(), ["check out main"]);
    std::fs::write(place.folder.path().join("x/mine"), "mine").unwrap();
    std::fs::write(place.folder.path().join("x/a.txt"), "edited").unwrap();
    assert_eq!(place.converge(GitAction::Sync, "x").unwrap(), [""; 0], "no other commit");
    place.commit("b.txt", "two");
    assert!(place.converge(GitAction::Sync, "x").unwrap()[0].starts_with("bring `/x` from "));
    assert_eq!(
        (place.text("x/a.txt"), place.text("x/b.txt"), place.text("x/mine")),
        ("one".into(), "two".into(), "mine".into())
    );
    // On a branch, too.
    let x = place.folder.path().join("x");
    for line in ["git checkout -q -b work && git pack-refs --all", "git checkout -q -B main"] {
        assert!(Command::new("sh").args(["-c", line]).current_dir(&x).status().unwrap().success());
        assert_eq!(place.converge(GitAction::Sync, "x").unwrap(), [""; 0]);
    }
}

/// As after a kill: the commit is another, half of the files are there, and the locks.
#[test]
fn a_clone_that_was_killed_in_the_middle_heals() {
    let place = Place::new();
    place.converge(GitAction::Sync, "x").unwrap();
    let record = place.folder.path().join("record");
    let temporaries = Rc::new(Temporaries::begin(&record).unwrap());
    place.host.record_temporaries(Some(temporaries));
    place.commit("b.txt", "two");
    place.converge(GitAction::Sync, "x").unwrap();
    place.host.record_temporaries(None);
    let x = place.folder.path().join("x");
    std::fs::write(x.join(".git/HEAD"), "ref: refs/heads/toque-unfinished\n").unwrap();
    std::fs::write(x.join("a.txt"), "on").unwrap();
    std::fs::remove_file(x.join("b.txt")).unwrap();
    for lock in ["index.lock", "HEAD.lock", "shallow.lock", "config.lock"] {
        std::fs::write(x.join(".git").join(lock), "half").unwrap();
    }
    let cleared = clear(&record, &place.host).unwrap();
    assert_eq!(cleared.removed.len(), 3, "{:?}", cleared.removed);
    assert!(place.there("x/.git/config.lock"), "that is not one of ours");
    assert!(
        place.converge(GitAction::Sync, "x").unwrap()[0].starts_with("bring `/x` from no commit")
    );
    assert_eq!((place.text("x/a.txt"), place.text("x/b.txt")), ("one".into(), "two".into()));
}

#[test]
fn checkout_leaves_a_full_folder_alone() {
    let place = Place::new();
    std::fs::create_dir(place.folder.path().join("x")).unwrap();
    assert_eq!(place.converge(GitAction::Checkout, "x").unwrap(), ["check out main"]);
    place.commit("b.txt", "two");
    assert_eq!(place.converge(GitAction::Checkout, "x").unwrap(), [""; 0]);
    assert!(place.there("x/.git/HEAD") && !place.there("x/b.txt"));
}

#[test]
fn export_replaces_only_what_it_made() {
    let place = Place::new();
    assert_eq!(place.converge(GitAction::Export, "x").unwrap(), ["export main"]);
    assert!(!place.there("x/.git"));
    place.git(&["rm", "-q", "a.txt"]);
    place.commit("b.txt", "two");
    assert!(
        place.converge(GitAction::Export, "x").unwrap()[0]
            .starts_with("replace `/x`, exported from ")
    );
    assert!(!place.there("x/a.txt") && place.text("x/b.txt") == "two");
    std::fs::create_dir(place.folder.path().join("y")).unwrap();
    std::fs::write(place.folder.path().join("y/mine"), "mine").unwrap();
    let failure = place.converge(GitAction::Export, "y").unwrap_err();
    assert!(
        failure.message.ends_with("has something in it that was not exported by this resource")
    );
    let failure = place.converge(GitAction::Sync, "y").unwrap_err();
    assert!(failure.message.ends_with("has something in it, and is no clone of a git repository"));
    let failure = place.converge(GitAction::Sync, "none/z").unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("declare the directory before this resource"));
    assert_eq!(place.text("y/mine"), "mine");
}

#[test]
fn a_folder_that_others_could_swap_is_refused() {
    let place = Place::new();
    let (to, mode) =
        (place.folder.path().join("home"), |mode| std::fs::Permissions::from_mode(mode));
    std::fs::create_dir(&to).unwrap();
    std::fs::set_permissions(&to, mode(0o777)).unwrap();
    let failure = place.converge(GitAction::Sync, "home/x").unwrap_err();
    assert!(
        failure.message.contains("others can write in") && failure.hint.is_some(),
        "{failure:?}"
    );
    std::fs::set_permissions(&to, mode(0o755)).unwrap();
    place.converge(GitAction::Sync, "home/x").unwrap();
    std::fs::set_permissions(&to, mode(0o777)).unwrap();
    place.commit("b.txt", "two");
    assert!(place.converge(GitAction::Sync, "home/x").is_err(), "a clone that is there is one too");
}

#[test]
fn below_a_users_home_everything_is_done_as_the_user() {
    let place = Place::new();
    let home = place.folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    // Only root can try it.
    if std::os::unix::fs::chown(&home, Some(1), Some(1)).is_err() {
        return;
    }
    std::fs::set_permissions(place.folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let run = |action| {
        let repository = place.folder.path().join("site");
        place.once(
            action,
            json!({ "destination": home.join("x"), "repository": repository, "user": "daemon" }),
        )
    };
    let owner = |name: &str| {
        std::fs::symlink_metadata(home.join(name)).map(|found| (found.uid(), found.gid())).ok()
    };
    let failure = place.once(
        GitAction::Sync,
        json!({ "destination": home.join("x"), "repository": place.folder.path().join("site") }),
    );
    assert!(failure.unwrap_err().message.contains("user 1 owns"));
    for (action, done) in [(GitAction::Sync, "check out main"), (GitAction::Export, "export main")]
    {
        assert_eq!(run(action).unwrap(), [done]);
        assert_eq!(run(action).unwrap(), [""; 0]);
        place.commit("b.txt", done);
        assert_eq!(run(action).unwrap().len(), 1);
        assert_eq!(
            (owner("x"), owner("x/b.txt"), place.text("home/x/b.txt")),
            (Some((1, 1)), Some((1, 1)), done.to_owned())
        );
        std::fs::remove_dir_all(home.join("x")).unwrap();
    }
    // Whoever swaps his home's folder for a link leads only himself.
    let aside = place.folder.path().join("etc");
    std::fs::create_dir(&aside).unwrap();
    std::os::unix::fs::symlink(&aside, home.join("way")).unwrap();
    std::os::unix::fs::lchown(home.join("way"), Some(1), Some(1)).unwrap();
    let value = json!({ "destination": home.join("way/x"), "repository": place.folder.path().join("site"), "user": "daemon" });
    assert!(place.once(GitAction::Sync, value).is_err());
    let left = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!((left(&aside), left(&home)), (0, 1));
    assert!(
        std::fs::read_dir(place.folder.path()).unwrap().all(|name| !name
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.'))
    );
}

#[test]
fn a_clone_leads_nowhere_else() {
    let place = Place::new();
    let (folder, secret) = (place.folder.path().join("x"), "ab".repeat(20));
    std::fs::write(place.folder.path().join("secret"), &secret).unwrap();
    // A machine of its own each time: one keeps folders open for a moment.
    let told = || super::head(&View::new(&HostSystem::new()), &folder);
    let again = || {
        let _ = std::fs::remove_dir_all(folder.join(".git"));
        std::fs::create_dir_all(folder.join(".git/refs/heads")).unwrap();
    };
    again();
    std::os::unix::fs::symlink("../../secret", folder.join(".git/HEAD")).unwrap();
    assert!(told().unwrap_err().message.ends_with("is no clone of a git repository"));
    for (head, expected) in [
        ("ref: ../../secret", ""),
        ("ref: refs/../../../secret", ""),
        ("ref: refs/heads/link", ""),
        ("ref: refs/link/secret", ""),
        ("root:x:0:0", ""),
        ("ref: refs/heads/main", secret.as_str()),
    ] {
        again();
        std::fs::write(folder.join(".git/HEAD"), head).unwrap();
        std::fs::write(folder.join(".git/refs/heads/main"), &secret).unwrap();
        std::os::unix::fs::symlink("../../../../secret", folder.join(".git/refs/heads/link"))
            .unwrap();
        std::os::unix::fs::symlink("../../..", folder.join(".git/refs/link")).unwrap();
        assert_eq!(told().unwrap(), expected, "{head}");
    }
}

#[test]
fn properties_are_checked() {
    for (value, property) in [
        (json!({ "destination": "x", "repository": "/a" }), "destination"),
        (json!({ "destination": "/", "repository": "/a" }), "destination"),
        (json!({ "destination": "/x", "repository": "-a" }), "repository"),
        (json!({ "destination": "/x", "repository": "/a", "revision": "a b" }), "revision"),
    ] {
        let git: Git = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(git.check(&[GitAction::Sync]).unwrap_err().property, property, "{value}");
    }
}
