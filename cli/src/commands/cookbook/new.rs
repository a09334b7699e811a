//! `toque cookbook new`.

use std::path::Path;

use toque_cookbooks::manifest::cookfile;
use toque_cookbooks::new::{New, new};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_engine::Refused;

use crate::exit::Exit;
use crate::output;
use crate::repository::{Named, find_repository};

/// Make a cookbook that converges and has a test
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook new web")]
pub(crate) struct Args {
    name: String,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let name = args.name.as_str();
    let here = std::env::current_dir()
        .map_err(|error| Diagnostic::from(Failure::io("find", Path::new("."), &error)))?;
    let repository = find_repository(repo, None)?.unwrap_or_else(|| here.clone());
    let New { key, root, files } = new(&repository, name)?;
    let shown = root.strip_prefix(&here).unwrap_or(&root).display();
    files.iter().for_each(|file| output::print(&format!("{shown}/{file}")));
    if key != name {
        output::message(&format!(
            "its attributes and custom resources begin with `{key}`: `-` is a minus in recipes"
        ));
    }
    if repository.join(cookfile::NAME).exists() {
        output::message(
            "next: `toque cookbook install`, because Cookfile.lock does not have it yet",
        );
    }
    output::message(&format!(
        "next: `{shown}/tests/default.sh` tests it, `toque plan {name}` shows what it would change here"
    ));
    Ok(Exit::Success)
}
