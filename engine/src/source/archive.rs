//! An archive from a server or from this machine.

use std::path::Path;

use super::{Checkout, Found, Source};
use crate::failure::Failure;
use crate::resource::PropertyError;
use crate::system::System;
use crate::view::View;

pub(super) fn check(_source: &Source) -> Result<(), PropertyError> {
    Ok(())
}

pub(super) fn look(source: &Source, _view: &View<'_>) -> Result<Found, Failure> {
    Err(Failure::new(format!("cannot look at `{}`", source.shown())))
}

pub(super) fn check_out(
    source: &Source,
    _system: &dyn System,
    _view: &View<'_>,
    _found: &Found,
    _into: &Path,
    _how: &Checkout<'_>,
) -> Result<(), Failure> {
    Err(Failure::new(format!("cannot check out `{}`", source.shown())))
}
