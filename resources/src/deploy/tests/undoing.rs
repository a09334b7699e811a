//! What goes back, and what goes away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};
use toque_contract::resource::Asked;

use super::{Site, commit};
use crate::testing::with;

/// Undeploys an app that is declared with more properties.
fn undeploy(site: &Site, path: &str, more: Value) -> Result<Vec<String>, String> {
    let told =
        site.run("undeploy", Asked::Nothing, with(&json!({ "path": site.path(path) }), more), true);
    told.map(|told| told.changes).map_err(|failure| failure.message)
}

#[test]
fn a_rollback_that_is_tried_again_goes_no_further() {
    let site = Site::new();
    for version in ["v1", "v2", "v3"] {
        site.settle(version, json!({}));
    }
    let rollback = |restart: &str| {
        let properties = json!({ "path": site.path("app"), "restart": restart });
        site.run("rollback", Asked::Nothing, properties, true).map(|told| told.changes.len())
    };
    rollback("exit 7").unwrap_err();
    assert_eq!(site.current().as_deref(), Some("v2"));
    rollback("exit 7").unwrap_err();
    assert_eq!(rollback("true").unwrap(), 1, "only the restart");
    assert_eq!(site.current().as_deref(), Some("v2"));
    assert_eq!(rollback("true").unwrap(), 2);
    assert_eq!(site.current().as_deref(), Some("v1"));
}

#[test]
fn what_never_ran_is_not_gone_back_to() {
    let site = Site::new();
    site.settle("v1", json!({}));
    let before = commit(&site, "v1");
    site.settle("v2", json!({}));
    // Killed between the record and the link.
    let unfinished = json!({ "release": commit(&site, "v2"), "previous": before, "new": true });
    fs::write(
        site.path("app/releases.json"),
        with(&site.record(), json!({ "unfinished": unfinished })).to_string(),
    )
    .unwrap();
    fs::remove_file(site.path("app/current")).unwrap();
    symlink(Path::new("releases").join(&before), site.path("app/current")).unwrap();
    site.settle("v3", json!({}));
    assert_eq!(site.releases(), ["v1", "v3"]);
    site.rollback().unwrap();
    assert_eq!(site.current().as_deref(), Some("v1"));
}

#[test]
fn a_file_of_the_records_name_makes_no_app() {
    let site = Site::new();
    for (content, folder) in [("[]", "releases"), ("{", "releases"), ("{}", "other")] {
        let path = site.path("mine");
        fs::create_dir_all(path.join(folder)).unwrap();
        fs::write(path.join("data"), "mine").unwrap();
        fs::write(path.join("releases.json"), content).unwrap();
        undeploy(&site, "mine", json!({})).unwrap_err();
        assert!(path.join("data").exists(), "{content}");
        fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn only_the_environments_own_file_goes_with_the_app() {
    let site = Site::new();
    let folder = site.path("default");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("other"), "").unwrap();
    let with_file = |file: &Path| json!({ "environment": { "A": "b" }, "environment_file": file });
    site.settle("v1", json!({}));
    let message = undeploy(&site, "app", with_file(&folder)).unwrap_err();
    assert!(message.ends_with("it is a directory") && folder.join("other").exists(), "{message}");
    // What others may read was not written by a deployment.
    undeploy(&site, "app", with_file(&folder.join("other"))).unwrap();
    assert!(folder.join("other").exists());
    let file = folder.join("app");
    site.settle("v1", with_file(&file));
    let changes = undeploy(&site, "app", with_file(&file)).unwrap();
    assert!(changes.len() == 2 && changes[0].starts_with("remove `"), "{changes:?}");
    assert!(!file.exists() && !site.path("app").exists() && folder.join("other").exists());
    assert_eq!(undeploy(&site, "app", with_file(&file)).unwrap(), Vec::<String>::new());
}

#[test]
fn an_app_behind_a_link_goes_whole() {
    let site = Site::new();
    fs::create_dir(site.path("there")).unwrap();
    fs::set_permissions(site.path("there"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("there", site.path("app")).unwrap();
    site.settle("v1", json!({}));
    assert!(site.path("there/releases").exists());
    undeploy(&site, "app", json!({})).unwrap();
    assert!(!site.path("there").exists() && fs::symlink_metadata(site.path("app")).is_err());
    assert_eq!(undeploy(&site, "app", json!({})).unwrap(), Vec::<String>::new());
}

#[test]
fn an_environment_that_is_taken_out_of_the_recipe_goes() {
    let site = Site::new();
    let restart = json!({ "restart": format!("echo x >> {}", site.path("restarts").display()) });
    site.settle("v1", with(&restart, json!({ "environment": { "A": "secret" } })));
    assert!(site.path("app/shared/app.env").exists());
    let failing = json!({ "restart": "[ -e ../../shared/app.env ]" });
    site.deploy("v1", failing).unwrap_err();
    assert!(site.text("app/shared/app.env").contains("secret"), "put back");
    assert_eq!(site.settle("v1", restart.clone()).len(), 2);
    assert!(!site.path("app/shared/app.env").exists());
    assert_eq!(site.text("restarts"), "x\nx\n");
    // One that others have put there stays.
    fs::write(site.path("app/shared/app.env"), "A=b\n").unwrap();
    fs::set_permissions(site.path("app/shared/app.env"), fs::Permissions::from_mode(0o600))
        .unwrap();
    assert_eq!(site.settle("v1", restart), Vec::<String>::new());
}

#[test]
fn a_link_of_the_source_leads_nothing_elsewhere() {
    let site = Site::new();
    fs::create_dir(site.path("etc")).unwrap();
    fs::write(site.path("etc/x"), "theirs").unwrap();
    symlink(site.path("etc"), site.path("origin/config")).unwrap();
    super::tag(&site.path("origin"), "v6");
    for more in [
        json!({ "symlinks": { "x": "config/x" } }),
        json!({ "symlink_before_migrate": { "x": "./config/x" } }),
        json!({ "purge_before_symlink": ["config/x"] }),
        json!({ "create_dirs_before_symlink": ["config/new/a"] }),
    ] {
        let failure = site.deploy("v6", more.clone()).unwrap_err();
        assert!(failure.message.contains("is a link in this release"), "{more}: {failure:?}");
        assert_eq!(
            (site.text("etc/x"), site.names("etc")),
            ("theirs".to_owned(), vec!["x".to_owned()])
        );
    }
    // The link itself may be replaced.
    site.settle("v6", json!({ "symlinks": { "x": "config" } }));
}
