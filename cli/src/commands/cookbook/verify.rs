//! `toque cookbook verify`.

use std::path::PathBuf;

use serde_json::{Value, json};
use toque_cookbooks::manifest::lockfile::{self, Lockfile};
use toque_cookbooks::verify::{State, Verified, verify_all};
use toque_core::diagnostic::{Diagnostic, visible};
use toque_engine::Refused;

use super::{repository, store_of};
use crate::exit::Exit;
use crate::fetching::current_lockfile;
use crate::output::{self, Format};
use crate::repository::{Named, find_repository};
use crate::settings::Settings;

/// Look whether every cookbook on this machine is what was locked, changing nothing
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque cookbook verify\n  toque cookbook verify --all --format json"
)]
pub(crate) struct Args {
    /// Look at everything that is kept, whichever repository uses it
    #[arg(long)]
    all: bool,
    /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// A group of Cookfile.toml that is left out; those of the settings unless told
    #[arg(long, value_name = "GROUP", conflicts_with = "all")]
    without: Vec<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let Args { all, cache_dir, without, format } = args;
    if *all {
        let store =
            store_of(find_repository(repo, None)?.as_deref(), cache_dir.as_deref(), repo.trust)?;
        let verified = verify_all(&store)?;
        report(&verified, "fetched", *format);
        return match wrong(&verified, "is not what was fetched") {
            Some(wrong) => {
                Err(wrong.hint("remove their folders: whoever needs them fetches them anew").into())
            }
            None => Ok(Exit::Success),
        };
    }
    let repository = repository(repo)?;
    let lockfile = Lockfile::read(&repository.path)?.unwrap_or_default();
    repository.cookfile.check_groups(without)?;
    let without = Settings::read(Some(&repository.path), repo.trust)?.without_groups(without);
    let lockfile = repository.without(&lockfile, &without);
    let verified = repository
        .verify(&store_of(Some(&repository.path), cache_dir.as_deref(), repo.trust)?, &lockfile);
    report(&verified, "locked", *format);
    current_lockfile(&repository)?;
    match wrong(&verified, &format!("is not what `{}` says", lockfile::NAME)) {
        Some(wrong) => Err(wrong
            .hint("run `toque cookbook install`: it fetches them as they were locked")
            .into()),
        None => Ok(Exit::Success),
    }
}

fn report(verified: &[Verified], was: &str, format: Format) {
    match format {
        Format::Json => {
            let data: Vec<Value> = verified.iter().map(data).collect();
            output::json(&data);
        }
        Format::Text => verified.iter().for_each(|one| output::print(&line(one, was))),
    }
}

fn line(Verified { name, version, state, root }: &Verified, was: &str) -> String {
    let what = version.as_ref().map_or_else(|| name.clone(), |version| format!("{name} {version}"));
    match state {
        State::AsItWas => format!("{what} as it was {was}"),
        State::InUse => format!("{what} in use where it lies, without a checksum"),
        State::Changed(why) => format!("{what} changed: {} ({})", visible(why), root.display()),
        State::Missing => format!("{what} not on this machine"),
    }
}

fn data(Verified { name, version, state, root }: &Verified) -> Value {
    let (state, why) = match state {
        State::AsItWas => ("same", None),
        State::InUse => ("in use", None),
        State::Changed(why) => ("changed", Some(why)),
        State::Missing => ("missing", None),
    };
    json!({
        "name": name,
        "version": version.as_ref().map(ToString::to_string),
        "state": state,
        "why": why,
        "folder": root.display().to_string(),
    })
}

fn wrong(verified: &[Verified], said: &str) -> Option<Diagnostic> {
    let wrong: Vec<String> = verified
        .iter()
        .filter(|one| !matches!(one.state, State::AsItWas | State::InUse))
        .map(|one| format!("`{}`", one.name))
        .collect();
    match &wrong[..] {
        [] => None,
        [one] => Some(Diagnostic::error(format!("{one} {said}"))),
        several => Some(Diagnostic::error(format!(
            "{} cookbooks: {} {said}",
            several.len(),
            several.join(", ")
        ))),
    }
}
