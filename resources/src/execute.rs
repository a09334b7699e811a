//! A command.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_engine::accounts::no_account;
use toque_engine::actions;
use toque_engine::command::{Command, End};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::failure::{Attempting, Failure};
use toque_engine::property::{Account, CommandLine, OneOrMany, Seconds};
use toque_engine::resource::{
    self, Apply, Change, Effect, PropertyError, Provide, Resource, Scope, command_failure,
};
use toque_engine::snapshots::{Area, Areas};
use toque_engine::system::{FileKind, Query};
use toque_engine::view::View;

use crate::shared::defaults;

/// Runs a command. Nothing is known of what it does, so it counts as changed each time: guard it,
/// or give `creates`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Execute {
    /// A line for `/bin/sh`, or an array of a program and its arguments, which no shell sees.
    pub command: CommandLine,
    /// A path that the command creates: where it exists, the command is not run. A relative one is
    /// below `cwd`.
    pub creates: Option<PathBuf>,
    /// The folder to run in. Default: `/`.
    pub cwd: Option<PathBuf>,
    /// Environment variables, on top of a clean environment.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, String>,
    /// Whom to run as. Default: root.
    pub user: Option<Account>,
    /// The group to run as. Default: the user's.
    pub group: Option<Account>,
    /// Seconds it may take before it is killed with all that it started. Default: 3600.
    #[serde(default = "defaults::an_hour")]
    pub timeout: Seconds,
    /// The exit status, or an array of those, that mean success. Default: 0.
    #[serde(default = "defaults::zero")]
    pub returns: OneOrMany<i32>,
    /// Text for its standard input.
    pub input: Option<String>,
    /// Whether its output is shown as it comes. Default: false.
    #[serde(default)]
    pub live_stream: bool,
    /// Whether a login shell runs it, which reads the profile files first. Default: false.
    #[serde(default)]
    pub login: bool,
}

actions! {
    pub enum ExecuteAction {
        Run = "run", "Run the command";
    }
}

/// A command with the mask that holds for this resource.
#[derive(Debug)]
pub struct Wanted {
    execute: Execute,
    umask: u32,
}

impl Resource for Execute {
    const KIND: &'static str = "execute";
    const IDENTITY: &'static str = "command";
    type Action = ExecuteAction;
    type Desired = Wanted;

    fn check(&self, _actions: &[ExecuteAction]) -> Result<(), PropertyError> {
        let empty = match &self.command {
            CommandLine::Shell(line) => line.trim().is_empty(),
            CommandLine::Argv(argv) => argv.first().is_none_or(String::is_empty),
        };
        if empty {
            return Err(PropertyError::new(
                "command",
                "`command` is empty: it needs at least a program",
            ));
        }
        check_creates(self.creates.as_deref(), self.cwd.as_deref())
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Wanted, Diagnostic> {
        Ok(Wanted { umask: scope.umask(), execute: self })
    }
}

/// A process of the machine.
#[derive(Debug)]
pub struct Provider;

impl resource::Provider for Provider {
    type Resource = Execute;
    /// Whether what the command creates is there.
    type State = bool;
    type Step = ();
    const NAME: &'static str = "execute";

    fn inspect(&self, view: &View<'_>, wanted: &Wanted, _: ExecuteAction) -> Result<bool, Failure> {
        let Execute { creates, cwd, user, group, .. } = &wanted.execute;
        inspect(view, creates.as_deref(), cwd.as_deref(), user.as_ref(), group.as_ref())
    }

    fn plan(
        &self,
        wanted: &Wanted,
        _: ExecuteAction,
        created: &bool,
    ) -> Result<Vec<Change<()>>, Failure> {
        Ok(plan(*created, format!("run `{}`", shorten(&wanted.execute.command.to_string()))))
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted,
        _: ExecuteAction,
        _: &[Change<()>],
    ) -> Result<Effect, Failure> {
        let execute = &wanted.execute;
        let mut command = execute.command.command();
        if execute.login {
            command = match &execute.command {
                CommandLine::Shell(line) => Command::new(["/bin/sh", "-l", "-c", line]),
                // The shell replaces itself with the program, whose arguments it never reads.
                CommandLine::Argv(argv) => {
                    let shell = ["/bin/sh", "-l", "-c", r#"exec "$0" "$@""#].map(str::to_owned);
                    Command::new(shell.into_iter().chain(argv.iter().cloned()))
                }
            };
        }
        command.input = execute.input.clone().map(String::into_bytes);
        let process = Process {
            cwd: execute.cwd.as_deref(),
            environment: &execute.environment,
            user: execute.user.as_ref(),
            group: execute.group.as_ref(),
            umask: wanted.umask,
            timeout: execute.timeout,
            live: execute.live_stream,
        };
        run(apply, process.dress(apply, command)?, execute.returns.as_slice())?;
        Ok(Effect::Changed)
    }
}

/// How a command of a recipe runs, for every kind that runs one.
pub(crate) struct Process<'a> {
    pub cwd: Option<&'a Path>,
    pub environment: &'a IndexMap<String, String>,
    pub user: Option<&'a Account>,
    pub group: Option<&'a Account>,
    pub umask: u32,
    pub timeout: Seconds,
    pub live: bool,
}

impl Process<'_> {
    /// Gives a command its circumstances.
    pub fn dress(&self, apply: &Apply<'_>, mut command: Command) -> Result<Command, Failure> {
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
}

/// Runs a command that must end with one of these statuses.
pub(crate) fn run(apply: &Apply<'_>, command: Command, returns: &[i32]) -> Result<(), Failure> {
    let output = apply.output(&command)?;
    match output.end {
        End::Exited(status) if returns.contains(&status) => Ok(()),
        End::Exited(0) => {
            let wanted: Vec<String> = returns.iter().map(i32::to_string).collect();
            Err(command_failure(&command, &output, apply.sensitive)
                .hint(format!("`returns` wants {}", wanted.join(" or "))))
        }
        _ => Err(command_failure(&command, &output, apply.sensitive)),
    }
}

/// Where the command would run, as whom, and whether what it creates is there already.
pub(crate) fn inspect(
    view: &View<'_>,
    creates: Option<&Path>,
    cwd: Option<&Path>,
    user: Option<&Account>,
    group: Option<&Account>,
) -> Result<bool, Failure> {
    if let Some(path) = creates
        && view.exists(&cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path)))
    {
        return Ok(true);
    }
    if let Some(cwd) = cwd {
        let folder = view.stat(cwd).attempting("run a command in", cwd)?;
        if folder.kind != FileKind::Directory {
            return Err(Failure::new(format!(
                "cannot run a command in `{}`: it is not a directory",
                cwd.display()
            )));
        }
    }
    if let Some(Account::Name(name)) = user {
        expect_account(view, "user", name)?;
    }
    if let Some(Account::Name(name)) = group {
        expect_account(view, "group", name)?;
    }
    Ok(false)
}

fn expect_account(view: &View<'_>, what: &str, name: &str) -> Result<(), Failure> {
    let there = match view.planned(Area::Accounts, &format!("{what}:{name}")) {
        Some(planned) => !planned.is_null(),
        None if what == "user" => view.accounts()?.user(view, name)?.is_some(),
        None => view.accounts()?.group(view, name)?.is_some(),
    };
    if there || name.parse::<u32>().is_ok() { Ok(()) } else { Err(no_account(what, name)) }
}

/// What a command does is its own secret: afterwards anything may be different.
pub(crate) fn plan(created: bool, what: String) -> Vec<Change<()>> {
    if created {
        Vec::new()
    } else {
        vec![Change::new(what, ()).provides(Provide::Anything(Areas::ALL)).touches(Areas::ALL)]
    }
}

pub(crate) fn check_creates(
    creates: Option<&Path>,
    cwd: Option<&Path>,
) -> Result<(), PropertyError> {
    match (creates, cwd) {
        (Some(creates), None) if creates.is_relative() => Err(PropertyError::new(
            "creates",
            "a relative `creates` needs `cwd`: below which folder would it be?",
        )
        .hint("write an absolute path, or set `cwd`")),
        (_, Some(cwd)) if cwd.is_relative() => {
            Err(PropertyError::new("cwd", "`cwd` must be an absolute path"))
        }
        _ => Ok(()),
    }
}

/// The first line, and not too much of it.
pub(crate) fn shorten(line: &str) -> String {
    let first = line.lines().next().unwrap_or_default();
    match first.char_indices().nth(120) {
        Some((end, _)) => format!("{} …", &first[..end]),
        None if first.len() < line.trim_end().len() => format!("{first} …"),
        None => first.to_owned(),
    }
}
