//! Commands of recipes, and the provider of the kinds that run one: `execute`, `script`, `bash`.

use std::marker::PhantomData;
use std::path::Path;

use super::optional;
use indexmap::IndexMap;
use toque_contract::resource;
use toque_contract::resource::{Apply, Change, Effect, Resource};
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_machine::accounts::no_account;
use toque_machine::areas::{Area, Areas};
use toque_machine::command::{Command, End};
use toque_machine::planned::PlannedEffect;
use toque_machine::property::{Account, Seconds};
use toque_machine::system::{FileKind, Query};
use toque_machine::view::View;

/// A kind whose resources run a command.
pub(crate) trait RunsCommand: Resource<Desired = Wanted<Self>> {
    const PROVIDER: &'static str;

    fn process(&self, umask: u32) -> Process<'_>;

    fn command(&self) -> Command;

    /// Returns the planned change in words.
    fn describe(&self) -> String;
}

/// A resource with the umask that holds for it.
#[derive(Debug)]
pub(crate) struct Wanted<R> {
    pub resource: R,
    pub umask: u32,
}

/// Runs commands as processes of the machine.
pub(crate) struct Provider<R>(PhantomData<R>);

impl<R> Provider<R> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: RunsCommand> resource::Provider for Provider<R> {
    type Resource = R;
    /// True if the path that the command creates exists.
    type State = bool;
    type Step = ();
    const NAME: &'static str = R::PROVIDER;

    fn inspect(&self, view: &View<'_>, wanted: &Wanted<R>, _: R::Action) -> Result<bool, Failure> {
        wanted.resource.process(wanted.umask).is_done(view)
    }

    fn plan(
        &self,
        wanted: &Wanted<R>,
        _: R::Action,
        done: &bool,
    ) -> Result<Vec<Change<()>>, Failure> {
        if *done {
            return Ok(Vec::new());
        }
        // Nothing is known of its effects.
        let change = Change::new(wanted.resource.describe(), ());
        Ok(vec![change.provides(PlannedEffect::Anything(Areas::ALL)).touches(Areas::ALL)])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted<R>,
        _: R::Action,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        let process = wanted.resource.process(wanted.umask);
        let command = process.dress(apply, wanted.resource.command())?;
        run(apply, command, process.returns)?;
        Ok(Effect::Changed)
    }
}

/// The circumstances of a command of a recipe.
pub(crate) struct Process<'a> {
    /// A path that the command creates; it is not run where that exists.
    pub creates: Option<&'a Path>,
    pub cwd: Option<&'a Path>,
    pub environment: &'a IndexMap<String, String>,
    pub user: Option<&'a Account>,
    pub group: Option<&'a Account>,
    pub umask: u32,
    pub timeout: Seconds,
    /// The exit statuses that mean success.
    pub returns: &'a [i32],
    pub live: bool,
}

impl Process<'_> {
    /// Gives a command these circumstances.
    pub(crate) fn dress(
        &self,
        apply: &Apply<'_>,
        mut command: Command,
    ) -> Result<Command, Failure> {
        command.cwd = Some(self.cwd.unwrap_or(Path::new("/")).to_owned());
        command.environment = self.environment.clone();
        command.umask = Some(self.umask);
        command.timeout = self.timeout.duration();
        command.live = self.live && !apply.sensitive;
        command.sensitive = apply.sensitive;
        if self.user.is_some() || self.group.is_some() {
            let (user, group) =
                (self.user.map(Account::to_string), self.group.map(Account::to_string));
            command.identity = Some(apply.view.accounts()?.identity(
                apply.system.as_query(),
                user.as_deref(),
                group.as_deref(),
            )?);
        }
        Ok(command)
    }

    /// Checks that relative paths have a folder that they are below.
    pub(crate) fn check(&self) -> Result<(), PropertyError> {
        match (self.creates, self.cwd) {
            (Some(creates), None) if creates.is_relative() => Err(PropertyError::named(
                "creates",
                "a relative `creates` needs `cwd`: below which folder would it be?",
            )
            .hint("write an absolute path, or set `cwd`")),
            (_, Some(cwd)) if cwd.is_relative() => {
                Err(PropertyError::named("cwd", "`cwd` must be an absolute path"))
            }
            _ => Ok(()),
        }
    }

    /// Returns true if the path that the command creates exists; otherwise checks that the command
    /// has a folder and accounts to run in and as.
    fn is_done(&self, view: &View<'_>) -> Result<bool, Failure> {
        if let Some(path) = self.creates
            && optional::exists(
                view,
                &self.cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path)),
            )?
        {
            return Ok(true);
        }
        if let Some(cwd) = self.cwd {
            let folder = view.stat(cwd).context("run a command in", cwd)?;
            if folder.kind != FileKind::Directory {
                return Err(Failure::new(format!(
                    "cannot run a command in `{}`: it is not a directory",
                    cwd.display()
                )));
            }
        }
        for (kind, account) in [("user", self.user), ("group", self.group)] {
            if let Some(Account::Name(name)) = account {
                expect_account(view, kind, name)?;
            }
        }
        Ok(false)
    }
}

/// Runs a command that must exit with one of these statuses.
pub(crate) fn run(apply: &Apply<'_>, command: Command, returns: &[i32]) -> Result<(), Failure> {
    let output = apply.output(&command)?;
    match output.end {
        End::Exited(status) if returns.contains(&status) => Ok(()),
        End::Exited(0) => {
            let wanted: Vec<String> = returns.iter().map(i32::to_string).collect();
            Err(output
                .failure(&command, apply.sensitive)
                .hint(format!("`returns` wants {}", wanted.join(" or "))))
        }
        _ => Err(output.failure(&command, apply.sensitive)),
    }
}

fn expect_account(view: &View<'_>, what: &str, name: &str) -> Result<(), Failure> {
    let there = match view.planned(Area::Accounts, &format!("{what}:{name}")) {
        Some(planned) => !planned.is_null(),
        None if what == "user" => view.accounts()?.user(view, name)?.is_some(),
        None => view.accounts()?.group(view, name)?.is_some(),
    };
    if there || name.parse::<u32>().is_ok() { Ok(()) } else { Err(no_account(what, name)) }
}

/// Returns the first line, shortened.
pub(crate) fn shorten(line: &str) -> String {
    let first = line.lines().next().unwrap_or_default();
    match first.char_indices().nth(120) {
        Some((end, _)) => format!("{} …", &first[..end]),
        None if first.len() < line.trim_end().len() => format!("{first} …"),
        None => first.to_owned(),
    }
}
