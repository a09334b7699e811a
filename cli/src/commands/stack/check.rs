//! `toque stack check`.

use std::path::Path;
use std::rc::Rc;

use toque_engine::check::{Checked, check_stack};
use toque_engine::run::Refused;
use toque_engine::stop::Stop;

use super::document;
use crate::args::Format;
use crate::commands::Exit;
use crate::commands::check::tell;
use crate::commands::cookbook::locked;
use crate::settings::{Settings, find_repository};

pub fn check(file: Option<&Path>, repo: Option<&Path>, format: Format) -> Result<Exit, Refused> {
    let path = document(file, repo)?;
    let folder = std::path::absolute(&path).ok().and_then(|path| path.parent().map(Path::to_owned));
    let repository = find_repository(repo, folder.as_deref())?;
    let settings = Settings::read(repository.as_deref())?;
    let locked = locked(repository.as_deref(), &settings, &Stop::default())?;
    let checked = Checked { repository, locked, limits: settings.limits(), ..Checked::default() };
    Ok(tell(&check_stack(&Rc::new(toque_resources::standard()), &checked, &path), format))
}
