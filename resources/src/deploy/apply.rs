//! Doing what was planned.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toque_contract::resource::{Apply, Change, Effect};
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::command::Command;
use toque_machine::source::{Checkout, ResolvedSource};
use toque_machine::system::{FileKind, Mounts, Ownership};
use toque_machine::temporary_name::make_in;

use super::hook::{self, As};
use super::layout::Layout;
use super::plan::{Links, Step, mode};
use super::record::{Record, Release, Unfinished};
use super::{Desired, Task};
use crate::shared::optional;
use crate::shared::ownership::Declared;

/// What the owner does in his release, as himself: root would follow whatever link he has put in
/// the way. A link that the source itself has in the way is followed by nobody: it may lead out of
/// the release, or to what releases share. The arguments come in pairs and triples, each begun by a
/// word.
const LINKS: &str = r#"set -eu
way() {
    rest=$1 here=
    while [ "$rest" != "${rest#*/}" ]; do
        here=$here${rest%%/*} rest=${rest#*/}
        if [ -L "./$here" ]; then
            echo "\`$1\` cannot be prepared: \`$here\` is a link in this release, to $(readlink -- "./$here")" >&2
            exit 65
        fi
        here=$here/
    done
}
while [ $# -gt 0 ]; do
    case $1 in
        purge) way "$2"; rm -rf -- "./$2"; shift 2 ;;
        folder) way "$2/"; mkdir -p -- "./$2"; shift 2 ;;
        link)
            way "$3"
            mkdir -p -- "$(dirname -- "./$3")"
            rm -rf -- "./$3"
            ln -s -- "$2" "./$3"
            shift 3 ;;
    esac
done"#;

/// # Errors
/// At the first step that fails. What was made before `current` was switched is removed; what came
/// after it is rolled back, if the recipe wants that.
pub(crate) fn apply(
    apply: &mut Apply<'_>,
    desired: &Desired,
    task: Task,
    changes: &[Change<Step>],
) -> Result<Effect, Failure> {
    let mut record =
        Record::read(apply.system.as_query(), &desired.layout.record())?.unwrap_or_default();
    if let Some(current) = desired.layout.current_release(apply.system.as_query())? {
        record.adopt(&current);
    }
    let owner = owner(apply, desired)?;
    let mut deployment = Deployment {
        switches: changes.iter().find_map(|change| match &change.step {
            Step::Switch { to, .. } => Some(to.name.clone()),
            _ => None,
        }),
        switched: false,
        before: record.clone(),
        written: false,
        made: None,
        environment: None,
        memory: None,
        apply,
        desired,
        task,
        owner,
        record,
    };
    let mut settled = false;
    for change in changes {
        if matches!(change.step, Step::Remove { .. }) && !settled {
            deployment.settle()?;
            settled = true;
        }
        if let Err(failure) = deployment.take(&change.step) {
            // What is removed at the end is no part of what could be undone.
            return Err(if settled { failure } else { deployment.undo(failure) });
        }
    }
    if !settled && task != Task::Undeploy {
        deployment.settle()?;
    }
    Ok(Effect::Changed)
}

/// The numbers of whom the releases belong to. They are looked up as a command's are, so that files
/// and processes have the same.
fn owner(apply: &Apply<'_>, desired: &Desired) -> Result<Ownership, Failure> {
    let deploy = &desired.deploy;
    let declared =
        Declared { owner: deploy.owner.clone(), group: deploy.group.clone(), mode: None };
    let mut owner = declared.resolve(apply.view)?;
    if let (Some(name), None) = (&deploy.owner, owner.gid) {
        owner.gid = apply
            .view
            .accounts()?
            .identity(apply.system.as_query(), Some(&name.to_string()), None)?
            .gid;
    }
    Ok(owner)
}

/// A deployment while it is done.
pub(crate) struct Deployment<'a, 'b> {
    pub apply: &'a mut Apply<'b>,
    pub desired: &'a Desired,
    pub task: Task,
    pub owner: Ownership,
    /// As it was when the deployment began.
    pub before: Record,
    pub record: Record,
    /// The record was written.
    pub written: bool,
    /// The release that this run has made.
    pub made: Option<String>,
    /// The release that `current` is to lead to, when it is to be switched, and whether that has
    /// begun.
    pub switches: Option<String>,
    pub switched: bool,
    /// The file of the environment as it was.
    pub environment: Option<(PathBuf, Option<(Vec<u8>, Ownership)>)>,
    pub memory: Option<(String, serde_json::Value)>,
}

impl Deployment<'_, '_> {
    fn take(&mut self, step: &Step) -> Result<(), Failure> {
        let layout = &self.desired.layout;
        match step {
            Step::Leftover(path) => {
                for record in [&mut self.before, &mut self.record] {
                    record.releases.retain(|release| layout.release(&release.name) != *path);
                }
                self.remove_leftover(path)
            }
            Step::Folder(path) => {
                let mode = 0o777 & !self.desired.umask & !0o022;
                self.apply
                    .system
                    .create_dir(path, &Ownership::of_mode(mode))
                    .context("create the directory", path)?;
                self.apply.system.relabel(path, false)
            }
            Step::Shared(shared) => self.make_shared(shared),
            Step::Release { name, found } => self.make(name, found),
            Step::Hook { release, hook, name } => {
                let about = |failure: Failure| Failure {
                    message: format!("`{name}`: {}", failure.message),
                    ..failure
                };
                hook.run(self.apply, self.desired, release).map_err(about)
            }
            Step::Migrate { release } => {
                if let Some(line) = &self.desired.deploy.migrate_command {
                    let about = |failure: Failure| Failure {
                        message: format!("`migrate_command`: {}", failure.message),
                        ..failure
                    };
                    hook::run(self.apply, self.desired, release, line, As::Owner).map_err(about)?;
                }
                // At once: whatever fails later, it has run.
                self.before.migrated.push(release.clone());
                self.record.migrated.push(release.clone());
                self.write()
            }
            Step::Links { release, links } => self.link(release, links),
            Step::Environment(content) => self.write_environment(content),
            Step::Switch { to, from, rollback } => self.switch(to, from.as_deref(), *rollback),
            Step::Restart => {
                self.expect_restart()?;
                self.restart()
            }
            Step::Check => {
                let (Some(check), Some(current)) = (&self.desired.deploy.check, self.current()?)
                else {
                    return Ok(());
                };
                check.run(self.apply, self.desired, &current)
            }
            Step::Remove { name } => {
                self.remove(name)?;
                self.record.releases.retain(|release| release.name != *name);
                self.write()
            }
            Step::NoEnvironment(path) => self.remove_environment(path),
            Step::Undeploy(folder) => self.undeploy(folder),
        }
    }

    fn undeploy(&self, folder: &Path) -> Result<(), Failure> {
        let (path, system) = (&self.desired.layout.path, self.apply.system);
        // The record last, and the releases before it: what is left when this is killed still looks
        // like what it was.
        let last = [self.desired.layout.releases(), self.desired.layout.record()];
        let names = system.read_dir(path).context("list", path)?;
        let first =
            names.into_iter().map(|name| path.join(name)).filter(|path| !last.contains(path));
        first.chain(last.clone()).try_for_each(|path| self.remove_leftover(&path))?;
        if optional::is(system.as_query(), path, FileKind::Link)? {
            system.remove_file(path).context("remove the link", path)?;
        }
        system.remove_dir(folder).context("delete the directory", folder)
    }

    pub(crate) fn write(&mut self) -> Result<(), Failure> {
        self.written = true;
        self.record.write(self.apply.system, &self.desired.layout.record())
    }

    pub(crate) fn current(&self) -> Result<Option<String>, Failure> {
        self.desired.layout.current_release(self.apply.system.as_query())
    }

    /// Makes a release under another name, so that there is never an incomplete one under its own;
    /// nobody but toque's own user can look into that folder, so that what is written there cannot
    /// be led elsewhere. Hooks run under the release's own name, which some of what they make
    /// (virtual environments, native extensions) keeps; until it is complete the record says that
    /// it is not.
    fn make(&mut self, name: &str, found: &ResolvedSource) -> Result<(), Failure> {
        let (desired, system) = (self.desired, self.apply.system);
        let layout = &desired.layout;
        let Some(source) = &desired.deploy.source else {
            return Err(Failure::new("there is no source to deploy from"));
        };
        self.made = Some(name.to_owned());
        self.record.making = Some(name.to_owned());
        self.write()?;
        let making = layout.making(name);
        system
            .create_dir(&making, &Ownership::of_mode(0o700))
            .context("create the directory", &making)?;
        let into = making.join("release");
        let repo = layout.repo();
        let how = Checkout {
            cache: Some(&repo),
            uid: self.owner.uid,
            gid: self.owner.gid,
            ..Checkout::default()
        };
        source.check_out(system, self.apply.view, found, &into, &how)?;
        system.set_mode(&into, mode(desired)).context("change the mode of", &into)?;
        let release = layout.release(name);
        system.rename(&into, &release).context("make the release", &release)?;
        system.remove_dir(&making).context("delete the directory", &making)?;
        system.relabel(&release, true)?;
        self.memory.clone_from(&found.memory);
        Ok(())
    }

    /// The first part lies in a folder of toque's own. What lies deeper is made by the owner, who
    /// could lead root anywhere there.
    fn make_shared(&mut self, shared: &str) -> Result<(), Failure> {
        let below = self.desired.layout.shared();
        let mut parts = Path::new(shared).components();
        let Some(first) = parts.next() else { return Ok(()) };
        let path = below.join(first);
        let owner = Ownership { mode: Some(mode(self.desired)), ..self.owner };
        match self.apply.system.create_dir(&path, &owner) {
            Ok(()) => self.apply.system.relabel(&path, false)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::io("create the directory", &path, &error)),
        }
        if parts.as_path().as_os_str().is_empty() {
            return Ok(());
        }
        let deeper = below.join(shared);
        let argv = ["mkdir", "-p", "--", &deeper.to_string_lossy()].map(str::to_owned);
        self.as_owner(&path, Command::new(argv))
    }

    fn link(&self, release: &str, links: &Links) -> Result<(), Failure> {
        let shared = self.desired.layout.shared();
        let mut argv = ["/bin/sh", "-c", LINKS, "sh"].map(str::to_owned).to_vec();
        argv.extend(links.purge.iter().flat_map(|place| ["purge".to_owned(), place.clone()]));
        argv.extend(links.folders.iter().flat_map(|folder| ["folder".to_owned(), folder.clone()]));
        argv.extend(links.links.iter().flat_map(|(from, place)| {
            ["link".to_owned(), shared.join(from).to_string_lossy().into_owned(), place.clone()]
        }));
        self.as_owner(&self.desired.layout.release(release), Command::new(argv))
    }

    /// Runs one of toque's own commands as the owner.
    fn as_owner(&self, folder: &Path, mut command: Command) -> Result<(), Failure> {
        let deploy = &self.desired.deploy;
        if deploy.owner.is_some() || deploy.group.is_some() {
            let text = |account: &Option<toque_machine::property::Account>| {
                account.as_ref().map(ToString::to_string)
            };
            let accounts = self.apply.view.accounts()?;
            let identity = accounts.identity(
                self.apply.system.as_query(),
                text(&deploy.owner).as_deref(),
                text(&deploy.group).as_deref(),
            )?;
            command.identity = Some(identity);
        }
        command.cwd = Some(folder.to_owned());
        command.umask = Some(self.desired.umask);
        let what = format!("cannot prepare `{}`", folder.display());
        let output = self.apply.output(&command)?;
        if output.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("{what}: {}", output.stderr().trim_end())))
        }
    }

    fn write_environment(&mut self, content: &[u8]) -> Result<(), Failure> {
        let path = &self.desired.environment_file;
        let old = self.file(path)?;
        self.record.environment = Some(path.clone());
        self.expect_restart()?;
        self.stage(path, content, &Ownership { mode: Some(0o600), ..self.owner })?;
        self.environment = Some((path.clone(), old));
        Ok(())
    }

    fn remove_environment(&mut self, path: &Path) -> Result<(), Failure> {
        let old = self.file(path)?;
        if self.task != Task::Undeploy {
            self.expect_restart()?;
        }
        self.apply.system.remove_file(path).context("remove", path)?;
        self.environment = Some((path.to_owned(), old));
        self.record.environment = None;
        Ok(())
    }

    /// A file as it is, to be put back.
    fn file(&self, path: &Path) -> Result<Option<(Vec<u8>, Ownership)>, Failure> {
        let system = self.apply.system;
        match optional::lstat(system.as_query(), path)? {
            Some(found) if found.kind == FileKind::File => {
                let owner = Ownership {
                    uid: Some(found.uid),
                    gid: Some(found.gid),
                    mode: Some(found.mode),
                };
                Ok(Some((system.read(path).context("read", path)?, owner)))
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn stage(
        &self,
        path: &Path,
        content: &[u8],
        owner: &Ownership,
    ) -> Result<(), Failure> {
        let system = self.apply.system;
        system.replace(path, content, owner).context("write", path)?;
        system.relabel(path, false)
    }

    /// Says on disk that what is current must be restarted, before anything changes that it should
    /// take up.
    fn expect_restart(&mut self) -> Result<(), Failure> {
        if self.record.unfinished.is_none()
            && let Some(release) = self.current()?
        {
            self.record.unfinished = Some(Unfinished { release, previous: None, new: false });
            self.write()?;
        }
        Ok(())
    }

    fn switch(&mut self, to: &Release, from: Option<&str>, rollback: bool) -> Result<(), Failure> {
        if rollback {
            let left = self
                .record
                .releases
                .iter_mut()
                .filter(|release| Some(release.name.as_str()) == from);
            left.for_each(|release| release.rolled_back = true);
        } else {
            self.record.deploy(to.clone());
        }
        self.record.making = None;
        let previous = from.filter(|from| *from != to.name).map(str::to_owned);
        self.record.unfinished =
            Some(Unfinished { release: to.name.clone(), previous, new: !rollback });
        // Complete before it is current.
        self.write()?;
        // Also when only the last of it fails: then the link tells.
        self.switched = true;
        self.lead_to(&to.name)
    }

    pub(crate) fn lead_to(&self, name: &str) -> Result<(), Failure> {
        let (current, system) = (self.desired.layout.current(), self.apply.system);
        let (staged, ()) = make_in(&self.desired.layout.path, "current", |staged| {
            system.symlink(&Layout::link_to(name), staged)
        })
        .context("create the link", &current)?;
        system.relabel(&staged, false)?;
        system.rename(&staged, &current).context("switch", &current)
    }

    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        let (Some(restart), Some(current)) = (&self.desired.deploy.restart, self.current()?) else {
            return Ok(());
        };
        restart.run(self.apply, self.desired, &current)
    }

    /// All went well.
    fn settle(&mut self) -> Result<(), Failure> {
        self.record.unfinished = None;
        self.record.making = None;
        if self.written || self.record != self.before {
            self.write()?;
        }
        match self.memory.take() {
            Some((key, value)) => self.apply.services.remember(&key, &value),
            None => Ok(()),
        }
    }

    /// A release goes away under another name, so that there is never a part of it under its own.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        let (release, removing) =
            (self.desired.layout.release(name), self.desired.layout.removing(name));
        self.remove_leftover(&removing)?;
        match self.apply.system.rename(&release, &removing) {
            Ok(()) => self.remove_leftover(&removing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure::io("remove the release", &release, &error)),
        }
    }

    /// Removes whatever is there, which may be nothing. A link is never followed. A program that a
    /// killed run has started may still put something there for a while.
    pub(crate) fn remove_leftover(&self, path: &Path) -> Result<(), Failure> {
        let system = self.apply.system;
        let mut tries = 50;
        loop {
            let removed = match system.lstat(path) {
                Ok(found) if found.kind == FileKind::Directory => {
                    system.remove_dir_all(path, Mounts::Stay)
                }
                Ok(_) => system.remove_file(path),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries > 0 => {
                    tries -= 1;
                    system.wait(Duration::from_millis(100));
                }
                result => return result.context("remove", path),
            }
        }
    }
}
