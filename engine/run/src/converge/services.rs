//! What the run offers providers while they apply.

use std::path::Path;

use super::Walk;
use crate::state;
use toque_contract::event::Event;
use toque_contract::log_level::LogLevel;
use toque_contract::resource::{ClosureId, Services};
use toque_core::failure::{Failure, FailureKind};

impl Services for Walk<'_> {
    fn call(
        &self,
        closure: ClosureId,
        given: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Failure> {
        self.language.call(closure, given).map_err(|diagnostic| {
            let failure = Failure {
                kind: FailureKind::Thrown,
                notes: diagnostic.notes.clone(),
                hint: diagnostic.hints.first().cloned(),
                interrupted: diagnostic.interrupted,
                ..Failure::new(diagnostic.message.clone())
            };
            self.thrown.replace(Some(diagnostic));
            failure
        })
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.interpreter.event(&Event::Log { level, message });
    }

    fn back_up(&self, path: &Path, keep: usize) -> Result<(), Failure> {
        match &self.inputs.state_dir {
            Some(dir) => state::back_up(self.system.as_query(), dir, path, keep),
            None => Ok(()),
        }
    }

    fn remember(&self, key: &str, value: &serde_json::Value) -> Result<(), Failure> {
        match &self.inputs.state_dir {
            Some(dir) => state::remember(dir, key, value),
            None => Ok(()),
        }
    }
}
