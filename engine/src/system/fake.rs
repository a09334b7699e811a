//! A machine in memory: for tests of kinds and recipes, and for embedders' tests. What it is not told, it does not know: a command
//! without a program fails.

use std::path::Path;

use super::System;
use crate::command::{Command, Output};

/// A command of the fake machine: it may read and change it, and says how it ended.
pub type Program = Box<dyn Fn(&FakeSystem, &Command) -> Output>;

/// One change that was made, in words: `write /etc/x`, `run systemctl start x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect(pub String);

pub struct FakeSystem {}

impl FakeSystem {
    /// A machine with `/`, `/etc`, `/tmp`, `/root`, root's account, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }
    /// Adds a program, found by the last part of `argv[0]` (or as a shell line's first word).
    pub fn install_program(&self, _name: &str, _program: Program) {
        todo!()
    }
    /// Makes the next operations on a path fail with this kind of error, to test faults.
    pub fn break_path(&self, _path: &Path, _error: std::io::ErrorKind) {
        todo!()
    }
    /// What was changed so far, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        todo!()
    }
    #[must_use]
    pub fn system(&self) -> &dyn System {
        todo!()
    }
}
