//! The reference of the book, made from the declarations: kinds, functions, commands, settings,
//! exit codes. It is committed, so that it can be read where it lies; a test says when it is out of
//! date.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use schemars::schema_for;
use serde_json::Value;
use toque_contract::reference::{description, properties, summary, type_of};
use toque_contract::registry::Kind;
use toque_data::attributes::Level;
use toque_language::COMMON;
use toque_language::function_table::{FUNCTIONS, Function, Group, REFUSED};
use toque_language::signature::Signature;

use crate::commands::Cli;
use crate::exit::Exit;
use crate::settings::Settings;

const UPDATE: &str = "UPDATE_REFERENCE";

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[test]
fn the_reference_is_up_to_date() {
    let folder = book().join("src/reference");
    let pages = pages();
    if std::env::var_os(UPDATE).is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        for (name, text) in &pages {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        return;
    }
    let stale = |name: &&String| {
        std::fs::read_to_string(folder.join(name)).is_ok_and(|text| text == pages[*name])
    };
    let wrong: Vec<&String> = pages.keys().filter(|name| !stale(name)).collect();
    assert!(
        wrong.is_empty(),
        "docs/src/reference is out of date ({wrong:?}): `{UPDATE}=1 cargo test -p toque reference` writes it"
    );
    let kinds = std::fs::read_dir(folder.join("kinds")).unwrap().count();
    assert_eq!(
        kinds,
        toque_resources::standard().kinds.len(),
        "a page is there of a kind that is not"
    );
}

#[test]
fn the_guide_lists_the_levels_of_attributes() {
    let guide = std::fs::read_to_string(book().join("src/guide/attributes.md")).unwrap();
    let rows: Vec<&str> =
        guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(
        rows,
        Level::ALL.map(Level::name),
        "the table of levels in docs/src/guide/attributes.md"
    );
}

/// Every page by its name below `reference/`.
fn pages() -> BTreeMap<String, String> {
    let registry = toque_resources::standard();
    let mut pages = BTreeMap::from([
        ("kinds.md".to_owned(), kinds_page(registry.kinds.values().map(|kind| &**kind))),
        ("functions.md".to_owned(), functions_page()),
        ("commands.md".to_owned(), commands_page()),
        ("settings.md".to_owned(), settings_page()),
        ("exit_codes.md".to_owned(), exit_codes_page()),
    ]);
    for (name, kind) in &registry.kinds {
        pages.insert(format!("kinds/{name}.md"), kind_page(kind));
    }
    pages
}

fn page(title: &str) -> String {
    format!(
        "<!-- Made from the declarations: {UPDATE}=1 cargo test -p toque reference. -->\n# {title}\n\n"
    )
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn kinds_page<'a>(kinds: impl Iterator<Item = &'a Kind>) -> String {
    let mut text = page("Kinds of resources");
    text.push_str(
        "`toque resource show KIND` tells the same on the command line.\n\n| kind | |\n|---|---|\n",
    );
    for kind in kinds {
        let _ = writeln!(text, "| [`{0}`](kinds/{0}.md) | {1} |", kind.name, cell(&summary(kind)));
    }
    text.push_str("\n## Properties of every kind\n\n| property | type | |\n|---|---|---|\n");
    for (name, kind, doc) in COMMON {
        let _ = writeln!(text, "| `{name}` | {} | {} |", cell(kind), cell(doc));
    }
    text.push_str(
        "\nThe page on [guards](../guide/guards.md) has the forms of `only_if` and `not_if`.\n",
    );
    text
}

fn kind_page(kind: &Kind) -> String {
    let example = book().join("examples").join(format!("{}.md", kind.name));
    let example = std::fs::read_to_string(&example).unwrap_or_else(|_| {
        panic!("write an example of `{}` into {}", kind.name, example.display())
    });
    let mut text = page(&format!("`{}`", kind.name));
    let _ = writeln!(
        text,
        "{}\n\n{}\n\n## Actions\n\n| action | |\n|---|---|",
        description(kind),
        example.trim()
    );
    for (index, action) in kind.actions().iter().enumerate() {
        let default = if index == 0 { " (default)" } else { "" };
        let _ = writeln!(
            text,
            "| `{}`{default} | {} |",
            action.name,
            cell(action.doc.trim_end_matches('.'))
        );
    }
    text.push_str("\n## Properties\n\n| property | type | default | |\n|---|---|---|---|\n");
    for property in properties(kind) {
        let default = if property.required {
            "required"
        } else {
            property.default.as_deref().unwrap_or_default()
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            property.name,
            cell(&property.kind),
            cell(default),
            cell(&property.doc)
        );
    }
    text.push_str(
        "\nIt has the [properties of every kind](../kinds.md#properties-of-every-kind) too.\n",
    );
    let providers: Vec<String> = kind.provider_names().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(text, "\nProviders, in the order of preference: {}.", providers.join(", "));
    text
}

fn functions_page() -> String {
    let mut text = page("Functions");
    text.push_str(
        "Recipes are written in [Rhai](https://rhai.rs/book/), whose own functions for text, numbers, arrays and maps are there too. \
         These are Toque's. `?` is any type.\n\nEvery kind is a function as well: `kind(name)` and `kind(name, #{ property: value })` \
         declare a resource and give its handle, see [kinds](kinds.md).\n",
    );
    for group in Group::ALL {
        let _ = writeln!(text, "\n## {}", group.title());
        if let Some(guide) = guide(group) {
            let _ = writeln!(text, "\nIn use: [{}](../guide/{guide}.md).", guide.replace('_', " "));
        }
        if group == Group::Data {
            text.push_str(DATA);
        }
        for word in FUNCTIONS.iter().filter(|word| word.group == group) {
            text.push_str(&word_section(word));
        }
    }
    text.push_str("\n## What differs from Rhai\n\nThese functions of Rhai are not there:\n\n| function | why |\n|---|---|\n");
    for (name, why) in REFUSED {
        let _ = writeln!(text, "| `{name}` | {} |", cell(why));
    }
    text.push_str(
        "\n`print` and `debug` write into the run's output, as `log_info` and `log_debug` do. `trim` gives the text that it changes. \
         `import` finds libraries of cookbooks and nothing else. `for (key, value) in map` goes through a map, where Rhai's own \
         second variable counts. Words that Rhai reserves without using them, `package` and `default` among them, are names like any \
         other. Closures keep the values that their variables had when the resource was declared.\n",
    );
    text
}

/// The items that the examples are about.
const DATA: &str = r#"
The examples are about these items:

<!-- file: data_bags/users/alice.json -->
```json
{ "id": "alice", "uid": 2001, "groups": ["admin"] }
```

<!-- file: data_bags/databases/shop.json -->
```json
{ "id": "shop", "username": "shop", "password": "an encrypted value, as a rule" }
```
"#;

/// The page of the guide that shows these words in use.
fn guide(group: Group) -> Option<&'static str> {
    match group {
        Group::Attributes | Group::Node => Some("attributes"),
        Group::Flow => Some("recipes"),
        Group::Resources => Some("resources"),
        Group::CustomResources => Some("custom_resources"),
        Group::Machine => Some("guards"),
        Group::Data => Some("search"),
        Group::Platforms | Group::Formats | Group::Log => None,
    }
}

fn word_section(word: &Function) -> String {
    let shown = |text| {
        let signature = Signature::of(text);
        let parameters: Vec<String> =
            signature.parameters.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
        let returns = signature.returns.map_or(String::new(), |returns| format!(" -> {returns}"));
        match signature.receiver() {
            Some(receiver) if signature.property => {
                format!("{receiver}.{}{returns}", signature.name)
            }
            Some(receiver) => {
                format!("{receiver}.{}({}){returns}", signature.name, parameters[1..].join(", "))
            }
            None => format!("{}({}){returns}", signature.name, parameters.join(", ")),
        }
    };
    let signatures: Vec<String> =
        word.signatures.iter().map(|signature| shown(signature)).collect();
    let mut text = format!(
        "\n### `{}`\n\n```text\n{}\n```\n\n{}\n",
        word.name,
        signatures.join("\n"),
        word.doc
    );
    if !word.example.is_empty() {
        let mark = if word.group == Group::Data {
            "<!-- only checked: the folders and programs are made up -->\n"
        } else {
            ""
        };
        let _ = write!(text, "\n{mark}```rhai\n{}\n```\n", word.example);
    }
    text
}

fn commands_page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = page("Commands");
    text.push_str("Data goes to standard output, messages to standard error. Every command has `--help`, and takes `--color`.\n\n");
    text.push_str("Those that read a repository or a document refuse it when another user owns it or can change it; `--trust-repo` uses it this once. [Who decides what root runs](../guide/security.md) has the rule.\n");
    for command in command.get_subcommands_mut() {
        command_section(command, "toque", &mut text);
    }
    text
}

fn command_section(command: &mut Command, above: &str, text: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let level = if above == "toque" { "##" } else { "###" };
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = write!(text, "\n{level} `{name}`\n\n{about}.\n\n```text\n{usage}\n```\n");
    let shown = |argument: &&clap::Arg| {
        !argument.is_hide_set()
            && !["help", "color", "trust_repo"].contains(&argument.get_id().as_str())
    };
    let rows: Vec<String> = command.get_arguments().filter(shown).map(argument_row).collect();
    if !rows.is_empty() {
        let _ = write!(text, "\n| | |\n|---|---|\n{}", rows.concat());
    }
    if let Some(example) = command.get_after_help().map(ToString::to_string) {
        let lines: Vec<&str> =
            example.lines().filter(|line| !line.starts_with("Example")).map(str::trim).collect();
        lines.iter().for_each(|line| is_accepted(line));
        let _ = write!(
            text,
            "\n<!-- shown: the test that makes this page parses it -->\n```sh\n{}\n```\n",
            lines.join("\n")
        );
    }
    let below: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for below in below {
        if let Some(below) = command.find_subcommand_mut(&below) {
            command_section(below, &name, text);
        }
    }
}

/// An example's command line can be parsed.
fn is_accepted(line: &str) {
    // Another program may be before it or behind it.
    let command =
        line.split('|').find(|part| part.trim_start().starts_with("toque ")).unwrap_or(line);
    let command = command.split(['<', '>']).next().unwrap_or_default();
    // Quotes are only around whole words.
    let mut words = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    if let Err(error) = Cli::command().try_get_matches_from(words) {
        panic!("the example `{line}` is not accepted: {error}");
    }
}

fn argument_row(argument: &clap::Arg) -> String {
    let value = argument
        .get_value_names()
        .into_iter()
        .flatten()
        .next()
        .map(ToString::to_string)
        .unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let mut names: Vec<String> =
        argument.get_short().map(|short| format!("-{short}")).into_iter().collect();
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    let mut shown = names.join("`, `");
    if names.is_empty() {
        shown = value;
    } else if takes {
        let _ = write!(shown, " {value}");
    }
    let mut said = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if takes && !possible.is_empty() {
        let _ = write!(said, "{}{}", if said.is_empty() { "" } else { ": " }, possible.join(", "));
    }
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if takes && !defaults.is_empty() {
        let _ = write!(said, "; {} unless told", defaults.join(", "));
    }
    format!("| `{}` | {} |\n", cell(&shown), cell(&said))
}

fn settings_page() -> String {
    let mut text = page("Settings");
    text.push_str(
        "Flags win over `toque.toml` of the repository, which wins over `/etc/toque/toque.toml`. A path in a file is relative to that \
         file. A setting that is not here is an error.\n\n| setting | type | |\n|---|---|---|\n",
    );
    setting_rows("", schema_for!(Settings).as_value(), &mut text);
    let limits = toque_engine::Limits::default();
    for number in [
        limits.compile_time.as_secs(),
        limits.operations,
        limits.resources as u64,
        limits.depth as u64,
        limits.nesting as u64,
        limits.size as u64,
    ] {
        assert!(
            text.contains(&format!("Default: {number}.")),
            "the settings tell of another default than {number}"
        );
    }
    text
}

fn setting_rows(above: &str, schema: &Value, text: &mut String) {
    for (name, setting) in schema["properties"].as_object().into_iter().flatten() {
        if setting["properties"].is_object() {
            setting_rows(&format!("{above}{name}."), setting, text);
        } else {
            let doc = setting["description"].as_str().unwrap_or_default();
            assert!(!doc.is_empty(), "the setting `{name}` has no doc comment");
            let _ =
                writeln!(text, "| `{above}{name}` | {} | {} |", cell(&type_of(setting)), cell(doc));
        }
    }
}

fn exit_codes_page() -> String {
    let mut text = page("Exit codes");
    text.push_str("| code | |\n|---|---|\n");
    for (exit, said) in Exit::ALL {
        let _ = writeln!(text, "| {} | {} |", exit.code(), cell(said));
    }
    text
}
