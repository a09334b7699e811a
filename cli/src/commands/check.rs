//! `toque check`.

use std::path::Path;
use std::rc::Rc;

use serde_json::json;
use toque_engine::check::{Checked, check as check_all};
use toque_engine::diagnostic::{Diagnostic, Severity};
use toque_engine::failure::plain_io;
use toque_engine::run::Refused;

use super::cookbook::locked;
use super::{Exit, recipe_source};
use crate::args::{Check, Format};
use crate::output;
use crate::settings::{Settings, find_repository};

pub fn check(args: &Check) -> Result<Exit, Refused> {
    let mut checked = Checked::default();
    for path in &args.paths {
        sort_in(path, &mut checked)?;
    }
    if args.paths.is_empty() {
        checked.repository = find_repository(None, None)?;
        if checked.repository.is_none() {
            return Err(Diagnostic::error("there is no repository of cookbooks here")
                .hint("run toque below a folder with `cookbooks/`, or name cookbooks or recipes to check")
                .into());
        }
    }
    let settings = Settings::read(checked.repository.as_deref())?;
    checked.limits = settings.limits();
    checked.locked = locked(checked.repository.as_deref(), &settings, &checked.stop)?;
    Ok(tell(&check_all(&Rc::new(toque_resources::standard()), &checked), args.format))
}

/// Shows what was found, and tells how the process ends.
pub fn tell(mistakes: &[Diagnostic], format: Format) -> Exit {
    let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).count();
    match format {
        Format::Json => {
            output::print(
                &serde_json::to_string_pretty(&mistakes.iter().map(data).collect::<Vec<_>>())
                    .unwrap_or_default(),
            );
        }
        Format::Text => {
            for mistake in mistakes {
                output::message(&output::diagnostic::draw(mistake));
                output::message("");
            }
            let several = |count: usize, word: &str| {
                if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
            };
            let found =
                if errors == 0 { "no mistakes".to_owned() } else { several(errors, "mistake") };
            let warnings = mistakes.len() - errors;
            let more = if warnings == 0 {
                String::new()
            } else {
                format!(", and {}", several(warnings, "warning"))
            };
            output::message(&format!("{found} found{more}"));
        }
    }
    if errors == 0 { Exit::Success } else { Exit::Refused }
}

/// A path is a recipe, a cookbook of a repository, or a repository.
fn sort_in(path: &Path, checked: &mut Checked) -> Result<(), Diagnostic> {
    let full = std::fs::canonicalize(path).map_err(|error| {
        Diagnostic::error(format!("cannot check `{}`: {}", path.display(), plain_io(&error)))
    })?;
    if full.is_file() {
        checked.recipes.push(recipe_source(Some(&path.to_owned()), None)?);
        return Ok(());
    }
    let cookbook =
        full.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "cookbooks"));
    let repository = match cookbook {
        Some(cookbooks) => {
            checked
                .cookbooks
                .extend(full.file_name().map(|name| name.to_string_lossy().into_owned()));
            cookbooks.parent().map(Path::to_owned)
        }
        None if full.join("cookbooks").is_dir() => Some(full),
        None => None,
    };
    let Some(repository) = repository else {
        return Err(Diagnostic::error(format!(
            "`{}` is no recipe, no cookbook and no repository",
            path.display()
        ))
        .hint(
            "name a `.rhai` file, a folder below `cookbooks/`, or a folder that holds `cookbooks/`",
        ));
    };
    if checked.repository.as_ref().is_some_and(|known| *known != repository) {
        return Err(Diagnostic::error("the paths lie in different repositories")
            .hint("check one repository at a time"));
    }
    checked.repository = Some(repository);
    Ok(())
}

fn data(mistake: &Diagnostic) -> serde_json::Value {
    json!({
        "severity": if mistake.severity == Severity::Error { "error" } else { "warning" },
        "message": mistake.message,
        "file": mistake.span.as_ref().map(|span| &span.source.name),
        "line": mistake.span.as_ref().map(|span| span.line),
        "column": mistake.span.as_ref().map(|span| span.column),
        "frames": mistake.frames.iter().map(|(span, what)| json!({
            "what": what, "file": span.source.name, "line": span.line, "column": span.column,
        })).collect::<Vec<_>>(),
        "notes": mistake.notes,
        "hints": mistake.hints,
    })
}
