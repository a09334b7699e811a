//! What the run offers providers while they apply.

use std::path::Path;

use super::Converge;
use crate::event::Event;
use crate::failure::Failure;
use crate::resource::{Callback, Level, Services};
use crate::state;

impl Services for Converge<'_> {
    fn call(
        &self,
        callback: Callback,
        given: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Failure> {
        let closure = self.session.callbacks.borrow().get(callback.0).cloned();
        let closure =
            closure.ok_or_else(|| Failure::new("the closure of this resource is gone"))?;
        self.language.call(&closure, given).map_err(|diagnostic| {
            let failure = Failure {
                notes: diagnostic.notes.clone(),
                hint: diagnostic.hints.first().cloned(),
                interrupted: diagnostic.interrupted,
                ..Failure::new(diagnostic.message.clone())
            };
            self.session.thrown.replace(Some(diagnostic));
            failure
        })
    }

    fn log(&self, level: Level, message: &str) {
        self.session.event(&Event::Log { level, message });
    }

    fn back_up(&self, path: &Path, keep: usize) -> Result<(), Failure> {
        match &self.session.state_dir {
            Some(dir) => state::back_up(self.system.as_query(), dir, path, keep),
            None => Ok(()),
        }
    }

    fn remember(&self, key: &str, value: &serde_json::Value) -> Result<(), Failure> {
        match &self.session.state_dir {
            Some(dir) => state::remember(dir, key, value),
            None => Ok(()),
        }
    }
}
