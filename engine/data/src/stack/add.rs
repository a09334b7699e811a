//! New entries of a stack document: instances, layers and apps, as somebody asks for them.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::hostname_theme::Theme;
use super::validate::{HOSTNAME, SHORTNAME, STATES, is_hostname, is_shortname};
use super::without_secrets;
use crate::document_edit::{byte_order_mark, json, toml};
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::json::{Document, described};

/// A stack document with its text.
#[derive(Debug)]
pub struct StackText {
    /// Its name in messages.
    pub name: String,
    pub text: String,
    pub document: Document,
}

impl StackText {
    /// Reads a text: TOML when its name ends in `.toml`, else JSON.
    /// # Errors
    /// What is wrong with it, at its place.
    pub fn parse(source: Source) -> Result<Self, Diagnostic> {
        let (name, text) = (source.name.clone(), source.text.clone());
        let plain = Source::new(&name, source.path, source.text);
        let parse = if is_toml(&name) { Document::parse_toml } else { Document::parse };
        let document = parse(plain).map_err(without_secrets)?;
        match document.value {
            Value::Object(_) => Ok(Self { name, text, document }),
            other => {
                let wrong = format!("`{name}` should be a map, and is {}", described(&other));
                Err(Diagnostic::error(wrong)
                    .hint("a stack document is `{ \"stack\": { … }, \"layers\": [ … ], … }`"))
            }
        }
    }

    /// The names of the entries of a list: `shortname` of `layers`.
    #[must_use]
    pub fn names(&self, list: &str, key: &str) -> Vec<&str> {
        let entries = self.document.value[list].as_array().into_iter().flatten();
        entries.filter_map(|entry| entry.get(key)?.as_str()).collect()
    }

    /// Returns the text with one more entry at the end of a list, laid out as its neighbours are.
    /// # Errors
    /// When the list is something else.
    pub fn with(&self, list: &str, entry: &Map<String, Value>) -> Result<String, Diagnostic> {
        let mut expected = self.document.value.clone();
        match expected.get_mut(list) {
            Some(Value::Array(entries)) => entries.push(Value::Object(entry.clone())),
            Some(other) => {
                let wrong = format!(
                    "`{list}` in `{}` should be an array, and is {}",
                    self.name,
                    described(other)
                );
                let wrong = Diagnostic::error(wrong).at(self.document.value_at(&[list]));
                return Err(without_secrets(wrong).hint("write `[ { … }, … ]`"));
            }
            None => expected[list] = Value::from_iter([Value::Object(entry.clone())]),
        }
        let new = if is_toml(&self.name) {
            toml::push(&self.text, list, entry)
        } else {
            let new = json::push(&self.document, list, entry);
            Some(format!("{}{new}", byte_order_mark(&self.text)))
        };
        // No layout may do harm to the rest.
        let is_right = |new: &String| {
            let source = Source { name: self.name.clone(), path: None, text: new.clone() };
            Self::parse(source).is_ok_and(|read| read.document.value == expected)
        };
        new.filter(is_right).ok_or_else(|| {
            let wrong =
                format!("cannot tell where in `{}` an entry of `{list}` would stand", self.name);
            Diagnostic::error(wrong)
                .hint(format!("add it by hand: {}", Value::Object(entry.clone())))
        })
    }
}

fn is_toml(name: &str) -> bool {
    name.ends_with(".toml")
}

/// An instance that is asked for.
#[derive(Debug, Default)]
pub struct NewInstance<'a> {
    /// Short names of its layers; at least one.
    pub layers: &'a [String],
    /// One is made up by the stack's theme when there is none.
    pub hostname: Option<&'a str>,
    pub private_ip: Option<IpAddr>,
    /// It is online when there is none.
    pub status: Option<&'a str>,
}

/// Where an app comes from.
#[derive(Debug)]
pub struct NewSource<'a> {
    /// `git`, `archive` or `s3`.
    pub kind: &'a str,
    pub url: &'a str,
    pub revision: Option<&'a str>,
}

/// The entry of a new instance.
/// # Errors
/// A layer that there is not, a host name that cannot be one or is in use, a theme that is not
/// known.
pub fn instance(stack: &StackText, new: &NewInstance) -> Result<Map<String, Value>, Diagnostic> {
    let layers = stack.names("layers", "shortname");
    for layer in new.layers {
        if !layers.contains(&layer.as_str()) {
            let unknown = Diagnostic::error(format!("`{}` has no layer `{layer}`", stack.name));
            return Err(unknown.suggest_or(layer, layers.iter().copied(), || {
                format!("`toque stack add layer {layer}` makes one")
            }));
        }
    }
    let taken = stack.names("instances", "hostname");
    let hostname = match (new.hostname, new.layers.first()) {
        (Some(hostname), _) => hostname.to_owned(),
        (None, Some(layer)) => theme(stack)?.suggest(layer, &taken),
        (None, None) => {
            return Err(
                Diagnostic::error("an instance is in a layer").hint("name one with `--layer`")
            );
        }
    };
    if !is_hostname(&hostname) {
        let wrong = Diagnostic::error(format!("`{hostname}` cannot be a host name"));
        return Err(wrong.hint(HOSTNAME));
    }
    if taken.contains(&hostname.as_str()) {
        let free = new.layers.first().map(|layer| Theme::LayerDependent.suggest(layer, &taken));
        let wrong =
            Diagnostic::error(format!("`{}` has an instance `{hostname}` already", stack.name));
        return Err(
            wrong.hint(format!("choose another name, such as `{}`", free.unwrap_or_default()))
        );
    }
    if let Some(status) = new.status.filter(|status| !STATES.contains(status)) {
        let wrong = Diagnostic::error(format!("an instance is never `{status}`"));
        let all = || "it is `online` or `stopped`, for example";
        return Err(wrong.suggest_or(status, STATES, all));
    }
    let mut entry = Map::from_iter([
        ("hostname".to_owned(), json!(hostname)),
        ("layers".to_owned(), json!(new.layers)),
    ]);
    let more = [
        ("status", new.status.map(str::to_owned)),
        ("private_ip", new.private_ip.map(|address| address.to_string())),
    ];
    entry.extend(
        more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?)))),
    );
    Ok(entry)
}

/// The entry of a new layer, in which no event runs anything yet.
/// # Errors
/// A short name that cannot be one or is in use.
pub fn layer(
    stack: &StackText,
    shortname: &str,
    name: Option<&str>,
) -> Result<Map<String, Value>, Diagnostic> {
    check_shortname(stack, "a layer", "layers", shortname)?;
    let events = ["setup", "configure", "deploy", "undeploy", "shutdown"]
        .map(|event| (event.to_owned(), json!([])));
    Ok(Map::from_iter([
        ("shortname".to_owned(), json!(shortname)),
        ("name".to_owned(), json!(name.unwrap_or(shortname))),
        ("custom_recipes".to_owned(), Value::Object(Map::from_iter(events))),
    ]))
}

/// The entry of a new app.
/// # Errors
/// A short name that cannot be one or is in use.
pub fn app(
    stack: &StackText,
    shortname: &str,
    name: Option<&str>,
    source: Option<&NewSource>,
) -> Result<Map<String, Value>, Diagnostic> {
    check_shortname(stack, "an app", "apps", shortname)?;
    let texts = [("shortname", shortname), ("name", name.unwrap_or(shortname)), ("type", "other")];
    let mut entry: Map<String, Value> =
        texts.into_iter().map(|(key, text)| (key.to_owned(), json!(text))).collect();
    if let Some(source) = source {
        let texts =
            [("type", Some(source.kind)), ("url", Some(source.url)), ("revision", source.revision)];
        let source = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), json!(text?))))
            .collect();
        entry.insert("app_source".to_owned(), Value::Object(source));
    }
    Ok(entry)
}

/// `a` is what it is, such as `a layer`, and `list` where its like are.
fn check_shortname(
    stack: &StackText,
    a: &str,
    list: &str,
    shortname: &str,
) -> Result<(), Diagnostic> {
    if !is_shortname(shortname) {
        let wrong = Diagnostic::error(format!("`{shortname}` cannot be the short name of {a}"));
        return Err(wrong.hint(SHORTNAME));
    }
    if stack.names(list, "shortname").contains(&shortname) {
        let wrong = Diagnostic::error(format!("`{}` has {a} `{shortname}` already", stack.name));
        return Err(wrong.hint("choose another short name, or edit the one that is there"));
    }
    Ok(())
}

/// How the stack calls its instances.
fn theme(stack: &StackText) -> Result<Theme, Diagnostic> {
    match &stack.document.value["stack"]["hostname_theme"] {
        Value::Null => Ok(Theme::LayerDependent),
        Value::String(name) => Theme::named(name).ok_or_else(|| unknown_theme(stack, name)),
        other => Err(unknown_theme(stack, &other.to_string())),
    }
}

fn unknown_theme(stack: &StackText, name: &str) -> Diagnostic {
    let names = Theme::ALL.map(Theme::name);
    let all = || format!("the themes are {}", names.map(|name| format!("`{name}`")).join(", "));
    let unknown = Diagnostic::error(format!("there is no hostname theme `{name}`"));
    without_secrets(unknown.at(stack.document.value_at(&["stack", "hostname_theme"])))
        .suggest_or(name, names, all)
}

#[cfg(test)]
mod layout_tests;

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = r#"{ "stack": { "name": "shop" }, "layers": [{ "shortname": "web" }, { "shortname": "db" }],
        "instances": [{ "hostname": "web1", "layers": ["web"] }], "apps": [{ "shortname": "site" }] }"#;

    fn stack(text: &str) -> StackText {
        StackText::parse(Source {
            name: "stack.json".to_owned(),
            path: None,
            text: text.to_owned(),
        })
        .unwrap()
    }

    fn told(result: Result<Map<String, Value>, Diagnostic>) -> String {
        result.map_or_else(
            |wrong| format!("{wrong} | {}", wrong.hints.join(" ")),
            |entry| Value::Object(entry).to_string(),
        )
    }

    #[test]
    fn instances_are_named_and_checked() {
        let themed = STACK.replace("\"name\": \"shop\"", "\"hostname_theme\": \"Fruits\"");
        let misspelt = STACK.replace("\"name\": \"shop\"", "\"hostname_theme\": \"Fruit\"");
        for (text, layers, hostname, status, expected) in [
            (
                STACK,
                "web",
                None,
                None,
                r#"{"hostname":"web2","layers":["web"],"private_ip":"10.0.0.9"}"#,
            ),
            (
                STACK,
                "db web",
                None,
                Some("stopped"),
                r#"{"hostname":"db1","layers":["db","web"],"status":"stopped","private_ip":"10.0.0.9"}"#,
            ),
            (
                STACK,
                "db",
                Some("main"),
                None,
                r#"{"hostname":"main","layers":["db"],"private_ip":"10.0.0.9"}"#,
            ),
            (
                &themed,
                "web",
                None,
                None,
                r#"{"hostname":"apple","layers":["web"],"private_ip":"10.0.0.9"}"#,
            ),
            (
                &misspelt,
                "web",
                None,
                None,
                "stack.json:1:32: there is no hostname theme `Fruit` | did you mean `Fruits`?",
            ),
            (STACK, "wbe", None, None, "`stack.json` has no layer `wbe` | did you mean `web`?"),
            (
                STACK,
                "cache",
                None,
                None,
                "`stack.json` has no layer `cache` | `toque stack add layer cache` makes one",
            ),
            (
                STACK,
                "web",
                Some("web1"),
                None,
                "`stack.json` has an instance `web1` already | choose another name, such as `web2`",
            ),
            (
                STACK,
                "web",
                Some("Web_1"),
                None,
                "`Web_1` cannot be a host name | a host name has up to 63 of `a`-`z`, `0`-`9` and `-`, and neither begins nor ends with `-`",
            ),
            (
                STACK,
                "web",
                None,
                Some("onlin"),
                "an instance is never `onlin` | did you mean `online`?",
            ),
        ] {
            let layers: Vec<String> = layers.split(' ').map(str::to_owned).collect();
            let new = NewInstance {
                layers: &layers,
                hostname,
                private_ip: Some(IpAddr::from([10, 0, 0, 9])),
                status,
            };
            assert_eq!(told(instance(&stack(text), &new)), expected);
        }
    }

    #[test]
    fn layers_and_apps_have_short_names_of_their_own() {
        let stack = stack(STACK);
        let recipes = r#""custom_recipes":{"setup":[],"configure":[],"deploy":[],"undeploy":[],"shutdown":[]}"#;
        let rule = SHORTNAME;
        assert_eq!(
            told(layer(&stack, "cache", Some("The cache"))),
            format!(r#"{{"shortname":"cache","name":"The cache",{recipes}}}"#)
        );
        assert_eq!(
            told(layer(&stack, "Cache", None)),
            format!("`Cache` cannot be the short name of a layer | {rule}")
        );
        assert_eq!(
            told(layer(&stack, "web", None)),
            "`stack.json` has a layer `web` already | choose another short name, or edit the one that is there"
        );
        let source = NewSource {
            kind: "git",
            url: "https://git.example.com/site.git",
            revision: Some("v1"),
        };
        assert_eq!(
            told(app(&stack, "blog", None, Some(&source))),
            r#"{"shortname":"blog","name":"blog","type":"other","app_source":{"type":"git","url":"https://git.example.com/site.git","revision":"v1"}}"#
        );
        assert_eq!(
            told(app(&stack, "../x", None, None)),
            format!("`../x` cannot be the short name of an app | {rule}")
        );
        assert_eq!(
            told(app(&stack, "site", None, None)),
            "`stack.json` has an app `site` already | choose another short name, or edit the one that is there"
        );
    }
}
