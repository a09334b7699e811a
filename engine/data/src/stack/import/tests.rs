use std::path::PathBuf;
use std::rc::Rc;

use serde_json::json;

use super::*;
use crate::stack::{LARGEST_CUSTOM_JSON, Stack};
use toque_core::diagnostic::Source;
use toque_core::redaction::Redactor;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/opsworks")
}

fn document(name: &str, text: &str) -> Document {
    Document::parse(Source { name: name.to_owned(), path: None, text: text.to_owned() }).unwrap()
}

/// What `aws opsworks` printed of two stacks, in files sorted by name.
fn printed() -> Vec<Document> {
    let entries = std::fs::read_dir(folder().join("api")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .iter()
        .map(|path| document(&name(path), &std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Everything that an import comes to, as it is kept beside what was given.
fn told(import: &Import) -> String {
    let document = serde_json::to_string_pretty(&import.document).unwrap();
    let warning = |warning: &Diagnostic| format!("{warning}\n  {}", warning.hints.join("\n  "));
    let left_out = import.left_out.iter().map(|(of, fields)| {
        format!("{of}: {}", fields.iter().cloned().collect::<Vec<_>>().join(", "))
    });
    let more = [
        ("wanted", import.wanted.clone()),
        ("plain", import.plain.clone()),
        ("left out", left_out.collect()),
        ("warnings", import.warnings.iter().map(warning).collect()),
    ];
    let more = more.map(|(title, lines)| format!("\n# {title}\n{}\n", lines.join("\n")));
    format!("{document}\n{}", more.concat())
}

/// `UPDATE_IMPORTS=1` writes what is expected anew, to be read before it is committed.
fn compare(name: &str, import: &Import) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_IMPORTS").is_some() {
        std::fs::write(path, told(import)).unwrap();
    } else {
        assert_eq!(told(import), std::fs::read_to_string(path).unwrap());
    }
}

#[test]
fn what_the_api_tells_becomes_a_stack() {
    let mut documents = printed();
    let shop = import(&documents, Some("shop")).unwrap();
    compare("shop.expected", &shop);
    documents.reverse();
    assert_eq!(
        told(&import(&documents, Some("ef1033ed-55e9-4e4d-aacb-4512eff34f6d")).unwrap()),
        told(&shop)
    );
    compare("blog.expected", &import(&documents, Some("blog")).unwrap());
}

#[test]
fn what_an_agent_knows_becomes_a_stack() {
    let text = std::fs::read_to_string(folder().join("commands/setup.json")).unwrap();
    let imported = import(&[document("setup.json", &text)], None).unwrap();
    compare("agent.expected", &imported);
}

#[test]
fn what_is_imported_makes_sense() {
    let checked = |import: &Import| {
        let document = Document::of("stack.json", &Value::Object(import.document.clone())).unwrap();
        Stack::of(Rc::new(document), LARGEST_CUSTOM_JSON, &Redactor::default())
            .map_err(|wrong| wrong.to_string())
    };
    let shop = checked(&import(&printed(), Some("shop")).unwrap()).unwrap();
    assert_eq!(shop.instance("web1").unwrap().layers, ["web", "ecs-cluster"]);
    assert_eq!(shop.apps.len(), 2);
    // What could not be read is still there, and is told again.
    let blog = checked(&import(&printed(), Some("blog")).unwrap()).unwrap_err();
    assert!(blog.contains("a comma is too much here") && !blog.contains('\n'), "{blog}");
    let folder = std::fs::read_dir(folder().join("commands")).unwrap();
    for path in folder.map(|entry| entry.unwrap().path()) {
        let imported =
            import(&[document("command.json", &std::fs::read_to_string(&path).unwrap())], None)
                .unwrap();
        let stack = checked(&imported).unwrap();
        assert_eq!((stack.name.as_str(), stack.instances.len()), ("xxx", 2), "{}", path.display());
    }
}

#[test]
fn what_is_printed_twice_is_taken_once() {
    let mut documents = printed();
    let once = told(&import(&documents, Some("shop")).unwrap());
    documents.extend(printed());
    assert_eq!(told(&import(&documents, Some("shop")).unwrap()), once);
}

const STACK: &str = r#"{ "Stacks": [{ "StackId": "s1", "Name": "shop" }] }"#;

#[test]
fn mistakes_have_their_place_and_say_what_to_do() {
    let mut differ = Vec::new();
    for (texts, stack, expected) in [
        (
            &["[]"][..],
            None,
            "0.json:1:1: `0.json` should be a map, and is an array | `aws opsworks` prints `{ \"Layers\": [ … ] }`, for example; leave `--query` out",
        ),
        (&["{}"], None, "0.json:1:1: `0.json` holds nothing | let `aws opsworks` print it anew"),
        (
            &["{ \"Layer\": [] }"],
            None,
            "0.json:1:3: `Layer` in `0.json` is no list of OpsWorks | did you mean `Layers`?",
        ),
        (
            &["{ \"stack\": {} }"],
            None,
            "0.json:1:3: `stack` in `0.json` is no list of OpsWorks | a stack document needs no import: `toque stack check` looks at it",
        ),
        (
            &["{ \"deploy\": {}, \"opsworks\": {} }"],
            None,
            "0.json:1:3: `deploy` in `0.json` is no list of OpsWorks | attributes of a Chef 11 agent say nothing of layers' recipes; use what `aws opsworks describe-…` printed",
        ),
        (
            &["{ \"Layers\": {} }"],
            None,
            "0.json:1:13: `Layers` in `0.json` should be an array, and is a map | ",
        ),
        (
            &["{ \"Layers\": [7] }"],
            None,
            "0.json:1:14: an entry of `Layers` in `0.json` should be a map, and is a number | ",
        ),
        (
            &["{ \"Layers\": [] }"],
            None,
            "there is no stack in what was given | give what `aws opsworks describe-stacks` prints too",
        ),
        (&[STACK], Some("shp"), "there is no stack `shp` in what was given | did you mean `shop`?"),
        (
            &[STACK, r#"{ "Stacks": [{ "StackId": "s2", "Name": "blog" }] }"#],
            None,
            "there are 2 stacks in what was given | choose one with `--stack`: `shop` (s1), `blog` (s2)",
        ),
        (
            &[STACK, r#"{ "Stacks": [{ "StackId": "s2", "Name": "shop" }] }"#],
            Some("shop"),
            "2 stacks are called `shop` | choose one with `--stack ID`: `shop` (s1), `shop` (s2)",
        ),
        (
            &[STACK, r#"{ "Stacks": [{ "StackId": "s1", "Name": "shop", "VpcId": "v" }] }"#],
            None,
            "1.json:1:27: two entries of `Stacks` have the same `StackId`, and differ | they were printed at different times: give only the newer one",
        ),
        (
            &[STACK, r#"{ "EcsClusters": [], "NextToken": "abc" }"#],
            None,
            "1.json:1:22: `1.json` is not all there is: it ends with a `NextToken` | let `aws opsworks` print it anew, without `--max-items`",
        ),
        (
            &[STACK, r#"{ "Layers": [{ "LayerId": "l1", "StackId": "s9" }] }"#],
            None,
            "1.json:1:44: an entry of `Layers` belongs to the stack `s9`, which was not given | give what `aws opsworks describe-stacks` prints of it too, or leave this file out",
        ),
        (
            &[STACK, r#"{ "Layers": [{ "LayerId": "l1" }] }"#],
            None,
            "1.json:1:14: an entry of `Layers` has no `Shortname` | let `aws opsworks` print it anew, without `--query`",
        ),
        (
            &[STACK, r#"{ "Instances": [{ "Hostname": "web1", "LayerIds": ["l1"] }] }"#],
            None,
            "1.json:1:52: the instance `web1` refers to the layer `l1`, which was not given | give what `aws opsworks describe-layers` prints too",
        ),
        (
            &[
                STACK,
                r#"{ "Layers": [], "Instances": [{ "Hostname": "web1", "LayerIds": ["l1"] }] }"#,
            ],
            None,
            "1.json:1:66: the instance `web1` refers to the layer `l1`, which was not given | what was given is of different times: let `aws opsworks` print all of it anew",
        ),
        (
            &[STACK, r#"{ "Instances": [{ "Hostname": "web1", "LayerIds": "l1" }] }"#],
            None,
            "1.json:1:51: `LayerIds` in `Instances` should be an array, and is text | ",
        ),
        (
            &[
                STACK,
                r#"{ "Apps": [{ "Shortname": "site", "DataSources": [{ "Type": "RdsDbInstance", "Arn": "a" }] }] }"#,
            ],
            None,
            "1.json:1:85: the app `site` refers to the database `a`, which was not given | give what `aws opsworks describe-rds-db-instances` prints too",
        ),
        (
            &[STACK, r#"{ "Apps": [{ "Shortname": "site", "Environment": [{ "Value": "x" }] }] }"#],
            None,
            "1.json:1:51: `Key` in `Apps` should be text, and is null | ",
        ),
        (
            &[
                STACK,
                r#"{ "ElasticLoadBalancers": [{ "ElasticLoadBalancerName": "lb", "LayerId": "l1" }] }"#,
            ],
            None,
            "1.json:1:74: the load balancer `lb` refers to the layer `l1`, which was not given | give what `aws opsworks describe-layers` prints too",
        ),
        (
            &[STACK, r#"{ "Volumes": [{ "Name": "v", "InstanceId": "i1" }] }"#],
            None,
            "1.json:1:44: the volume `v` refers to the instance `i1`, which was not given | give what `aws opsworks describe-instances` prints too",
        ),
        (
            &[STACK, r#"{ "Permissions": [{ "IamUserArn": "arn:x" }] }"#],
            None,
            "1.json:1:35: a permission is that of `arn:x`, of whom no profile was given | give what `aws opsworks describe-user-profiles` prints too",
        ),
        (
            &[STACK, r#"{ "aws_opsworks_agent": {} }"#],
            None,
            "`1.json` is an agent's command document, which is read alone | give either it, or what `aws opsworks describe-…` printed",
        ),
        (
            &[r#"{ "aws_opsworks_agent": {} }"#],
            None,
            "`0.json` has no `resources`: it says nothing of a stack | print all of it with `opsworks-agent-cli get_json -i`",
        ),
        (
            &[
                r#"{ "aws_opsworks_agent": { "resources": {}, "chef": { "customer_json": "%%" } } }"#,
            ],
            None,
            "0.json:1:71: `customer_json` is no base64 | it is the base64 of a JSON map",
        ),
        (
            &[
                r#"{ "aws_opsworks_agent": { "resources": {}, "chef": { "customer_json": "W10=" } } }"#,
            ],
            None,
            "0.json:1:71: `customer_json` is an array once it is decoded | it is the base64 of a JSON map",
        ),
    ] {
        let documents: Vec<Document> = texts
            .iter()
            .enumerate()
            .map(|(n, text)| document(&format!("{n}.json"), text))
            .collect();
        let wrong = import(&documents, stack).unwrap_err();
        let told = format!("{wrong} | {}", wrong.hints.join(" "));
        if told != expected {
            differ.push(format!("{texts:?}\n{told}\n{expected}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
}

#[test]
fn no_mistake_shows_a_secret() {
    let text = std::fs::read_to_string(folder().join("commands/setup.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let shown = |wrong: Diagnostic| {
        let mut lines = vec![wrong.to_string()];
        wrong.clone().each_span(&mut |span| lines.push(span.line_text().to_owned()));
        lines.extend(wrong.notes.into_iter().chain(wrong.hints));
        lines.join("\n")
    };
    // All on one line, as the agent keeps it.
    for (from, to, told) in [
        ("\"layer_ids\":[\"cf3e819a", "\"layer_ids\":[\"00000000", "refers to the layer"),
        ("\"shortname\":\"xxx1\"", "\"shortname\":7", "should be text"),
        ("\"customer_json\":\"", "\"customer_json\":\"%", "no base64"),
        ("\"apps\":[", "\"apps\":[,", "cannot read"),
    ] {
        let broken = value.to_string().replacen(from, to, 1);
        assert_ne!(broken, value.to_string(), "{from}");
        let read = read(Source { name: "command.json".to_owned(), path: None, text: broken });
        let shown = shown(read.and_then(|document| import(&[document], None)).unwrap_err());
        assert!(shown.contains(told) || told == "cannot read", "{shown}");
        for secret in ["an-invented-password", "SSH KEY", "PRIVATE KEY", "eyJ"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn secrets_are_wanted_under_names_of_their_own() {
    let filtered = "*****FILTERED*****";
    let databases = json!({ "RdsDbInstances": [
        { "RdsDbInstanceArn": "a", "DbInstanceIdentifier": "a b", "DbPassword": filtered },
        { "RdsDbInstanceArn": "b", "DbInstanceIdentifier": "a_b", "DbPassword": filtered },
        { "RdsDbInstanceArn": "c", "DbInstanceIdentifier": "c", "DbPassword": "told-in-plain-text" },
    ] });
    let import = import(
        &[document("stacks.json", STACK), Document::of("databases.json", &databases).unwrap()],
        None,
    )
    .unwrap();
    let file =
        |index: usize| import.document["databases"][index]["db_password"]["secret"]["file"].clone();
    assert_eq!(file(0), "/etc/toque/secrets/databases.a_b.db_password");
    assert_eq!(file(1), "/etc/toque/secrets/databases.a_b.db_password.2");
    assert_eq!(import.wanted.len(), 2);
    assert_eq!(import.plain, ["databases.c.db_password"]);
}
