//! `toque data-bag`: what is in data bags, and their encrypted values.

mod edit;
mod editor;
mod encrypt;
mod memory;
mod rotate;
mod show;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toque_engine::data_bag::{DataBags, ItemText};
use toque_engine::diagnostic::Diagnostic;
use toque_engine::encrypted::{self, Secret};
use toque_engine::failure::Failure;
use toque_engine::run::Refused;

use super::{Exit, file};
use crate::args::{DataBag, DataBagWhat, Form};
use crate::output;
use crate::settings::{Settings, find_repository};
use show::Values;

pub fn data_bag(args: &DataBag) -> Result<Exit, Refused> {
    let found = match find_repository(args.repo.as_deref(), None)? {
        Some(found) => Some(found),
        None => Settings::read(None)?.repo,
    };
    let Some(repository) = found else {
        return Err(Diagnostic::error(
            "there is no repository here, and so there are no data bags",
        )
        .hint("run toque below a folder with `cookbooks/`, or name one with `--repo`")
        .into());
    };
    let secret_files = Settings::read(Some(&repository))?.secret_files(args.secret_file.as_deref());
    let bags = Bags { bags: DataBags::of(Some(&repository)), repository, secret_files };
    match &args.what {
        DataBagWhat::Show { bag, item, reveal, form, format } => show::show(
            &bags,
            bag.as_deref(),
            item.as_deref(),
            if *reveal { Values::Revealed } else { Values::Hidden },
            *form,
            *format,
        ),
        DataBagWhat::Encrypt { bag, item, key } => encrypt::encrypt(&bags, bag, item, key),
        DataBagWhat::Decrypt { bag, item, key, form } => {
            encrypt::decrypt(&bags, bag, item, key, *form)
        }
        DataBagWhat::Edit { bag, item, new: false, form } => edit::edit(&bags, bag, item, *form),
        DataBagWhat::Edit { bag, item, new: true, .. } => edit::make(&bags, bag, item),
        DataBagWhat::Rotate { bag, item, new_secret_file, form } => {
            rotate::rotate(&bags, bag.as_deref(), item.as_deref(), new_secret_file, *form)
        }
    }
}

/// What all of them work with.
struct Bags {
    repository: PathBuf,
    bags: DataBags,
    /// Where the secret is looked for.
    secret_files: Vec<PathBuf>,
}

impl Bags {
    /// An item with its text.
    fn item(&self, bag: &str, id: &str) -> Result<ItemText, Diagnostic> {
        ItemText::read(&*self.bags.item(bag, id)?)
    }

    /// The secret. That others can read it is worth a warning, and that they can change it.
    fn secret(&self) -> Result<Secret, Diagnostic> {
        let (secret, path) = Secret::first_of(&self.secret_files).map_err(Diagnostic::from)?;
        warn_of_readers(path);
        Ok(secret)
    }
}

/// Writes the file of an item anew.
fn replace(before: &ItemText, text: &str) -> Result<(), Diagnostic> {
    file::replace(&before.item.file, &before.item.shown, &before.whole(), text)
}

/// A group may be meant to read a secret, everybody is not.
fn warn_of_readers(path: &Path) {
    let mode = path.metadata().map_or(0, |about| about.permissions().mode());
    let open = match (mode & 0o004 != 0, mode & 0o022 != 0) {
        (true, _) => "everybody can read",
        (false, true) => "others can change",
        (false, false) => return,
    };
    output::message(&format!(
        "warning: {open} the secret file `{}`; `chmod go-rwx` keeps it to its owner",
        path.display()
    ));
}

/// The keys of an item whose values are encrypted.
fn encrypted_keys(text: &ItemText, form: Form) -> Vec<&String> {
    text.item
        .values
        .iter()
        .filter(|(key, value)| encrypted::is_encrypted_at(key, value, form.version_0))
        .map(|(key, _)| key)
        .collect()
}

/// The value of a key, decrypted.
fn open(text: &ItemText, key: &str, secret: &Secret) -> Result<Value, Diagnostic> {
    let value = &text.item.values[key];
    let opened = encrypted::open(value, secret);
    opened.map_err(|failure| about("decrypt", text, key, failure))
}

/// A value, encrypted to stand at a key.
fn seal(text: &ItemText, key: &str, value: &Value, secret: &Secret) -> Result<Value, Diagnostic> {
    encrypted::encrypt(value, secret).map_err(|failure| about("encrypt", text, key, failure))
}

fn about(verb: &str, text: &ItemText, key: &str, failure: Failure) -> Diagnostic {
    let message = format!(
        "cannot {verb} `{key}` of the item `{}/{}`: {}",
        text.item.bag, text.item.id, failure.message
    );
    Diagnostic::from(Failure { message, ..failure }).at(text.place(key))
}

/// `a`, `b`, `c`; a key may hold anything.
fn listed<T: AsRef<str>>(keys: &[T]) -> String {
    keys.iter()
        .map(|key| format!("`{}`", key.as_ref().escape_debug()))
        .collect::<Vec<_>>()
        .join(", ")
}
