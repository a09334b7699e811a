//! `toque stack add`: new entries, in the file, where all else stays as it is.

use std::fs;
use std::path::{Path, PathBuf};

use toque_engine::diagnostic::{Diagnostic, Source};
use toque_engine::failure::plain_io;
use toque_engine::run::Refused;
use toque_engine::stack::add::{self, NewInstance, NewSource};
use toque_engine::stack::text::StackText;

use super::file;
use crate::args::stack::{Add, AddWhat};
use crate::commands::Exit;
use crate::output;
use crate::settings::find_repository;

pub fn add(args: &Add) -> Result<Exit, Refused> {
    let path = match &args.stack {
        Some(path) => path.clone(),
        None => usual()?,
    };
    let stack = read(&path)?;
    let (list, entry, what) = match &args.what {
        AddWhat::Instance { layer, hostname, private_ip, status } => {
            let (hostname, status) = (hostname.as_deref(), status.as_deref());
            let entry = add::instance(&stack, &NewInstance { layers: layer, hostname, private_ip: *private_ip, status })?;
            let layers = layer.iter().map(|layer| format!("`{layer}`")).collect::<Vec<_>>().join(", ");
            let of = if layer.len() == 1 { "the layer" } else { "the layers" };
            let what = format!("the instance `{}` of {of} {layers}", entry["hostname"].as_str().unwrap_or_default());
            ("instances", entry, what)
        }
        AddWhat::Layer { shortname, name } => {
            ("layers", add::layer(&stack, shortname, name.as_deref())?, format!("the layer `{shortname}`"))
        }
        AddWhat::App { shortname, name, kind, url, revision } => {
            let source = url.as_deref().map(|url| NewSource { kind: kind.name(), url, revision: revision.as_deref() });
            ("apps", add::app(&stack, shortname, name.as_deref(), source.as_ref())?, format!("the app `{shortname}`"))
        }
    };
    file::replace(&path, &stack.name, &stack.text, &stack.with(list, &entry)?)?;
    output::print(&format!("added {what} to `{}`", stack.name));
    Ok(Exit::Success)
}

/// The stack document of the repository, else of this folder.
fn usual() -> Result<PathBuf, Diagnostic> {
    let repository = find_repository(None, None)?;
    let folders = repository.iter().map(PathBuf::as_path).chain([Path::new("")]);
    let paths = folders.flat_map(|folder| ["stack.json", "stack.toml"].map(|name| folder.join(name)));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Diagnostic::error("there is no stack document here")
            .hint("name one with `--stack`, or write a `stack.json` with `{ \"stack\": { \"name\": … } }` first")
    })
}

fn read(path: &Path) -> Result<StackText, Diagnostic> {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.strip_prefix(here).unwrap_or(path).display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Diagnostic::error(format!("cannot read the stack document `{shown}`: {}", plain_io(&error))))?;
    StackText::parse(Source { name: shown, path: Some(path.to_owned()), text })
}
