//! What languages print when they are asked for their version.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{facts, only_version};

type About = Map<String, Value>;

/// `gcc version 12.2.0 (Debian 12.2.0-14)`, `Target: …`, `Thread model: …`
pub(in crate::facts) fn gcc(text: &str) -> About {
    let after = |start: &str| {
        text.lines().find_map(|line| line.strip_prefix(start)).map(|rest| json!(rest))
    };
    let line = text.lines().rfind(|line| line.contains("version "));
    let version = line
        .and_then(|line| line.rsplit_once("version "))
        .and_then(|(_, rest)| rest.split(' ').next());
    facts([
        ("target", after("Target: ")),
        ("configured_with", after("Configured with: ")),
        ("thread_model", after("Thread model: ")),
        ("description", line.map(|line| json!(line))),
        ("version", version.map(|version| json!(version))),
    ])
}

/// `GNU C Library (Debian GLIBC 2.36-9+deb12u9) stable release version 2.36.`
pub(in crate::facts) fn glibc(text: &str) -> Option<About> {
    let description = text.lines().next()?;
    let version = description
        .split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .find(|word| word.contains('.'))?;
    let version = version.trim_end_matches('.');
    version.contains('.').then(|| {
        facts([("version", Some(json!(version))), ("description", Some(json!(description)))])
    })
}

/// `version='5.36.0';`
pub(in crate::facts) fn perl(text: &str) -> About {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix("='")?.strip_suffix("';"))
    };
    facts(["version", "archname"].map(|name| (name, value(name).map(|value| json!(value)))))
}

/// `3.11.2 (main, Mar 13 2023, 12:18:29) [GCC 12.2.0]`
pub(in crate::facts) fn python(text: &str) -> About {
    let words: Vec<&str> = text.split_whitespace().collect();
    let built = words.get(2..6).map(|built| built.join(" ").replace(')', ""));
    facts([
        ("version", words.first().map(|version| json!(version))),
        ("builddate", built.map(Value::String)),
    ])
}

/// Lines `name=value`, which our own script prints.
pub(in crate::facts) fn ruby(text: &str) -> About {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect()
}

/// `v18.19.0`
pub(in crate::facts) fn nodejs(text: &str) -> About {
    only_version(text.split_whitespace().next().map(|word| word.strip_prefix('v').unwrap_or(word)))
}

/// `go version go1.19.8 linux/amd64`
pub(in crate::facts) fn go(text: &str) -> About {
    only_version(
        text.split_whitespace()
            .find_map(|word| word.strip_prefix("go").filter(|version| !version.is_empty())),
    )
}

/// `rustc 1.63.0`
pub(in crate::facts) fn rust(text: &str) -> About {
    only_version(text.split_whitespace().nth(1))
}

/// `Lua 5.3.6  Copyright (C) 1994-2020 Lua.org, PUC-Rio`
pub(in crate::facts) fn lua(text: &str) -> About {
    only_version(text.split_whitespace().nth(1))
}

/// `PHP 8.2.26 (cli) (built: Nov 25 2024 17:21:51) (NTS)`, `Zend Engine v4.2.26, …`, `with Zend
/// OPcache v8.2.26, …`
pub(in crate::facts) fn php(text: &str) -> About {
    let first = text.lines().find_map(|line| line.strip_prefix("PHP "));
    let built = first.and_then(|line| line.split_once("built: ")?.1.split(')').next());
    let zend = |name: &str| text.split_once(name).and_then(|(_, rest)| rest.split(',').next());
    let told = |value: Option<&str>| value.map(|value| json!(value));
    facts([
        ("version", told(first.and_then(|line| line.split_whitespace().next()))),
        ("builddate", told(built)),
        ("zend_engine_version", told(zend("Zend Engine v"))),
        ("zend_opcache_version", told(zend("Zend OPcache v"))),
    ])
}

/// `openjdk version "17.0.13" 2024-10-15`, `OpenJDK Runtime Environment (build …)`, `OpenJDK 64-Bit
/// Server VM (build …)`
pub(in crate::facts) fn java(text: &str) -> About {
    let version = text.lines().find_map(|line| line.split_once(" version \"")?.1.split('"').next());
    let build = |has: &str| {
        let line = text.lines().find(|line| line.contains(has))?;
        let (name, build) = line.split_once(" (build ")?;
        Some(json!({ "name": name, "build": build.strip_suffix(')').unwrap_or(build) }))
    };
    facts([
        ("version", version.map(|version| json!(version))),
        ("runtime", build("Runtime Environment")),
        ("hotspot", build(" VM ")),
    ])
}

/// The same from the file `release` of a Java that Debian or Ubuntu has built.
pub(in crate::facts) fn java_release(
    release: &HashMap<String, String>,
    sharing: bool,
) -> Option<Value> {
    let of = |name: &str| release.get(name).map(String::as_str);
    let known = matches!(of("IMPLEMENTOR"), Some("Debian" | "Ubuntu"));
    let wide = of("OS_ARCH").is_some_and(|arch| arch.contains("64"));
    let build = of("JAVA_RUNTIME_VERSION").filter(|_| known && wide)?;
    let shared = if sharing { ", sharing" } else { "" };
    Some(json!({
        "version": of("JAVA_VERSION")?,
        "runtime": { "name": "OpenJDK Runtime Environment", "build": build },
        "hotspot": { "name": "OpenJDK 64-Bit Server VM", "build": format!("{build}, mixed mode{shared}") },
    }))
}
