//! `toque resource`: the reference, made from the declarations.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use toque_contract::reference::{description, properties, summary};
use toque_contract::registry::{Kind, Registry};
use toque_core::diagnostic::Diagnostic;
use toque_engine::{Refused, kinds};
use toque_language::COMMON;
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::fetching::locked_of;
use crate::output::{self, Format};
use crate::repository::{Named, find_repository};

/// The kinds of resources and their properties
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque resource list\n  toque resource show template")]
pub(crate) struct Args {
    /// The repository whose custom resources are known too; the nearest folder above with
    /// `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR", global = true)]
    repo: Option<PathBuf>,
    #[command(subcommand)]
    command: Commands,
}

#[derive(clap::Subcommand)]
enum Commands {
    /// Every kind
    #[command(after_help = "Example:\n  toque resource list")]
    List,
    /// A kind's properties, actions and providers
    #[command(
        after_help = "Example:\n  toque resource show template\n  toque resource show template --format json"
    )]
    Show {
        /// The kind, as `toque resource list` names it
        kind: String,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let registry = known(args, trust)?;
    match &args.command {
        Commands::List => {
            let width = registry.kinds.keys().map(|name| name.len()).max().unwrap_or(0);
            for (name, kind) in &registry.kinds {
                output::print(&format!("{name:width$}  {}", summary(kind)));
            }
        }
        Commands::Show { kind, format } => {
            let Some(found) = registry.kinds.get(kind.as_str()) else {
                let unknown = Diagnostic::error(format!("there is no kind `{kind}`"));
                let known = registry.kinds.keys().map(|name| &**name);
                let hint = || "`toque resource list` shows the kinds";
                return Err(unknown.suggest_or(kind, known, hint).into());
            };
            match format {
                Format::Text => output::print(&text(found)),
                Format::Json => output::json(&data(found)),
            }
        }
    }
    Ok(Exit::Success)
}

/// Returns the built-in kinds and those of the repository's cookbooks, which are not read when the
/// kind to show is built in.
fn known(args: &Args, trust: &Trust) -> Result<Registry, Refused> {
    let registry = toque_resources::standard();
    if let Commands::Show { kind, .. } = &args.command
        && registry.kinds.contains_key(kind.as_str())
    {
        return Ok(registry);
    }
    match find_repository(Named { repo: args.repo.as_deref(), trust }, None)? {
        Some(repository) => kinds(&registry, &repository, &locked_of(Some(&repository), trust)?),
        None => Ok(registry),
    }
}

fn data(kind: &Kind) -> Value {
    json!({
        "kind": &*kind.name,
        "name_property": kind.identity(),
        "actions": kind.actions().iter().map(|action| json!({ "name": &*action.name, "doc": &*action.doc })).collect::<Vec<_>>(),
        "cookbook": kind.cookbook(),
        "providers": kind.provider_names().collect::<Vec<_>>(),
        "schema": kind.schema(),
        "common": COMMON.map(|(name, kind, doc)| json!({ "name": name, "type": kind, "doc": doc })),
    })
}

fn text(kind: &Kind) -> String {
    let mut text = format!("{}\n\n{}\n", kind.name, description(kind));
    let _ = writeln!(text, "\nActions (the first is the default)");
    for action in kind.actions() {
        let _ = writeln!(text, "  {:20} {}", action.name, action.doc.trim_end_matches('.'));
    }
    let _ = writeln!(text, "\nProperties");
    for property in properties(kind) {
        let _ = writeln!(text, "  {:20} {}", property.name, property.remark());
        if !property.doc.is_empty() {
            let _ = writeln!(text, "  {:20}   {}", "", property.doc);
        }
    }
    let _ = writeln!(text, "\nProperties of every kind");
    for (name, kind, doc) in COMMON {
        let _ = writeln!(text, "  {name:20} {kind}\n  {:20}   {doc}", "");
    }
    let _ = match kind.cookbook() {
        Some(cookbook) => write!(text, "\nCookbook: {cookbook}"),
        None => {
            write!(text, "\nProviders: {}", kind.provider_names().collect::<Vec<_>>().join(", "))
        }
    };
    text
}
