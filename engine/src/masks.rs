//! Values that were decrypted in a run. They are found again, by value, in whatever is written, and hidden there.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use serde_json::Value;

use crate::command::shell_quote;
use crate::diagnostic::Diagnostic;
use crate::report::Record;

/// What stands in the place of a hidden value.
pub const INSTEAD: &str = "[sensitive]";

/// A text with fewer characters is found in too much that has nothing to do with it: it hides nothing, and makes the resources that
/// contain it sensitive instead.
const SHORTEST: usize = 8;

/// A name is hidden even where only a shorter one is in it; one or two letters are in every name.
const SHORTEST_IN_NAMES: usize = 3;

/// How many new values are looked for one by one before all are put together.
const NEW: usize = 32;

/// The decrypted values of a run.
#[derive(Default)]
pub struct Masks {
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    /// Everything to be hidden: the values, their lines, and how they look when they are quoted.
    long: Vec<String>,
    short: Vec<String>,
    /// All of both, and those that somebody said are no secrets.
    seen: HashSet<String>,
    public: HashSet<String>,
    /// Finds the first `built` of `long`.
    together: Option<AhoCorasick>,
    built: usize,
}

impl Masks {
    /// Adds the texts and numbers in a decrypted value.
    pub fn add(&self, value: &Value) {
        leaves(value, &mut |text| self.known.borrow_mut().add(text));
    }

    /// The texts and numbers in a value are no secrets, although they were decrypted.
    pub fn forget(&self, value: &Value) {
        let mut known = self.known.borrow_mut();
        leaves(value, &mut |text| {
            known.public.insert(text.to_owned());
            let forms: HashSet<String> = forms(text).into_iter().collect();
            known.long.retain(|other| !forms.contains(other));
            known.short.retain(|other| other != text);
        });
        (known.together, known.built) = (None, 0);
    }

    /// Whether nothing was decrypted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let known = self.known.borrow();
        known.long.is_empty() && known.short.is_empty()
    }

    /// The text without them; none when it has none.
    #[must_use]
    pub fn hide(&self, text: &str) -> Option<String> {
        self.known.borrow_mut().hide(text)
    }

    /// A name without them, and without the shorter ones that a name can do without.
    #[must_use]
    pub fn hide_in_name(&self, name: &str) -> Option<String> {
        let hidden = self.hide(name);
        let known = self.known.borrow();
        let mut short: Vec<&String> = known.short.iter().filter(|text| text.chars().count() >= SHORTEST_IN_NAMES).collect();
        short.sort_by_key(|text| std::cmp::Reverse(text.len()));
        short.into_iter().filter(|text| name.contains(&***text)).fold(hidden, |hidden, text| {
            let name = hidden.unwrap_or_else(|| name.to_owned());
            Some(name.split(INSTEAD).map(|part| part.replace(&**text, INSTEAD)).collect::<Vec<_>>().join(INSTEAD))
        })
    }

    /// The same mistake, told without them.
    #[must_use]
    pub fn hide_in(&self, mut mistake: Diagnostic) -> Diagnostic {
        if !self.is_empty() {
            mistake.each_text(&mut |text| self.hide_here(text));
            mistake.each_span(&mut |span| {
                if self.hide(span.line_text()).is_some() {
                    *span = span.hidden();
                }
            });
        }
        mistake
    }

    /// What is written of an action, told without them.
    pub fn hide_in_record(&self, record: &mut Record) {
        if self.is_empty() {
            return;
        }
        if let Some(hidden) = self.hide_in_name(&record.resource.name) {
            record.resource.shown.get_or_insert_with(|| hidden.into());
        }
        for change in &mut record.changes {
            self.hide_here(&mut change.what);
            change.diff.iter_mut().for_each(|diff| self.hide_here(diff));
        }
        for text in record.reason.iter_mut().chain(&mut record.notes).chain(&mut record.depends_on) {
            self.hide_here(text);
        }
        record.error = record.error.take().map(|error| Box::new(self.hide_in(*error)));
    }

    /// A value, its texts without them.
    pub fn hide_in_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.hide_here(text),
            Value::Number(number) => {
                if let Some(hidden) = self.hide(&number.to_string()) {
                    *value = Value::String(hidden);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in_value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.hide_in_value(item)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn hide_here(&self, text: &mut String) {
        if let Some(hidden) = self.hide(text) {
            *text = hidden;
        }
    }

    /// Whether a text contains one, however short.
    #[must_use]
    pub fn in_text(&self, text: &str) -> bool {
        let mut known = self.known.borrow_mut();
        known.finds(text) || known.short.iter().any(|short| text.contains(&**short))
    }

    /// Whether the texts and numbers in a value contain one, however short.
    #[must_use]
    pub fn in_value(&self, value: &Value) -> bool {
        let mut found = false;
        if !self.is_empty() {
            leaves(value, &mut |text| found = found || self.in_text(text));
        }
        found
    }

    /// Whether a word of a command line contains one, so that everybody who lists the processes would see it.
    #[must_use]
    pub fn in_argument(&self, word: &str) -> bool {
        self.known.borrow_mut().finds(word)
    }
}

impl Known {
    fn add(&mut self, text: &str) {
        if text.trim().is_empty() || self.public.contains(text) || !self.seen.insert(text.to_owned()) {
            return;
        }
        if text.chars().count() < SHORTEST {
            self.short.push(text.to_owned());
            return;
        }
        let forms = forms(text);
        self.seen.extend(forms.iter().cloned());
        self.long.extend(forms);
    }

    /// Puts the new ones to the others, once there are too many of them.
    fn put_together(&mut self) {
        let new = self.long.len() - self.built;
        // A growing share, so that the work for n values is that of sorting them.
        if new > NEW.max(self.built / 2) {
            // It fails for more text than memory holds; then all are looked for one by one.
            let together = AhoCorasick::new(&self.long).ok();
            if together.is_some() {
                (self.together, self.built) = (together, self.long.len());
            }
        }
    }

    fn finds(&mut self, text: &str) -> bool {
        self.put_together();
        self.together.as_ref().is_some_and(|together| together.is_match(text))
            || self.long[self.built..].iter().any(|long| text.contains(&**long))
    }

    fn hide(&mut self, text: &str) -> Option<String> {
        if !self.finds(text) {
            return None;
        }
        let together = self.together.iter().flat_map(|together| together.find_overlapping_iter(text).map(|found| found.range()));
        let new = self.long[self.built..].iter().flat_map(|long| text.match_indices(&**long).map(|(at, _)| at..at + long.len()));
        let mut found: Vec<Range<usize>> = together.chain(new).collect();
        found.sort_unstable_by_key(|range| range.start);
        let mut hidden = String::with_capacity(text.len());
        let mut end = 0;
        for range in found {
            // Those that overlap are hidden as one.
            if range.start >= end {
                hidden.push_str(&text[end..range.start]);
                hidden.push_str(INSTEAD);
            }
            end = end.max(range.end);
        }
        hidden.push_str(&text[end..]);
        Some(hidden)
    }
}

/// What a text looks like where it is written: as it is, line by line, and quoted.
fn forms(text: &str) -> Vec<String> {
    let escaped = serde_json::to_string(text).unwrap_or_default();
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let trimmed = text.trim();
    let quoted = shell_quote(text);
    let mut forms = vec![text.to_owned(), trimmed.to_owned(), escaped.trim_matches('"').to_owned(), encoded];
    forms.push(quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(&quoted).to_owned());
    // Diffs and messages show lines. `-----BEGIN …` is in every key.
    forms.extend(text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).map(str::to_owned));
    forms.retain(|form| form.chars().count() >= SHORTEST);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Calls `each` with every text and number in a value.
fn leaves(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Number(number) => each(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, each)),
        Value::Object(map) => map.values().for_each(|item| leaves(item, each)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masks(values: &Value) -> Masks {
        let masks = Masks::default();
        masks.add(values);
        masks
    }

    #[test]
    fn long_values_are_hidden_wherever_they_stand() {
        let masks = masks(&json!({ "password": "correct horse", "more": ["battery-staple", 123_456_789] }));
        for (text, hidden) in [
            ("-p correct horse", Some("-p [sensitive]")),
            ("correct horsebattery-staple", Some("[sensitive][sensitive]")),
            ("number 123456789.", Some("number [sensitive].")),
            ("Y29ycmVjdCBob3JzZQ==", Some("[sensitive]")),
            ("password", None),
            ("correct horses' mouths", Some("[sensitive]s' mouths")),
            ("correct hors", None),
        ] {
            assert_eq!(masks.hide(text).as_deref(), hidden, "{text}");
        }
    }

    #[test]
    fn overlapping_values_are_hidden_whole() {
        let masks = masks(&json!(["abcdefgh", "abcdefgh-and-more", "fgh-and-moreover"]));
        assert_eq!(masks.hide("x abcdefgh-and-more y").as_deref(), Some("x [sensitive] y"));
    }

    #[test]
    fn quoted_values_and_their_lines_are_hidden() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n";
        let masks = masks(&json!([key, "it's a \"quoted\" one"]));
        assert_eq!(masks.hide("+MIIEvQIBADANBg").as_deref(), Some("+[sensitive]"));
        assert_eq!(masks.hide(&json!({ "k": "it's a \"quoted\" one" }).to_string()).as_deref(), Some("{\"k\":\"[sensitive]\"}"));
        assert_eq!(masks.hide(&json!(key).to_string()).as_deref(), Some("\"[sensitive]\""));
        assert_eq!(masks.hide(&shell_quote("it's a \"quoted\" one")).as_deref(), Some("'[sensitive]'"));
        assert_eq!(masks.hide("-----BEGIN KEY-----"), None);
    }

    #[test]
    fn short_values_hide_nothing_but_names_and_mark_what_contains_them() {
        let masks = masks(&json!({ "pin": 4711, "word": "hunter2", "flag": true, "none": null, "empty": "" }));
        assert_eq!(masks.hide("pin 4711 hunter2"), None);
        assert!(masks.in_value(&json!({ "content": "pin=4711;" })));
        assert!(!masks.in_value(&json!({ "content": "true", "nothing": null, "empty": "" })));
        assert!(!masks.in_argument("echo hunter2"));
        assert_eq!(masks.hide_in_name("/etc/hunter2.d/4711").as_deref(), Some("/etc/[sensitive].d/[sensitive]"));
        assert_eq!(masks.hide_in_name("/etc/motd"), None);
    }

    #[test]
    fn what_is_said_to_be_no_secret_is_shown_also_when_it_is_decrypted_again() {
        let masks = masks(&json!({ "user": "application", "password": "correct horse" }));
        masks.forget(&json!("application"));
        masks.add(&json!("application"));
        assert_eq!(masks.hide("application: correct horse").as_deref(), Some("application: [sensitive]"));
        assert!(!masks.in_argument("application"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_added_is_left(secrets in proptest::collection::vec("[a-z ]{8,12}", 1..60), around in "[A-Z]{0,5}") {
            let masks = Masks::default();
            let mut text = around.clone();
            for secret in &secrets {
                masks.add(&json!(secret));
                text.push_str(secret);
                text.push_str(&around);
                proptest::prop_assume!(!secret.trim().is_empty());
                let hidden = masks.hide(&text).unwrap_or_else(|| text.clone());
                proptest::prop_assert!(!hidden.contains(&**secret), "{hidden}");
            }
        }
    }
}
