//! `toque data-bag`: what is in data bags, and their encrypted values.

mod decrypt;
mod edit;
mod editor;
mod encrypt;
mod in_memory_file;
mod rotate;
mod show;

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_data::data_bag::{DataBags, ItemText, New};
use toque_data::encrypted_item;
use toque_data::encrypted_item::Secret;
use toque_engine::Refused;
use toque_machine::trust::{Subject, Trust};

use crate::atomic_write::{Expected, atomic_write};
use crate::exit::Exit;
use crate::output;
use crate::repository::{Named, find_repository, trusted};
use crate::settings::Settings;

/// Look into data bags; encrypt, decrypt and edit their items
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toque data-bag show\n  toque data-bag edit db main")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Commands,
    /// The repository; the nearest folder above with `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR", global = true)]
    repo: Option<PathBuf>,
    /// The file with the secret that encrypts and opens values
    #[arg(long, value_name = "FILE", global = true)]
    secret_file: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Commands {
    Show(show::Args),
    Encrypt(encrypt::Args),
    Decrypt(decrypt::Args),
    Edit(edit::Args),
    Rotate(rotate::Args),
}

/// The form of encrypted values that do not show it.
#[derive(clap::Args, Clone, Copy)]
struct Form {
    /// Take every text of the item but its id for an encrypted value of version 0, which looks like
    /// any other text
    #[arg(long, requires = "item")]
    version_0: bool,
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let found = match find_repository(Named { repo: args.repo.as_deref(), trust }, None)? {
        Some(found) => Some(found),
        None => {
            let usual = Settings::read(None, trust)?.repo;
            usual.as_deref().map(|usual| trusted(usual, trust)).transpose()?;
            usual
        }
    };
    let Some(repository) = found else {
        return Err(Diagnostic::error(
            "there is no repository here, and so there are no data bags",
        )
        .hint("run toque below a folder with `cookbooks/`, or name one with `--repo`")
        .into());
    };
    let settings = Settings::read(Some(&repository), trust)?;
    let secret_files = settings.secret_files(args.secret_file.as_deref());
    if let Some(secret) = secret_files.iter().find(|path| path.exists()) {
        trust.file(Subject::Secret, secret)?;
    }
    let bags = DataBags::of(Some(&repository));
    let bags = Bags { bags, repository, secret_files, trust };
    match &args.command {
        Commands::Show(args) => show::run(&bags, args),
        Commands::Encrypt(args) => encrypt::run(&bags, args),
        Commands::Decrypt(args) => decrypt::run(&bags, args),
        Commands::Edit(args) => edit::run(&bags, args),
        Commands::Rotate(args) => rotate::run(&bags, args),
    }
}

/// The data bags of a repository and the secret of their items.
struct Bags<'a> {
    repository: PathBuf,
    bags: DataBags,
    /// The files that may hold the secret.
    secret_files: Vec<PathBuf>,
    /// The users who may decide what is in a secret.
    trust: &'a Trust,
}

impl Bags<'_> {
    /// Reads an item with its text.
    fn item(&self, bag: &str, id: &str) -> Result<ItemText, Diagnostic> {
        ItemText::read(&*self.bags.item(bag, id)?)
    }

    /// Reads the secret, and warns when others can read or change its file.
    fn secret(&self) -> Result<Secret, Diagnostic> {
        let (secret, path) = Secret::first_of(&self.secret_files).map_err(Diagnostic::from)?;
        warn_of_readers(path);
        Ok(secret)
    }
}

/// Replaces the values of an item that `convert` is for: those at `keys`, or all.
/// Returns the item and the keys, of which there may be none.
fn convert(
    bags: &Bags<'_>,
    (bag, id): (&str, &str),
    keys: &[String],
    is_for: impl Fn(&str, &Value) -> bool,
    convert: impl Fn(&ItemText, &str, &Secret) -> Result<Value, Diagnostic>,
) -> Result<(ItemText, Vec<String>), Refused> {
    let text = bags.item(bag, id)?;
    check_keys(&text, keys)?;
    let chosen: Vec<String> = text
        .item
        .values
        .iter()
        .filter(|(key, value)| is_for(key, value) && (keys.is_empty() || keys.contains(key)))
        .map(|(key, _)| key.clone())
        .collect();
    if !chosen.is_empty() {
        let secret = bags.secret()?;
        let mut new = HashMap::new();
        for key in &chosen {
            new.insert(key.clone(), New::Value(convert(&text, key, &secret)?));
        }
        replace(&text, &text.with(&new))?;
    }
    Ok((text, chosen))
}

/// Checks that the keys that are named exist and can be encrypted.
fn check_keys(text: &ItemText, keys: &[String]) -> Result<(), Diagnostic> {
    let item = &text.item;
    for key in keys {
        if key == "id" {
            return Err(Diagnostic::error(
                "the id of an item is never encrypted: items are found by it",
            ));
        }
        if !item.values.contains_key(key) {
            let unknown = Diagnostic::error(format!(
                "the item `{}/{}` has no key `{key}`",
                item.bag, item.id
            ));
            let known: Vec<&str> =
                item.values.keys().map(String::as_str).filter(|key| *key != "id").collect();
            let all = || {
                if known.is_empty() {
                    "it has none but its id".to_owned()
                } else {
                    format!("it has {}", listed(&known))
                }
            };
            return Err(unknown.suggest_or(key, known.iter().copied(), all));
        }
    }
    Ok(())
}

/// Replaces the file of an item.
fn replace(before: &ItemText, text: &str) -> Result<(), Diagnostic> {
    let whole = before.whole();
    atomic_write(&before.item.file, &before.item.shown, text, &Expected::Text(&whole))
}

/// Warns when everybody can read a secret, or others than its owner can change it.
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

/// Returns the keys of an item whose values are encrypted.
fn encrypted_keys(text: &ItemText, form: Form) -> Vec<&String> {
    text.item
        .values
        .iter()
        .filter(|(key, value)| encrypted_item::is_encrypted_at(key, value, form.version_0))
        .map(|(key, _)| key)
        .collect()
}

/// Decrypts the value of a key.
fn open(text: &ItemText, key: &str, secret: &Secret) -> Result<Value, Diagnostic> {
    let value = &text.item.values[key];
    let opened = encrypted_item::open(value, secret);
    opened.map_err(|failure| about("decrypt", text, key, failure))
}

/// Encrypts a value for a key.
fn seal(text: &ItemText, key: &str, value: &Value, secret: &Secret) -> Result<Value, Diagnostic> {
    encrypted_item::encrypt(value, secret).map_err(|failure| about("encrypt", text, key, failure))
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
