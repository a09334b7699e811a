//! `toque cookbook update`.

use toque_cookbooks::repository::Update;
use toque_engine::Refused;

use super::install::install;
use crate::exit::Exit;
use crate::fetching::Fetching;
use crate::repository::Named;

/// Choose newer versions: of these cookbooks and what they force, or of all
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque cookbook update\n  toque cookbook update nginx redis")]
pub(crate) struct Args {
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    fetching: Fetching,
}

pub(crate) fn run(repo: Named<'_>, args: &Args) -> Result<Exit, Refused> {
    let update = match &args.names[..] {
        [] => Update::Everything,
        names => Update::Some(names.to_vec()),
    };
    install(repo, update, false, &args.fetching)
}
