//! The public halves of the keys by which `sshd` is known.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{facts, text};
use crate::system::Query;

const USUAL: &[&str] = &["dsa", "rsa", "ecdsa", "ed25519"];

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let mut keys = Map::new();
    let config = text(query, "/etc/ssh/sshd_config");
    let named = config.lines().filter_map(|line| {
        let (word, path) = line.split_once(char::is_whitespace)?;
        word.eq_ignore_ascii_case("hostkey").then(|| path.split_whitespace().next()).flatten()
    });
    for path in named {
        add(&mut keys, &text(query, format!("{path}.pub")));
    }
    for kind in USUAL {
        if !keys.contains_key(&format!("host_{kind}_public")) {
            add(&mut keys, &text(query, Path::new(&format!("/etc/ssh/ssh_host_{kind}_key.pub"))));
        }
    }
    facts([("keys", Some(json!({ "ssh": keys })))])
}

/// `ssh-ed25519 AAAAC3… comment`
fn add(keys: &mut Map<String, Value>, line: &str) {
    let mut words = line.split_whitespace();
    let (Some(algorithm), Some(key)) = (words.next(), words.next()) else { return };
    let kind = match algorithm {
        "ssh-dss" => "dsa",
        "ssh-rsa" => "rsa",
        "ssh-ed25519" => "ed25519",
        other if other.starts_with("ecdsa") => "ecdsa",
        _ => return,
    };
    keys.insert(format!("host_{kind}_public"), json!(key));
    if kind == "ecdsa" {
        keys.insert("host_ecdsa_type".to_owned(), json!(algorithm));
    }
}
