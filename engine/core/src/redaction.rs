//! Values that were decrypted in a run. They are found again, by value, in whatever is written, and
//! hidden there.

mod matches;
mod secrets;

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

use base64::Engine as _;
use matches::Texts;
pub use secrets::Secrets;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::formats;
pub use crate::message::REDACTED;
use crate::text::shell_quote;

/// A text with fewer characters is found in too much that has nothing to do with it: it hides
/// nothing, and makes the resources that contain it sensitive instead.
const SHORTEST: usize = 8;

/// With fewer characters it means something only where it stands alone: one or two letters are in
/// every name.
const SHORTEST_IN_TEXT: usize = 3;

/// Whether a text or a value holds a decrypted one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    #[default]
    Nothing,
    /// One that is found, and hidden, wherever it is written.
    Long,
    /// One that is too short for that.
    Short,
}

/// The decrypted values of a run.
#[derive(Default)]
pub struct Redactor {
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    /// Everything to be hidden: the values, their lines, and how they look when they are quoted.
    long: Texts,
    short: Texts,
    tiny: HashSet<String>,
    /// All values that were added, and those that somebody said are no secrets.
    seen: HashSet<String>,
    public: HashSet<String>,
}

impl Redactor {
    /// Adds the texts and numbers in a decrypted value. `from` says where it comes from, as
    /// messages tell it.
    pub fn add(&self, value: &Value, from: &str) {
        let from = from.into();
        leaves(value, &mut |text| self.known.borrow_mut().add(text, &from));
    }

    /// The texts and numbers in a value are no secrets, although they were decrypted.
    pub fn forget(&self, value: &Value) {
        let mut known = self.known.borrow_mut();
        leaves(value, &mut |text| {
            for form in forms(text).into_iter().chain([text.to_owned(), text.trim().to_owned()]) {
                known.long.remove(&form);
                known.short.remove(&form);
                known.tiny.remove(&form);
                known.public.insert(form);
            }
        });
    }

    /// Whether nothing was decrypted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let known = self.known.borrow();
        known.long.is_empty() && known.short.is_empty() && known.tiny.is_empty()
    }

    /// The text without them; none when it has none.
    #[must_use]
    pub fn redact(&self, text: &str) -> Option<String> {
        self.known.borrow_mut().long.redact(text)
    }

    /// A name without them, and without the shorter ones that a name can do without.
    #[must_use]
    pub fn redact_name(&self, name: &str) -> Option<String> {
        let hidden = self.redact(name);
        let parts: Vec<String> =
            hidden.as_deref().unwrap_or(name).split(REDACTED).map(str::to_owned).collect();
        let known = &mut *self.known.borrow_mut();
        let without: Vec<Option<String>> =
            parts.iter().map(|part| known.short.redact(part)).collect();
        if without.iter().all(Option::is_none) {
            return hidden;
        }
        Some(
            parts
                .into_iter()
                .zip(without)
                .map(|(part, without)| without.unwrap_or(part))
                .collect::<Vec<_>>()
                .join(REDACTED),
        )
    }

    /// The same mistake, told without them.
    #[must_use]
    pub fn redact_in(&self, mut mistake: Diagnostic) -> Diagnostic {
        if !self.is_empty() {
            mistake.each_text(&mut |text| self.redact_here(text));
            mistake.each_span(&mut |span| {
                if self.redact(span.line_text()).is_some() {
                    *span = span.hidden();
                }
            });
        }
        mistake
    }

    /// A value, its texts and numbers without them. A short one is hidden where it is all of a
    /// text.
    pub fn redact_value(&self, value: &mut Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Array(items) => {
                return items.iter_mut().for_each(|item| self.redact_value(item));
            }
            Value::Object(map) => {
                return map.values_mut().for_each(|item| self.redact_value(item));
            }
            Value::Null | Value::Bool(_) => return,
        };
        let whole =
            self.known.borrow().seen.contains(&text) && !self.known.borrow().public.contains(&text);
        if let Some(hidden) = if whole { Some(REDACTED.to_owned()) } else { self.redact(&text) } {
            *value = Value::String(hidden);
        }
    }

    fn redact_here(&self, text: &mut String) {
        if let Some(hidden) = self.redact(text) {
            *text = hidden;
        }
    }

    /// What a text holds; a value of one or two characters must be all of it.
    #[must_use]
    pub fn in_text(&self, text: &str) -> Exposure {
        let known = &mut *self.known.borrow_mut();
        if known.short.finds(text) || known.tiny.contains(text.trim()) {
            Exposure::Short
        } else if known.long.finds(text) {
            Exposure::Long
        } else {
            Exposure::Nothing
        }
    }

    /// What the texts and numbers in a value hold.
    #[must_use]
    pub fn in_value(&self, value: &Value) -> Exposure {
        let mut found = Exposure::Nothing;
        if !self.is_empty() {
            leaves(value, &mut |text| found = found.max(self.in_text(text)));
        }
        found
    }

    /// Where the value comes from that a word of a command line contains, so that everybody who
    /// lists the processes would see it.
    #[must_use]
    pub fn in_argument(&self, word: &str) -> Option<Rc<str>> {
        let known = &mut *self.known.borrow_mut();
        known.long.places(word).first().and_then(|place| known.long.origin(&word[place.clone()]))
    }

    /// As [`Redactor::in_argument`], of a command that a recipe wrote: there a shorter one counts
    /// too, where it stands by itself. What providers run has too many words that only look like
    /// one.
    #[must_use]
    pub fn in_written_argument(&self, word: &str) -> Option<Rc<str>> {
        if let Some(from) = self.in_argument(word) {
            return Some(from);
        }
        let known = &mut *self.known.borrow_mut();
        let apart = |at: &Range<usize>| {
            let within = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
            !within(word[..at.start].chars().next_back()) && !within(word[at.end..].chars().next())
        };
        let place = known.short.places(word).into_iter().find(apart)?;
        known.short.origin(&word[place])
    }
}

impl Known {
    fn add(&mut self, text: &str, from: &Rc<str>) {
        let trimmed = text.trim();
        if trimmed.is_empty() || self.public.contains(text) || !self.seen.insert(text.to_owned()) {
            return;
        }
        match trimmed.chars().count() {
            SHORTEST.. => {
                forms(text)
                    .into_iter()
                    .filter(|form| !self.public.contains(form))
                    .for_each(|form| self.long.add(form, from));
            }
            SHORTEST_IN_TEXT.. => self.short.add(trimmed.to_owned(), from),
            _ => {
                self.tiny.insert(trimmed.to_owned());
            }
        }
    }
}

/// What a text looks like where it is written: as it is, line by line, and quoted.
fn forms(text: &str) -> Vec<String> {
    let escaped = |text: &str| {
        let json = serde_json::to_string(text).unwrap_or_default();
        json.strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'))
            .unwrap_or_default()
            .to_owned()
    };
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let trimmed = text.trim();
    let quoted = shell_quote(text);
    let quoted =
        quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(&quoted);
    // A configuration may stand as JSON in another, and that in a third.
    let (once, of_quoted) = (escaped(text), escaped(quoted));
    let twice = escaped(&once);
    let thrice = escaped(&twice);
    let mut forms = vec![
        text.to_owned(),
        trimmed.to_owned(),
        once,
        twice,
        thrice,
        of_quoted,
        quoted.to_owned(),
        encoded,
    ];
    // Other formats write control characters otherwise.
    forms.push(text.escape_debug().to_string());
    forms.extend(
        formats::to_yaml(&text.into()).map(|yaml| yaml.trim().trim_matches(['"', '\'']).to_owned()),
    );
    let toml = formats::to_toml(&serde_json::json!({ "a": text }));
    forms.extend(
        toml.map(|toml| {
            toml.trim().trim_start_matches("a = ").trim_matches(['"', '\'']).to_owned()
        }),
    );
    // Diffs and messages show lines. `-----BEGIN …` is in every key.
    forms.extend(
        text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).map(str::to_owned),
    );
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

    fn redactor(values: &Value) -> Redactor {
        let redactor = Redactor::default();
        redactor.add(values, "a test");
        redactor
    }

    #[test]
    fn long_values_are_hidden_wherever_they_stand() {
        let redactor = redactor(
            &json!({ "password": "correct horse", "more": ["battery-staple", 123_456_789] }),
        );
        for (text, hidden) in [
            ("-p correct horse", Some("-p [sensitive]")),
            ("correct horsebattery-staple", Some("[sensitive][sensitive]")),
            ("number 123456789.", Some("number [sensitive].")),
            ("Y29ycmVjdCBob3JzZQ==", Some("[sensitive]")),
            ("password", None),
            ("correct horses' mouths", Some("[sensitive]s' mouths")),
            ("correct hors", None),
        ] {
            assert_eq!(redactor.redact(text).as_deref(), hidden, "{text}");
        }
    }

    #[test]
    fn overlapping_values_are_hidden_whole() {
        let redactor = redactor(&json!(["abcdefgh", "abcdefgh-and-more", "fgh-and-moreover"]));
        assert_eq!(redactor.redact("x abcdefgh-and-more y").as_deref(), Some("x [sensitive] y"));
    }

    #[test]
    fn quoted_values_and_their_lines_are_hidden() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n";
        let redactor = redactor(&json!([key, "it's a \"quoted\" one"]));
        assert_eq!(redactor.redact("+MIIEvQIBADANBg").as_deref(), Some("+[sensitive]"));
        assert_eq!(
            redactor.redact(&json!({ "k": "it's a \"quoted\" one" }).to_string()).as_deref(),
            Some("{\"k\":\"[sensitive]\"}")
        );
        assert_eq!(redactor.redact(&json!(key).to_string()).as_deref(), Some("\"[sensitive]\""));
        assert_eq!(
            redactor.redact(&shell_quote("it's a \"quoted\" one")).as_deref(),
            Some("'[sensitive]'")
        );
        assert_eq!(redactor.redact("-----BEGIN KEY-----"), None);
    }

    #[test]
    fn values_are_found_in_texts_within_texts() {
        for secret in [
            "C:\\Users\\admin",
            "ends with \"quotes\"",
            "\u{1b}[31mred-secret",
            "tab\tand\nline break",
        ] {
            let redactor = redactor(&json!(secret));
            let mut text = secret.to_owned();
            for depth in 0..3 {
                text = json!(text).to_string();
                assert!(
                    redactor
                        .redact(&text)
                        .is_some_and(|hidden| !hidden.contains("ecret") && hidden.len() < 30),
                    "{depth}: {text}"
                );
            }
            for text in [
                formats::to_yaml(&json!({ "a": secret })),
                formats::to_toml(&json!({ "a": secret })),
                Ok(format!("{secret:?}")),
            ] {
                let text = text.unwrap();
                assert_eq!(redactor.in_text(&text), Exposure::Long, "{text}");
            }
        }
    }

    #[test]
    fn short_values_hide_nothing_but_names_and_mark_what_contains_them() {
        let redactor = redactor(
            &json!({ "pin": 4711, "word": "hunter2", "flag": true, "none": null, "empty": "" }),
        );
        assert_eq!(redactor.redact("pin 4711 hunter2"), None);
        assert_eq!(redactor.in_value(&json!({ "content": "pin=4711;" })), Exposure::Short);
        assert_eq!(
            redactor.in_value(&json!({ "content": "true", "nothing": null, "empty": "" })),
            Exposure::Nothing
        );
        assert_eq!(redactor.in_argument("echo hunter2"), None);
        for (line, seen) in [
            ("echo hunter2", true),
            ("-phunter2", false),
            ("-p4711", false),
            ("-p 4711;", true),
            ("54711", false),
        ] {
            assert_eq!(
                redactor.in_written_argument(line).as_deref(),
                seen.then_some("a test"),
                "{line}"
            );
        }
        assert_eq!(
            redactor.redact_name("/etc/hunter2.d/4711").as_deref(),
            Some("/etc/[sensitive].d/[sensitive]")
        );
        assert_eq!(redactor.redact_name("/etc/motd"), None);
    }

    #[test]
    fn a_value_of_a_letter_or_two_counts_only_by_itself() {
        let redactor = redactor(&json!({ "retries": 3, "flag": "on" }));
        for (value, holds) in [
            (json!({ "retries": 3 }), Exposure::Short),
            (json!(["on\n"]), Exposure::Short),
            (json!({ "mode": "0733", "when": "monday" }), Exposure::Nothing),
        ] {
            assert_eq!(redactor.in_value(&value), holds, "{value}");
        }
        assert_eq!(redactor.redact_name("/etc/on.d/3"), None);
    }

    #[test]
    fn what_only_ends_with_a_line_break_is_short() {
        let redactor = redactor(&json!("hunter2\n"));
        assert_eq!(redactor.in_value(&json!("password=hunter2")), Exposure::Short);
        let mut shown = json!({ "password": "hunter2\n", "other": "hunter2 and more" });
        redactor.redact_value(&mut shown);
        assert_eq!(shown, json!({ "password": "[sensitive]", "other": "hunter2 and more" }));
    }

    #[test]
    fn a_value_that_is_a_line_of_another_is_hidden_in_all_its_forms() {
        let redactor = redactor(&json!(["first \"line\"\nsecond", "first \"line\""]));
        assert_eq!(
            redactor.redact(&json!("first \"line\"").to_string()).as_deref(),
            Some("\"[sensitive]\"")
        );
        // And one that was said to be public is not hidden as a line of another.
        let redactor = Redactor::default();
        redactor.forget(&json!("application"));
        redactor.add(&json!("application\nwith a password"), "a test");
        assert_eq!(redactor.redact("application"), None);
        assert_eq!(redactor.redact("+with a password").as_deref(), Some("+[sensitive]"));
    }

    #[test]
    fn what_is_said_to_be_no_secret_is_shown_also_when_it_is_decrypted_again() {
        let redactor = redactor(&json!({ "user": "application", "password": "correct horse" }));
        redactor.forget(&json!("application"));
        redactor.add(&json!("application"), "a test");
        assert_eq!(
            redactor.redact("application: correct horse").as_deref(),
            Some("application: [sensitive]")
        );
        assert_eq!(redactor.in_argument("application"), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_added_is_left(secrets in proptest::collection::vec("[a-z][a-z ]{6,10}[a-z]", 1..60), around in "[A-Z]{0,5}") {
            let redactor = Redactor::default();
            let mut text = around.clone();
            for secret in &secrets {
                redactor.add(&json!(secret), "a test");
                text.push_str(secret);
                text.push_str(&around);
                proptest::prop_assume!(secret.trim().len() >= SHORTEST);
                let hidden = redactor.redact(&text).unwrap_or_else(|| text.clone());
                proptest::prop_assert!(!hidden.contains(&**secret), "{hidden}");
            }
        }
    }
}
