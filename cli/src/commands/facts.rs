//! `toque facts`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use toque_engine::cookbook;
use toque_engine::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};
use toque_engine::facts::Facts as Known;
use toque_engine::facts::custom::Custom;
use toque_engine::run::Refused;
use toque_engine::stop::Stop;
use toque_engine::system::HostSystem;

use super::cookbook::locked;
use super::{Exit, heed_signals};
use crate::args::Facts;
use crate::output;
use crate::settings::{Settings, find_repository};

pub fn facts(args: &Facts) -> Result<Exit, Refused> {
    let stop = Stop::new(Duration::ZERO);
    let mut system = HostSystem::new();
    system.stop = stop.clone();
    // Programs of cookbooks must not be left behind.
    heed_signals(&stop);
    let known = Known::new().with(custom(args.repo.as_deref())?);
    let mut wrong = Vec::new();
    let shown = if args.keys.is_empty() {
        let mut all = Map::new();
        for key in known.names() {
            match known.read(key, &system) {
                Ok(value) => all.extend(value.map(|value| (key.to_owned(), (*value).clone()))),
                Err(mistake) => wrong.push(mistake),
            }
        }
        Value::Object(all)
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
    if wrong.is_empty() { Ok(Exit::Success) } else { Err(Diagnostics(wrong).into()) }
}

/// The facts of all cookbooks of the repository that is named, or that the command is run in.
fn custom(repo: Option<&Path>) -> Result<Custom, Refused> {
    let Some(repository) = find_repository(repo, None)? else { return Ok(Custom::default()) };
    // A folder that is no cookbook has no facts, and neither has what cannot be fetched; `toque
    // check` tells what is wrong.
    let locked = Settings::read(Some(&repository))
        .and_then(|settings| locked(Some(&repository), &settings, &Stop::default()));
    let (cookbooks, _) = cookbook::find_all(&repository, &locked.unwrap_or_default());
    let (found, mistakes) =
        Custom::find(cookbooks.values().flat_map(|cookbook| cookbook.fact_files()));
    if !mistakes.is_empty() {
        // They matter to runs of these cookbooks, and not to all other facts.
        let warning = |mistake| Diagnostic { severity: Severity::Warning, ..mistake };
        output::diagnostic::print(&Diagnostics(mistakes.into_iter().map(warning).collect()));
    }
    Ok(found)
}

fn read(known: &Known, system: &HostSystem, path: &str) -> Result<Value, Diagnostic> {
    let mut keys = path.split('.');
    let first = keys.next().unwrap_or_default();
    let Some(top) = known.read(first, system)? else {
        let unknown = Diagnostic::error(format!("there is no fact `{first}` on this machine"));
        return Err(match did_you_mean(first, known.names()) {
            Some(hint) => unknown.hint(hint),
            None => unknown.hint("`toque facts` shows all of them"),
        });
    };
    let found = keys.try_fold(&*top, |value, key| {
        value.get(key).or_else(|| value.get(key.parse::<usize>().ok()?))
    });
    found
        .cloned()
        .ok_or_else(|| Diagnostic::error(format!("there is no fact `{path}` on this machine")))
}
