//! What the run offers providers while they apply.

use std::path::Path;

use super::Walk;
use crate::state::{self, Backups};
use toque_contract::event::Event;
use toque_contract::log_level::LogLevel;
use toque_contract::resource::{ClosureId, Services};
use toque_core::failure::{Failure, FailureKind};

impl Walk<'_> {
    /// Returns the reason, for a plan, where a file is too large to be kept.
    pub(crate) fn no_backup(&self, path: &Path) -> Option<String> {
        let dir = self.inputs.state_dir.as_deref()?;
        Backups::of(dir, self.prepared.options.backup_limit).too_large(self.view, path)
    }
}

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

    fn back_up(&self, path: &Path, keep: usize) -> Result<Option<String>, Failure> {
        match &self.inputs.state_dir {
            Some(dir) => {
                Backups::of(dir, self.prepared.options.backup_limit).keep(self.system, path, keep)
            }
            None => Ok(None),
        }
    }

    fn remember(&self, key: &str, value: &serde_json::Value) -> Result<(), Failure> {
        match &self.inputs.state_dir {
            Some(dir) => state::remember(dir, key, value),
            None => Ok(()),
        }
    }
}
