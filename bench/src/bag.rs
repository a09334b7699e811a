//! A large data bag, and recipes that search it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How many items there are.
pub(crate) const ITEMS: u32 = 10_000;
/// How many searches more the longer recipe makes.
pub(crate) const SEARCHES: u32 = 20;

/// Writes the data bag `sites`.
pub(crate) fn write(repository: &Path) {
    let folder = repository.join("data_bags/sites");
    fs::create_dir_all(&folder).expect("the folder can be made");
    for number in 0..ITEMS {
        fs::write(folder.join(format!("site{number}.json")), item(number))
            .expect("the item can be written");
    }
}

/// An item of some 700 bytes, as they are in use.
fn item(number: u32) -> String {
    let kind = ["rails", "static", "php", "node", "other"][number as usize % 5];
    let team = ["core", "web", "ops"][number as usize % 3];
    let mut text = format!(
        r#"{{
  "id": "site{number}",
  "name": "Site number {number}",
  "type": "{kind}",
  "deploy": {},
  "port": {},
  "domains": ["site{number}.example.com", "www.site{number}.example.com"],
  "owner": {{ "team": "{team}", "contact": {{ "email": "site{number}@example.com", "name": "Ann" }} }},
  "tags": ["public", "zone{}"],
  "source": {{ "type": "git", "url": "https://git.example.com/site{number}.git", "revision": "v{}" }},
  "environment": {{"#,
        number.is_multiple_of(2),
        8000 + number,
        number % 7,
        number % 40
    );
    for variable in ["RAILS_ENV", "LANG", "TZ", "LOG_LEVEL"] {
        let _ = write!(text, "\n    \"{variable}\": \"value of {variable}\",");
    }
    text.push_str("\n    \"WORKERS\": 4\n  }\n}\n");
    text
}

/// A recipe that searches so many times after the first, each time for something else.
pub(crate) fn recipe(searches: u32) -> String {
    format!(
        "let first = search(\"sites\");\nfor i in 0..{searches} {{\n    let found = search(\"sites\", `type:rails AND owner_team:(core OR \
         web) AND port:[8000 TO ${{9000 + i}}] AND domains:*.example.com NOT tags:zone3`);\n    if found.len() == 0 {{ throw \"nothing \
         is found\"; }}\n}}\n"
    )
}
