//! `toque data-bag edit`: the plain text of an item in an editor, and back.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;
use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::failure::plain_io;
use toque_core::json::{Document, JsonError};
use toque_core::message::redact_values;
use toque_core::read_text::read_text;
use toque_data::data_bag::{FOLDER, ItemText, New, is_name};
use toque_data::encrypted_item;
use toque_data::encrypted_item::Secret;
use toque_engine::Refused;

use super::editor::Editor;
use super::in_memory_file::PrivateFolder;
use super::{Bags, Form, encrypted_keys, listed, open, replace, seal};
use crate::atomic_write::{Expected, atomic_write};
use crate::exit::Exit;
use crate::output;

/// Edit an item in `$VISUAL` or `$EDITOR`, its plain text kept off the disk; only what changed
/// is encrypted anew
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque data-bag edit db main\n  toque data-bag edit db spare --new"
)]
pub(crate) struct Args {
    /// The data bag
    bag: String,
    /// The item, by its id
    item: String,
    /// Make an item that is not there yet, with all its values encrypted
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    form: Form,
}

/// An item that is being edited.
struct Editing {
    before: ItemText,
    /// Its encrypted values, decrypted.
    plain: HashMap<String, Value>,
    /// Encrypts what changes and what is added; none when nothing was encrypted.
    secret: Option<Secret>,
    new: bool,
}

/// The new text of an item, and the keys that changed.
#[derive(Default)]
struct Edited {
    text: String,
    encrypted: Vec<String>,
    plain: Vec<String>,
    removed: Vec<String>,
}

pub(crate) fn run(bags: &Bags<'_>, args: &Args) -> Result<Exit, Refused> {
    if args.new {
        make(bags, &args.bag, &args.item)
    } else {
        edit(bags, &args.bag, &args.item, args.form)
    }
}

/// Edits an existing item.
fn edit(bags: &Bags<'_>, bag: &str, id: &str, form: Form) -> Result<Exit, Refused> {
    let before = bags.item(bag, id).map_err(|missing| match bags.bags.ids(bag) {
        Ok(ids) if is_name(id) && !ids.iter().any(|known| known == id) => {
            missing.hint("`--new` makes an item")
        }
        _ => missing,
    })?;
    let mut plain = HashMap::new();
    let mut secret = None;
    for key in encrypted_keys(&before, form) {
        let secret = match &secret {
            Some(secret) => secret,
            None => secret.insert(bags.secret()?),
        };
        plain.insert(key.clone(), open(&before, key, secret)?);
    }
    Editing { before, plain, secret, new: false }.run()
}

/// Makes an item, of which all values are encrypted.
fn make(bags: &Bags<'_>, bag: &str, id: &str) -> Result<Exit, Refused> {
    let missing = match bags.item(bag, id) {
        Ok(there) => {
            let wrong = Diagnostic::error(format!(
                "there is an item `{bag}/{id}` already, in `{}`",
                there.item.shown
            ));
            return Err(wrong.hint("leave out `--new` to edit it").into());
        }
        Err(missing) => missing,
    };
    let shown = format!("{FOLDER}/{bag}/{id}.json");
    let file = bags.repository.join(&shown);
    if !is_name(bag) || !is_name(id) || file.symlink_metadata().is_ok() {
        return Err(missing.into());
    }
    let text = format!("{{\n  \"id\": \"{id}\"\n}}\n");
    let before = ItemText::parse(text, bag, id, file, shown)?;
    Editing { before, plain: HashMap::new(), secret: Some(bags.secret()?), new: true }.run()
}

impl Editing {
    /// Runs the editor until its result is an item, or the user gives up.
    fn run(&self) -> Result<Exit, Refused> {
        let item = &self.before.item;
        let editor = Editor::chosen()?;
        let folder = PrivateFolder::new()?;
        let path = folder.path().join(format!("{}.json", item.id));
        let plain = self
            .plain
            .iter()
            .map(|(key, value)| (key.clone(), New::Value(value.clone())))
            .collect();
        write(&path, &self.before.with(&plain))?;
        loop {
            editor.run(&path)?;
            let mistake = match self.result(&path) {
                Ok(edited) => {
                    self.store(&edited)?;
                    return Ok(Exit::Success);
                }
                Err(mistake) if !editor.can_ask() => return Err(mistake.into()),
                Err(mistake) => mistake,
            };
            output::diagnostic::print(&mistake.into());
            if !editor.again()? {
                output::message(&format!("`{}` is as it was", item.shown));
                return Ok(Exit::Refused);
            }
        }
    }

    /// Reads the result of the editor.
    /// # Errors
    /// When it is no item any more; it can be edited again.
    fn result(&self, path: &Path) -> Result<Edited, Diagnostic> {
        let text = read_text(path).map_err(|error| {
            Diagnostic::error(format!("cannot read what was edited: {}", plain_io(&error)))
        })?;
        self.edited(text)
    }

    /// Writes the item.
    fn store(&self, edited: &Edited) -> Result<(), Diagnostic> {
        let shown = &self.before.item.shown;
        if edited.text == self.before.whole() {
            output::message(&format!("nothing was changed in `{shown}`"));
            return Ok(());
        }
        if self.new {
            let expected = Expected::Absent { mode: 0o666 };
            atomic_write(&self.before.item.file, shown, &edited.text, &expected)?;
        } else {
            replace(&self.before, &edited.text)?;
        }
        edited.print(shown, self.secret.is_some());
        Ok(())
    }

    /// The edited text with values encrypted: a value that is what it was stands there as it stood
    /// before.
    fn edited(&self, text: String) -> Result<Edited, Diagnostic> {
        let before = &self.before.item;
        let after = self.read(text)?;
        let mut edited = Edited::default();
        let mut new = HashMap::new();
        for (key, value) in after.item.values.iter().filter(|(key, _)| *key != "id") {
            let (was, opened) = (before.values.get(key), self.plain.get(key));
            if opened == Some(value) {
                new.insert(key.clone(), New::Text(self.before.written(key).to_owned()));
            } else if let Some(secret) = &self.secret
                && (opened.is_some() || was.is_none() && !encrypted_item::is_encrypted(value))
            {
                new.insert(key.clone(), New::Value(seal(&after, key, value, secret)?));
                edited.encrypted.push(key.clone());
            } else if was != Some(value) {
                edited.plain.push(key.clone());
            }
        }
        edited.removed = before
            .values
            .keys()
            .filter(|key| !after.item.values.contains_key(*key))
            .cloned()
            .collect();
        edited.text = after.with(&new);
        Ok(edited)
    }

    /// Reads what was edited. No mistake shows any of it.
    fn read(&self, text: String) -> Result<ItemText, Diagnostic> {
        let item = &self.before.item;
        let name = format!("{}.json", item.id);
        Document::parse_text(Source::new(&name, None, text.clone())).map_err(unreadable)?;
        ItemText::parse(text, &item.bag, &item.id, item.file.clone(), name).map_err(|_| {
            Diagnostic::error(format!("what was edited is not the item `{}` any more: its `id` is another, or gone", item.id)).hint(
                format!(
                    "leave `\"id\": \"{}\"` as it was; to rename an item, rename its file and change its `id` in there",
                    item.id
                ),
            )
        })
    }
}

impl Edited {
    fn print(&self, shown: &str, encrypts: bool) {
        let done = [
            ("encrypted", &self.encrypted),
            ("changed, as plain text,", &self.plain),
            ("removed", &self.removed),
        ];
        let done: Vec<String> = done
            .iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(verb, keys)| format!("{verb} {}", listed(keys)))
            .collect();
        let done = if done.is_empty() { "changed no value".to_owned() } else { done.join("; ") };
        output::print(&format!("wrote `{shown}`: {done}"));
        if !encrypts && !self.plain.is_empty() {
            output::message("nothing in it is encrypted; `toque data-bag encrypt` does that");
        }
    }
}

/// A mistake of JSON, without what it quotes.
fn unreadable(mistake: JsonError) -> Diagnostic {
    let reason = redact_values(&mistake.reason).unwrap_or(mistake.reason);
    let told = Diagnostic::error(format!("what was edited cannot be read: {reason}"));
    mistake.hint.into_iter().fold(told.at(mistake.span.hidden()), Diagnostic::hint)
}

/// Writes a file that only this user can read.
fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let opened = fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Diagnostic::error(format!("cannot write the plain text into memory: {}", plain_io(&error)))
    })
}
