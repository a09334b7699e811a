//! Cookbooks that are fetched: those of a stack, at setup and when it is asked for, and a
//! repository that is no folder.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::data_bags::{Data, data};
use crate::options::{Mode, Options, Refused};
use crate::state::{cookbooks, recall};
use toque_contract::event::{Event as Told, Sink};
use toque_contract::log_level::LogLevel;
use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_core::failure::{ErrorContext, Failure};
use toque_data::stack::{CookbooksSource, Event};
use toque_machine::atomic_write::{TemporaryFolder, temporary_folder};
use toque_machine::source::{Checkout, Source};
use toque_machine::system::System;
use toque_machine::temporary_name::make_in;
use toque_machine::view::View;

/// A run whose repository is a folder.
pub(crate) struct Fetched {
    pub options: Options,
    /// The revision of the cookbooks, where they were fetched.
    pub revision: Option<String>,
    /// A plan keeps nothing.
    pub temporary: Option<TemporaryFolder>,
}

/// Fetches what has to be: only a converge keeps it, in the state directory, for later events.
/// # Errors
/// A source that cannot be reached, or has no such revision; then what was fetched before stays in
/// use.
pub(crate) fn fetch(
    system: &Rc<dyn System>,
    options: &Options,
    mode: Mode,
    sink: &mut dyn Sink,
) -> Result<Fetched, Refused> {
    let as_it_is = |options: Options| Fetched { options, revision: None, temporary: None };
    let named = options.cookbooks.clone();
    if let Some(command) =
        options.command.as_ref().filter(|command| command.event == Event::UpdateCustomCookbooks)
    {
        if command.stack.cookbooks_source.is_none() {
            return Err(Diagnostic::error("the stack does not say where its cookbooks come from")
                .at(command.stack.at.clone())
                .hint("write `\"custom_cookbooks_source\": { \"type\": \"git\", \"url\": … }` into it")
                .into());
        }
        if named.is_some() || options.repository.is_some() {
            let message =
                "nothing is fetched: `--repo` names other cookbooks than those of the stack";
            sink.event(&Told::Log { level: LogLevel::Warn, message });
        }
    }
    let source = match (&named, &options.repository, &options.command) {
        (Some(source), ..) => source.clone(),
        (None, None, Some(command)) => match &command.stack.cookbooks_source {
            Some(source) => of_stack(options, source, command.stack.folder.as_deref())?,
            None => return Ok(as_it_is(options.clone())),
        },
        _ => return Ok(as_it_is(options.clone())),
    };
    let event = options.command.as_ref().map(|command| command.event);
    let anew =
        named.is_some() || matches!(event, Some(Event::Setup | Event::UpdateCustomCookbooks));
    // What somebody names is for one run; the stack's own stay in use for the next.
    let name = if named.is_some() { "repository" } else { "cookbooks" };
    let folder = options.state_dir.as_deref().map(|dir| dir.join(name));
    let there = folder.as_deref().and_then(cookbooks::in_use);
    let at = |path: PathBuf, revision: String, temporary| {
        let options = Options { repository: Some(path), ..options.clone() };
        Ok(Fetched { options, revision: Some(revision), temporary })
    };
    if let (Some((path, fetched)), false) = (&there, anew) {
        if fetched.from != source.shown() {
            let message = format!(
                "the cookbooks in use are from `{}`, and the stack names `{}` now: `--event update_custom_cookbooks` fetches them",
                fetched.from,
                source.shown()
            );
            sink.event(&Told::Log { level: LogLevel::Warn, message: &message });
        }
        return at(path.clone(), fetched.revision.name.clone(), None);
    }
    let about = |failure: Failure| {
        let message =
            format!("cannot fetch the cookbooks from `{}`: {}", source.shown(), failure.message);
        Refused::from(Failure { message, ..failure })
    };
    source.check().map_err(|wrong| {
        Diagnostic::from(wrong)
            .note(format!("in the source of the cookbooks, `{}`", source.shown()))
    })?;
    source.check_trust(&options.trust).map_err(about)?;
    let view = View::shared(Rc::clone(system));
    let view = match options.state_dir.clone() {
        Some(dir) => view.with_memory(move |key| recall(&dir, key)),
        None => view,
    };
    let found = source.resolve(&view).map_err(about)?;
    let fetched = cookbooks::Fetched { revision: found.revision.clone(), from: source.shown() };
    if let (Some((path, known)), Some(folder)) = (&there, &folder)
        && known.revision.id == fetched.revision.id
    {
        if mode == Mode::Converge && *known != fetched {
            // The same from elsewhere, or under another name.
            cookbooks::record(folder, &fetched)?;
        }
        return at(path.clone(), fetched.revision.name, None);
    }
    let (parent, temporary) = match (folder, mode) {
        (Some(folder), Mode::Converge) => (folder, None),
        _ => {
            // What a plan that was killed has left there, the next one removes.
            let above = std::env::temp_dir();
            let temporary = temporary_folder(&above).context("make a folder in", &above)?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    crate::state::make_private(&parent)?;
    let (making, ()) = make_in(&parent, "making", |_| Ok(())).context("make a name in", &parent)?;
    source
        .check_out(&**system, &view, &found, &making, &Checkout::default())
        .map_err(about)
        .and_then(|_| Ok(cookbooks::arrange(&making).context("arrange the cookbooks in", &making)?))
        .inspect_err(|_| {
            // The first error is the one to tell.
            let _ = std::fs::remove_dir_all(&making);
        })?;
    whole(options, &making, &found.revision.name, &source)?;
    let message =
        format!("fetched the cookbooks {} from `{}`", found.revision.name, source.shown());
    sink.event(&Told::Log { level: LogLevel::Info, message: &message });
    let path = cookbooks::keep(&parent, &making, &fetched)?;
    at(path, fetched.revision.name, temporary)
}

/// Whether there are cookbooks, and all of them can be read: those in use are not given up for
/// others that cannot.
fn whole(
    options: &Options,
    repository: &Path,
    revision: &str,
    source: &Source,
) -> Result<(), Refused> {
    let looked = options.locked(repository).map_err(Diagnostics::from).and_then(|locked| {
        let (found, wrong) = toque_data::cookbook::find_all(repository, &locked);
        if !wrong.is_empty() {
            return Err(Diagnostics(wrong));
        }
        if found.is_empty() {
            let none = format!("`{}` has no cookbooks at {revision}", source.shown());
            return Err(Diagnostic::error(none)
                .hint("they lie in `cookbooks/`, or at its top; each has a `cookbook.toml`")
                .into());
        }
        Ok(())
    });
    if looked.is_err() {
        // It lies beside what is in use.
        let _ = std::fs::remove_dir_all(repository);
    }
    Ok(looked?)
}

/// The source of a stack's cookbooks, with what is kept elsewhere.
fn of_stack(
    options: &Options,
    source: &CookbooksSource,
    folder: Option<&Path>,
) -> Result<Source, Diagnostic> {
    let Data { decryptor, .. } = data(options)?;
    let filled = decryptor.fill(&source.value, "the source of the stack's cookbooks", folder)?;
    toque_core::serde_errors::read(filled)
        .map_err(|wrong| Diagnostic::from(wrong).at(source.at.clone()))
}
