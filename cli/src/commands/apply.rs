//! `toque apply`: one recipe, no cookbook.

use std::rc::Rc;

use toque_engine::run::{self, Refused};

use super::{Exit, finish, listener, prepare, recipe_source};
use crate::args::Apply;

pub fn apply(args: &Apply) -> Result<Exit, Refused> {
    let recipe = recipe_source(args.file.as_ref(), args.code.as_deref())?;
    let mut prepared = prepare(&args.node, Some(&args.running), None)?;
    prepared.options.recipe = Some(recipe);
    let sink = listener(&args.reporting, &prepared.settings)?;
    let registry = Rc::new(toque_resources::standard());
    let report = if args.plan {
        run::plan(prepared.system, registry, &prepared.options, sink)?
    } else {
        run::converge(prepared.system, registry, &prepared.options, sink)?
    };
    let exit = finish(&report, &args.reporting)?;
    Ok(if args.plan && exit == Exit::Failed { Exit::Refused } else { exit })
}
