//! `toque data-bag encrypt`: values of an item, in its file.

use toque_data::encrypted_item::is_encrypted;
use toque_engine::Refused;

use super::{Bags, convert, listed, seal};
use crate::exit::Exit;
use crate::output;

/// Encrypt the values of an item, in its file
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque data-bag encrypt db main\n  toque data-bag encrypt db main --key password --key token"
)]
pub(crate) struct Args {
    /// The data bag
    bag: String,
    /// The item, by its id
    item: String,
    /// Encrypt only this one; may be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

pub(crate) fn run(bags: &Bags<'_>, Args { bag, item, key }: &Args) -> Result<Exit, Refused> {
    let (text, encrypted) = convert(
        bags,
        (bag, item),
        key,
        |key, value| key != "id" && !is_encrypted(value),
        |text, key, secret| seal(text, key, &text.item.values[key], secret),
    )?;
    let shown = &text.item.shown;
    if encrypted.is_empty() {
        output::message(&format!("there is nothing to encrypt in `{shown}`"));
    } else {
        output::print(&format!("encrypted {} in `{shown}`", listed(&encrypted)));
    }
    Ok(Exit::Success)
}
