//! A kind of its own: `greeting("/etc/motd", #{ name: "Ada" })` keeps one line in a file.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_engine::prelude::*;

actions! {
    /// What can be done with a greeting.
    pub enum GreetingAction {
        Write = "write", "Makes the file greet";
        Erase = "erase", "Removes the file";
    }
}

/// A file that greets somebody.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Greeting {
    /// Where the greeting is kept.
    path: PathBuf,
    /// Who is greeted.
    #[serde(default = "everybody")]
    name: String,
}

fn everybody() -> String {
    "everybody".to_owned()
}

impl Resource for Greeting {
    const KIND: &'static str = "greeting";
    const IDENTITY: &'static str = "path";
    type Action = GreetingAction;
    type Desired = Self;

    fn resolve(self, _: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// The one way to greet, on every platform.
pub(crate) struct InAFile;

impl Provider for InAFile {
    type Resource = Greeting;
    /// What the file holds; nothing when there is none.
    type State = Option<Vec<u8>>;
    /// What the file is to hold; nothing when it is to go.
    type Step = Option<String>;
    const NAME: &'static str = "file";

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Greeting,
        _: GreetingAction,
    ) -> Result<Self::State, Failure> {
        match view.read(&desired.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            content => content.map(Some).context("read", &desired.path),
        }
    }

    fn plan(
        &self,
        desired: &Greeting,
        action: GreetingAction,
        state: &Self::State,
    ) -> Result<Vec<Change<Self::Step>>, Failure> {
        let wanted = match action {
            GreetingAction::Write => Some(format!("Hello {}!\n", desired.name)),
            GreetingAction::Erase => None,
        };
        if wanted.as_ref().map(String::as_bytes) == state.as_deref() {
            return Ok(Vec::new());
        }
        let path = desired.path.clone();
        let change = match &wanted {
            Some(text) => {
                let content = Some(text.as_str().into());
                Change::new(
                    format!("greet {} in `{}`", desired.name, path.display()),
                    wanted.clone(),
                )
                .provides(PlannedEffect::File {
                    path,
                    content,
                    mode: 0o644,
                    uid: 0,
                    gid: 0,
                })
            }
            None => Change::new(format!("remove `{}`", path.display()), None)
                .provides(PlannedEffect::Absent { path }),
        };
        Ok(vec![change])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Greeting,
        _: GreetingAction,
        changes: &[Change<Self::Step>],
    ) -> Result<Effect, Failure> {
        for change in changes {
            write(apply, &desired.path, change.step.as_deref()).context("change", &desired.path)?;
        }
        Ok(Effect::Changed)
    }
}

fn write(apply: &Apply<'_>, path: &Path, text: Option<&str>) -> std::io::Result<()> {
    match text {
        Some(text) => {
            let owner = Ownership { mode: Some(0o644), ..Ownership::default() };
            apply.system.replace(path, text.as_bytes(), &owner)
        }
        None => apply.system.remove_file(path),
    }
}
