//! Facts that cookbooks bring: files in their `facts/`, each named by its stem. A `.json` file is
//! the fact; an executable prints it.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Facts;
use crate::command::{Command, End, Output};
use crate::system::Query;
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::json::Document;
use toque_core::text::display_path as shown;

/// How long the program of a fact may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the program of a fact may print, in bytes.
const MOST: usize = 1024 * 1024;

/// What a run tells of the node itself; no fact may hide it.
const RESERVED: &[&str] =
    &["name", "environment", "chef_environment", "recipes", "roles", "run_list", "run_state"];

/// The facts of some cookbooks, each read when it is first asked for.
#[derive(Clone, Default)]
pub struct Custom {
    facts: IndexMap<String, CustomFact>,
    held: RefCell<HashMap<String, Result<Rc<Value>, Diagnostic>>>,
    /// `check` runs no program: what one would tell is an empty map there.
    offline: bool,
}

/// A fact, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomFact {
    pub name: String,
    pub cookbook: String,
    pub path: PathBuf,
    /// Its file is run, and prints it; else the file is the fact.
    pub program: bool,
}

impl Custom {
    /// The facts of these files, each with the name of its cookbook, none of which is read yet; and
    /// every file that cannot be a fact: one without a right name, that is neither JSON nor
    /// executable, or whose name another fact has.
    pub fn find(files: impl IntoIterator<Item = (String, PathBuf)>) -> (Self, Vec<Diagnostic>) {
        let mut found = Self::default();
        let mut wrong = Vec::new();
        for (cookbook, path) in files {
            match CustomFact::at(cookbook, path).and_then(|fact| found.add(fact)) {
                Ok(()) => {}
                Err(mistake) => wrong.push(mistake),
            }
        }
        (found, wrong)
    }

    /// The same facts where no program may be run.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// The facts in the order in which they were found: by cookbook, then by file.
    pub fn facts(&self) -> impl Iterator<Item = &CustomFact> {
        self.facts.values()
    }

    /// Of a name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&CustomFact> {
        self.facts.get(name)
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.facts.get_index_of(name)
    }

    pub(super) fn has_read(&self, name: &str) -> bool {
        self.held.borrow().contains_key(name)
    }

    pub(super) fn forget(&self) {
        self.held.borrow_mut().clear();
    }

    /// A fact, read now when it was not before. A program that has failed is not run again. `None`:
    /// there is no such fact.
    /// # Errors
    /// When its file cannot be read or is no JSON; when its program fails, takes too long, or
    /// prints something else than one JSON value.
    pub fn get(&self, name: &str, query: &dyn Query) -> Result<Option<Rc<Value>>, Diagnostic> {
        let Some(fact) = self.facts.get(name) else { return Ok(None) };
        if let Some(held) = self.held.borrow().get(name) {
            return held.clone().map(Some);
        }
        let read =
            if fact.program && self.offline { Ok(Map::new().into()) } else { fact.read(query) }
                .map(Rc::new);
        self.held.borrow_mut().insert(name.to_owned(), read.clone());
        read.map(Some)
    }

    fn add(&mut self, fact: CustomFact) -> Result<(), Diagnostic> {
        if Facts::keys().any(|key| key == fact.name) || RESERVED.contains(&fact.name.as_str()) {
            let hides = Diagnostic::error(format!(
                "{fact} would hide what toque itself tells under that name"
            ));
            return Err(hides.hint("give the file another name: its stem is the name of the fact"));
        }
        if let Some(other) = self.facts.get(&fact.name) {
            return Err(Diagnostic::error(format!("there are two facts `{}`", fact.name))
                .note(format!("{}\n{}", shown(&other.path), shown(&fact.path)))
                .hint("a fact is named by the stem of its file, whatever cookbook it is in: give one of them another name"));
        }
        self.facts.insert(fact.name.clone(), fact);
        Ok(())
    }
}

impl CustomFact {
    fn at(cookbook: String, path: PathBuf) -> Result<Self, Diagnostic> {
        let document = path.extension().is_some_and(|extension| extension == "json");
        let runnable = path.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
        if !document && !runnable {
            return Err(Diagnostic::error(format!(
                "`{}` is no fact: it is neither `.json` nor executable",
                shown(&path)
            ))
            .hint(format!(
                "make it executable (`chmod +x {}`), or move it out of facts/",
                shown(&path)
            )));
        }
        let word = |name: &&str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(word) else {
            return Err(Diagnostic::error(format!(
                "`{}` has no name that a fact can have",
                shown(&path)
            ))
            .hint("use letters, digits, `_` and `-`, and at most one dot before an extension"));
        };
        Ok(Self { name: name.to_owned(), cookbook, program: !document, path })
    }

    /// Reads a document.
    /// # Errors
    /// As [`Document::parse`].
    pub fn document(path: &Path) -> Result<Document, Diagnostic> {
        let missing =
            || Diagnostic::error(format!("cannot read `{}`: it is no longer there", shown(path)));
        Document::read(path, &shown(path))?.ok_or_else(missing)
    }

    fn read(&self, query: &dyn Query) -> Result<Value, Diagnostic> {
        if !self.program {
            return Self::document(&self.path).map(|document| document.value);
        }
        let failed = |why: &str| Diagnostic::error(format!("cannot read {self}: {why}"));
        let mut command = Command::new([self.path.to_string_lossy()]).timeout(PATIENCE);
        command.cwd = Some("/".into());
        command.contained = true;
        let output = query.probe(&command).map_err(|failure| failed(&failure.message))?;
        match output.end {
            End::Exited(0) => self.printed(&output),
            End::TimedOut => Err(failed(&format!(
                "its program did not end within {} s and was killed",
                PATIENCE.as_secs()
            ))
            .hint(
                "a fact is read in the middle of a run: let the program ask only what answers soon",
            )),
            _ => {
                let failure = output.failure(&command, false);
                let mut wrong = failed(&failure.message);
                wrong.notes = failure.notes;
                wrong.interrupted = failure.interrupted;
                Err(wrong.hint(format!("see what it says when you run `{}`", shown(&self.path))))
            }
        }
    }

    /// The one value that a program has printed.
    fn printed(&self, output: &Output) -> Result<Value, Diagnostic> {
        let what = "the program of a fact prints one JSON value, and says everything else on standard error";
        let wrong =
            |why: String| Diagnostic::error(format!("cannot read {self}: {why}")).hint(what);
        if output.stdout.len() > MOST {
            return Err(wrong(format!("its program prints more than {} MiB", MOST / 1024 / 1024)));
        }
        let Ok(text) = std::str::from_utf8(&output.stdout) else {
            return Err(wrong("what its program prints is not UTF-8 text".to_owned()));
        };
        if text.trim().is_empty() {
            return Err(wrong("its program prints nothing".to_owned()));
        }
        let source =
            Source::new(&format!("what {} prints", shown(&self.path)), None, text.to_owned());
        Document::parse(source).map(|document| document.value).map_err(|mistake| {
            let message = format!("cannot read {self}: {}", mistake.message);
            Diagnostic { message, ..mistake }.hint(what)
        })
    }
}

/// As messages name it.
impl std::fmt::Display for CustomFact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the fact `{}` of cookbook `{}` (`{}`)",
            self.name,
            self.cookbook,
            shown(&self.path)
        )
    }
}
