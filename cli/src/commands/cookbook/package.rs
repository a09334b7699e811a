//! `toque cookbook package`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toque_cookbooks::fetch::Folder;
use toque_cookbooks::manifest::cookfile::{Cookfile, Location};
use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_cookbooks::package::{Format, package as write, publish};
use toque_cookbooks::package_contents::PackageContents;
use toque_cookbooks::repository::Repository;
use toque_core::diagnostic::Diagnostic;
use toque_core::name::is_word;
use toque_data::cookbook::Cookbook;
use toque_engine::Refused;
use toque_machine::atomic_write::NewMode;
use toque_machine::trust::Trust;

use super::{repository, store_of, with_machine};
use crate::exit::Exit;
use crate::fetching::{Fetching, current_lockfile};
use crate::new_mode::ModeArgument;
use crate::output::{self, counted};
use crate::repository::{Named, find_repository};

/// Pack the repository as a run needs it, or one cookbook, into an archive: the same bytes each
/// time
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque cookbook package site.tar.zst\n  toque cookbook package /srv/registry nginx"
)]
pub(crate) struct Args {
    /// What is written: its name ends in `.tar.zst` or `.tar.gz`. With NAME also a folder, in
    /// which it becomes `NAME-VERSION.tar.zst`
    file: PathBuf,
    /// The cookbook that is packed alone, for a registry
    name: Option<String>,
    /// The mode of a new file, in octal digits or `umask`: 0600 unless told, and by the umask in a
    /// folder, which is a registry
    #[arg(long)]
    mode: Option<ModeArgument>,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(
    repo: Named<'_>,
    Args { file, name, mode, fetching }: &Args,
) -> Result<Exit, Refused> {
    let path = find_repository(repo, None)?.ok_or_else(|| {
        Diagnostic::error("there is no repository here: neither `Cookfile.toml` nor `cookbooks/`")
            .hint("go into one, or name it with `--repo`")
    })?;
    let folder = file.is_dir();
    // A repository may hold secrets; a registry is for others.
    let usual = if folder { NewMode::ByUmask } else { NewMode::Exactly(0o600) };
    let mode = mode.map_or(usual, |argument| argument.0);
    if !folder {
        // Before anything is fetched.
        Format::of(file)?;
    }
    // Nobody removes what is packed meanwhile.
    let _held = store_of(Some(&path), fetching.cache_dir.as_deref(), repo.trust)?;
    let (content, package) = match name {
        None if folder => {
            return Err(Diagnostic::error(format!("`{}` is a folder, and a whole repository has no name", file.display()))
                .hint("name the file that is written, such as `site.tar.zst`, or the cookbook that is packed alone")
                .into());
        }
        None => {
            let content =
                PackageContents::of_repository(&path, &all(&path, fetching, repo.trust)?)?;
            let package = write(&content, file, mode)?;
            (content, package)
        }
        Some(name) => {
            let root = one(&path, name, fetching, repo.trust)?;
            let cookbook = Cookbook::load(&root)?;
            let content = PackageContents::of_cookbook(&path, name, &root)?;
            let package = if folder {
                publish(&content, file, &cookbook.manifest, mode)?
            } else {
                write(&content, file, mode)?
            };
            (content, package)
        }
    };
    output::print(&format!("{}  {}", package.sha256, package.path.display()));
    let (cookbooks, files) =
        (counted(content.cookbooks.len(), "cookbook"), counted(content.entries.len(), "file"));
    output::message(&format!("{cookbooks} with {files}, packed {} bytes", package.bytes));
    Ok(Exit::Success)
}

/// Returns the folders of all cookbooks of a repository: those of its lockfile, or without a
/// Cookfile its own.
fn all(
    path: &Path,
    fetching: &Fetching,
    trust: &Trust,
) -> Result<BTreeMap<String, PathBuf>, Refused> {
    let Some(repository) = Repository::read(path)? else {
        let own = Folder::own(path)?;
        return Ok(own
            .cookbooks()
            .iter()
            .map(|own| (own.name().to_owned(), own.cookbook.root.clone()))
            .collect());
    };
    let lockfile = current_lockfile(&repository)?;
    with_machine(&repository.path, fetching, trust, |network, machine| {
        repository.fetch(machine, &repository.without(&lockfile, &network.without))
    })
}

/// Returns the folder of a cookbook. One in the repository needs no lockfile.
fn one(path: &Path, name: &str, fetching: &Fetching, trust: &Trust) -> Result<PathBuf, Refused> {
    if !is_word(name) {
        return Err(Diagnostic::error(format!("`{name}` is no name of a cookbook"))
            .hint("a name is made of letters, digits, `-` and `_`")
            .into());
    }
    let cookfile = Cookfile::read(path)?;
    let asked =
        cookfile.iter().flat_map(|cookfile| &cookfile.cookbooks).find(|wanted| wanted.name == name);
    let own = Path::new("cookbooks").join(name);
    let lies_at = match asked.map(|wanted| &wanted.from) {
        Some(Location::Path(folder)) => Some(folder),
        Some(Location::Git(_) | Location::Archive(_)) => None,
        Some(Location::Sources(_)) | None => path.join(&own).is_dir().then_some(&own),
    };
    if let Some(folder) = lies_at {
        // It must be called so.
        Folder::one(path, folder, name)?;
        return Ok(path.join(folder));
    }
    if cookfile.is_none() {
        return Err(missing(path, name).into());
    }
    let repository = repository(Named { repo: Some(path), trust })?;
    let lockfile = current_lockfile(&repository)?;
    lockfile.require(name)?;
    let alone = lockfile.cookbooks.into_iter().filter(|(other, _)| other == name).collect();
    let roots = with_machine(&repository.path, fetching, trust, |_, machine| {
        repository.fetch(machine, &Lockfile { cookbooks: alone })
    })?;
    Ok(roots.into_values().next().ok_or_else(|| missing(path, name))?)
}

fn missing(path: &Path, name: &str) -> Diagnostic {
    let (found, _) = toque_data::cookbook::find(path);
    let missing = Diagnostic::error(format!("there is no cookbook `{name}`"));
    missing.suggest_or(name, found.keys().map(String::as_str), || {
        format!("put it into cookbooks/{name}, or correct the name")
    })
}
