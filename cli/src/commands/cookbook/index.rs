//! `toque cookbook index`.

use std::path::PathBuf;

use toque_cookbooks::index::{self, IndexEntry};
use toque_engine::Refused;
use toque_machine::system::HostSystem;

use crate::exit::Exit;
use crate::output::{self, counted};

/// Make a folder of packaged cookbooks a registry, which any web server can serve
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook index /srv/registry")]
pub(crate) struct Args {
    /// Where the archives are, at any depth; gets the list, `universe`
    dir: PathBuf,
    /// Where the archives are found, if not beside the list
    #[arg(long, value_name = "BASE")]
    url: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Refused> {
    let found = index::index(&HostSystem::new(), &args.dir, args.url.as_deref())?;
    for IndexEntry { name, version, path } in &found.releases {
        output::print(&format!("{name} {version} {}", path.display()));
    }
    let count = found.releases.len();
    let all = counted(count, "version") + if count == 1 { " is" } else { " are" };
    let list = if found.changed { "was written" } else { "is as it was" };
    output::message(&format!("{all} there; `{}` {list}", index::NAME));
    Ok(Exit::Success)
}
