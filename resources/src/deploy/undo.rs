//! Undoing what was done, when a later step of a deployment fails.

use toque_core::failure::Failure;

use super::Task;
use super::apply::Deployment;
use super::record::Unfinished;
use crate::shared::optional::exists;

impl Deployment<'_, '_> {
    /// Puts things back after a failure, and says so.
    pub(crate) fn undo(&mut self, failure: Failure) -> Failure {
        let undone = match self.standing() {
            // The record says what the next run is to look at.
            Err(second) => Err(second),
            Ok(Standing::Before) => self.withdraw(),
            // The next run goes on here.
            _ if failure.interrupted => {
                Ok(Some("the app is not restarted yet: the next run does that".to_owned()))
            }
            Ok(Standing::Elsewhere) => Ok(None),
            Ok(Standing::Released { bad, .. }) if !self.desired.deploy.rollback_on_error => {
                Ok(Some(format!(
                    "`current` leads to {} all the same: `rollback_on_error` is false",
                    self.record.revision(&bad)
                )))
            }
            _ if !self.desired.deploy.rollback_on_error => Ok(None),
            Ok(Standing::Released { bad, previous }) => self.roll_back(&bad, previous),
            Ok(Standing::Surroundings) => self.restore(),
        };
        match undone {
            Ok(None) => failure,
            Ok(Some(note)) => failure.note(note),
            Err(second) => {
                let failure =
                    failure.note(format!("putting things back failed too: {}", second.message));
                second.notes.into_iter().fold(failure, Failure::note)
            }
        }
    }

    /// How far a deployment came.
    fn standing(&self) -> Result<Standing, Failure> {
        if !matches!(self.task, Task::Deploy { .. }) {
            return Ok(Standing::Elsewhere);
        }
        let current = self.current()?;
        if self.switches.is_some() && !(self.switched && current == self.switches) {
            return Ok(Standing::Before);
        }
        Ok(match &self.record.unfinished {
            Some(Unfinished { release, previous, new: true })
                if current.as_ref() == Some(release) =>
            {
                Standing::Released { bad: release.clone(), previous: previous.clone() }
            }
            _ if self.environment.is_some() => Standing::Surroundings,
            _ => Standing::Elsewhere,
        })
    }

    /// Nothing that runs has been touched, and what was made goes away.
    fn withdraw(&mut self) -> Result<Option<String>, Failure> {
        self.restore_environment()?;
        if let Some(name) = self.made.take() {
            self.remove_leftover(&self.desired.layout.making(&name))?;
            self.remove(&name)?;
        }
        if self.written {
            self.record = self.before.clone();
            self.record.making = None;
            self.write()?;
        }
        Ok(Some(match self.current()? {
            Some(current) => format!(
                "nothing was switched: `current` leads to {} as before",
                self.record.revision(&current)
            ),
            None => "nothing was switched: nothing is deployed yet".to_owned(),
        }))
    }

    /// The environment was not for this release.
    fn restore(&mut self) -> Result<Option<String>, Failure> {
        self.restore_environment()?;
        self.restart()?;
        self.record.unfinished = None;
        self.record.environment.clone_from(&self.before.environment);
        self.write()?;
        Ok(Some("the environment was put back as it was, and the app restarted".to_owned()))
    }

    /// Goes back to the release before. The record is written last: until then it tells of a
    /// release that has to be restarted, which the next run tries again.
    fn roll_back(
        &mut self,
        bad: &str,
        previous: Option<String>,
    ) -> Result<Option<String>, Failure> {
        self.restore_environment()?;
        let layout = &self.desired.layout;
        let system = self.apply.system.as_query();
        let previous = match previous {
            Some(name) if exists(system, &layout.release(&name))? => Some(name),
            _ => None,
        };
        let mut record = self.before.clone();
        record.releases.retain(|release| release.name != bad);
        record.making = None;
        record.unfinished = None;
        let mut note =
            "nothing was deployed before, so that `current` was taken away again".to_owned();
        let mut restarted = Ok(());
        match previous {
            Some(previous) => {
                note = format!("rolled back to {}", record.revision(&previous));
                self.lead_to(&previous)?;
                restarted = self.restart();
                if restarted.is_err() {
                    record.unfinished =
                        Some(Unfinished { release: previous, previous: None, new: false });
                } else if self.desired.deploy.restart.is_some() {
                    note.push_str(", which was restarted");
                }
            }
            None => self.remove_leftover(&layout.current())?,
        }
        self.remove(bad)?;
        self.record = record;
        self.write()?;
        match restarted {
            Ok(()) => Ok(Some(note)),
            Err(failure) => {
                Err(Failure { message: format!("{note}, but {}", failure.message), ..failure })
            }
        }
    }

    fn restore_environment(&mut self) -> Result<(), Failure> {
        match self.environment.take() {
            None => Ok(()),
            Some((path, None)) => self.remove_leftover(&path),
            Some((path, Some((content, owner)))) => self.stage(&path, &content, &owner),
        }
    }
}

/// What a failure finds.
enum Standing {
    /// `current` leads to where it led before.
    Before,
    /// It leads to a release that has not shown yet that it works.
    Released { bad: String, previous: Option<String> },
    /// It leads to where it led, and the app's environment is another.
    Surroundings,
    /// Nothing that could be put back.
    Elsewhere,
}
