//! `toque cookbook vendor`.

use std::path::PathBuf;

use toque_cookbooks::package_contents::PackageContents;
use toque_engine::Refused;

use super::{repository, with_machine};
use crate::exit::Exit;
use crate::fetching::{Fetching, current_lockfile};
use crate::output;
use crate::repository::Named;

/// Put the cookbooks of Cookfile.lock into a folder, to be kept with the repository or used as
/// its `cookbooks/`
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook vendor vendor/cookbooks")]
pub(crate) struct Args {
    /// A folder that is not there yet, is empty, or was made by this command and not changed
    /// since
    dir: PathBuf,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(repo: Named<'_>, Args { dir, fetching }: &Args) -> Result<Exit, Refused> {
    let repository = repository(repo)?;
    let lockfile = current_lockfile(&repository)?;
    let content = with_machine(&repository.path, fetching, repo.trust, |network, machine| {
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
