//! What `toque explain` prints.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// A repository that is gone with it.
struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("toque-explain-{}-{name}", std::process::id()));
        for (path, text) in [
            ("cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.0.0\"\n"),
            (
                "cookbooks/web/attributes/default.rhai",
                "default(\"web\", #{ port: 80, names: [\"a\"] });\n",
            ),
            (
                "cookbooks/web/recipes/default.rhai",
                "force_default(\"web.port\", 81);\ndefault([\"web\", \"x.y\"], true);\n",
            ),
            (
                "roles/web.json",
                "{\n  // the front\n  \"run_list\": [\"web\"],\n  \"override_attributes\": { \"web\": { \"port\": 8080 } }\n}\n",
            ),
            (
                "nodes/web1.json",
                "{ \"run_list\": [\"role[web]\"], \"normal\": { \"web\": { \"names\": [\"b\"] } } }\n",
            ),
        ] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(root)
    }

    /// Standard output, and the exit code.
    fn explain(&self, args: &[&str]) -> (String, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        let output = command
            .current_dir(&self.0)
            .args(["explain", "--node", "web1"])
            .args(args)
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn as_text() {
    let repository = Repository::new("text");
    let expected = "\
web.port is 8080

  default        80    cookbooks/web/attributes/default.rhai:1:1
  force_default  81    cookbooks/web/recipes/default.rhai:1:1
* role_override  8080  roles/web.json:4:37
";
    assert_eq!(repository.explain(&["web.port"]).0, expected);
    let expected = "\
web is
{
  \"names\": [
    \"b\"
  ],
  \"port\": 8080,
  \"x.y\": true
}

  default        web.names       [\"a\"]  cookbooks/web/attributes/default.rhai:1:1
  default        web.port        80     cookbooks/web/attributes/default.rhai:1:1
* default        [\"web\", \"x.y\"]  true   cookbooks/web/recipes/default.rhai:2:1
  force_default  web.port        81     cookbooks/web/recipes/default.rhai:1:1
* node_normal    web.names       [\"b\"]  nodes/web1.json:1:51
* role_override  web.port        8080   roles/web.json:4:37
";
    assert_eq!(repository.explain(&["web"]).0, expected);
    assert_eq!(
        repository.explain(&["[\"web\", \"x.y\"]"]).0.lines().next(),
        Some("[\"web\", \"x.y\"] is true")
    );
    assert_eq!(repository.explain(&["web.prot"]), (String::new(), Some(2)));
}

#[test]
fn as_json() {
    let repository = Repository::new("json");
    let explained: Value =
        serde_json::from_str(&repository.explain(&["web.port", "web", "--format", "json"]).0)
            .unwrap();
    // The command line's run list takes the place of the node's.
    assert_eq!(explained["value"], 81);
    assert_eq!(explained["settings"][1]["level"], "force_default");
    assert_eq!(explained["settings"][1]["set_by"], "cookbooks/web/recipes/default.rhai:1:1");
    assert_eq!(explained["settings"][1]["wins"], true);
    assert_eq!(explained["settings"][0]["wins"], false);
}
