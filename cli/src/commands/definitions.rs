//! `toque definitions`: what editors need to complete and explain recipes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_core::read_optional::optional;
use toque_engine::Refused;
use toque_engine::definitions::{MARK, definitions};
use toque_machine::trust::Trust;

use crate::exit::Exit;
use crate::fetching::locked_of;
use crate::output;
use crate::repository::{Named, find_repository};

/// Write definition files, from which editors complete and explain recipes
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque definitions .rhai\n  toque definitions --repo /srv/cookbooks /srv/cookbooks/.rhai"
)]
pub(crate) struct Args {
    /// The folder for the files; it is made, and files of an earlier call in it are written anew
    dir: PathBuf,
    /// The repository whose libraries are defined too; the one around this folder unless told
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let repository = find_repository(Named { repo: args.repo.as_deref(), trust }, None)?;
    let locked = locked_of(repository.as_deref(), trust)?;
    let files = definitions(&toque_resources::standard(), repository.as_deref(), &locked)?;
    let earlier = earlier(&args.dir)?;
    if let Some(foreign) = files
        .keys()
        .map(|name| args.dir.join(name))
        .find(|path| path.exists() && !earlier.contains(path))
    {
        return Err(Diagnostic::error(format!(
            "`{}` is there already and was not written by `toque definitions`",
            foreign.display()
        ))
        .hint("move it away, or name another folder")
        .into());
    }
    write(&args.dir, &files)?;
    for stale in
        earlier.iter().filter(|path| !files.keys().any(|name| args.dir.join(name) == **path))
    {
        std::fs::remove_file(stale).map_err(|error| failed("remove", stale, &error))?;
    }
    output::message(&format!("wrote {} files below {}", files.len(), args.dir.display()));
    Ok(Exit::Success)
}

fn write(folder: &Path, files: &BTreeMap<PathBuf, String>) -> Result<(), Diagnostic> {
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| failed("make the folder", parent, &error))?;
        }
        std::fs::write(&path, text).map_err(|error| failed("write", &path, &error))?;
    }
    Ok(())
}

/// Finds the definition files of an earlier call in a folder.
fn earlier(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        found.extend(is_ours(&entry).then_some(entry));
    }
    for cookbook in entries(&folder.join("libraries"))? {
        found.extend(entries(&cookbook)?.into_iter().filter(|path| is_ours(path)));
    }
    Ok(found)
}

fn is_ours(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".d.rhai")
        && std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK))
}

/// Lists a folder, which need not exist.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let entries =
        optional(std::fs::read_dir(folder)).map_err(|error| failed("list", folder, &error))?;
    Ok(entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect())
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot {verb} `{}`: {}", path.display(), plain_io(error)))
        .hint("name a folder that can be written, as in `toque definitions .rhai`")
}
