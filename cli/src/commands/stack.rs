//! `toque stack`: the stack document.

mod add;
mod import;

use toque_engine::run::Refused;

use super::{Exit, file};
use crate::args::stack::{Stack, StackWhat};

pub fn stack(args: &Stack) -> Result<Exit, Refused> {
    match &args.what {
        StackWhat::Import(args) => import::import(args),
        StackWhat::Add(args) => add::add(args),
    }
}
