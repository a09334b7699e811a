//! `toque stack import` and `toque stack add`: what they print and refuse, and what becomes of the
//! files.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const STACK: &str = "{
  // the shop
  \"stack\": { \"name\": \"shop\" },
  \"layers\": [
    { \"shortname\": \"web\" }   // what customers see
  ],
  \"instances\": [
    { \"hostname\": \"web1\", \"layers\": [\"web\"] }
  ]
}
";

struct Told {
    out: String,
    err: String,
    code: Option<i32>,
}

fn given() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/data/tests/opsworks")
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn toque(folder: &TempDir, args: &[&str], input: &str) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
    command.current_dir(folder.path()).arg("stack").args(args);
    let mut running = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that is refused at once reads nothing.
    let _ = running.stdin.take().unwrap().write_all(input.as_bytes());
    let output = running.wait_with_output().unwrap();
    Told {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn a_stack_is_imported_for_its_owner_alone() {
    let folder = folder();
    let api = given().join("api");
    let api = api.to_str().unwrap();
    let told = toque(&folder, &["import", api, "--stack", "shop", "--to", "stack.json"], "");
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(
        told.out,
        "wrote `stack.json`: the stack `shop`, 2 layers, 3 instances, 2 apps, 2 users, 1 load balancer, 1 database, 1 ecs cluster, 2 volumes\n"
    );
    for line in [
        "warning: the source of the app `old_reports` is a Subversion repository, which Toque does not fetch",
        "  Instances: AgentVersion, Arn, BlockDeviceMappings, Platform, ReportedAgentVersion, ReportedOs, Tenancy\n",
        "  /etc/toque/secrets/apps.site.app_source.ssh_key\n",
    ] {
        assert!(told.err.contains(line), "{line}\n{}", told.err);
    }
    let path = folder.path().join("stack.json");
    assert_eq!(mode(&path), 0o600);
    let written = fs::read_to_string(&path).unwrap();
    let expected = fs::read_to_string(given().join("shop.expected")).unwrap();
    assert_eq!(Some(written.trim_end()), expected.split("\n\n# wanted").next());

    let checked = toque(&folder, &["check", "stack.json"], "");
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), "no mistakes found\n"));

    // Nothing is overwritten unless that is asked for, and then it keeps its mode.
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let again = toque(&folder, &["import", api, "--stack", "blog", "--to", "stack.json"], "");
    assert_eq!(again.code, Some(2));
    assert!(
        again.err.contains("`stack.json` is there already") && again.err.contains("--force"),
        "{}",
        again.err
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
    let forced =
        toque(&folder, &["import", api, "--stack", "blog", "--to", "stack.json", "--force"], "");
    assert_eq!(forced.out, "wrote `stack.json`: the stack `blog`, 1 layer\n");
    assert_eq!(mode(&path), 0o644);
}

#[test]
fn documents_come_from_files_folders_and_standard_input() {
    let folder = folder();
    let command = fs::read_to_string(given().join("commands/setup.json")).unwrap();
    let told = toque(&folder, &["import", "-"], &command);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let stack: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        stack["stack"]["custom_json"]["data_bags"]["myapp"]["mysql"]["username"],
        "default-user"
    );
    assert!(
        told.err.contains("in plain text") && told.err.contains("  databases.beta.db_password\n"),
        "{}",
        told.err
    );
    assert!(!told.err.contains("an-invented-password"), "{}", told.err);

    let stacks = fs::read_to_string(given().join("api/stacks.json")).unwrap();
    let layers = given().join("api/layers.json");
    let told =
        toque(&folder, &["import", layers.to_str().unwrap(), "-", "--stack", "shop"], &stacks);
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert_eq!(serde_json::from_str::<Value>(&told.out).unwrap()["layers"][0]["shortname"], "web");
}

#[test]
fn bad_input_is_refused_and_nothing_is_written() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    write("stacks.json", r#"{ "Stacks": [{ "StackId": "s1", "Name": "shop" }] }"#);
    write(
        "instances.json",
        "{ \"Instances\": [\n  { \"Hostname\": \"web1\", \"LayerIds\": [\"l1\"] }\n] }",
    );
    write("cut.json", "{ \"Stacks\": [");
    write("odd.json", "{ \"Stackz\": [] }");
    for (args, expected) in [
        (&["nowhere.json"][..], &["cannot read `nowhere.json`: no such file or directory"][..]),
        (&["empty"], &["there is no `.json` file in `empty`"]),
        (&["cut.json"], &["cannot read `cut.json`: this `[` has no `]`", "cut.json:1:13"]),
        (
            &["odd.json"],
            &["`Stackz` in `odd.json` is no list of OpsWorks", "did you mean `Stacks`?"],
        ),
        (
            &["stacks.json", "instances.json"],
            &[
                "the instance `web1` refers to the layer `l1`, which was not given",
                "instances.json:2:38",
                "aws opsworks describe-layers",
            ],
        ),
        (&["stacks.json", "--stack", "shp"], &["there is no stack `shp`", "did you mean `shop`?"]),
        (&["stacks.json", "--force"], &["--to"]),
    ] {
        let mut all = vec!["import"];
        all.extend(args);
        if !args.contains(&"--force") {
            all.extend(["--to", "new.json"]);
        }
        let told = toque(&folder, &all, "");
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{args:?}: {}", told.err);
        for part in expected {
            assert!(told.err.contains(part), "{args:?}: {part}\n{}", told.err);
        }
        assert!(!folder.path().join("new.json").exists());
    }
}

#[test]
fn entries_are_added_where_they_belong() {
    let folder = folder();
    let path = folder.path().join("stack.json");
    fs::write(&path, STACK).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    for (args, expected) in [
        (
            "add instance --layer web --private-ip 10.0.0.12",
            "added the instance `web2` of the layer `web` to `stack.json`\n",
        ),
        ("add layer cache --name Cache", "added the layer `cache` to `stack.json`\n"),
        (
            "add instance --layer cache --layer web --hostname both --status stopped",
            "added the instance `both` of the layers `cache`, `web` to `stack.json`\n",
        ),
        (
            "add app site --url https://git.example.com/site.git --revision v3",
            "added the app `site` to `stack.json`\n",
        ),
    ] {
        let told = toque(&folder, &args.split(' ').collect::<Vec<_>>(), "");
        assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(0), expected, ""));
    }
    let expected = "{
  // the shop
  \"stack\": { \"name\": \"shop\" },
  \"layers\": [
    { \"shortname\": \"web\" },   // what customers see
    { \"shortname\": \"cache\", \"name\": \"Cache\", \"custom_recipes\": { \"setup\": [], \"configure\": [], \"deploy\": [], \"undeploy\": [], \"shutdown\": [] } }
  ],
  \"instances\": [
    { \"hostname\": \"web1\", \"layers\": [\"web\"] },
    { \"hostname\": \"web2\", \"layers\": [\"web\"], \"private_ip\": \"10.0.0.12\" },
    { \"hostname\": \"both\", \"layers\": [\"cache\", \"web\"], \"status\": \"stopped\" }
  ],
  \"apps\": [
    {
      \"shortname\": \"site\",
      \"name\": \"site\",
      \"type\": \"other\",
      \"app_source\": {
        \"type\": \"git\",
        \"url\": \"https://git.example.com/site.git\",
        \"revision\": \"v3\"
      }
    }
  ]
}
";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(mode(&path), 0o640);
    for (args, expected) in [
        ("add instance --layer wbe", "did you mean `web`?"),
        ("add instance --layer web --hostname both", "`stack.json` has an instance `both` already"),
        ("add instance --layer web --private-ip 10.0.0", "invalid value '10.0.0'"),
        ("add instance", "--layer <SHORTNAME>"),
        ("add layer web", "`stack.json` has a layer `web` already"),
        ("add app site", "`stack.json` has an app `site` already"),
        ("add app other --revision v1", "--url"),
        ("add layer web --stack nowhere.json", "cannot read the stack document `nowhere.json`"),
    ] {
        let told = toque(&folder, &args.split(' ').collect::<Vec<_>>(), "");
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{args}");
        assert!(told.err.contains(expected), "{args}: {}", told.err);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_document_in_toml_is_found_and_edited() {
    let folder = folder();
    let none = toque(&folder, &["add", "layer", "web"], "");
    assert!(
        none.code == Some(2) && none.err.contains("there is no `stack.json` or `stack.toml` here"),
        "{}",
        none.err
    );
    let text = "[stack]\nname = \"shop\"  # ours\nhostname_theme = \"Wild_Cats\"\n\n[[layers]]\nshortname = \"web\"\n";
    fs::create_dir_all(folder.path().join("cookbooks/web")).unwrap();
    fs::write(folder.path().join("stack.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
    let output = command
        .current_dir(folder.path().join("cookbooks/web"))
        .args(["stack", "add", "instance", "--layer", "web"])
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected =
        format!("{text}\n[[instances]]\nhostname = \"asiatic-lion\"\nlayers = [\"web\"]\n");
    assert_eq!(fs::read_to_string(folder.path().join("stack.toml")).unwrap(), expected);
}
