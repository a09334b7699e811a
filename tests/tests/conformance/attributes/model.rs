//! The rules by which levels become one tree, each of which can be left out.

use serde_json::{Map, Value, json};

/// What Chef does and Toque does not.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Arrays of one family, the defaults or the overrides, are united; else the later one is
    /// taken.
    pub arrays_unite: bool,
    /// A map that is assigned replaces what its level had; else it is merged into it.
    pub maps_are_assigned: bool,
    /// The JSON of a run is laid down first, and attribute files and recipes write over it; else it
    /// lies over them.
    pub json_is_first: bool,
    /// Recipes can set facts.
    pub facts_are_set: bool,
    /// The levels of a family are merged among themselves first; else each is laid over all before
    /// it. It shows where one level of a family has a map, and an earlier one something else.
    pub families_come_first: bool,
}

/// `node.t` at the recipe's start and in the end: whether it is there, and its value. Not there
/// when the run did not come so far.
#[derive(Debug, PartialEq)]
pub(super) struct Trees {
    pub start: Option<Value>,
    pub end: Option<Value>,
}

impl Rules {
    pub(super) const CHEF: Self = Self {
        arrays_unite: true,
        maps_are_assigned: true,
        json_is_first: true,
        facts_are_set: true,
        families_come_first: true,
    };
    /// With which the cases are compared.
    pub(super) const WITHOUT_ARRAYS: Self = Self { arrays_unite: false, ..Self::CHEF };
    pub(super) const TOQUE: Self = Self {
        arrays_unite: false,
        maps_are_assigned: false,
        json_is_first: false,
        facts_are_set: false,
        families_come_first: false,
    };
    /// One rule less, in the order of the reasons in `differences`.
    pub(super) const EACH_LEFT_OUT: [Self; 4] = [
        Self { maps_are_assigned: false, ..Self::WITHOUT_ARRAYS },
        Self { json_is_first: false, ..Self::WITHOUT_ARRAYS },
        Self { facts_are_set: false, ..Self::WITHOUT_ARRAYS },
        Self { families_come_first: false, ..Self::WITHOUT_ARRAYS },
    ];
}

impl Trees {
    /// As recorded. A key that only the recipe sets was recorded as a null at its start.
    pub(super) fn of(case: &Value) -> Self {
        let expected = &case["expected"];
        let early = case["ops"]
            .as_array()
            .unwrap()
            .iter()
            .any(|op| !op["level"].as_str().unwrap().ends_with("-recipe"));
        let told = |tree: &Value, there: bool| json!({ "present": there && tree["present"] == true, "value": tree["value"] });
        Self {
            start: expected.get("recipe_start").map(|tree| told(tree, early)),
            end: expected.get("end").map(|tree| told(tree, true)),
        }
    }
}

/// Lowest first; the families share arrays where they unite.
const LEVELS: [&[&str]; 4] = [
    &["default", "env_default", "role_default", "force_default"],
    &["normal", "json"],
    &["override", "role_override", "env_override", "force_override"],
    &["automatic"],
];

/// What a case comes to.
pub(super) fn model(case: &Value, rules: Rules) -> Trees {
    let ops = case["ops"].as_array().unwrap();
    let from = |wanted: fn(&str) -> bool| {
        ops.iter().filter(move |op| wanted(op["level"].as_str().unwrap()))
    };
    let mut levels = Map::new();
    let mut documents: Vec<&Value> = from(|level| !level.contains('-')).collect();
    documents.sort_by_key(|op| op["level"].as_str().unwrap().starts_with("role2"));
    for op in documents {
        let level = op["level"].as_str().unwrap();
        let level = match level {
            "json" if rules.json_is_first => "normal",
            other => other,
        };
        let level = level.replace("role2", "role");
        let over = op["value"].clone();
        let merged = match levels.remove(&level) {
            Some(base) => lay(base, over, rules.arrays_unite),
            None => over,
        };
        levels.insert(level, merged);
    }
    let mut trees = Trees { start: None, end: None };
    for op in from(|level| level.ends_with("-file")) {
        if !assign(&mut levels, op, rules) {
            return trees;
        }
    }
    trees.start = Some(tree(&levels, rules));
    for op in from(|level| level.ends_with("-recipe")) {
        if !assign(&mut levels, op, rules) {
            return trees;
        }
    }
    trees.end = Some(tree(&levels, rules));
    trees
}

/// Says whether it could be.
fn assign(levels: &mut Map<String, Value>, op: &Value, rules: Rules) -> bool {
    let level = op["level"].as_str().unwrap().rsplit_once('-').unwrap().0;
    if level == "automatic" && !rules.facts_are_set {
        return true;
    }
    let path: Vec<&str> =
        op["path"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let mut map = levels;
    let keys: Vec<&str> = std::iter::once(level).chain(path).collect();
    let (last, through) = keys.split_last().unwrap();
    for key in through {
        match map.entry(*key).or_insert_with(|| json!({})) {
            Value::Object(next) => map = next,
            _ => return false,
        }
    }
    let value = op["value"].clone();
    let value = match map.remove(*last) {
        Some(base) if !rules.maps_are_assigned => lay(base, value, false),
        _ => value,
    };
    map.insert((*last).to_owned(), value);
    true
}

fn tree(levels: &Map<String, Value>, rules: Rules) -> Value {
    let of = |family: &[&str]| -> Vec<Value> {
        family.iter().filter_map(|level| levels.get(*level)).cloned().collect()
    };
    let merged = if rules.families_come_first {
        let families = LEVELS.iter().filter_map(|family| {
            of(family).into_iter().reduce(|base, over| lay(base, over, rules.arrays_unite))
        });
        families.reduce(|base, over| lay(base, over, false))
    } else {
        of(&LEVELS.concat()).into_iter().reduce(|base, over| lay(base, over, false))
    };
    json!({ "present": merged.is_some(), "value": merged })
}

fn lay(base: Value, over: Value, arrays_unite: bool) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let value = match base.remove(&key) {
                    Some(below) => lay(below, value, arrays_unite),
                    None => value,
                };
                base.insert(key, value);
            }
            Value::Object(base)
        }
        (Value::Array(base), Value::Array(over)) if arrays_unite => {
            let mut united: Vec<Value> = Vec::new();
            for item in base.into_iter().chain(over) {
                if !united.contains(&item) {
                    united.push(item);
                }
            }
            Value::Array(united)
        }
        (_, over) => over,
    }
}
