//! Data bags: `data_bags/<bag>/<item>.json`, data that recipes work with and that belongs to no
//! node.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::document_edit::json::laid_out;
use crate::document_edit::{byte_order_mark, spliced};
use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_core::failure::{ErrorContext, Failure, plain_io};
use toque_core::json::{self, Document, wrong_type};
use toque_core::name::is_dotted_word;
use toque_core::read_optional::{list_optional, optional};
use toque_core::read_text::read_text;

/// The data bags of a repository, and over them those that the run was given. What was read is
/// kept: they do not change while a run lasts.
#[derive(Debug, Default)]
pub struct DataBags {
    repository: Option<PathBuf>,
    given: BTreeMap<String, BTreeMap<String, Rc<Item>>>,
    read: RefCell<HashMap<(String, String), Rc<Item>>>,
}

/// An item as it stands in its file: encrypted values are as they are there.
#[derive(Debug, Clone)]
pub struct Item {
    pub bag: String,
    pub id: String,
    /// All keys, `id` among them.
    pub values: Map<String, Value>,
    /// The file, and what people know it as.
    pub file: PathBuf,
    pub shown: String,
    /// Chef's tools may write an item into an envelope; then all keys are below `raw_data`.
    pub wrapped: bool,
    /// It has no file, and was made of this. Values in it may be kept elsewhere.
    pub given: Option<Given>,
}

/// What an item without a file was made of.
#[derive(Debug, Clone)]
pub struct Given {
    pub document: Rc<Document>,
    /// Below these keys.
    pub path: Vec<String>,
}

impl Given {
    /// Where the value of a key stands.
    #[must_use]
    pub fn place(&self, key: &str) -> Span {
        let path: Vec<&str> = self.path.iter().map(String::as_str).chain([key]).collect();
        self.document.value_at(&path)
    }
}

pub const FOLDER: &str = "data_bags";
const NAMES: &str = "a name is made of letters, digits, `-`, `_` and `.`";

impl DataBags {
    #[must_use]
    pub fn of(repository: Option<&Path>) -> Self {
        Self { repository: repository.map(Path::to_owned), ..Self::default() }
    }

    /// The same with more of them: their items win over those that have files.
    #[must_use]
    pub fn with(self, given: BTreeMap<String, BTreeMap<String, Rc<Item>>>) -> Self {
        Self { given, ..self }
    }

    /// The names of all data bags, sorted.
    /// # Errors
    /// A folder that cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, Failure> {
        let mut names = self.own_names()?;
        names.extend(self.given.keys().cloned());
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// The names of those that the repository has, sorted.
    /// # Errors
    /// A folder that cannot be listed.
    pub fn own_names(&self) -> Result<Vec<String>, Failure> {
        let Some(repository) = &self.repository else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for path in list_optional(&repository.join(FOLDER))? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if is_name(name) && is_folder(&path)? {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// The ids of a bag's items, sorted.
    /// # Errors
    /// When there is no such bag, with the nearest name.
    pub fn ids(&self, bag: &str) -> Result<Vec<String>, Diagnostic> {
        let given = self.given.get(bag);
        let repository = match (&self.repository, given) {
            (None, Some(_)) => None,
            _ => Some(self.repository()?),
        };
        let folder = match repository.filter(|_| is_name(bag)) {
            Some(repository) if is_folder(&repository.join(FOLDER).join(bag))? => Some(repository),
            _ => None,
        };
        if folder.is_none() && given.is_none() {
            return Err(self.no_bag(bag));
        }
        let mut ids = match folder {
            Some(repository) => json::names(repository, &format!("{FOLDER}/{bag}"))?,
            None => Vec::new(),
        };
        ids.extend(given.into_iter().flat_map(BTreeMap::keys).cloned());
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// An item.
    /// # Errors
    /// When there is no such bag or item, with the nearest name; what is wrong with its file, at
    /// its place.
    pub fn item(&self, bag: &str, id: &str) -> Result<Rc<Item>, Diagnostic> {
        if let Some(item) = self.given.get(bag).and_then(|items| items.get(id)) {
            return Ok(Rc::clone(item));
        }
        let key = (bag.to_owned(), id.to_owned());
        if let Some(item) = self.read.borrow().get(&key) {
            return Ok(Rc::clone(item));
        }
        let found = match &self.repository {
            None if self.given.contains_key(bag) => None,
            _ => {
                let repository = self.repository()?;
                if is_name(bag) && is_name(id) { Item::read(repository, bag, id)? } else { None }
            }
        };
        let Some(item) = found else {
            let ids = self.ids(bag)?;
            let missing = Diagnostic::error(format!("the data bag `{bag}` has no item `{id}`"));
            let known =
                ids.iter().map(String::as_str).filter(|known| is_name(known) && *known != id);
            let how = || {
                if is_name(id) {
                    format!("write it as {FOLDER}/{bag}/{id}.json, or correct the id")
                } else {
                    NAMES.to_owned()
                }
            };
            return Err(missing.suggest_or(id, known, how));
        };
        let item = Rc::new(item);
        self.read.borrow_mut().insert(key, Rc::clone(&item));
        Ok(item)
    }

    /// All items of a bag, by id.
    /// # Errors
    /// As [`DataBags::item`].
    pub fn items(&self, bag: &str) -> Result<Vec<Rc<Item>>, Diagnostic> {
        self.ids(bag)?.iter().map(|id| self.item(bag, id)).collect()
    }

    /// The folder that the bags are in.
    /// # Errors
    /// When there is none.
    pub fn repository(&self) -> Result<&Path, Diagnostic> {
        self.repository.as_deref().ok_or_else(|| {
            Diagnostic::error("there are no data bags here: nothing says which repository they are in")
                .hint("a recipe of `toque apply` belongs to none: put it into a cookbook; elsewhere name one with `--repo`, or run toque inside it")
        })
    }

    fn no_bag(&self, bag: &str) -> Diagnostic {
        let names = match self.names() {
            Ok(names) => names,
            Err(failure) => return failure.into(),
        };
        let missing = Diagnostic::error(format!("there is no data bag `{bag}`"));
        missing.suggest_or(bag, names.iter().map(String::as_str), || {
            if is_name(bag) {
                format!(
                    "its items are files in {FOLDER}/{bag}/; correct the name, or make the folder"
                )
            } else {
                NAMES.to_owned()
            }
        })
    }
}

fn is_folder(path: &Path) -> Result<bool, Failure> {
    let found = optional(std::fs::metadata(path)).context("look at", path)?;
    Ok(found.is_some_and(|found| found.is_dir()))
}

impl Item {
    /// Reads the file of an item, if there is one.
    /// # Errors
    /// What is wrong with it, at its place: no JSON map, no `id`, another `id` than the file's
    /// name.
    pub fn read(repository: &Path, bag: &str, id: &str) -> Result<Option<Self>, Diagnostic> {
        let (file, shown) = json::path_of(repository, &format!("{FOLDER}/{bag}"), id);
        match Document::read(&file, &shown)? {
            Some(document) => Self::of(&document, bag, id, file, shown).map(Some),
            None => Ok(None),
        }
    }

    fn of(
        document: &Document,
        bag: &str,
        id: &str,
        file: PathBuf,
        shown: String,
    ) -> Result<Self, Diagnostic> {
        let Value::Object(whole) = &document.value else {
            let wrong = Diagnostic::error(format!(
                "`{shown}` should be a map, and is {}",
                json::described(&document.value)
            ));
            return Err(wrong
                .at(document.value_at(&[]))
                .hint(format!("an item is `{{ \"id\": \"{id}\", … }}`")));
        };
        let raw = whole.get("raw_data").and_then(Value::as_object);
        let raw = raw
            .filter(|_| whole.get("json_class").is_some_and(|class| class == "Chef::DataBagItem"));
        let path: &[&str] = if raw.is_some() { &["raw_data", "id"] } else { &["id"] };
        let values = raw.unwrap_or(whole);
        match values.get("id") {
            Some(Value::String(own)) if own == id => Ok(Self {
                bag: bag.to_owned(),
                id: id.to_owned(),
                values: values.clone(),
                file,
                shown,
                wrapped: raw.is_some(),
                given: None,
            }),
            Some(Value::String(own)) => Err(Diagnostic::error(format!(
                "the item in `{shown}` has the id `{own}`"
            ))
            .at(document.value_at(path))
            .hint(format!(
                "an item's id is its file's name: write `{id}`, or rename the file to `{own}.json`"
            ))),
            Some(other) => Err(wrong_type(document, path, "text", other)),
            None => Err(Diagnostic::error(format!("the item in `{shown}` has no `id`"))
                .at(document.value_at(&path[..path.len() - 1]))
                .hint(format!("write `\"id\": \"{id}\"` into it"))),
        }
    }

    /// Where the value of a key stands, if the file can still be read.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<Span> {
        if let Some(given) = &self.given {
            return Some(given.place(key));
        }
        let document = Document::read(&self.file, &self.shown).ok().flatten()?;
        let path = ["raw_data", key];
        Some(document.value_at(&path[usize::from(!self.wrapped)..]))
    }
}

/// An item with its text.
#[derive(Debug)]
pub struct ItemText {
    pub item: Item,
    document: Document,
    byte_order_mark: &'static str,
}

/// The replacement of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum New {
    /// A value, laid out as its surroundings are.
    Value(Value),
    /// A value as it was written elsewhere.
    Text(String),
}

impl ItemText {
    /// The text of an item's file as it is now.
    /// # Errors
    /// When it cannot be read, or is no item any more.
    pub fn read(item: &Item) -> Result<Self, Diagnostic> {
        let text = read_text(&item.file).map_err(|error| {
            Diagnostic::error(format!("cannot read `{}`: {}", item.shown, plain_io(&error)))
        })?;
        Self::parse(text, &item.bag, &item.id, item.file.clone(), item.shown.clone())
    }

    /// A text as that of an item, whose file people know as `shown`.
    /// # Errors
    /// What is wrong with it, at its place.
    pub fn parse(
        text: String,
        bag: &str,
        id: &str,
        file: PathBuf,
        shown: String,
    ) -> Result<Self, Diagnostic> {
        let byte_order_mark = byte_order_mark(&text);
        let document =
            Document::parse(Source { name: shown.clone(), path: Some(file.clone()), text })?;
        let item = Item::of(&document, bag, id, file, shown)?;
        Ok(Self { item, document, byte_order_mark })
    }

    /// The whole text.
    #[must_use]
    pub fn whole(&self) -> String {
        self.with(&HashMap::new())
    }

    /// The value of a key as it is written.
    #[must_use]
    pub fn written(&self, key: &str) -> &str {
        let range = self.document.value_range(&self.path(key));
        self.document.source.text.get(range).unwrap_or_default()
    }

    /// The text with other values in the place of some.
    #[must_use]
    pub fn with(&self, new: &HashMap<String, New>) -> String {
        let there = new.iter().filter(|(key, _)| self.item.values.contains_key(*key));
        let changes = there.map(|(key, new)| {
            let path = self.path(key);
            let text = match new {
                New::Value(value) => laid_out(&self.document, &path, value),
                New::Text(text) => text.clone(),
            };
            (self.document.value_range(&path), text)
        });
        let text = spliced(&self.document.source.text, changes.collect());
        format!("{}{text}", self.byte_order_mark)
    }

    /// The place of a key's value, without the text there: beside an encrypted value may be a plain
    /// one.
    #[must_use]
    pub fn place(&self, key: &str) -> Span {
        self.document.value_at(&self.path(key)).hidden()
    }

    fn path<'a>(&self, key: &'a str) -> Vec<&'a str> {
        if self.item.wrapped { vec!["raw_data", key] } else { vec![key] }
    }
}

/// Whether a bag or an item may be called so.
#[must_use]
pub fn is_name(text: &str) -> bool {
    is_dotted_word(text) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(FOLDER).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn bags_and_items_go_by_their_files() {
        let folder = repository(&[
            ("users/bob.json", r#"{ "id": "bob", /* the builder */ "uid": 1001 }"#),
            ("users/alice.json", r#"{ "id": "alice" }"#),
            ("users/notes.txt", "no item"),
            (
                "apps/web.v2.json",
                r#"{ "json_class": "Chef::DataBagItem", "name": "data_bag_item_apps_web", "raw_data": { "id": "web.v2", "port": 80 } }"#,
            ),
        ]);
        let bags = DataBags::of(Some(folder.path()));
        assert_eq!(bags.names().unwrap(), ["apps", "users"]);
        assert_eq!(bags.ids("users").unwrap(), ["alice", "bob"]);
        assert_eq!(bags.item("users", "bob").unwrap().values["uid"], 1001);
        assert_eq!(bags.item("apps", "web.v2").unwrap().values["port"], 80);
        let place = bags.item("apps", "web.v2").unwrap().place("port").unwrap();
        assert_eq!(place.to_string(), "data_bags/apps/web.v2.json:1:110");
        assert!(Rc::ptr_eq(&bags.item("users", "bob").unwrap(), &bags.items("users").unwrap()[1]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_the_nearest_name() {
        let folder = repository(&[
            ("users/alice.json", r#"{ "id": "alice" }"#),
            ("bad/none.json", r#"{ "uid": 1 }"#),
            ("bad/other.json", "{\n  \"id\": \"another\"\n}"),
            ("bad/list.json", "[]"),
            ("bad/number.json", r#"{ "id": 7 }"#),
            ("bad/cut.json", r#"{ "id": "cut""#),
        ]);
        let bags = DataBags::of(Some(folder.path()));
        let told = |result: Result<Rc<Item>, Diagnostic>| {
            let wrong = result.unwrap_err();
            format!("{wrong} | {}", wrong.hints.join(" "))
        };
        for (bag, id, expected) in [
            ("usres", "alice", "there is no data bag `usres` | did you mean `users`?"),
            ("users", "alise", "the data bag `users` has no item `alise` | did you mean `alice`?"),
            (
                "../users",
                "alice",
                "there is no data bag `../users` | a name is made of letters, digits, `-`, `_` and `.`",
            ),
            (
                "users",
                "../x",
                "the data bag `users` has no item `../x` | a name is made of letters, digits, `-`, `_` and `.`",
            ),
            (
                "bad",
                "none",
                "data_bags/bad/none.json:1:1: the item in `data_bags/bad/none.json` has no `id` | write `\"id\": \"none\"` into it",
            ),
            (
                "bad",
                "other",
                "data_bags/bad/other.json:2:9: the item in `data_bags/bad/other.json` has the id `another` | an item's id is its file's name: write `other`, or rename the file to `another.json`",
            ),
            (
                "bad",
                "list",
                "data_bags/bad/list.json:1:1: `data_bags/bad/list.json` should be a map, and is an array | an item is `{ \"id\": \"list\", … }`",
            ),
        ] {
            assert_eq!(told(bags.item(bag, id)), expected);
        }
        for id in ["number", "cut"] {
            assert!(bags.item("bad", id).unwrap_err().span.is_some(), "{id}");
        }
        assert!(told(DataBags::default().item("users", "alice")).contains("--repo"));
    }

    fn item(text: &str) -> ItemText {
        ItemText::parse(
            text.to_owned(),
            "db",
            "main",
            PathBuf::from("main.json"),
            "data_bags/db/main.json".to_owned(),
        )
        .unwrap()
    }

    fn with(text: &str, key: &str, new: New) -> String {
        item(text).with(&HashMap::from([(key.to_owned(), new)]))
    }

    #[test]
    fn only_the_value_is_replaced() {
        let map = || New::Value(json!({ "a": [1], "b": {} }));
        for (text, key, new, expected) in [
            (
                "// the database\n{\n  \"id\": \"main\", // its name\n  \"user\" : \"x\" /* who */,\n  \"n\": 1\n}\n",
                "user",
                New::Value(json!("y")),
                "// the database\n{\n  \"id\": \"main\", // its name\n  \"user\" : \"y\" /* who */,\n  \"n\": 1\n}\n",
            ),
            (
                "{\n\t\"id\": \"main\",\n\t\"k\": 1\n}",
                "k",
                map(),
                "{\n\t\"id\": \"main\",\n\t\"k\": {\n\t\t\"a\": [\n\t\t\t1\n\t\t],\n\t\t\"b\": {}\n\t}\n}",
            ),
            (
                "{ \"id\": \"main\", \"k\": 1 }",
                "k",
                map(),
                "{ \"id\": \"main\", \"k\": {\"a\":[1],\"b\":{}} }",
            ),
            (
                "{\r\n \"id\": \"main\",\r\n \"k\": 1}",
                "k",
                map(),
                "{\r\n \"id\": \"main\",\r\n \"k\": {\r\n  \"a\": [\r\n   1\r\n  ],\r\n  \"b\": {}\r\n }}",
            ),
            (
                "{\"id\":\"main\",\n\"k\":1}",
                "k",
                New::Value(json!({ "a": 2 })),
                "{\"id\":\"main\",\n\"k\":{\n  \"a\": 2\n}}",
            ),
            (
                "{\n  \"json_class\": \"Chef::DataBagItem\",\n  \"raw_data\": {\n    \"id\": \"main\",\n    \"k\": 1\n  }\n}",
                "k",
                New::Value(json!({ "a": 2 })),
                "{\n  \"json_class\": \"Chef::DataBagItem\",\n  \"raw_data\": {\n    \"id\": \"main\",\n    \"k\": {\n      \"a\": 2\n    }\n  }\n}",
            ),
            (
                "\u{feff}{ \"id\": \"main\", \"k\": [1, 2] }",
                "k",
                New::Text("[1,  /* as it was */ 2]".to_owned()),
                "\u{feff}{ \"id\": \"main\", \"k\": [1,  /* as it was */ 2] }",
            ),
            ("{ \"id\": \"main\" }", "absent", New::Value(json!(1)), "{ \"id\": \"main\" }"),
        ] {
            assert_eq!(with(text, key, new), expected);
            assert_eq!(item(text).whole(), text);
        }
    }

    #[test]
    fn a_value_as_it_is_written() {
        let text = item("{ \"id\": \"main\", \"k\": [ 1, // one\n 2 ] }");
        assert_eq!(text.written("k"), "[ 1, // one\n 2 ]");
        assert_eq!(text.place("k").to_string(), "data_bags/db/main.json:1:22");
        assert!(!text.place("k").source.text.contains("one"));
    }
}
