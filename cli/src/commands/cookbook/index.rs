//! `toque cookbook index`.

use std::path::Path;

use toque_cookbooks::index::{self, IndexEntry};
use toque_engine::run::Refused;
use toque_engine::system::HostSystem;

use super::Exit;
use crate::output;

pub fn index(dir: &Path, url: Option<&str>) -> Result<Exit, Refused> {
    let found = index::index(&HostSystem::new(), dir, url)?;
    for IndexEntry { name, version, path } in &found.releases {
        output::print(&format!("{name} {version} {}", path.display()));
    }
    let count = found.releases.len();
    let all = if count == 1 { "1 version is".to_owned() } else { format!("{count} versions are") };
    let list = if found.changed { "was written" } else { "is as it was" };
    output::message(&format!("{all} there; `{}` {list}", index::NAME));
    Ok(Exit::Success)
}
