//! Deployments on this machine, of real git repositories, in folders of their own.

mod links;
mod model;
mod undoing;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use toque_contract::log_level::LogLevel;
use toque_contract::resource::{
    Action as _, Apply, Asked, ClosureId, Effect, Provider as _, Resource, Scope, Services,
    TemplateSource,
};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::content::Content;
use toque_machine::system::HostSystem;
use toque_machine::view::View;

use super::{Deploy, DeployAction, Provider};
use crate::testing::with;

/// A repository with the tags `v1` to `v5`, and a folder for its app.
struct Site {
    folder: TempDir,
    system: HostSystem,
    memory: RefCell<BTreeMap<String, Value>>,
    /// What closures were given.
    called: RefCell<Vec<Value>>,
}

/// What a run did or would do.
#[derive(Debug, PartialEq)]
struct Told {
    changes: Vec<String>,
    notes: Vec<String>,
}

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args([
        "-c",
        "user.name=Ann",
        "-c",
        "user.email=ann@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    let output = command.args(args).env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A commit and its tag.
fn tag(origin: &Path, version: &str) {
    fs::write(origin.join("version"), version).unwrap();
    git(origin, &["add", "."]);
    git(origin, &["commit", "-qm", version]);
    git(origin, &["tag", version]);
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let origin = folder.path().join("origin");
        fs::create_dir_all(origin.join("log")).unwrap();
        fs::write(origin.join("log/.keep"), "").unwrap();
        git(&origin, &["init", "-q"]);
        for number in 1..=5 {
            tag(&origin, &format!("v{number}"));
        }
        Self {
            folder,
            system: HostSystem::new(),
            memory: RefCell::default(),
            called: RefCell::default(),
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn text(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap_or_else(|error| format!("{below}: {error}"))
    }

    /// What the current release is, as it says itself; it must be complete.
    fn current(&self) -> Option<String> {
        let link = fs::read_link(self.path("app/current")).ok()?;
        assert!(
            link.starts_with("releases") && self.path("app/current/log").exists(),
            "{}",
            link.display()
        );
        Some(fs::read_to_string(self.path("app/current/version")).unwrap())
    }

    /// What lies in a folder of the app.
    fn names(&self, below: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(below)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The versions of the releases that are there.
    fn releases(&self) -> Vec<String> {
        let mut versions: Vec<String> = self
            .names("app/releases")
            .iter()
            .map(|name| self.text(&format!("app/releases/{name}/version")))
            .collect();
        versions.sort();
        versions
    }

    fn properties(&self, version: &str, more: Value) -> Value {
        let source = json!({ "type": "git", "url": self.path("origin"), "revision": version });
        with(&json!({ "path": self.path("app"), "source": source }), more)
    }

    fn run(
        &self,
        action: &str,
        asked: Asked,
        properties: Value,
        converge: bool,
    ) -> Result<Told, Failure> {
        let resource: Deploy = serde_json::from_value(properties).expect("properties");
        let action =
            DeployAction::ALL.iter().find(|(_, name, _)| *name == action).expect("action").0;
        resource
            .check(&[action])
            .map_err(|error| Failure::new(format!("{}: {}", error.property, error.message)))?;
        let view =
            View::new(&self.system).with_memory(|key| self.memory.borrow().get(key).cloned());
        let desired = resource
            .resolve(&TestScope { view: &view, asked })
            .map_err(|error| Failure::new(error.message))?;
        let state = Provider.inspect(&view, &desired, action)?;
        let changes = Provider.plan(&desired, action, &state)?;
        let notes = Provider.notes(&desired, action, &state);
        let told =
            Told { changes: changes.iter().map(|change| change.what.clone()).collect(), notes };
        if converge && !changes.is_empty() {
            let mut apply = Apply {
                system: &self.system,
                view: &view,
                services: self,
                sensitive: false,
                notes: Vec::new(),
            };
            assert_eq!(Provider.apply(&mut apply, &desired, action, &changes)?, Effect::Changed);
        }
        Ok(told)
    }

    fn deploy(&self, version: &str, more: Value) -> Result<Told, Failure> {
        self.run("deploy", Asked::Nothing, self.properties(version, more), true)
    }

    /// Deploys, and does so again: there must be nothing to do.
    #[track_caller]
    fn settle(&self, version: &str, more: Value) -> Vec<String> {
        let told = self.deploy(version, more.clone()).unwrap();
        let again = self.deploy(version, more).unwrap();
        assert_eq!(again.changes, Vec::<String>::new(), "a second run has nothing to do");
        let words = |what: String| what.replace(&format!("{}/", self.folder.path().display()), "");
        told.changes.into_iter().map(words).collect()
    }

    fn rollback(&self) -> Result<Told, Failure> {
        self.run("rollback", Asked::Nothing, json!({ "path": self.path("app") }), true)
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.text("app/releases.json")).unwrap()
    }
}

impl Services for Site {
    fn call(&self, _callback: ClosureId, given: Option<&Value>) -> Result<Value, Failure> {
        self.called.borrow_mut().extend(given.cloned());
        Ok(Value::Null)
    }
    fn log(&self, _level: LogLevel, _message: &str) {}
    fn back_up(&self, _path: &Path, _keep: usize) -> Result<Option<String>, Failure> {
        Ok(None)
    }
    fn remember(&self, key: &str, value: &Value) -> Result<(), Failure> {
        self.memory.borrow_mut().insert(key.to_owned(), value.clone());
        Ok(())
    }
}

struct TestScope<'a> {
    view: &'a View<'a>,
    asked: Asked,
}

impl Scope for TestScope<'_> {
    fn render(&self, _template: &TemplateSource) -> Result<String, Diagnostic> {
        Err(Diagnostic::error("there are no templates"))
    }
    fn cookbook_file(
        &self,
        _sources: &[String],
        _cookbook: Option<&str>,
    ) -> Result<Content, Diagnostic> {
        Err(Diagnostic::error("there are no files"))
    }
    fn cookbook_directory(
        &self,
        _source: &str,
        _cookbook: Option<&str>,
    ) -> Result<Vec<(PathBuf, Content)>, Diagnostic> {
        Err(Diagnostic::error("there are no files"))
    }
    fn umask(&self) -> u32 {
        0o022
    }
    fn view(&self) -> &View<'_> {
        self.view
    }
    fn asked(&self, app: &str) -> Asked {
        if app == "app" { self.asked } else { Asked::Nothing }
    }
}

/// The tag with its commit, as messages have it.
fn shown(site: &Site, version: &str) -> String {
    let commit = git(&site.path("origin"), &["rev-parse", version]);
    format!("{version} ({})", &commit[..7])
}

fn commit(site: &Site, version: &str) -> String {
    git(&site.path("origin"), &["rev-parse", version])
}

#[test]
fn a_release_becomes_current_and_stays() {
    let site = Site::new();
    let (v1, v2) = (shown(&site, "v1"), shown(&site, "v2"));
    let changes = site.settle("v1", json!({ "shared": ["log", "public/uploads"] }));
    let expected = [
        "create directory `app`".to_owned(),
        "create directory `app/releases`".to_owned(),
        "create directory `app/shared`".to_owned(),
        "create directory `app/shared/log`".to_owned(),
        "create directory `app/shared/public/uploads`".to_owned(),
        format!("deploy {v1} from `origin`"),
        "link `log`, `public/uploads` to `shared` in the release".to_owned(),
        format!("let current lead to {v1}"),
    ];
    assert_eq!(changes, expected);
    assert_eq!(
        fs::read_link(site.path("app/current")).unwrap(),
        Path::new("releases").join(commit(&site, "v1"))
    );
    assert_eq!(fs::read_link(site.path("app/current/log")).unwrap(), site.path("app/shared/log"));
    fs::write(site.path("app/current/log/app.log"), "kept").unwrap();
    let changes = site.settle("v2", json!({ "shared": ["log", "public/uploads"] }));
    assert_eq!(changes.last().unwrap(), &format!("switch current from {v1} to {v2}"));
    assert_eq!(
        (site.current().as_deref(), site.text("app/current/log/app.log").as_str()),
        (Some("v2"), "kept")
    );
    assert_eq!(site.names("app/releases").len(), 2, "nothing half-made is left");
}

#[test]
fn hooks_run_in_order_and_know_where_they_are() {
    let site = Site::new();
    let say = |what: &str| {
        format!(
            "echo {what} $APP $TOKEN $(basename $PWD | cut -c1-7) $(readlink $CURRENT_PATH | cut -c1-16) >> $DEPLOY_PATH/../said"
        )
    };
    let more = json!({
        "environment": { "TOKEN": "it's \"$5\"" },
        "before_migrate": say("before_migrate"), "migrate": true, "migrate_command": say("migrate"),
        "before_symlink": ["sh", "-c", say("before_symlink")], "before_restart": say("before_restart"),
        "restart": say("restart"), "check": { "command": say("check") }, "after_restart": say("after_restart"),
    });
    site.settle("v1", more.clone());
    let id = commit(&site, "v1")[..7].to_owned();
    let line = |what: &str, current: bool| {
        format!(
            "{what} app it's \"$5\" {id}{}\n",
            if current { format!(" releases/{id}") } else { " ".to_owned() }
        )
    };
    let before = ["before_migrate", "migrate", "before_symlink"].map(|what| line(what, false));
    let after =
        ["before_restart", "restart", "check", "after_restart"].map(|what| line(what, true));
    let expected = [before.concat(), after.concat()].concat();
    let said = site.text("said");
    let plain = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(plain(&said), plain(&expected));
    // Once for each revision, though its release is made again.
    site.deploy("v2", more.clone()).unwrap();
    site.deploy("v1", more).unwrap();
    let migrations = site.text("said").lines().filter(|line| line.starts_with("migrate")).count();
    assert_eq!((migrations, site.current().as_deref()), (2, Some("v1")));
}

#[test]
fn a_closure_is_told_where_the_release_is() {
    let site = Site::new();
    site.settle("v1", json!({ "before_symlink": 0 }));
    let release = site.path("app/releases").join(commit(&site, "v1"));
    assert_eq!(site.called.borrow()[0]["release"], json!(release));
    assert_eq!(site.called.borrow()[0]["app"], "app");
}

#[test]
fn what_fails_before_the_switch_leaves_nothing() {
    let site = Site::new();
    for (property, more) in [
        ("before_migrate", json!({ "before_migrate": "exit 3" })),
        ("migrate", json!({ "migrate": true, "migrate_command": "echo broken >&2; exit 3" })),
        ("before_symlink", json!({ "before_symlink": "exit 3", "environment": { "A": "b" } })),
    ] {
        let failure = site.deploy("v1", more).unwrap_err();
        assert!(failure.message.ends_with("exited with 3"), "{property}: {failure}");
        assert_eq!((site.current(), site.names("app/releases")), (None, vec![]), "{property}");
        assert!(!site.path("app/shared/app.env").exists(), "{property}");
    }
    site.settle("v1", json!({}));
    let failure = site.deploy("v2", json!({ "before_migrate": "exit 3" })).unwrap_err();
    let note = format!("nothing was switched: `current` leads to {} as before", shown(&site, "v1"));
    assert_eq!(failure.notes, [note]);
    assert_eq!((site.current().as_deref(), site.releases()), (Some("v1"), vec!["v1".to_owned()]));
    assert_eq!(
        site.settle("v2", json!({})).len(),
        2,
        "the next one succeeds and has nothing to clean up"
    );
}

#[test]
fn a_failing_restart_or_check_is_rolled_back() {
    let site = Site::new();
    let restart = "cp version ../../../running";
    site.settle("v1", json!({ "restart": restart, "environment": { "COLOUR": "red" } }));
    for (version, more) in [
        ("v2", json!({ "restart": "cp version ../../../running; grep -qv v2 version" })),
        (
            "v3",
            json!({ "restart": restart, "check": { "command": "grep -qv v3 version", "timeout": 0, "interval": 0 } }),
        ),
        ("v4", json!({ "restart": restart, "before_restart": "exit 1" })),
        ("v5", json!({ "restart": restart, "after_restart": "exit 1" })),
    ] {
        let before = site.record();
        let failure = site
            .deploy(version, with(&more, json!({ "environment": { "COLOUR": "blue" } })))
            .unwrap_err();
        assert!(
            failure
                .notes
                .contains(&format!("rolled back to {}, which was restarted", shown(&site, "v1"))),
            "{failure:?}"
        );
        assert_eq!(
            (site.current().as_deref(), site.text("running").as_str()),
            (Some("v1"), "v1"),
            "{version}"
        );
        assert_eq!(site.text("app/shared/app.env"), "COLOUR=\"red\"\n", "{version}");
        assert_eq!((site.record(), site.releases()), (before, vec!["v1".to_owned()]), "{version}");
    }
    // It is tried again by the next.
    site.settle("v2", json!({ "restart": restart, "environment": { "COLOUR": "blue" } }));
    assert_eq!(site.text("running"), "v2");
}

#[test]
fn the_first_release_that_fails_is_taken_away() {
    let site = Site::new();
    let failure = site.deploy("v1", json!({ "restart": "exit 4" })).unwrap_err();
    assert!(
        failure.notes.iter().any(|note| note.contains("`current` was taken away again")),
        "{failure:?}"
    );
    assert_eq!(
        (site.names("app/releases"), site.path("app/current").symlink_metadata().is_ok()),
        (vec![], false)
    );
    let failure =
        site.deploy("v1", json!({ "restart": "exit 4", "rollback_on_error": false })).unwrap_err();
    let note = format!(
        "`current` leads to {} all the same: `rollback_on_error` is false",
        shown(&site, "v1")
    );
    assert_eq!((failure.notes, site.current().as_deref()), (vec![note], Some("v1")));
    assert_eq!(
        site.settle("v1", json!({ "restart": "true" })),
        ["run restart: `true`"],
        "it is restarted by the next run"
    );
}

#[test]
fn a_changed_environment_is_written_and_the_app_restarted() {
    let site = Site::new();
    let more = |value: &str| json!({ "environment": { "A": value }, "restart": ". ../../shared/app.env; test \"$A\" != bad; echo $A >> ../../../restarts" });
    site.settle("v1", more("one"));
    let changes = site.settle("v1", more("two"));
    assert_eq!(changes[0], "write `app/shared/app.env` (1 variable)");
    assert_eq!((changes.len(), site.text("restarts").as_str()), (2, "one\ntwo\n"));
    // Which fails, and is put back.
    let fails = json!({ "environment": { "A": "bad" }, "restart": ". ../../shared/app.env; test \"$A\" != bad && echo $A >> ../../../restarts" });
    let failure = site.deploy("v1", fails).unwrap_err();
    assert_eq!(failure.notes, ["the environment was put back as it was, and the app restarted"]);
    assert_eq!(
        (site.text("app/shared/app.env").as_str(), site.text("restarts").as_str()),
        ("A=\"two\"\n", "one\ntwo\ntwo\n")
    );
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        fs::metadata(site.path("app/shared/app.env")).unwrap().permissions().mode() & 0o7777,
        0o600
    );
}

#[test]
fn changed_links_are_made_in_the_current_release() {
    let site = Site::new();
    let restart = json!({ "restart": "echo again >> ../../../restarts" });
    site.settle("v1", with(&restart, json!({ "shared": ["log"] })));
    let changes = site.settle(
        "v1",
        with(&restart, json!({ "shared": ["log"], "symlinks": { "log": "var/log" } })),
    );
    assert_eq!(changes[0], "link `var/log` to `shared` in the release");
    assert_eq!((changes.len(), site.text("restarts").lines().count()), (2, 2));
    assert!(site.path("app/current/var/log").is_dir());
}

#[test]
fn rolling_back_goes_back_in_order_and_no_further_than_the_first() {
    let site = Site::new();
    for version in ["v1", "v2", "v3"] {
        site.settle(version, json!({}));
    }
    site.rollback().unwrap();
    assert_eq!(site.current().as_deref(), Some("v2"));
    site.rollback().unwrap();
    assert_eq!(site.current().as_deref(), Some("v1"));
    let before = site.record();
    let failure = site.rollback().unwrap_err();
    assert_eq!(
        failure.message,
        format!("cannot roll back `app`: there is no release before {}", shown(&site, "v1"))
    );
    assert_eq!((site.current().as_deref(), site.record()), (Some("v1"), before));
    // What was rolled back is not gone back to.
    site.settle("v4", json!({}));
    assert_eq!(site.releases(), ["v1", "v4"]);
    site.rollback().unwrap();
    assert_eq!(site.current().as_deref(), Some("v1"));
}

#[test]
fn what_was_rolled_back_is_held_until_asked_for() {
    let site = Site::new();
    site.settle("v1", json!({}));
    site.settle("v2", json!({}));
    let asked = |asked, version| {
        site.run("deploy", asked, site.properties(version, json!({})), true).unwrap()
    };
    assert_eq!(
        asked(Asked::Rollback, "v2").changes,
        [format!("switch current from {} to {}", shown(&site, "v2"), shown(&site, "v1"))]
    );
    let held = Told { changes: vec![], notes: vec!["held: v2 was rolled back".to_owned()] };
    assert_eq!(asked(Asked::Nothing, "v2"), held);
    assert_eq!(
        (asked(Asked::Undeploy, "v2").changes, site.current().as_deref()),
        (vec![], Some("v1"))
    );
    asked(Asked::Deploy, "v2");
    assert_eq!(site.current().as_deref(), Some("v2"));
    assert_eq!(asked(Asked::Nothing, "v2"), Told { changes: vec![], notes: vec![] });
    // A new revision ends it too.
    asked(Asked::Rollback, "v2");
    asked(Asked::Nothing, "v3");
    assert_eq!(site.current().as_deref(), Some("v3"));
    // And so does the source that goes back itself.
    asked(Asked::Rollback, "v3");
    assert_eq!(
        asked(Asked::Nothing, "v1").changes,
        [format!("remove release {}", shown(&site, "v3"))]
    );
    asked(Asked::Nothing, "v3");
    assert_eq!(site.current().as_deref(), Some("v3"));
}

#[test]
fn going_back_twice_holds_the_newest_all_the_same() {
    let site = Site::new();
    for version in ["v1", "v2", "v3"] {
        site.settle(version, json!({}));
    }
    site.rollback().unwrap();
    site.rollback().unwrap();
    let told = site.deploy("v3", json!({})).unwrap();
    assert_eq!((told.changes, told.notes), (vec![], vec!["held: v3 was rolled back".to_owned()]));
}

#[test]
fn as_many_releases_stay_as_are_wanted() {
    let site = Site::new();
    for version in ["v1", "v2", "v3", "v4"] {
        site.settle(version, json!({ "keep_releases": 3 }));
    }
    assert_eq!(site.releases(), ["v2", "v3", "v4"]);
    assert_eq!(site.settle("v4", json!({ "keep_releases": 1 })).len(), 2);
    assert_eq!(site.releases(), ["v4"]);
}

#[test]
fn an_app_is_removed_and_nothing_else_is() {
    let site = Site::new();
    let undeploy =
        |path: &str| site.run("undeploy", Asked::Nothing, json!({ "path": site.path(path) }), true);
    assert_eq!(undeploy("app").unwrap().changes, Vec::<String>::new());
    site.settle("v1", json!({ "shared": ["log"], "environment": { "A": "b" } }));
    undeploy("app").unwrap();
    assert!(!site.path("app").exists());
    let failure = undeploy("origin").unwrap_err();
    assert!(failure.message.contains("does not look like the folder of an app"), "{failure}");
    assert!(site.path("origin/version").exists());
}

#[test]
fn what_a_kill_leaves_is_cleaned_up() {
    let site = Site::new();
    site.settle("v1", json!({}));
    let half = commit(&site, "v2");
    let record = with(&site.record(), json!({ "making": half }));
    fs::write(site.path("app/releases.json"), record.to_string()).unwrap();
    for folder in [format!(".making-{half}"), half.clone(), ".removing-old".to_owned()] {
        fs::create_dir_all(site.path("app/releases").join(folder)).unwrap();
    }
    fs::write(site.path("app/.toque-releases-aB3dE6.json"), "{").unwrap();
    site.settle("v2", json!({}));
    assert_eq!(
        (site.releases(), site.names("app")),
        (
            vec!["v1".to_owned(), "v2".to_owned()],
            ["current", "releases", "releases.json", "shared"].map(str::to_owned).to_vec(),
        )
    );
    assert_eq!(site.record()["making"], Value::Null);
}

#[test]
fn a_damaged_record_says_what_to_do() {
    let site = Site::new();
    site.settle("v1", json!({}));
    fs::write(site.path("app/releases.json"), "{ \"releases\": ").unwrap();
    let failure = site.deploy("v2", json!({})).unwrap_err();
    assert!(failure.message.starts_with("cannot read `") && failure.hint.is_some(), "{failure:?}");
    fs::remove_file(site.path("app/releases.json")).unwrap();
    site.settle("v2", json!({}));
    site.rollback().unwrap();
    assert_eq!(site.current().as_deref(), Some("v1"), "what was current is known again");
    fs::write(
        site.path("app/releases.json"),
        r#"{ "releases": [{ "name": "../../etc", "revision": "v1" }] }"#,
    )
    .unwrap();
    assert!(site.rollback().unwrap_err().message.contains("names the release `../../etc`"));
}

#[test]
fn a_folder_in_which_others_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    fs::create_dir(site.path("app")).unwrap();
    fs::set_permissions(site.path("app"), fs::Permissions::from_mode(0o777)).unwrap();
    let failure = site.deploy("v1", json!({})).unwrap_err();
    assert!(failure.message.contains("others can write in `"), "{failure}");
    fs::set_permissions(site.path("app"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(site.path("app/current")).unwrap();
    let failure = site.deploy("v1", json!({})).unwrap_err();
    assert!(failure.message.ends_with("is not a link to a release"), "{failure}");
    // Nor may others lead the way there, to a folder that is there or is not.
    fs::remove_dir(site.path("app/current")).unwrap();
    fs::set_permissions(site.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = |action: &str| {
        site.run(action, Asked::Nothing, site.properties("v1", json!({})), true)
            .unwrap_err()
            .message
    };
    assert!(refused("deploy").contains("could lead toque anywhere by a link"));
    assert!(refused("undeploy").contains("could lead toque anywhere by a link"));
    fs::remove_dir(site.path("app")).unwrap();
    assert!(refused("deploy").contains("could lead toque anywhere by a link"));
    assert!(!site.path("app").exists());
    fs::set_permissions(site.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn the_values_of_the_environment_are_not_told() {
    let site = Site::new();
    let more = json!({ "environment": { "TOKEN": "very-secret-token", "PIN": { "value": "12", "secure": true } } });
    let hook =
        json!({ "before_migrate": "echo \"$TOKEN and $PIN and very-secret-token\" >&2; exit 1" });
    let failure = site.deploy("v1", with(&more, hook)).unwrap_err();
    let told = format!("{failure:?}");
    assert!(
        !told.contains("very-secret-token") && told.contains("[sensitive] and [sensitive]"),
        "{told}"
    );
}

#[test]
fn a_shell_reads_the_environment_as_it_was_given() {
    let site = Site::new();
    let value = "a b\t\"q\" 'q' \\ \\n $HOME `id` #x\nsecond line; é \\\" end";
    site.settle(
        "v1",
        json!({ "environment": { "VALUE": value, "EMPTY": "", "NUMBER": 8080, "FLAG": true } }),
    );
    let script =
        ". ./app/shared/app.env; printf '%s|%s|%s|%s' \"$VALUE\" \"$EMPTY\" \"$NUMBER\" \"$FLAG\"";
    let output =
        Command::new("sh").args(["-c", script]).current_dir(site.folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{value}||8080|true"));
}

#[test]
fn properties_that_cannot_be_are_refused() {
    let site = Site::new();
    for (more, told) in [
        (json!({ "source": null }), "source: it is required"),
        (
            json!({ "source": { "type": "other", "url": "x" } }),
            "source.type: the app has no source to deploy",
        ),
        (json!({ "keep_releases": 0 }), "keep_releases: "),
        (json!({ "shared": ["../x"] }), "shared: `../x` is no path below a folder"),
        (json!({ "symlinks": { "log": "/etc" } }), "symlinks: `/etc`"),
        (json!({ "environment": { "1A": "x" } }), "environment.1A: `1A` cannot be the name"),
        (
            json!({ "environment": { "A": "x\u{1b}" } }),
            "environment.A: the value of `A` holds a control character",
        ),
        (json!({ "migrate": true }), "migrate_command: it is required"),
        (json!({ "check": { "timeout": 3 } }), "check: `check` needs one of"),
        (
            json!({ "restart": { "service": "-x" } }),
            "restart.service: `-x` cannot be the name of a service",
        ),
    ] {
        let failure = site.deploy("v1", more).unwrap_err();
        assert!(failure.message.starts_with(told), "{failure}");
    }
}
