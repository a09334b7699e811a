//! `toque check`.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::json;
use toque_core::diagnostic::{Diagnostic, Severity};
use toque_core::failure::plain_io;
use toque_engine::Refused;
use toque_engine::check::{Checked, check as check_all};
use toque_machine::trust::{Subject, Trust};

use crate::exit::Exit;
use crate::fetching::locked;
use crate::input;
use crate::output::{self, Format, counted};
use crate::repository::{Named, find_repository, trusted};
use crate::settings::Settings;

/// Find every mistake in the cookbooks, running nothing
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque check\n  toque check cookbooks/web")]
pub(crate) struct Args {
    /// Cookbooks, recipes or a repository; the repository around this folder unless told
    paths: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let mut checked = Checked { trust: trust.clone(), ..Checked::default() };
    for path in &args.paths {
        add(path, &mut checked, trust)?;
    }
    if args.paths.is_empty() {
        checked.repository = find_repository(Named { repo: None, trust }, None)?;
        if checked.repository.is_none() {
            return Err(Diagnostic::error("there is no repository of cookbooks here")
                .hint("run toque below a folder with `cookbooks/`, or name cookbooks or recipes to check")
                .into());
        }
    }
    let settings = Settings::read(checked.repository.as_deref(), trust)?;
    checked.limits = settings.limits();
    checked.locked = locked(checked.repository.as_deref(), &settings, &checked.stop)?;
    Ok(report(&check_all(&Rc::new(toque_resources::standard()), &checked), args.format))
}

/// Prints mistakes and returns the exit code.
pub(crate) fn report(mistakes: &[Diagnostic], format: Format) -> Exit {
    let errors = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).count();
    match format {
        Format::Json => {
            output::json(&mistakes.iter().map(data).collect::<Vec<_>>());
        }
        Format::Text => {
            for mistake in mistakes {
                output::message(&output::diagnostic::draw(mistake));
                output::message("");
            }
            let found =
                if errors == 0 { "no mistakes".to_owned() } else { counted(errors, "mistake") };
            let warnings = mistakes.len() - errors;
            let more = if warnings == 0 {
                String::new()
            } else {
                format!(", and {}", counted(warnings, "warning"))
            };
            output::message(&format!("{found} found{more}"));
        }
    }
    if errors == 0 { Exit::Success } else { Exit::Refused }
}

/// Adds a path: a recipe, a cookbook of a repository, or a repository.
fn add(path: &Path, checked: &mut Checked, trust: &Trust) -> Result<(), Diagnostic> {
    let full = std::fs::canonicalize(path).map_err(|error| {
        Diagnostic::error(format!("cannot check `{}`: {}", path.display(), plain_io(&error)))
    })?;
    if full.is_file() {
        checked.recipes.push(input::recipe(path, trust)?);
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
    // By the way that was named: there may be links in it.
    trust.tree(Subject::Repository, path)?;
    trusted(&repository, trust)?;
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
