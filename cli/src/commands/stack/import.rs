//! `toque stack import`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use toque_core::diagnostic::{Diagnostic, Diagnostics, Source};
use toque_core::failure::plain_io;
use toque_core::json::Document;
use toque_data::stack::import;
use toque_data::stack::import::Import;
use toque_engine::Refused;

use crate::atomic_write::{Expected, atomic_write};
use crate::exit::Exit;
use crate::{input, output};

/// Make a stack document of what OpsWorks knew
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque stack import stacks.json layers.json instances.json --to stack.json\n  toque stack import opsworks --stack shop --to stack.json\n  toque stack import command.json"
)]
pub(crate) struct Args {
    /// What `aws opsworks describe-…` printed, in any order, or what `opsworks-agent-cli get_json
    /// -i` did: files, folders of `.json` files, or `-` for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    from: Vec<PathBuf>,
    /// Where the document is written to, for its owner alone; to standard output unless told
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Which stack, where there are several
    #[arg(long, value_name = "NAME|ID")]
    stack: Option<String>,
    /// Overwrite what is there
    #[arg(long, requires = "to")]
    force: bool,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Refused> {
    let mut documents = Vec::new();
    for from in &args.from {
        documents.extend(read(from)?);
    }
    let import = import::import(&documents, args.stack.as_deref())?;
    let text = output::pretty(&import.document);
    match &args.to {
        Some(to) => write(to, &text, args.force)?,
        None => output::print(&text),
    }
    output::diagnostic::print(&Diagnostics(import.warnings.clone()));
    print_summary(&import, args.to.as_deref());
    Ok(Exit::Success)
}

/// Reads the document at a path, or the documents of a folder.
fn read(from: &Path) -> Result<Vec<Document>, Diagnostic> {
    let failed =
        |shown: &str, cause: &str| Diagnostic::error(format!("cannot read {shown}: {cause}"));
    if input::is_standard_input(from) {
        let text = input::read(from).map_err(|cause| failed("standard input", &cause))?;
        return Ok(vec![import::read(Source::new("standard input", None, text))?]);
    }
    let quoted = format!("`{}`", from.display());
    let files = if from.is_dir() {
        let entries = fs::read_dir(from).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|error| failed(&quoted, &plain_io(&error)))?;
        let is_json =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let mut files: Vec<PathBuf> =
            entries.into_iter().map(|entry| entry.path()).filter(is_json).collect();
        files.sort();
        if files.is_empty() {
            return Err(Diagnostic::error(format!("there is no `.json` file in {quoted}"))
                .hint("put there what `aws opsworks describe-stacks` and the like print"));
        }
        files
    } else {
        vec![from.to_owned()]
    };
    let document = |path: &PathBuf| {
        let shown = path.display().to_string();
        let text = input::read(path).map_err(|cause| failed(&format!("`{shown}`"), &cause))?;
        import::read(Source::new(&shown, Some(path.clone()), text))
    };
    files.iter().map(document).collect()
}

fn write(to: &Path, text: &str, force: bool) -> Result<(), Diagnostic> {
    let (shown, text) = (to.display().to_string(), format!("{text}\n"));
    if !force && to.symlink_metadata().is_ok() {
        return Err(Diagnostic::error(format!("`{shown}` is there already"))
            .hint("name another file with `--to`, or overwrite it with `--force`"));
    }
    let expected = if force { Expected::Anything } else { Expected::Absent { mode: 0o600 } };
    atomic_write(to, &shown, &text, &expected)
}

/// Prints the fields that are left out, the secrets that are missing, and the result.
fn print_summary(import: &Import, to: Option<&Path>) {
    if !import.left_out.is_empty() {
        output::message("left out, because a stack document has no place for it:");
        for (of, fields) in &import.left_out {
            output::message(&format!(
                "  {of}: {}",
                fields.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            ));
        }
    }
    if !import.plain.is_empty() {
        output::message("these secrets are in the document in plain text; it is for root alone:");
        import.plain.iter().for_each(|path| output::message(&format!("  {path}")));
    }
    if !import.wanted.is_empty() {
        output::message(
            "these secrets are not told by OpsWorks; write each to its file, which only root can read:",
        );
        import.wanted.iter().for_each(|path| output::message(&format!("  {path}")));
    }
    if let Some(to) = to {
        output::print(&format!("wrote `{}`: {}", to.display(), counted(&import.document)));
    }
}

/// `the stack `shop`, 2 layers, 1 instance`
fn counted(document: &Map<String, Value>) -> String {
    let name = document.get("stack").and_then(|stack| stack["name"].as_str()).unwrap_or_default();
    let lists = document.iter().filter_map(|(key, value)| Some((key, value.as_array()?.len())));
    let count = |(key, count): (&String, usize)| {
        let name = key.replace('_', " ");
        let one = name.strip_suffix('s').unwrap_or(&name);
        if count == 1 { format!("1 {one}") } else { format!("{count} {name}") }
    };
    let counts = lists.filter(|(_, count)| *count > 0).map(count);
    [format!("the stack `{name}`")].into_iter().chain(counts).collect::<Vec<_>>().join(", ")
}
