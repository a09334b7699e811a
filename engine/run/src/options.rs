//! What a run is given, and why it may not begin.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::state::DEFAULT_LIMIT;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::{Diagnostic, Diagnostics, Source};
use toque_core::failure::Failure;
use toque_core::json::Document;
use toque_core::redaction::Redactor;
use toque_data::cookbook::{FindLocked, Locked};
use toque_data::run_list::Item;
use toque_data::stack::Command;
use toque_language::run_inputs::{Limits, MachineAccess};
use toque_machine::facts::shipped::Shipped;
use toque_machine::trust::{Subject, Trust};

/// What to run, and how.
#[derive(Clone)]
pub struct Options {
    /// The repository's folder; none for a recipe that needs no cookbook, and for a stack that says
    /// where its cookbooks come from.
    pub repository: Option<PathBuf>,
    /// Finds the cookbooks that a repository has from elsewhere; without it there are none.
    pub find_locked: Option<FindLocked>,
    /// Where the repository is fetched from, when it is no folder.
    pub cookbooks: Option<toque_machine::source::Source>,
    /// What to run; when it is empty, what the attributes, the node's file or else the settings
    /// name.
    pub run_list: Vec<Item>,
    /// One recipe in place of a run list.
    pub recipe: Option<Source>,
    /// An event on an instance of a stack, which brings its run list, attributes and data bags.
    pub command: Option<Rc<Command>>,
    /// A JSON object of attributes; it may name the run list and the environment too.
    pub attributes: Option<Rc<Document>>,
    pub node_name: String,
    /// The environment to be in; else that of the attributes, the node's file or the settings, else
    /// `_default`.
    pub environment: Option<String>,
    pub usual: Usual,
    /// Where the secret that opens encrypted items is looked for: the first file that is there has
    /// it.
    pub secret_files: Vec<PathBuf>,
    /// What the run decrypts. The engine hides it in all that it tells; who prints more, such as
    /// lines of commands as they come, hides it by these.
    pub redactor: Rc<Redactor>,
    /// Where lock, history, journal and backups are; without it nothing is kept.
    pub state_dir: Option<PathBuf>,
    /// Bytes of the largest file that is kept before it is replaced; larger ones are where that
    /// needs no copy.
    pub backup_limit: u64,
    /// The users who may decide what runs: others may neither own nor be able to write the
    /// repository, the cookbooks, the files with the secret and the state directory. Root and the
    /// own user always may.
    pub trust: Trust,
    /// How long to wait for another run; without end when absent.
    pub lock_timeout: Option<Duration>,
    /// After a failure, keep delayed notifications owed instead of delivering them.
    pub hold_notifications_on_failure: bool,
    pub limits: Limits,
    /// The mask for modes of new files.
    pub umask: u32,
    pub stop: CancelToken,
    /// Another machine's facts and programs, in place of this one's.
    pub elsewhere: Option<Shipped>,
    pub reach: MachineAccess,
}

/// What holds when nothing else names it: the settings.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    pub run_list: Vec<Item>,
    pub environment: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            repository: None,
            find_locked: None,
            cookbooks: None,
            run_list: Vec::new(),
            recipe: None,
            command: None,
            attributes: None,
            node_name: "localhost".to_owned(),
            environment: None,
            usual: Usual::default(),
            secret_files: Vec::new(),
            redactor: Rc::default(),
            state_dir: None,
            backup_limit: DEFAULT_LIMIT,
            trust: Trust::default(),
            lock_timeout: None,
            hold_notifications_on_failure: false,
            limits: Limits::default(),
            umask: 0o022,
            stop: CancelToken::default(),
            elsewhere: None,
            reach: MachineAccess::Machine,
        }
    }
}

/// Whether a run makes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Converge,
    Plan,
}

/// Why a run did not begin. Nothing was touched.
#[derive(Debug, Clone)]
pub struct Refused {
    pub diagnostics: Diagnostics,
    /// It was told to stop before it began.
    pub stopped: bool,
}

impl Options {
    /// Returns the cookbooks that a repository has from elsewhere.
    /// # Errors
    /// A lockfile that is missing or stale, or a cookbook that cannot be fetched.
    pub fn locked(&self, repository: &Path) -> Result<Locked, Diagnostic> {
        self.find_locked.as_ref().map_or_else(|| Ok(Locked::default()), |find| find(repository))
    }

    /// Checks who decides what is in the cookbooks of a run that were found elsewhere. What is
    /// compiled for no machine runs nothing, and is checked by those who ask for it.
    /// # Errors
    /// A cookbook that is not trusted.
    pub(crate) fn check_locked(&self, locked: &Locked) -> Result<(), Failure> {
        if self.reach != MachineAccess::Machine {
            return Ok(());
        }
        locked.roots.iter().try_for_each(|(_, root)| self.trust.tree(Subject::Repository, root))
    }

    /// Checks who decides what is in the repository and the secret.
    /// # Errors
    /// A file or folder that is not trusted.
    pub(crate) fn check_trust(&self) -> Result<(), Failure> {
        if self.reach != MachineAccess::Machine {
            return Ok(());
        }
        if let Some(repository) = &self.repository {
            self.trust.repository(repository)?;
        }
        if let Some(secret) = self.secret_files.iter().find(|path| path.exists()) {
            self.trust.file(Subject::Secret, secret)?;
        }
        Ok(())
    }
}

impl Refused {
    /// The same, told without what the run had decrypted.
    pub(crate) fn hidden(self, options: &Options) -> Self {
        let diagnostics = self
            .diagnostics
            .0
            .into_iter()
            .map(|diagnostic| options.redactor.redact_in(diagnostic))
            .collect();
        Self { diagnostics: Diagnostics(diagnostics), ..self }
    }
}

impl From<Diagnostics> for Refused {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, stopped: false }
    }
}

impl From<Diagnostic> for Refused {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let stopped = failure.interrupted;
        Self { diagnostics: Diagnostic::from(failure).into(), stopped }
    }
}
