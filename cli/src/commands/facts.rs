//! `toque facts`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use toque_core::failure::FailureKind;
use toque_data::cookbook;
use toque_engine::Refused;
use toque_machine::facts::Facts;
use toque_machine::facts::custom::Custom;
use toque_machine::system::HostSystem;
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::fetching::locked_of;
use crate::output;
use crate::repository::{Named, find_repository};
use crate::signals::stop_on_signals;

/// Show what is known of this machine
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque facts platform ipaddress\n  toque facts network.default_interface"
)]
pub(crate) struct Args {
    /// Facts by name, also nested: `network.default_interface`; all of them when none is named
    keys: Vec<String>,
    /// The repository whose cookbooks' facts are known too; the nearest folder above with
    /// `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let stop = CancelToken::new(Duration::ZERO);
    let mut system = HostSystem::new();
    system.stop = stop.clone();
    // A signal must not leave programs of cookbooks behind.
    stop_on_signals(&stop)?;
    let known = Facts::new().with(custom(Named { repo: args.repo.as_deref(), trust })?);
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
    match shown {
        Value::String(text) => output::print(&text),
        other => output::json(&other),
    }
    if wrong.is_empty() { Ok(Exit::Success) } else { Err(Diagnostics(wrong).into()) }
}

/// The facts of all cookbooks of the repository that is named, or that the command is run in.
fn custom(repo: Named<'_>) -> Result<Custom, Refused> {
    let Some(repository) = find_repository(repo, None)? else { return Ok(Custom::default()) };
    // Folders that are no cookbooks and cookbooks that cannot be fetched have no facts; `toque
    // check` reports what is wrong.
    let locked = match locked_of(Some(&repository), repo.trust) {
        Err(refused) if refused.kind == FailureKind::Untrusted => return Err(refused.into()),
        locked => locked.unwrap_or_default(),
    };
    let (cookbooks, _) = cookbook::find_all(&repository, &locked);
    let files = cookbooks.values().map(|cookbook| cookbook.fact_files());
    let files = files.collect::<Result<Vec<_>, _>>().map_err(Diagnostic::from)?;
    let (found, mistakes) = Custom::find(files.into_iter().flatten());
    if !mistakes.is_empty() {
        // They matter to runs of these cookbooks, and not to all other facts.
        let warning = |mistake| Diagnostic { severity: Severity::Warning, ..mistake };
        output::diagnostic::print(&Diagnostics(mistakes.into_iter().map(warning).collect()));
    }
    Ok(found)
}

fn read(known: &Facts, system: &HostSystem, path: &str) -> Result<Value, Diagnostic> {
    let mut keys = path.split('.');
    let first = keys.next().unwrap_or_default();
    let Some(top) = known.read(first, system)? else {
        let unknown = Diagnostic::error(format!("there is no fact `{first}` on this machine"));
        return Err(unknown.suggest_or(first, known.names(), || "`toque facts` shows all of them"));
    };
    let found = keys.try_fold(&*top, |value, key| {
        value.get(key).or_else(|| value.get(key.parse::<usize>().ok()?))
    });
    found
        .cloned()
        .ok_or_else(|| Diagnostic::error(format!("there is no fact `{path}` on this machine")))
}
