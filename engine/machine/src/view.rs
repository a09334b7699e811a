//! The machine as a run sees it: the real one, what is held of it, and (in a plan) what earlier
//! resources would have changed.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use serde_json::Value;

use crate::accounts::Accounts;
use crate::areas::{Area, Areas, Snapshots};
use crate::command::{Command, Output};
use crate::planned::{Overlay, PlannedEffect, Uncertainty, add_uncertainty};
use crate::system::{Metadata, Ownership, Proxies, Query, Request, Response, System, fetch};
use toque_core::failure::Failure;
use toque_core::redaction::Redactor;

/// All that `inspect` gets. Its answers include what the plan assumes, and it remembers when an
/// answer could still turn out differently: that is what makes a resource a *may change*.
pub struct View<'a> {
    system: Machine<'a>,
    snapshots: Snapshots,
    /// Nothing is laid over the machine while converging.
    overlay: RefCell<Overlay>,
    doubts: RefCell<Uncertainty>,
    memory: Option<Box<dyn Fn(&str) -> Option<Value> + 'a>>,
    redactor: Rc<Redactor>,
}

/// What to do with a secret that stands in a command.
pub const ARGUMENTS: &str = "give it by `environment`, and write `\"$NAME\"` in the command, or by `input`; \
                                    if it is no secret, say so with `nonsensitive(value)`";

/// The real machine: lent for a test, shared for a run.
enum Machine<'a> {
    Lent(&'a dyn Query),
    Shared(Rc<dyn System>),
}

impl Machine<'_> {
    fn query(&self) -> &dyn Query {
        match self {
            Self::Lent(query) => *query,
            Self::Shared(system) => system.as_query(),
        }
    }
}

impl View<'static> {
    /// The view of a run, which lasts as long as the machine is shared.
    #[must_use]
    pub fn shared(system: Rc<dyn System>) -> Self {
        Self::over(Machine::Shared(system))
    }
}

impl<'a> View<'a> {
    #[must_use]
    pub fn new(system: &'a dyn Query) -> Self {
        Self::over(Machine::Lent(system))
    }

    fn over(system: Machine<'a>) -> Self {
        Self {
            system,
            snapshots: Snapshots::default(),
            overlay: RefCell::default(),
            doubts: RefCell::default(),
            memory: None,
            redactor: Rc::default(),
        }
    }

    /// Adds what providers kept by `Services::remember` in
    /// earlier runs.
    #[must_use]
    pub fn with_memory(mut self, memory: impl Fn(&str) -> Option<Value> + 'a) -> Self {
        self.memory = Some(Box::new(memory));
        self
    }

    /// Adds what no command may be given as an argument.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Rc<Redactor>) -> Self {
        self.redactor = redactor;
        self
    }

    /// Whether a command may be started as it is.
    /// # Errors
    /// When its arguments, which every process of the machine can read, hold a decrypted value.
    pub fn check_arguments(&self, command: &Command) -> Result<(), Failure> {
        let Some(from) = command.argv.iter().find_map(|word| self.redactor.in_argument(word))
        else {
            return Ok(());
        };
        let program = command.argv.first().map_or("", String::as_str);
        Err(Failure::new(format!(
            "the arguments of `{program}` would hold {from}, which is decrypted, and every process of the machine could read them"
        ))
        .hint(ARGUMENTS))
    }

    /// What a provider kept under this key when it last changed something.
    #[must_use]
    pub fn remembered(&self, key: &str) -> Option<Value> {
        self.memory.as_ref().and_then(|memory| memory(key))
    }

    /// What is shared of an area, read by the first who asks. A kind that looks something up in it
    /// asks `planned` first.
    /// # Errors
    /// As `read`.
    pub fn snapshot<T: 'static>(
        &self,
        area: Area,
        read: impl FnOnce(&dyn Query) -> Result<T, Failure>,
    ) -> Result<Rc<T>, Failure> {
        self.snapshots.get(area, || read(self.system.query()))
    }

    /// What an earlier resource of this plan would have set, by the key that its provider chose.
    /// Always `None` while converging. Asking counts as looking: where the area is in doubt, the
    /// answer is.
    #[must_use]
    pub fn planned(&self, area: Area, key: &str) -> Option<Value> {
        let overlay = self.overlay.borrow();
        if overlay.is_empty() {
            return None;
        }
        let (value, causes) = overlay.state(area, key);
        let value = value.cloned();
        self.doubt(causes);
        value
    }

    /// The same for every key that begins so, by the rest of the key.
    #[must_use]
    pub fn planned_below(&self, area: Area, prefix: &str) -> Vec<(String, Value)> {
        let states = self.overlay.borrow().states(area, prefix);
        let told = states.into_iter().map(|(key, value, causes)| {
            self.doubt(causes);
            (key, value)
        });
        told.collect()
    }

    /// Says that the whole of an area was looked at.
    pub fn depends_on_area(&self, area: Area) {
        let causes = self.overlay.borrow().doubts(area);
        self.doubt(causes);
    }

    /// Says that something was asked that any pending change could answer differently, such as a
    /// guard's command.
    pub fn depends_on_everything(&self) {
        let causes = self.overlay.borrow().pending().clone();
        self.doubt(causes);
    }

    /// Says that somebody was asked who reads the file at `path` by himself, as systemd does with
    /// units: what the plan does to that file leaves the answer open, unless the state planned
    /// under this key already takes it into account.
    pub fn depends_on_file(&self, path: &Path, area: Area, key: &str) {
        if !self.plain() {
            let causes = self.overlay.borrow().changed_after(path, area, key, self.system.query());
            self.doubt(causes);
        }
    }

    /// Says that somebody was asked who reads the files below `path` by himself, as apt does with
    /// its configuration: what the plan does there leaves the answer open.
    pub fn depends_on_files_below(&self, path: &Path) {
        if !self.plain() {
            let causes = self.overlay.borrow().changed_below(path, self.system.query());
            self.doubt(causes);
        }
    }

    /// Users and groups.
    /// # Errors
    /// When the account files cannot be read.
    pub fn accounts(&self) -> Result<Rc<Accounts>, Failure> {
        self.snapshots.get(Area::Accounts, || Accounts::read(self.system.query()))
    }

    /// Whether something is at the path, links followed.
    #[must_use]
    pub fn exists(&self, path: &Path) -> bool {
        self.stat(path).is_ok()
    }

    /// Forgets what an action may have changed.
    pub fn drop_areas(&self, areas: Areas) {
        self.snapshots.drop_areas(areas);
    }

    pub fn assume(&self, resource: &Rc<str>, provides: &[PlannedEffect], unsure: bool) {
        self.overlay.borrow_mut().assume(resource, provides, unsure, self.system.query());
    }

    /// What is laid over the machine now, to be laid over it again.
    pub fn overlay(&self) -> Overlay {
        self.overlay.borrow().clone()
    }

    pub fn lay_over(&self, overlay: Overlay) {
        self.overlay.replace(overlay);
    }

    /// Reads something, and returns with it what makes the answers uncertain.
    pub fn observe<T>(&self, read: impl FnOnce() -> T) -> (T, Uncertainty) {
        let outer = self.doubts.take();
        let answer = read();
        (answer, self.doubts.replace(outer))
    }

    /// Adds causes to what makes the answers of the current observation uncertain.
    pub fn doubt(&self, causes: Uncertainty) {
        add_uncertainty(&mut self.doubts.borrow_mut(), &causes);
    }

    fn found(&self, path: &Path, follow: bool) -> io::Result<crate::planned::Found> {
        let (found, causes) = self.overlay.borrow().look(path, follow, self.system.query());
        self.doubt(causes);
        found
    }

    fn plain(&self) -> bool {
        self.overlay.borrow().is_empty()
    }
}

impl Query for View<'_> {
    fn lstat(&self, path: &Path) -> io::Result<Metadata> {
        if self.plain() {
            self.system.query().lstat(path)
        } else {
            Ok(self.found(path, false)?.metadata)
        }
    }

    fn stat(&self, path: &Path) -> io::Result<Metadata> {
        if self.plain() {
            self.system.query().stat(path)
        } else {
            Ok(self.found(path, true)?.metadata)
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if self.plain() {
            return self.system.query().read(path);
        }
        let found = self.found(path, true)?;
        match found.planned {
            Some(Some(content)) => content.read(),
            Some(None) => {
                self.doubt(found.by.into_iter().collect());
                Err(io::Error::other("its content is known only when it is made"))
            }
            None => self.system.query().read(&found.path),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read>> {
        if self.plain() {
            return self.system.query().open(path);
        }
        let found = self.found(path, true)?;
        match found.planned {
            Some(Some(content)) => Ok(Box::new(content.reader()?)),
            Some(None) => {
                self.doubt(found.by.into_iter().collect());
                Err(io::Error::other("its content is known only when it is made"))
            }
            None => self.system.query().open(&found.path),
        }
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        if self.plain() {
            return self.system.query().read_dir(path);
        }
        let (names, causes) = self.overlay.borrow().read_dir(path, self.system.query());
        self.doubt(causes);
        names
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        if self.plain() {
            return self.system.query().read_link(path);
        }
        self.found(path, false)?.to.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn lost_on_replacement(&self, path: &Path, owner: &Ownership) -> io::Result<Vec<String>> {
        match self.system.query().lost_on_replacement(path, owner) {
            // A file that an earlier resource makes has none.
            Err(error)
                if !self.plain()
                    && matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) =>
            {
                Ok(Vec::new())
            }
            lost => lost,
        }
    }

    fn probe(&self, command: &Command) -> Result<Output, Failure> {
        self.check_arguments(command)?;
        self.system.query().probe(command)
    }

    fn probe_all(&self, commands: &[Command]) -> Vec<Result<Output, Failure>> {
        match commands.iter().find_map(|command| self.check_arguments(command).err()) {
            None => self.system.query().probe_all(commands),
            // Each by itself is told whether it is the one.
            Some(_) => commands.iter().map(|command| self.probe(command)).collect(),
        }
    }

    fn fetch(&self, request: &Request) -> Result<Response, Failure> {
        // A file of this machine may be one that the plan makes.
        let path = fetch::file_path(&request.url).filter(|_| !self.plain()).transpose()?;
        let Some(path) = path else { return self.system.query().fetch(request) };
        match self.found(&path, true) {
            Ok(found) if found.planned.is_none() => {
                let system = self.system.query();
                let moved = system.stat(&path).ok() != Some(found.metadata);
                let url = if moved { fetch::file_url(&found.path) } else { request.url.clone() };
                system.fetch(&Request { url, ..request.clone() })
            }
            _ => fetch::read(self, &path),
        }
    }

    fn proxies(&self) -> Proxies {
        self.system.query().proxies()
    }

    fn now(&self) -> SystemTime {
        self.system.query().now()
    }

    fn may_share(&self, path: &Path, to: &Path) -> bool {
        self.system.query().may_share(path, to)
    }

    fn effective_uid(&self) -> u32 {
        self.system.query().effective_uid()
    }
}

#[cfg(test)]
mod tests;
