//! Links in releases: those that lead to what is shared, and those that a source brings itself.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::{Site, git};

/// A tag in which `public` is a link.
fn tag_with_link(site: &Site, to: &std::path::Path) {
    let origin = site.path("origin");
    symlink(to, origin.join("public")).unwrap();
    git(&origin, &["add", "."]);
    git(&origin, &["commit", "-qm", "a link"]);
    git(&origin, &["tag", "link"]);
}

#[test]
fn a_link_in_the_source_is_not_followed() {
    for properties in [
        json!({ "shared": ["public/uploads"] }),
        json!({ "purge_before_symlink": ["public/kept"] }),
        json!({ "create_dirs_before_symlink": ["public"] }),
        json!({ "create_dirs_before_symlink": ["public/new"] }),
    ] {
        let site = Site::new();
        let outside = site.path("outside");
        fs::create_dir_all(outside.join("kept")).unwrap();
        tag_with_link(&site, &outside);
        site.deploy("v1", json!({})).unwrap();
        let wrong = site.deploy("link", properties.clone()).unwrap_err();
        assert!(
            wrong.message.contains("`public` is a link in this release"),
            "{properties}: {wrong}"
        );
        assert!(
            wrong.notes.iter().any(|note| note.contains("`current` leads to v1")),
            "{:?}",
            wrong.notes
        );
        assert_eq!(site.names("outside"), ["kept"], "{properties}");
        assert_eq!(site.current().unwrap(), "v1");
        assert_eq!(site.releases(), ["v1"], "no half-made release is left");
    }
}

#[test]
fn what_is_shared_is_not_lost_when_what_is_linked_changes() {
    let site = Site::new();
    site.deploy("v1", json!({ "shared": ["public"] })).unwrap();
    fs::create_dir_all(site.path("app/shared/public/uploads")).unwrap();
    fs::write(site.path("app/shared/public/uploads/a.jpg"), "a picture").unwrap();
    let wrong = site.deploy("v1", json!({ "shared": ["public/uploads"] })).unwrap_err();
    assert!(wrong.message.contains("`public` is a link in this release"), "{wrong}");
    assert_eq!(site.text("app/shared/public/uploads/a.jpg"), "a picture");
    site.deploy("v2", json!({ "shared": ["public/uploads"] })).unwrap();
    assert_eq!(site.text("app/current/public/uploads/a.jpg"), "a picture");
}

#[test]
fn a_link_below_a_link_is_refused() {
    let site = Site::new();
    for properties in [
        json!({ "shared": ["public/uploads", "public"] }),
        json!({ "symlinks": { "a": "a", "b": "a/b" } }),
        json!({ "shared": ["log"], "symlink_before_migrate": { "x": "log/x" } }),
    ] {
        let wrong = site.deploy("v1", properties).unwrap_err();
        assert!(wrong.message.contains("which is a link to `shared`"), "{wrong}");
    }
    assert!(site.deploy("v1", json!({ "shared": ["public", "public-files"] })).is_ok());
}

#[test]
fn an_array_of_one_word_is_a_command() {
    let site = Site::new();
    site.deploy("v1", json!({ "restart": ["true"] })).unwrap();
    let wrong = site.deploy("v2", json!({ "restart": ["false"] })).unwrap_err();
    assert!(wrong.message.contains("`false` exited with 1"), "{wrong}");
    for nothing in [json!([]), json!("")] {
        assert!(
            site.deploy("v2", json!({ "restart": nothing }))
                .unwrap_err()
                .message
                .contains("there is no command")
        );
    }
}

#[test]
fn a_failure_names_the_hook() {
    let site = Site::new();
    let wrong = site.deploy("v1", json!({ "before_migrate": "exit 3" })).unwrap_err();
    assert!(wrong.message.starts_with("`before_migrate`: `exit 3` exited with 3"), "{wrong}");
    assert!(
        wrong.notes.iter().any(|note| note == "nothing was switched: nothing is deployed yet"),
        "{:?}",
        wrong.notes
    );
    let wrong =
        site.deploy("v1", json!({ "migrate": true, "migrate_command": "exit 4" })).unwrap_err();
    assert!(wrong.message.starts_with("`migrate_command`: `exit 4` exited with 4"), "{wrong}");
}
