//! Which closure a command of the fake machine is.

use std::ffi::OsStr;
use std::path::Path;
use std::rc::Rc;

use super::{FakeSystem, Program};
use crate::command::{Command, End, Output};
use crate::system::{FileKind, Query};
use toque_core::failure::{Failure, FailureKind};

impl FakeSystem {
    pub(super) fn execute(&self, command: &Command) -> Result<Output, Failure> {
        let Some(name) = command.argv.first() else {
            return Err(Failure::new("cannot run a command without words"));
        };
        if let Some(cwd) = &command.cwd
            && !self.stat(cwd).is_ok_and(|metadata| metadata.kind == FileKind::Directory)
        {
            return Err(Failure::new(format!(
                "cannot run `{}` in `{}`: the directory does not exist",
                command.line(),
                cwd.display()
            ))
            .hint("declare the directory before this resource, or correct `cwd`"));
        }
        let line = match command.argv.as_slice() {
            [shell, option, line] if shell == "/bin/sh" && option == "-c" => Some(line.as_str()),
            _ => None,
        };
        if let Some(line) = line {
            if let Some(program) = self.program(line) {
                return Ok(program(self, command));
            }
            if let Some(output) = built_in(line) {
                return Ok(output);
            }
        }
        let base = Path::new(name).file_name().unwrap_or(OsStr::new(name));
        if let Some(program) = self.program(base) {
            return Ok(program(self, command));
        }
        if base == "getent" {
            return Ok(self.getent(&command.argv[1..]));
        }
        Err(match line {
            Some(line) => Failure::new(format!(
                "cannot run `{line}`: the fake machine has no program for this line"
            )),
            None => Failure::new(format!(
                "cannot run `{}`: there is no program `{name}` on PATH",
                command.line()
            ))
            .of_kind(FailureKind::ProgramMissing)
            .hint("install the package it belongs to before this resource, or give its whole path"),
        })
    }

    fn program(&self, name: impl AsRef<OsStr>) -> Option<Program> {
        self.state.borrow().programs.get(name.as_ref()).map(Rc::clone)
    }

    /// Looks into the account files, which is all that the fake machine has.
    fn getent(&self, arguments: &[String]) -> Output {
        let words: Vec<&str> =
            arguments.iter().map(String::as_str).filter(|word| *word != "--").collect();
        let [database, keys @ ..] = words.as_slice() else { return exited(1) };
        let text = self.text(Path::new("/etc").join(database));
        let wanted = |line: &&str| {
            let fields: Vec<&str> = line.split(':').collect();
            keys.is_empty()
                || keys.iter().any(|key| fields[0] == *key || fields.get(2) == Some(key))
        };
        let found: Vec<&str> = text.lines().filter(wanted).flat_map(|line| [line, "\n"]).collect();
        if found.is_empty() {
            exited(2)
        } else {
            Output { stdout: found.concat().into_bytes(), ..Output::default() }
        }
    }
}

/// The lines that tests of guards need most.
fn built_in(line: &str) -> Option<Output> {
    match line.trim() {
        "true" | ":" => Some(exited(0)),
        "false" => Some(exited(1)),
        line => {
            line.strip_prefix("exit ").and_then(|status| status.trim().parse().ok()).map(exited)
        }
    }
}

fn exited(status: i32) -> Output {
    Output { end: End::Exited(status), ..Output::default() }
}
