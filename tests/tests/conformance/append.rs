//! The kind that the recorded cases are made of: it writes its letters to the end of one file, and
//! can be told to fail.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::actions;
use toque_contract::resource::{Apply, Change, Effect, Provider, Resource, Scope};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::system::Ownership;
use toque_machine::view::View;

/// Where the letters go.
pub(super) const OUTPUT: &str = "/output";

actions! {
    pub enum AppendAction {
        Run = "run", "Writes the letters";
        Reload = "reload", "Writes the letters in lower case";
    }
}

#[derive(Serialize, Deserialize, JsonSchema, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct Append {
    name: String,
    /// Which resource it is, as several may have one name.
    id: String,
    chars: String,
    /// On how many attempts it fails.
    #[serde(default)]
    fails: u32,
}

impl Resource for Append {
    const KIND: &'static str = "append";
    const IDENTITY: &'static str = "name";
    type Action = AppendAction;
    type Desired = Self;

    fn resolve(self, _: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// Counts attempts by resource.
#[derive(Default)]
pub(super) struct Appender {
    attempts: RefCell<HashMap<String, u32>>,
}

impl Provider for Appender {
    type Resource = Append;
    type State = ();
    type Step = ();
    const NAME: &'static str = "append";

    fn inspect(&self, _: &View<'_>, _: &Append, _: AppendAction) -> Result<(), Failure> {
        Ok(())
    }

    fn plan(&self, desired: &Append, _: AppendAction, (): &()) -> Result<Vec<Change<()>>, Failure> {
        Ok(vec![Change::new(format!("append {}", desired.chars), ())])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Append,
        action: AppendAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        let path = Path::new(OUTPUT);
        let mut text = apply.system.read(path).unwrap_or_default();
        let chars = if action == AppendAction::Reload {
            desired.chars.to_lowercase()
        } else {
            desired.chars.clone()
        };
        text.extend(chars.bytes());
        apply.system.replace(path, &text, &Ownership::default()).context("write", path)?;
        let mut attempts = self.attempts.borrow_mut();
        let attempt = attempts.entry(desired.id.clone()).or_default();
        *attempt += 1;
        if *attempt <= desired.fails {
            Err(Failure::new("told to fail"))
        } else {
            Ok(Effect::Changed)
        }
    }
}
