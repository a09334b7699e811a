//! Entries in maps that are written on one line: `cookbooks = { nginx = "~> 2.0" }`.

use toml_edit::{Decor, InlineTable, Key, RawString, Value};

/// The text of a map with a value below these keys. None when what is there is no map, or a comment
/// would not stay with what it is of.
pub fn with(text: &str, keys: &[String], value: Value) -> Option<String> {
    let mut whole: Value = text.parse().ok()?;
    let (last, outer) = keys.split_last()?;
    let mut table = whole.as_inline_table_mut()?;
    for key in outer {
        if !table.contains_key(key) {
            push(table, key, Value::InlineTable(InlineTable::new()))?;
        }
        table = table.get_mut(key)?.as_inline_table_mut()?;
    }
    push(table, last, value)?;
    Some(whole.to_string())
}

/// Sets a value. One that is new ends as the last one did before, and stands on a line of its own
/// if that does.
fn push(table: &mut InlineTable, key: &str, mut value: Value) -> Option<()> {
    if let Some(there) = table.get_mut(key) {
        if !there.as_inline_table().is_some_and(InlineTable::is_dotted) {
            *value.decor_mut() = there.decor().clone();
            *there = value;
            return Some(());
        }
        if table.to_string().contains('#') {
            return None;
        }
        table.remove(key);
    }
    let mut new = Key::new(key);
    if let Some((above, last)) = table.iter_mut().last() {
        let suffix = last.decor().suffix().cloned();
        if suffix.as_ref().and_then(RawString::as_str).is_some_and(|suffix| suffix.contains('#')) {
            return None;
        }
        if let Some(suffix) = suffix {
            last.decor_mut().set_suffix("");
            *value.decor_mut() = Decor::new(" ", suffix);
        }
        let before = above.leaf_decor().prefix().and_then(RawString::as_str).unwrap_or_default();
        if let Some(start) = before.rfind('\n') {
            let start = if before[..start].ends_with('\r') { start - 1 } else { start };
            new = new.with_leaf_decor(Decor::new(&before[start..], " "));
        }
    }
    table.insert_formatted(&new, value);
    Some(())
}

/// The text of a map without the value below these keys, and without maps that this leaves empty;
/// nothing when all of it is. None when there is no such value, or a comment would not stay with
/// what it is of.
#[expect(clippy::option_option, reason = "nothing may be left of what is there")]
pub fn without(text: &str, keys: &[String]) -> Option<Option<String>> {
    let mut whole: Value = text.parse().ok()?;
    let table = whole.as_inline_table_mut()?;
    if text.contains('\n') && text.contains('#') {
        return None;
    }
    take(table, keys)?;
    let is_empty = table.is_empty();
    Some((!is_empty).then(|| whole.to_string()))
}

fn take(table: &mut InlineTable, keys: &[String]) -> Option<()> {
    let (first, inner) = keys.split_first()?;
    if !inner.is_empty() {
        let below = table.get_mut(first)?.as_inline_table_mut()?;
        take(below, inner)?;
        if !below.is_empty() {
            return Some(());
        }
    }
    let is_last = table.iter().last().is_some_and(|(key, _)| key == first);
    let suffix: Option<RawString> = table.get(first)?.decor().suffix().cloned();
    table.remove(first)?;
    if let Some((_, last)) = table.iter_mut().last().filter(|_| is_last) {
        last.decor_mut().set_suffix(suffix.unwrap_or_else(|| " ".into()));
    }
    Some(())
}
