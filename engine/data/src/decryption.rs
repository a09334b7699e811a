//! Opening encrypted items: the secrets that a run was given, and what they decrypt.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::data_bag::{DataBags, Item};
use crate::encrypted_item::{self, Secret};
use crate::secret_markers::{self, Kept};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_core::read_text::read_text;
use toque_core::redaction::{REDACTED, Redactor};

/// Decrypts values, and remembers what it decrypted.
pub struct Decryptor {
    /// Where the secret is looked for: the first file that is there has it.
    files: Vec<PathBuf>,
    redactor: Rc<Redactor>,
    /// Where values may be kept.
    bags: Rc<DataBags>,
    /// What was read, by the file that an item named; the run's own by none.
    secrets: RefCell<HashMap<Option<PathBuf>, Secret>>,
    /// It stays closed: what is encrypted reads as [`REDACTED`].
    closed: bool,
}

/// How an item is to be opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DecryptOptions {
    /// Where its secret is, in place of the run's.
    pub secret_file: Option<PathBuf>,
    /// All its texts but the id are encrypted values of version 0, which look like any other text.
    pub version_0: bool,
}

/// An item with its encrypted values decrypted, each when it is first read.
pub struct DecryptedItem {
    pub item: Rc<Item>,
    decryptor: Rc<Decryptor>,
    way: DecryptOptions,
    read: RefCell<HashMap<String, Rc<Value>>>,
}

impl Decryptor {
    #[must_use]
    pub fn new(files: Vec<PathBuf>, redactor: Rc<Redactor>, bags: Rc<DataBags>) -> Self {
        Self { files, redactor, bags, secrets: RefCell::default(), closed: false }
    }

    /// One that opens nothing, for looking at recipes where no secret may be read.
    #[must_use]
    pub fn closed() -> Self {
        Self { closed: true, ..Self::new(Vec::new(), Rc::default(), Rc::default()) }
    }

    /// The secret, read once.
    fn secret(&self, named: Option<&Path>) -> Result<Secret, Diagnostic> {
        let named = named.map(Path::to_owned);
        if let Some(secret) = self.secrets.borrow().get(&named) {
            return Ok(secret.clone());
        }
        let found = named.as_ref().map_or_else(
            || Secret::first_of(&self.files),
            |named| Secret::first_of(std::slice::from_ref(named)),
        );
        let (secret, _) = found.map_err(Diagnostic::from)?;
        self.secrets.borrow_mut().insert(named, secret.clone());
        Ok(secret)
    }

    fn decrypt(
        &self,
        item: &Item,
        key: &str,
        value: &Value,
        way: &DecryptOptions,
    ) -> Result<Value, Diagnostic> {
        if self.closed {
            return Ok(Value::String(REDACTED.to_owned()));
        }
        let about = |wrong: Diagnostic| {
            let message = format!(
                "cannot decrypt `{key}` of the item `{}/{}`: {}",
                item.bag, item.id, wrong.message
            );
            Diagnostic { message, ..wrong }.or_at(item.place(key).as_ref())
        };
        let secret = self.secret(way.secret_file.as_deref()).map_err(about)?;
        let plain = encrypted_item::open(value, &secret)
            .map_err(|failure| about(Diagnostic::from(failure)))?;
        self.redactor.add(&plain, &format!("`{key}` of the item `{}/{}`", item.bag, item.id));
        Ok(plain)
    }
}

impl Decryptor {
    /// A value with all that is kept elsewhere, or encrypted, put into its place. Relative files
    /// are below `folder`; `what` is what messages call it.
    /// # Errors
    /// What cannot be read or decrypted.
    pub fn fill(
        &self,
        value: &Value,
        what: &str,
        folder: Option<&Path>,
    ) -> Result<Value, Diagnostic> {
        Ok(match value {
            _ if secret_markers::is_meant(value) => {
                if self.closed {
                    return Ok(Value::String(REDACTED.to_owned()));
                }
                let about = |wrong: Diagnostic| Diagnostic {
                    message: format!("cannot read {what}: {}", wrong.message),
                    ..wrong
                };
                let plain = self.kept(value, folder).map_err(about)?;
                self.redactor.add(&plain, what);
                plain
            }
            Value::Object(map) => {
                let filled = |(key, value): (&String, &Value)| {
                    Ok((key.clone(), self.fill(value, what, folder)?))
                };
                Value::Object(map.iter().map(filled).collect::<Result<_, Diagnostic>>()?)
            }
            Value::Array(items) => items
                .iter()
                .map(|item| self.fill(item, what, folder))
                .collect::<Result<Vec<_>, Diagnostic>>()?
                .into(),
            other => other.clone(),
        })
    }

    fn kept(&self, value: &Value, folder: Option<&Path>) -> Result<Value, Diagnostic> {
        if encrypted_item::is_encrypted(value) {
            let secret = self.secret(None)?;
            return encrypted_item::open(value, &secret).map_err(Diagnostic::from);
        }
        match secret_markers::kept(value)
            .map_err(|(_, message)| Diagnostic::error(message).hint(secret_markers::HINT))?
        {
            Kept::Here(text) => Ok(Value::String(text)),
            Kept::File(file) => {
                let file = folder.unwrap_or(Path::new("/")).join(file);
                let text = read_text(&file).map_err(|error| {
                    Diagnostic::error(format!(
                        "the file `{}` that keeps it: {}",
                        file.display(),
                        plain_io(&error)
                    ))
                    .hint("put it there, readable for root alone, or correct `file`")
                })?;
                Ok(Value::String(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
            }
            Kept::Bag { bag, item, key } => {
                let item = self.bags.item(&bag, &item)?;
                let Some(value) = item.values.get(&key) else {
                    return Err(Diagnostic::error(format!(
                        "the item `{bag}/{}` that keeps it has no `{key}`",
                        item.id
                    ))
                    .hint("correct `key`, or put the value there"));
                };
                if encrypted_item::is_encrypted(value) {
                    self.decrypt(&item, &key, value, &DecryptOptions::default())
                } else {
                    Ok(value.clone())
                }
            }
        }
    }
}

impl DecryptedItem {
    #[must_use]
    pub fn new(item: Rc<Item>, decryptor: Rc<Decryptor>, way: DecryptOptions) -> Self {
        Self { item, decryptor, way, read: RefCell::default() }
    }

    /// The value of a key, decrypted if it has to be.
    /// # Errors
    /// When it cannot be decrypted, at its place in the item's file.
    pub fn get(&self, key: &str) -> Result<Option<Rc<Value>>, Diagnostic> {
        if let Some(value) = self.read.borrow().get(key) {
            return Ok(Some(Rc::clone(value)));
        }
        let Some(value) = self.item.values.get(key) else { return Ok(None) };
        let value = match &self.item.given {
            Some(given) => {
                let what = format!("`{key}` of the item `{}/{}`", self.item.bag, self.item.id);
                let folder = given.document.source.path.as_deref().and_then(Path::parent);
                self.decryptor
                    .fill(value, &what, folder)
                    .map_err(|wrong| wrong.or_at(Some(&given.place(key))))?
            }
            None if self.is_encrypted(key, value) => {
                self.decryptor.decrypt(&self.item, key, value, &self.way)?
            }
            None => value.clone(),
        };
        let value = Rc::new(value);
        self.read.borrow_mut().insert(key.to_owned(), Rc::clone(&value));
        Ok(Some(value))
    }

    /// All of it.
    /// # Errors
    /// When one of its values cannot be decrypted.
    pub fn whole(&self) -> Result<Map<String, Value>, Diagnostic> {
        let keys = self.item.values.keys();
        keys.filter_map(|key| {
            Some(self.get(key).transpose()?.map(|value| (key.clone(), (*value).clone())))
        })
        .collect()
    }

    /// Whether any of it is encrypted.
    #[must_use]
    pub fn holds_encrypted(&self) -> bool {
        let given = self.item.given.is_some();
        self.item.values.iter().any(|(key, value)| {
            self.is_encrypted(key, value) || given && secret_markers::is_within(value)
        })
    }

    fn is_encrypted(&self, key: &str, value: &Value) -> bool {
        encrypted_item::is_encrypted_at(key, value, self.way.version_0)
    }
}

/// What is encrypted is not shown.
impl fmt::Debug for DecryptedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.item.bag, self.item.id)
    }
}
