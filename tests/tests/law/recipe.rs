//! Recipes as data that can be drawn, shortened and written down.

use std::fmt::Write;

use proptest::sample::Index;

/// One declaration.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub kind: &'static str,
    /// Properties with their values, as a recipe writes them.
    pub properties: Vec<(&'static str, String)>,
    pub relations: Vec<Relation>,
}

/// A notification; which resource it goes to depends on how many there are.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub subscribes: bool,
    pub target: Index,
    /// One of the target's actions, or the one that it takes anyway.
    pub action: Option<Index>,
    pub timing: &'static str,
}

/// The actions that notifications name.
fn actions(kind: &str) -> &'static [&'static str] {
    match kind {
        "file" | "template" | "cookbook_file" | "remote_file" => {
            &["create", "delete", "touch", "create_if_missing"]
        }
        "remote_directory" => &["create", "delete", "create_if_missing"],
        "directory" | "link" => &["create", "delete"],
        "package" => &["install", "upgrade", "remove", "purge"],
        "apt_update" => &["periodic", "update"],
        "service" => &["restart", "start", "stop", "reload", "enable"],
        "systemd_unit" => &["create", "restart", "start", "enable", "delete", "try_restart"],
        "user" | "group" => &["create", "remove", "manage"],
        "facts" => &["reload"],
        "log" => &["write"],
        "law_pair" => &["create", "delete"],
        "law_state" => &["set", "file"],
        "law_outer" => &["create", "twice"],
        _ => &["run"],
    }
}

/// The text of a recipe. A value names the resource before its own as `BEFORE`.
pub(super) fn text(items: &[Item]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let _ = write!(text, "let r{index} = {}(\"r{index}\", #{{", item.kind);
        let before = format!("r{}", index.saturating_sub(1));
        for (name, value) in &item.properties {
            // What refers to an earlier resource needs one.
            if value.contains("BEFORE") && index == 0 {
                continue;
            }
            let _ = write!(text, " {name}: {},", value.replace("BEFORE", &before));
        }
        text.push_str(" });\n");
    }
    for (index, item) in items.iter().enumerate() {
        for relation in &item.relations {
            let other = relation.target.index(items.len());
            if other == index {
                continue;
            }
            let (target, verb) =
                if relation.subscribes { (index, "subscribes") } else { (other, "notifies") };
            let actions = actions(items[target].kind);
            let own = items[target]
                .properties
                .iter()
                .find(|(name, _)| *name == "action")
                .map(|(_, value)| value.trim_matches('"'));
            let own =
                own.filter(|own| !own.starts_with('[') && *own != "nothing").unwrap_or(actions[0]);
            let action = relation.action.map_or(own, |action| actions[action.index(actions.len())]);
            let _ = writeln!(
                text,
                "r{index}.{verb}(\"{action}\", \"{}[r{other}]\", \"{}\");",
                items[other].kind, relation.timing
            );
        }
    }
    text
}
