//! A run of one resource on a fake machine. What it promised to a plan is compared with what it
//! did, and it must have nothing to do when it is run again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use toque_contract::log_level::LogLevel;
use toque_contract::resource::{
    Action, ActionOf, Apply, Change, ClosureId, Effect, Provider, Resource, Scope, Services,
    TemplateSource,
};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::content::Content;
use toque_machine::planned::PlannedEffect;
use toque_machine::system::{FakeSystem, FileKind, Metadata, Query};
use toque_machine::view::View;

/// The machine, the cookbook and what the run would offer.
pub(crate) struct Bench {
    pub fake: FakeSystem,
    /// Rendered templates, by source.
    pub templates: BTreeMap<String, String>,
    /// Files of the cookbook, by path below `files/`.
    pub files: BTreeMap<String, String>,
    pub umask: u32,
    pub sensitive: bool,
    pub memory: RefCell<BTreeMap<String, Value>>,
    pub notes: RefCell<Vec<String>>,
    /// Makes copies fail, as on a full disk.
    pub no_backups: bool,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let fake = FakeSystem::new();
        fake.put_file(
            "/etc/passwd",
            "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\nalice:x:1000:1000::/home/alice:/bin/sh\n",
        );
        fake.put_file("/etc/group", "root:x:0:\ndaemon:x:1:\nbin:x:2:\nalice:x:1000:\n");
        fake.put_dir("/r", 0o755);
        Self {
            fake,
            templates: BTreeMap::new(),
            files: BTreeMap::new(),
            umask: 0o022,
            sensitive: false,
            memory: RefCell::default(),
            notes: RefCell::default(),
            no_backups: false,
        }
    }

    pub(crate) fn plan<P: Provider>(
        &self,
        provider: &P,
        action: &str,
        properties: Value,
    ) -> Result<Vec<Change<P::Step>>, Failure> {
        let memory = |key: &str| self.memory.borrow().get(key).cloned();
        let view = View::new(&self.fake).with_memory(memory);
        let resource: P::Resource = serde_json::from_value(properties).expect("properties");
        let all = <P::Resource as Resource>::Action::ALL;
        let action: ActionOf<P> =
            all.iter().find(|(_, name, _)| *name == action).expect("action").0;
        resource
            .check(&[action])
            .map_err(|error| Failure::new(format!("{}: {}", error.property, error.message)))?;
        let scope = TestScope { bench: self, view: &view, action: action.name() };
        let desired = resource.resolve(&scope).map_err(|error| Failure::new(error.message))?;
        let state = provider.inspect(&view, &desired, action)?;
        provider.plan(&desired, action, &state)
    }

    /// What was done to the machine.
    pub(crate) fn converge<P: Provider>(
        &self,
        provider: &P,
        action: &str,
        properties: Value,
    ) -> Result<Vec<String>, Failure> {
        let changes = self.plan(provider, action, properties.clone())?;
        self.fake.take_effects();
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.apply(provider, action, properties.clone(), &changes)?;
        let effects = self.fake.take_effects();
        self.kept_promises(&changes);
        if action != "touch" {
            let again = self.plan(provider, action, properties).expect("second plan");
            assert!(
                again.is_empty(),
                "a second run would: {:?}",
                again.iter().map(|change| &change.what).collect::<Vec<_>>()
            );
        }
        Ok(effects)
    }

    fn apply<P: Provider>(
        &self,
        provider: &P,
        action: &str,
        properties: Value,
        changes: &[Change<P::Step>],
    ) -> Result<(), Failure> {
        let view = View::new(&self.fake);
        let resource: P::Resource = serde_json::from_value(properties).expect("properties");
        let action = <P::Resource as Resource>::Action::ALL
            .iter()
            .find(|(_, name, _)| *name == action)
            .expect("action")
            .0;
        let scope = TestScope { bench: self, view: &view, action: action.name() };
        let desired = resource.resolve(&scope).expect("desired");
        let mut apply = Apply {
            system: &self.fake,
            view: &view,
            services: self,
            sensitive: self.sensitive,
            notes: Vec::new(),
        };
        let result = provider.apply(&mut apply, &desired, action, changes);
        self.notes.borrow_mut().append(&mut apply.notes);
        assert_eq!(result?, Effect::Changed);
        Ok(())
    }

    fn kept_promises<S>(&self, changes: &[Change<S>]) {
        let mut last: BTreeMap<&Path, &PlannedEffect> = BTreeMap::new();
        for provide in changes.iter().flat_map(|change| &change.provides) {
            match provide {
                PlannedEffect::File { path, .. }
                | PlannedEffect::Directory { path, .. }
                | PlannedEffect::Attributes { path, .. }
                | PlannedEffect::Link { path, .. }
                | PlannedEffect::HardLink { path, .. }
                | PlannedEffect::Absent { path } => {
                    last.insert(path, provide);
                }
                PlannedEffect::Rewritten { .. }
                | PlannedEffect::State { .. }
                | PlannedEffect::Anything(_) => {}
            }
        }
        for (path, provide) in last {
            let found = self.fake.lstat(path);
            let attributes = |found: &Metadata| (found.mode, found.uid, found.gid);
            match provide {
                PlannedEffect::File { content, mode, uid, gid, .. } => {
                    assert_eq!(
                        attributes(&found.unwrap()),
                        (*mode, *uid, *gid),
                        "{}",
                        path.display()
                    );
                    assert_eq!(
                        self.fake.read(path).unwrap(),
                        content.as_ref().unwrap().read().unwrap(),
                        "{}",
                        path.display()
                    );
                }
                PlannedEffect::Directory { mode, uid, gid, .. }
                | PlannedEffect::Attributes { mode, uid, gid, .. } => {
                    assert_eq!(
                        attributes(&found.unwrap()),
                        (*mode, *uid, *gid),
                        "{}",
                        path.display()
                    );
                }
                PlannedEffect::Link { to, uid, gid, .. } => {
                    let found = found.unwrap();
                    assert_eq!(
                        (found.kind, found.uid, found.gid),
                        (FileKind::Link, *uid, *gid),
                        "{}",
                        path.display()
                    );
                    assert_eq!(self.fake.read_link(path).unwrap().as_os_str(), to.as_os_str());
                }
                PlannedEffect::HardLink { to, .. } => {
                    assert_eq!(found.unwrap().inode, self.fake.lstat(to).unwrap().inode);
                }
                PlannedEffect::Absent { .. } => assert!(found.is_err(), "{}", path.display()),
                PlannedEffect::Rewritten { .. }
                | PlannedEffect::State { .. }
                | PlannedEffect::Anything(_) => {}
            }
        }
    }
}

impl Services for Bench {
    fn call(&self, _callback: ClosureId, _given: Option<&Value>) -> Result<Value, Failure> {
        Ok(Value::Null)
    }
    fn log(&self, _level: LogLevel, _message: &str) {}
    fn back_up(&self, path: &Path, keep: usize) -> Result<Option<String>, Failure> {
        if self.no_backups {
            return Err(Failure::new("no space left"));
        }
        let content = self.fake.text(path);
        self.notes
            .borrow_mut()
            .push(format!("kept one of {keep} of {}: {content:?}", path.display()));
        Ok(None)
    }
    fn remember(&self, key: &str, value: &Value) -> Result<(), Failure> {
        self.memory.borrow_mut().insert(key.to_owned(), value.clone());
        Ok(())
    }
}

struct TestScope<'a> {
    bench: &'a Bench,
    view: &'a View<'a>,
    action: &'static str,
}

impl Scope for TestScope<'_> {
    fn render(&self, template: &TemplateSource) -> Result<String, Diagnostic> {
        let found = template.sources.iter().find_map(|source| self.bench.templates.get(source));
        found.cloned().ok_or_else(|| {
            Diagnostic::error(format!("there is no template {:?}", template.sources))
        })
    }
    fn cookbook_file(
        &self,
        sources: &[String],
        _cookbook: Option<&str>,
    ) -> Result<Content, Diagnostic> {
        let found = sources.iter().find_map(|source| self.bench.files.get(source));
        found
            .map(|text| Content::from(text.clone()))
            .ok_or_else(|| Diagnostic::error(format!("there is no file {sources:?}")))
    }
    fn cookbook_directory(
        &self,
        source: &str,
        _cookbook: Option<&str>,
    ) -> Result<Vec<(PathBuf, Content)>, Diagnostic> {
        let below = |(path, text): (&String, &String)| {
            let relative = Path::new(path).strip_prefix(source).ok()?;
            Some((relative.to_owned(), Content::from(text.clone())))
        };
        let files: Vec<_> = self.bench.files.iter().filter_map(below).collect();
        if files.is_empty() {
            Err(Diagnostic::error(format!("there is no folder {source}")))
        } else {
            Ok(files)
        }
    }
    fn may_run(&self, action: &str) -> bool {
        action == self.action
    }
    fn umask(&self) -> u32 {
        self.bench.umask
    }
    fn view(&self) -> &View<'_> {
        self.view
    }
}

/// `properties` with what `more` has.
pub(crate) fn with(properties: &Value, more: Value) -> Value {
    let mut all = properties.clone();
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

/// An answer of a server.
pub(crate) fn document(body: &str, headers: &[(&str, &str)]) -> toque_machine::system::Response {
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    toque_machine::system::Response { status: 200, headers, body: body.into() }
}

pub(crate) fn path(path: &str) -> Value {
    json!({ "path": path })
}
