//! Links that another user has planted on the way of kinds that fill directories: nothing outside
//! is written, removed or given away, whichever part of the path the link is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use toque_contract::report::Report;
use toque_engine::Run;
use toque_machine::system::HostSystem;

/// `nobody`: a user with an account on every machine.
const OTHER: u32 = 65_534;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A tree of root's, a git repository, an archive, a cookbook, and a folder of the other user.
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir_in("/var/tmp").unwrap() };
        place.mode("", 0o755);
        for (path, content) in [
            ("outside/precious", "precious"),
            ("outside/site/.git/HEAD", "ref: refs/heads/main\n"),
            ("outside/site/file", "precious"),
            ("outside/b/site/file", "precious"),
            ("origin/file", "new"),
            ("repository/cookbooks/web/files/tree/file", "new"),
            ("repository/cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.0.0\"\n"),
        ] {
            fs::create_dir_all(place.at(path).parent().unwrap()).unwrap();
            fs::write(place.at(path), content).unwrap();
        }
        let run = |program: &str, arguments: &[&str], folder: &str| {
            let status = Command::new(program)
                .args(arguments)
                .current_dir(place.at(folder))
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .status();
            assert!(status.unwrap().success());
        };
        run("git", &["init", "--quiet", "--initial-branch=main", "."], "origin");
        run("git", &["add", "."], "origin");
        let user = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        run("git", &[&user[..], &["commit", "--quiet", "-m", "x"]].concat(), "origin");
        run("tar", &["-cf", "../site.tar", "--exclude=.git", "file"], "origin");
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `app/a/b` of the other user, with a link in the place of `planted`.
    fn plant(&self, planted: &str, to: &str) {
        let _ = fs::remove_dir_all(self.at("app"));
        fs::create_dir_all(self.at("app/a/b")).unwrap();
        let _ = fs::remove_dir_all(self.at(planted));
        symlink(self.at(to), self.at(planted)).unwrap();
        let own = ["app", "app/a", "app/a/b", planted];
        for path in own.iter().filter(|path| path.len() <= planted.len()) {
            lchown(self.at(path), Some(OTHER), None).unwrap();
        }
    }

    fn converge(&self, recipe: &str) -> Report {
        let folder = self.at("repository/cookbooks/web/recipes");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("default.rhai"), recipe).unwrap();
        Run::new(HostSystem::new(), toque_resources::standard())
            .repository(self.at("repository"), [toque_data::run_list::Item::parse("web").unwrap()])
            .converge()
            .unwrap_or_else(|refused| panic!("{recipe}\n{}", refused.diagnostics))
    }
}

/// All that lies in a tree: content, owner, mode and time of each.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, (u32, u32, i64, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let found = path.symlink_metadata().unwrap();
        let mut content = Vec::new();
        if found.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            content = fs::read(&path).unwrap();
        }
        all.insert(path, (found.uid(), found.mode(), found.ctime_nsec(), content));
    }
    all
}

#[test]
fn kinds_that_fill_directories_are_led_nowhere() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let before = snapshot(&place.at("outside"));
    let shown = |path: &str| place.at(path).display().to_string();
    let (origin, archive) = (shown("origin"), shown("site.tar"));
    let kinds = |target: &str, owner: bool| -> Vec<String> {
        let target = shown(target);
        let owned = |property: &str| {
            if owner { format!(", {property}: \"nobody\"") } else { String::new() }
        };
        let (user, owner) = (owned("user"), owned("owner"));
        vec![
            format!("git(\"{target}\", #{{ repository: \"{origin}\"{user} }});"),
            format!(
                "git(\"{target}\", #{{ repository: \"{origin}\", action: \"export\"{user} }});"
            ),
            format!("archive_file(\"{archive}\", #{{ destination: \"{target}\"{owner} }});"),
            format!(
                "archive_file(\"{archive}\", #{{ destination: \"{target}\", overwrite: true{owner} }});"
            ),
            format!("remote_directory(\"{target}\", #{{ source: \"tree\", purge: true{owner} }});"),
            format!("remote_directory(\"{target}\", #{{ source: \"tree\", action: \"delete\" }});"),
            format!(
                "deploy(\"{target}\", #{{ source: #{{ type: \"git\", url: \"{origin}\" }}{owner} }});"
            ),
            format!(
                "deploy(\"{target}\", #{{ source: #{{ type: \"git\", url: \"{origin}\" }}, action: \"undeploy\" }});"
            ),
            format!("directory(\"{target}\", #{{ recursive: true{owner} }});"),
            format!("directory(\"{target}\", #{{ recursive: true, action: \"delete\" }});"),
        ]
    };
    for (planted, to) in
        [("app/a", "outside"), ("app/a/b", "outside"), ("app/a/b/site", "outside/site")]
    {
        for owner in [false, true] {
            for recipe in kinds("app/a/b/site", owner) {
                place.plant(planted, to);
                let report = place.converge(&recipe);
                let error = report.resources.iter().find_map(|record| record.error.as_ref());
                let error = error.map(ToString::to_string).unwrap_or_default();
                assert_eq!(snapshot(&place.at("outside")), before, "{planted}: {recipe}\n{error}");
                let named = ["app`", "a`", "b`", "site`"].iter().any(|name| error.contains(name));
                assert!(named, "{planted}: {recipe}\n{error}");
                let left = fs::read_dir(place.folder.path()).unwrap().count();
                assert_eq!(left, 5, "{planted}: {recipe} left something");
            }
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
