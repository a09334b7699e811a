//! Reports of past runs, one file each, newest kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use toque_contract::report::Report;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;

/// How many reports are kept.
const KEPT: usize = 100;

/// The reports below a state directory.
pub struct History {
    folder: PathBuf,
}

/// A run in a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    pub id: String,
    pub started: String,
    pub outcome: String,
    pub run_list: Vec<String>,
    pub counts: Value,
}

impl History {
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self { folder: state_dir.join("runs") }
    }

    /// Keeps a report, and drops the oldest beyond 100.
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, report: &Report) -> Result<(), Failure> {
        let Some(id) = &report.id else { return Ok(()) };
        let path = self.folder.join(format!("{id}.json"));
        let text = serde_json::to_vec(report)
            .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
        super::replace(&path, &text)?;
        let ids = self.ids()?;
        for old in ids.iter().take(ids.len().saturating_sub(KEPT)) {
            let path = self.folder.join(format!("{old}.json"));
            std::fs::remove_file(&path).context("remove the old report", &path)?;
        }
        Ok(())
    }

    /// The runs that are kept, oldest first.
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn ids(&self) -> Result<Vec<String>, Failure> {
        let entries =
            optional(std::fs::read_dir(&self.folder)).context("list the runs in", &self.folder)?;
        let mut ids: Vec<String> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned)
            })
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// The report of a run, as it was written; the newest without an id.
    /// # Errors
    /// When there is no such run, or its report cannot be read.
    pub fn report(&self, id: Option<&str>) -> Result<Value, Failure> {
        let ids = self.ids()?;
        let id = match id {
            Some(id)
                if ids.iter().filter(|known| known.starts_with(id)).count() > 1
                    && !ids.iter().any(|known| known == id) =>
            {
                let meant: Vec<&str> =
                    ids.iter().filter(|known| known.starts_with(id)).map(String::as_str).collect();
                return Err(Failure::new(format!("`{id}` could be {} runs", meant.len()))
                    .hint(format!("one of {}", meant.join(", "))));
            }
            Some(id) => {
                ids.iter().find(|known| *known == id || known.starts_with(id)).cloned().ok_or_else(
                    || {
                        Failure::new(format!("there is no run `{id}`"))
                            .hint("`toque runs list` shows the runs that are kept")
                    },
                )?
            }
            None => ids.last().cloned().ok_or_else(|| {
                Failure::new("no run is kept yet").hint("`toque converge` makes one")
            })?,
        };
        let path = self.folder.join(format!("{id}.json"));
        let text = std::fs::read(&path).context("read the report", &path)?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!("cannot read the report `{}`: {error}", path.display()))
        })
    }
}
