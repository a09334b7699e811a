//! `toque data-bag decrypt`: values of an item, in its file.

use toque_data::encrypted_item::is_encrypted_at;
use toque_engine::Refused;

use super::{Bags, Form, convert, listed, open};
use crate::exit::Exit;
use crate::output;

/// Decrypt the values of an item, in its file
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque data-bag decrypt db main --key hosts")]
pub(crate) struct Args {
    /// The data bag
    bag: String,
    /// The item, by its id
    item: String,
    /// Decrypt only this one; may be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(bags: &Bags<'_>, Args { bag, item, key, form }: &Args) -> Result<Exit, Refused> {
    let (text, decrypted) = convert(
        bags,
        (bag, item),
        key,
        |key, value| is_encrypted_at(key, value, form.version_0),
        open,
    )?;
    let shown = &text.item.shown;
    if decrypted.is_empty() {
        output::message(&format!("there is nothing to decrypt in `{shown}`"));
        return Ok(Exit::Success);
    }
    output::print(&format!("decrypted {} in `{shown}`", listed(&decrypted)));
    output::message(&format!(
        "warning: everybody who can read `{shown}` can read them now; `toque data-bag encrypt {bag} {item}` encrypts them again"
    ));
    Ok(Exit::Success)
}
