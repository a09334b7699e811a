//! `toque cookbook why`.

use std::collections::{BTreeMap, VecDeque};

use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_engine::Refused;

use super::repository;
use crate::exit::Exit;
use crate::fetching::current_lockfile;
use crate::output;
use crate::repository::Named;

/// Show who needs a cookbook
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook why nginx")]
pub(crate) struct Args {
    name: String,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let name = args.name.as_str();
    let repository = repository(repo)?;
    let lockfile = current_lockfile(&repository)?;
    lockfile.require(name)?;
    let demands = repository.requirements();
    for demand in demands.iter().filter(|demand| demand.cookbook == name) {
        output::print(&format!("{} asks for {name} {}", demand.asker, demand.constraint));
    }
    let begin: Vec<(&str, &str)> =
        demands.iter().map(|demand| (demand.cookbook.as_str(), demand.asker.as_str())).collect();
    for (asker, way) in ways(&lockfile, &begin) {
        let Some(locked) = lockfile.cookbooks.get(asker) else { continue };
        if let Some(constraint) = locked.dependencies.get(name).filter(|_| asker != name) {
            output::print(&format!("{} needs {name} {constraint}", way.join(" -> ")));
        }
    }
    Ok(Exit::Success)
}

/// Returns the shortest path to each cookbook: the asker of the first, and the versions between.
fn ways<'a>(
    lockfile: &'a Lockfile,
    begin: &[(&'a str, &'a str)],
) -> BTreeMap<&'a str, Vec<String>> {
    let mut ways: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut next: VecDeque<(&str, Vec<String>)> =
        begin.iter().map(|(name, asker)| (*name, vec![(*asker).to_owned()])).collect();
    while let Some((name, mut way)) = next.pop_front() {
        let Some(locked) = lockfile.cookbooks.get(name).filter(|_| !ways.contains_key(name)) else {
            continue;
        };
        way.push(format!("{name} {}", locked.version));
        next.extend(locked.dependencies.keys().map(|other| (other.as_str(), way.clone())));
        ways.insert(name, way);
    }
    ways
}
