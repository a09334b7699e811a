//! `toque converge`.

use std::rc::Rc;

use toque_engine::run::{self, Refused};

use super::{Exit, finish, listener, prepare_source};
use crate::args::Converge;

pub fn converge(args: &Converge) -> Result<Exit, Refused> {
    let prepared = prepare_source(&args.source, Some(&args.running), None)?;
    let sink = listener(&args.reporting, &prepared.settings)?;
    let report = run::converge(
        prepared.system,
        Rc::new(toque_resources::standard()),
        &prepared.options,
        sink,
    )?;
    finish(&report, &args.reporting)
}
