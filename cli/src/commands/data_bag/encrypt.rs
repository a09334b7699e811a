//! `toque data-bag encrypt` and `decrypt`: values of an item, in its file.

use std::collections::HashMap;

use toque_engine::data_bag::{ItemText, New};
use toque_engine::diagnostic::{Diagnostic, did_you_mean};
use toque_engine::encrypted::is_encrypted;
use toque_engine::run::Refused;

use super::{Bags, encrypted_keys, listed, open, replace, seal};
use crate::args::Form;
use crate::commands::Exit;
use crate::output;

pub fn encrypt(bags: &Bags, bag: &str, id: &str, keys: &[String]) -> Result<Exit, Refused> {
    let text = bags.item(bag, id)?;
    check(&text, keys)?;
    let plain = |key: &&String| !is_encrypted(&text.item.values[*key]) && *key != "id";
    let chosen: Vec<&String> =
        text.item.values.keys().filter(plain).filter(|key| wanted(keys, key)).collect();
    if chosen.is_empty() {
        output::message(&format!("there is nothing to encrypt in `{}`", text.item.shown));
        return Ok(Exit::Success);
    }
    let secret = bags.secret()?;
    let mut new = HashMap::new();
    for key in &chosen {
        new.insert((*key).clone(), New::Value(seal(&text, key, &text.item.values[*key], &secret)?));
    }
    replace(&text, &text.with(&new))?;
    output::print(&format!("encrypted {} in `{}`", listed(&chosen), text.item.shown));
    Ok(Exit::Success)
}

pub fn decrypt(
    bags: &Bags,
    bag: &str,
    id: &str,
    keys: &[String],
    form: Form,
) -> Result<Exit, Refused> {
    let text = bags.item(bag, id)?;
    check(&text, keys)?;
    let chosen: Vec<&String> =
        encrypted_keys(&text, form).into_iter().filter(|key| wanted(keys, key)).collect();
    if chosen.is_empty() {
        output::message(&format!("there is nothing to decrypt in `{}`", text.item.shown));
        return Ok(Exit::Success);
    }
    let secret = bags.secret()?;
    let mut new = HashMap::new();
    for key in &chosen {
        new.insert((*key).clone(), New::Value(open(&text, key, &secret)?));
    }
    replace(&text, &text.with(&new))?;
    output::print(&format!("decrypted {} in `{}`", listed(&chosen), text.item.shown));
    output::message(&format!(
        "warning: everybody who can read `{}` can read them now; `toque data-bag encrypt {bag} {id}` encrypts them again",
        text.item.shown
    ));
    Ok(Exit::Success)
}

fn wanted(keys: &[String], key: &String) -> bool {
    keys.is_empty() || keys.contains(key)
}

/// The keys that are named are there, and can be encrypted.
fn check(text: &ItemText, keys: &[String]) -> Result<(), Diagnostic> {
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
            return Err(unknown.hint(did_you_mean(key, known.iter().copied()).unwrap_or_else(all)));
        }
    }
    Ok(())
}
