//! `toque facts`.

use serde_json::{Map, Value};
use toque_engine::diagnostic::{Diagnostic, did_you_mean};
use toque_engine::facts::Facts as Known;
use toque_engine::run::Refused;
use toque_engine::system::HostSystem;

use super::Exit;
use crate::args::Facts;
use crate::output;

pub fn facts(args: &Facts) -> Result<Exit, Refused> {
    let system = HostSystem::new();
    let known = Known::new();
    let shown = if args.keys.is_empty() {
        let all = Known::keys().filter_map(|key| Some((key.to_owned(), (*known.get(key, &system)?).clone())));
        Value::Object(all.collect::<Map<_, _>>())
    } else {
        let mut values = Map::new();
        for key in &args.keys {
            values.insert(key.clone(), read(&known, &system, key)?);
        }
        match (values.len(), values.values().next()) {
            (1, Some(only)) => only.clone(),
            _ => Value::Object(values),
        }
    };
    output::print(&match shown {
        Value::String(text) => text,
        other => serde_json::to_string_pretty(&other).unwrap_or_default(),
    });
    Ok(Exit::Success)
}

fn read(known: &Known, system: &HostSystem, path: &str) -> Result<Value, Diagnostic> {
    let mut keys = path.split('.');
    let first = keys.next().unwrap_or_default();
    let Some(top) = known.get(first, system) else {
        let unknown = Diagnostic::error(format!("there is no fact `{first}` on this machine"));
        return Err(match did_you_mean(first, Known::keys()) {
            Some(hint) => unknown.hint(hint),
            None => unknown.hint("`toque facts` shows all of them"),
        });
    };
    let found = keys.try_fold(&*top, |value, key| value.get(key).or_else(|| value.get(key.parse::<usize>().ok()?)));
    found.cloned().ok_or_else(|| Diagnostic::error(format!("there is no fact `{path}` on this machine")))
}
