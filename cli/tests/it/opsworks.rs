//! Documents that OpsWorks' agents kept are run: each by `toque converge --command`, with recipes
//! that search as OpsWorks' users did.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What recipes of Chef 12 stacks asked, and of its own data bags.
const CHEF_12: &str = r#"
    fn names(found, key) { let all = []; for one in found { all.push(one[key]); } all.sort(); `${all}` }
    log(`apps ${names(search("aws_opsworks_app"), "shortname")}`);
    log(`one ${names(search("aws_opsworks_app", "shortname:dummy_project"), "app_id")}`);
    log(`deploy ${names(search("aws_opsworks_app", "deploy:true"), "shortname")}`);
    let me = search("aws_opsworks_instance", "self:true")[0];
    log(`me ${me.hostname} ${me.instance_type} ${me.role}`);
    log(`like ${names(search("aws_opsworks_instance", "hostname:xxx*"), "hostname")}`);
    log(`role ${names(search("aws_opsworks_instance", "role:xxx0"), "hostname")}`);
    log(`layer ${names(search("aws_opsworks_instance", `layer_ids:${me.layer_ids[1]}`), "hostname")}`);
    log(`online ${names(search("node", "role:xxx1"), "name")}`);
    log(`bags ${data_bag("aws_opsworks_user")} ${data_bag_item("aws_opsworks_user", "iam99").unix_user_id}`);
    log(`own ${data_bag_item("myapp", "mysql").username}`);
    log(`command ${search("aws_opsworks_command")[0].type}`);
    log(`stack ${search("aws_opsworks_stack")[0].name} ${search("aws_opsworks_layer", "shortname:xxx0")[0].name}`);
    log(`database ${search("aws_opsworks_rds_db_instance")[0].address}`);
    log(`balancer ${search("aws_opsworks_elastic_load_balancer")[0].dns_name}`);
    log(`cluster ${search("aws_opsworks_ecs_cluster")[0].ecs_cluster_name}`);
    log(`attribute ${node.site.port}`);
"#;

/// What recipes of Chef 11 stacks asked.
const CHEF_11: &str = r#"
    fn names(found) { let all = []; for one in found { all.push(`${one.name} ${one.get("private_ip")} ${one.get("ip")}`); } all.sort(); `${all}` }
    log(`role ${names(search("node", "role:php-app"))}`);
    log(`layers ${names(search("node", "layers:php-app"))}`);
    log(`all ${search("node", "name:*").len()}`);
    log(`activity ${node.opsworks.activity} on ${node.opsworks.instance.hostname} of ${node.opsworks.stack.name}`);
    for (name, app) in node.deploy { log(`app ${name} to ${app.deploy_to} from ${app.scm.repository}`); }
"#;

fn documents(folder: &str) -> Vec<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/data/tests/opsworks").join(folder);
    let mut documents: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.sort();
    documents
}

/// A repository in which every recipe that the documents name is this one.
fn repository(recipe: &str) -> tempfile::TempDir {
    let repository = tempfile::tempdir().unwrap();
    for cookbook in ["custom_xxx0", "custom_xxx1"] {
        let folder = repository.path().join("cookbooks").join(cookbook);
        fs::create_dir_all(folder.join("recipes")).unwrap();
        fs::write(
            folder.join("cookbook.toml"),
            format!("name = \"{cookbook}\"\nversion = \"1.0.0\"\n"),
        )
        .unwrap();
        for name in ["default", "do_it", "peers", "deploy", "undeploy", "shutdown", "report"] {
            fs::write(folder.join(format!("recipes/{name}.rhai")), recipe).unwrap();
        }
    }
    repository
}

/// Runs a document, and gives what its recipes say.
fn converge(document: &Path, repository: &Path) -> String {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
    command
        // The sources of toque may belong to anybody.
        .args(["converge", "--trust-repo", "--command"])
        .arg(document)
        .arg("--repo")
        .arg(repository)
        .arg("--state-dir")
        .arg(state.path());
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}: {told}", document.display());
    told
}

#[test]
fn every_document_of_chef_12_is_run() {
    let repository = repository(CHEF_12);
    for document in documents("commands") {
        let kind = document.file_stem().unwrap().to_str().unwrap().to_owned();
        let told = converge(&document, repository.path());
        let silent = !matches!(
            &*kind,
            "setup" | "configure" | "deploy" | "undeploy" | "shutdown" | "execute_recipes"
        );
        if silent {
            assert!(!told.contains("info:"), "{kind}: OpsWorks ran no recipe of its users: {told}");
            continue;
        }
        let deploy = match &*kind {
            "setup" => r#"["dummy_project", "reports"]"#,
            "deploy" | "undeploy" => r#"["dummy_project"]"#,
            _ => "[]",
        };
        for line in [
            r#"info: apps ["dummy_project", "reports"]"#,
            r#"info: one ["3aef37c1-7e2b-4255-bbf1-03e06f07701a"]"#,
            &format!("info: deploy {deploy}"),
            r#"info: me xxx01 c3.large ["xxx0", "xxx1"]"#,
            r#"info: like ["xxx01", "xxx02"]"#,
            r#"info: role ["xxx01"]"#,
            r#"info: layer ["xxx01"]"#,
            r#"info: online ["xxx01"]"#,
            r#"info: bags ["iam99"] 2099"#,
            "info: own default-user",
            &format!("info: command {kind}"),
            "info: stack xxx xxx 0",
            "info: database beta.caz4ehv5ntxm.us-east-1.rds.amazonaws.com",
            "info: balancer beta-classic-676964272.us-east-1.elb.amazonaws.com",
            "info: cluster mycluster",
            "info: attribute 8080",
        ] {
            assert!(told.lines().any(|told| told == line), "{kind}: `{line}` is not in:\n{told}");
        }
    }
}

#[test]
fn every_document_of_chef_11_is_run() {
    let repository = repository(CHEF_11);
    for document in documents("chef11") {
        let kind = document.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(converge(&document, repository.path()), "", "{kind}: it names no recipe");
        let mut whole: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&document).unwrap()).unwrap();
        whole["recipes"] = serde_json::json!(["custom_xxx0::peers"]);
        let with_recipes = tempfile::NamedTempFile::new().unwrap();
        fs::write(with_recipes.path(), whole.to_string()).unwrap();
        let told = converge(with_recipes.path(), repository.path());
        for line in [
            r#"info: role ["php-app1 10.252.84.253 ", "php-app2 10.252.0.203 192.0.2.0"]"#,
            r#"info: layers ["php-app1 10.252.84.253 ", "php-app2 10.252.0.203 192.0.2.0"]"#,
            "info: all 2",
            &format!("info: activity {kind} on php-app1 of MyStack"),
        ] {
            assert!(told.lines().any(|told| told == line), "{kind}: `{line}` is not in:\n{told}");
        }
        let deployed = "info: app simplephpapp to /srv/www/simplephpapp from git://github.com/amazonwebservices/opsworks-demo-php-simple-app.git";
        assert_eq!(told.contains(deployed), kind == "deploy", "{told}");
    }
}
