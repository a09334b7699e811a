//! `toque cookbook vendor`.

use std::path::Path;

use toque_cookbooks::package_contents::PackageContents;
use toque_engine::run::Refused;

use super::{Exit, in_step, repository, with_machine};
use crate::args::Fetching;
use crate::output;

pub fn vendor(repo: Option<&Path>, dir: &Path, fetching: &Fetching) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = in_step(&repository)?;
    let content = with_machine(&repository, fetching, |network, machine| {
        let roots = repository.fetch(machine, &repository.without(&lockfile, &network.without))?;
        let content = PackageContents::of_cookbooks(&repository.path, &roots)?;
        toque_cookbooks::vendor::vendor(&content, dir)?;
        Ok(content)
    })?;
    for name in &content.cookbooks {
        let version = lockfile
            .cookbooks
            .get(name)
            .map(|locked| locked.version.to_string())
            .unwrap_or_default();
        output::print(&format!("{name} {version}"));
    }
    Ok(Exit::Success)
}
