//! `toque data-bag rotate`: everything encrypted anew, under another secret.

use std::collections::HashMap;
use std::path::PathBuf;

use toque_core::diagnostic::{Diagnostic, Diagnostics};
use toque_data::data_bag::{ItemText, New};
use toque_data::encrypted_item::Secret;
use toque_engine::Refused;
use toque_machine::trust::Subject;

use super::{Bags, Form, encrypted_keys, listed, open, replace, seal, warn_of_readers};
use crate::exit::Exit;
use crate::output::{self, counted};

/// Encrypt everything anew, under another secret
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque data-bag rotate --new-secret-file new_secret\n  toque data-bag rotate db main --new-secret-file new_secret"
)]
pub(crate) struct Args {
    /// The data bag; all of them without one
    bag: Option<String>,
    /// The item; all of the bag without one
    item: Option<String>,
    /// The file with the secret to come
    #[arg(long, value_name = "FILE")]
    new_secret_file: PathBuf,
    #[command(flatten)]
    form: Form,
}

/// An item with its values under the new secret.
struct Rotated {
    text: ItemText,
    /// It has encrypted values.
    encrypted: bool,
    /// The keys that are encrypted anew, and the text with them.
    keys: Vec<String>,
    after: String,
}

pub(crate) fn run(bags: &Bags<'_>, args: &Args) -> Result<Exit, Refused> {
    let new = &args.new_secret_file;
    let old = bags.secret()?;
    bags.trust.file(Subject::Secret, new)?;
    let new_secret = Secret::read(new).map_err(Diagnostic::from)?;
    warn_of_readers(new);
    if new_secret == old {
        return Err(Diagnostic::error(format!(
            "the secret in `{}` is the one that is in use",
            new.display()
        ))
        .hint("make another one: `(umask 077; openssl rand -base64 512 > FILE)`")
        .into());
    }
    let mut rotated = Vec::new();
    let mut wrong = Vec::new();
    let (mut already, mut plain) = (0, 0);
    for text in items(bags, args.bag.as_deref(), args.item.as_deref())? {
        match prepare(text, &old, &new_secret, args.form) {
            Ok(item) if !item.keys.is_empty() => rotated.push(item),
            Ok(item) if item.encrypted => already += 1,
            Ok(_) => plain += 1,
            Err(mistakes) => wrong.extend(mistakes),
        }
    }
    if !wrong.is_empty() {
        return Err(Diagnostics(wrong).into());
    }
    for (done, item) in rotated.iter().enumerate() {
        if let Err(failed) = replace(&item.text, &item.after) {
            let left = rotated.len() - done;
            let failed = failed
                .note(format!(
                    "{done} items are under the new secret, {left} still under the old one"
                ))
                .hint(
                    "mend the cause and rotate again: what is under the new secret is passed over",
                );
            output::diagnostic::print(&failed.into());
            return Ok(if done == 0 { Exit::Refused } else { Exit::Failed });
        }
        output::print(&format!("rotated {} in `{}`", listed(&item.keys), item.text.item.shown));
    }
    output::message(&summary(rotated.len(), already, plain));
    Ok(Exit::Success)
}

fn summary(rotated: usize, already: usize, plain: usize) -> String {
    let items = |count| counted(count, "item");
    let mut text = format!("{} encrypted anew", items(rotated));
    if already > 0 {
        text.push_str(&format!(", {} under the new secret already", items(already)));
    }
    if plain > 0 {
        text.push_str(&format!(", {} without encrypted values", items(plain)));
    }
    text
}

/// Opens what is under the old secret, and encrypts it under the new one. What the new one opens
/// was rotated before.
fn prepare(
    text: ItemText,
    old: &Secret,
    new: &Secret,
    form: Form,
) -> Result<Rotated, Vec<Diagnostic>> {
    let (mut values, mut keys, mut wrong) = (HashMap::new(), Vec::new(), Vec::new());
    let encrypted: Vec<String> = encrypted_keys(&text, form).into_iter().cloned().collect();
    for key in &encrypted {
        match open(&text, key, old) {
            Ok(value) => {
                let sealed = seal(&text, key, &value, new).map_err(|failed| vec![failed])?;
                values.insert(key.clone(), New::Value(sealed));
                keys.push(key.clone());
            }
            Err(_) if open(&text, key, new).is_ok() => {}
            Err(mistake) => wrong.push(mistake),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let after = text.with(&values);
    Ok(Rotated { encrypted: !encrypted.is_empty(), keys, after, text })
}

fn items(
    bags: &Bags<'_>,
    bag: Option<&str>,
    item: Option<&str>,
) -> Result<Vec<ItemText>, Diagnostic> {
    match (bag, item) {
        (Some(bag), Some(item)) => Ok(vec![bags.item(bag, item)?]),
        (Some(bag), None) => bags.bags.ids(bag)?.iter().map(|id| bags.item(bag, id)).collect(),
        _ => {
            let mut all = Vec::new();
            for bag in bags.bags.names()? {
                all.extend(items(bags, Some(&bag), None)?);
            }
            Ok(all)
        }
    }
}
