//! `explain`: what each level has at an attribute, who set it, and which of them is read.

use serde::{Serialize, Serializer};
use serde_json::Value;

use toque_core::diagnostic::{Diagnostic, nearest};
use toque_data::attributes::{Setting, shown_path};
use toque_language::node::Node;
use toque_machine::view::View;

/// An attribute, and everything that has a say in it.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    #[serde(serialize_with = "as_path")]
    pub key: Vec<String>,
    /// What `node` gives; none when something above it hides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Lowest level first. Those of levels that have a map there are told value by value.
    pub settings: Vec<Explanation>,
}

/// What one level has.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    pub level: &'static str,
    /// At or below the key that is asked for, or above it when that hides something.
    #[serde(serialize_with = "as_path")]
    pub key: Vec<String>,
    pub value: Value,
    /// A file and line, `this machine` or `this run`.
    pub set_by: String,
    /// It is what is read.
    pub wins: bool,
}

/// Explains the attribute at a path. Facts are read from the machine only when the path may lead to
/// one.
/// # Errors
/// When nothing sets it, with the nearest name.
pub fn explain(node: &Node, view: &View<'_>, path: &[String]) -> Result<Explained, Diagnostic> {
    let settings =
        path.first().map(|key| node.settings(key, view)).transpose()?.unwrap_or_default();
    let wins = winners(&settings);
    let within = |setting: &Setting| setting.path.starts_with(path);
    if !settings.iter().any(within) {
        return Err(nobody(node, view, path));
    }
    let hides = |setting: &Setting| {
        path.starts_with(&setting.path)
            && settings
                .iter()
                .any(|other| within(other) && other.level < setting.level && covers(setting, other))
    };
    let told = settings.iter().zip(wins).filter(|(setting, _)| within(setting) || hides(setting));
    let settings = told
        .map(|(setting, wins)| Explanation {
            level: setting.level.name(),
            key: setting.path.clone(),
            value: setting.value.clone(),
            set_by: setting.origin.shown(&setting.path),
            wins,
        })
        .collect();
    let top = path.first().map(|key| node.get(key, view)).transpose()?.flatten();
    let value =
        top.and_then(|top| path[1..].iter().try_fold(&*top, |value, key| value.get(key)).cloned());
    Ok(Explained { key: path.to_vec(), value, settings })
}

/// Which settings are what is read.
fn winners(settings: &[Setting]) -> Vec<bool> {
    let mut wins: Vec<bool> = (0..settings.len())
        .map(|index| !settings[index + 1..].iter().any(|later| covers(later, &settings[index])))
        .collect();
    // An empty map is read only where nothing is put into it.
    for index in (0..settings.len()).filter(|index| is_empty(&settings[*index])).collect::<Vec<_>>()
    {
        let path = &settings[index].path;
        let filled = settings.iter().zip(&wins).any(|(other, wins)| {
            *wins && other.path.len() > path.len() && other.path.starts_with(path)
        });
        wins[index] &= !filled;
    }
    wins
}

fn is_empty(setting: &Setting) -> bool {
    setting.value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Whether nothing is left of `setting` where `later`, of the same or a higher level, is laid over
/// it.
fn covers(later: &Setting, setting: &Setting) -> bool {
    // An empty map takes nothing away from a map.
    let above = later.path.len() < setting.path.len();
    if above {
        setting.path.starts_with(&later.path) && !is_empty(later)
    } else {
        later.path.starts_with(&setting.path)
    }
}

fn nobody(node: &Node, view: &View<'_>, path: &[String]) -> Diagnostic {
    let shown = shown_path(path);
    let unset = Diagnostic::error(format!("nothing sets the attribute `{shown}`"));
    let mut here: Option<Value> = None;
    for (depth, key) in path.iter().enumerate() {
        let (next, names) = match &here {
            None if depth == 0 => {
                (node.get(key, view).ok().flatten().map(|value| (*value).clone()), node.keys())
            }
            Some(Value::Object(map)) => (map.get(key).cloned(), map.keys().cloned().collect()),
            Some(other) => {
                return unset
                    .note(format!("`{}` is {other}", shown_path(&path[..depth])))
                    .hint("`toque explain` takes the name of an attribute");
            }
            None => break,
        };
        if next.is_none() {
            let near = nearest(key, names.iter().map(String::as_str)).map(|near| {
                let path: Vec<String> =
                    path[..depth].iter().cloned().chain([near.to_owned()]).collect();
                format!("did you mean `{}`?", shown_path(&path))
            });
            return unset.hint(near.unwrap_or_else(|| match names.len() {
                _ if depth == 0 => {
                    "it is set by no cookbook of this run list, and by no document".to_owned()
                }
                0 => format!("`{}` is an empty map", shown_path(&path[..depth])),
                _ => format!(
                        "`{}` has {}",
                        shown_path(&path[..depth]),
                        names
                            .iter()
                            .take(20)
                            .map(|name| format!("`{name}`"))
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
            }));
        }
        here = next;
    }
    unset
}

fn as_path<S: Serializer>(path: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&shown_path(path))
}

#[cfg(test)]
mod tests;
