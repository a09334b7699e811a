//! Opening encrypted items: the secrets that a run was given, and what they decrypt.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::data_bag::Item;
use crate::diagnostic::Diagnostic;
use crate::encrypted::{self, Secret};
use crate::masks::{INSTEAD, Masks};

/// Decrypts values, and remembers what it decrypted.
pub struct Vault {
    /// Where the secret is looked for: the first file that is there has it.
    files: Vec<PathBuf>,
    masks: Rc<Masks>,
    /// What was read, by the file that an item named; the run's own by none.
    secrets: RefCell<HashMap<Option<PathBuf>, Secret>>,
    /// It stays closed: what is encrypted reads as [`INSTEAD`].
    closed: bool,
}

/// How an item is to be opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Way {
    /// Where its secret is, in place of the run's.
    pub secret_file: Option<PathBuf>,
    /// All its texts but the id are encrypted values of version 0, which look like any other text.
    pub version_0: bool,
}

/// An item with its encrypted values decrypted, each when it is first read.
pub struct Opened {
    pub item: Rc<Item>,
    vault: Rc<Vault>,
    way: Way,
    read: RefCell<HashMap<String, Rc<Value>>>,
}

impl Vault {
    #[must_use]
    pub fn new(files: Vec<PathBuf>, masks: Rc<Masks>) -> Self {
        Self { files, masks, secrets: RefCell::default(), closed: false }
    }

    /// One that opens nothing, for looking at recipes where no secret may be read.
    #[must_use]
    pub fn closed() -> Self {
        Self { closed: true, ..Self::new(Vec::new(), Rc::default()) }
    }

    /// The secret, read once.
    fn secret(&self, named: Option<&Path>) -> Result<Secret, Diagnostic> {
        let named = named.map(Path::to_owned);
        if let Some(secret) = self.secrets.borrow().get(&named) {
            return Ok(secret.clone());
        }
        let found =
            named.as_ref().map_or_else(|| Secret::first_of(&self.files), |named| Secret::first_of(std::slice::from_ref(named)));
        let (secret, _) = found.map_err(Diagnostic::from)?;
        self.secrets.borrow_mut().insert(named, secret.clone());
        Ok(secret)
    }

    fn decrypt(&self, item: &Item, key: &str, value: &Value, way: &Way) -> Result<Value, Diagnostic> {
        if self.closed {
            return Ok(Value::String(INSTEAD.to_owned()));
        }
        let about = |wrong: Diagnostic| {
            let message = format!("cannot decrypt `{key}` of the item `{}/{}`: {}", item.bag, item.id, wrong.message);
            Diagnostic { message, ..wrong }.or_at(item.place(key).as_ref())
        };
        let secret = self.secret(way.secret_file.as_deref()).map_err(about)?;
        let plain = encrypted::open(value, &secret).map_err(|failure| about(Diagnostic::from(failure)))?;
        self.masks.add(&plain, &format!("`{key}` of the item `{}/{}`", item.bag, item.id));
        Ok(plain)
    }
}

impl Opened {
    #[must_use]
    pub fn new(item: Rc<Item>, vault: Rc<Vault>, way: Way) -> Self {
        Self { item, vault, way, read: RefCell::default() }
    }

    /// The value of a key, decrypted if it has to be.
    /// # Errors
    /// When it cannot be decrypted, at its place in the item's file.
    pub fn get(&self, key: &str) -> Result<Option<Rc<Value>>, Diagnostic> {
        if let Some(value) = self.read.borrow().get(key) {
            return Ok(Some(Rc::clone(value)));
        }
        let Some(value) = self.item.values.get(key) else { return Ok(None) };
        let value =
            if self.is_encrypted(key, value) { self.vault.decrypt(&self.item, key, value, &self.way)? } else { value.clone() };
        let value = Rc::new(value);
        self.read.borrow_mut().insert(key.to_owned(), Rc::clone(&value));
        Ok(Some(value))
    }

    /// All of it.
    /// # Errors
    /// When one of its values cannot be decrypted.
    pub fn whole(&self) -> Result<Map<String, Value>, Diagnostic> {
        let keys = self.item.values.keys();
        keys.filter_map(|key| Some(self.get(key).transpose()?.map(|value| (key.clone(), (*value).clone())))).collect()
    }

    /// Whether any of it is encrypted.
    #[must_use]
    pub fn holds_encrypted(&self) -> bool {
        self.item.values.iter().any(|(key, value)| self.is_encrypted(key, value))
    }

    fn is_encrypted(&self, key: &str, value: &Value) -> bool {
        encrypted::is_encrypted_at(key, value, self.way.version_0)
    }
}

/// What is encrypted is not shown.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.item.bag, self.item.id)
    }
}
