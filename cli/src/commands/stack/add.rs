//! `toque stack add`: new entries, in the file, where all else stays as it is.

use std::fs;
use std::path::Path;

use toque_engine::diagnostic::{Diagnostic, Source};
use toque_engine::failure::plain_io;
use toque_engine::run::Refused;
use toque_engine::stack::add::{self, NewInstance, NewSource, StackText};

use super::document;
use crate::args::{Add, AddWhat};
use crate::commands::{Exit, file};
use crate::output;

pub fn add(args: &Add) -> Result<Exit, Refused> {
    let path = document(args.stack.as_deref(), None)?;
    let stack = read(&path)?;
    let (list, entry, what) = match &args.what {
        AddWhat::Instance { layer, hostname, private_ip, status } => {
            let (hostname, status) = (hostname.as_deref(), status.as_deref());
            let entry = add::instance(
                &stack,
                &NewInstance { layers: layer, hostname, private_ip: *private_ip, status },
            )?;
            let layers =
                layer.iter().map(|layer| format!("`{layer}`")).collect::<Vec<_>>().join(", ");
            let of = if layer.len() == 1 { "the layer" } else { "the layers" };
            let what = format!(
                "the instance `{}` of {of} {layers}",
                entry["hostname"].as_str().unwrap_or_default()
            );
            ("instances", entry, what)
        }
        AddWhat::Layer { shortname, name } => (
            "layers",
            add::layer(&stack, shortname, name.as_deref())?,
            format!("the layer `{shortname}`"),
        ),
        AddWhat::App { shortname, name, kind, url, revision } => {
            let source = url.as_deref().map(|url| NewSource {
                kind: kind.name(),
                url,
                revision: revision.as_deref(),
            });
            (
                "apps",
                add::app(&stack, shortname, name.as_deref(), source.as_ref())?,
                format!("the app `{shortname}`"),
            )
        }
    };
    file::replace(&path, &stack.name, &stack.text, &stack.with(list, &entry)?)?;
    output::print(&format!("added {what} to `{}`", stack.name));
    Ok(Exit::Success)
}

fn read(path: &Path) -> Result<StackText, Diagnostic> {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.strip_prefix(here).unwrap_or(path).display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        Diagnostic::error(format!("cannot read the stack document `{shown}`: {}", plain_io(&error)))
    })?;
    StackText::parse(Source { name: shown, path: Some(path.to_owned()), text })
}
