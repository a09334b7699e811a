//! Many texts that are looked for at once.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use aho_corasick::AhoCorasick;

use super::REDACTED;

/// How many new texts are looked for one by one before all are put together.
const NEW: usize = 32;

/// Texts to be found in others. They can come and go between two searches.
#[derive(Default)]
pub(super) struct Texts {
    /// Each with where it comes from.
    known: HashMap<String, Rc<str>>,
    /// Finds those that were known when it was made, some of which may be gone.
    together: Option<AhoCorasick>,
    /// How many those were.
    built: usize,
    /// Those that came later.
    new: Vec<String>,
}

impl Texts {
    pub(super) fn add(&mut self, text: String, from: &Rc<str>) {
        if !self.known.contains_key(&text) {
            self.known.insert(text.clone(), Rc::clone(from));
            self.new.push(text);
        }
    }

    pub(super) fn remove(&mut self, text: &str) {
        if self.known.remove(text).is_some() {
            self.new.retain(|new| new != text);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether one is in a text.
    pub(super) fn finds(&mut self, text: &str) -> bool {
        !self.known.is_empty() && !self.places(text).is_empty()
    }

    /// Where the one comes from that is found at a place.
    pub(super) fn origin(&self, text: &str) -> Option<Rc<str>> {
        self.known.get(text).map(Rc::clone)
    }

    /// Where they are in a text, some of them within others.
    pub(super) fn places(&mut self, text: &str) -> Vec<Range<usize>> {
        self.put_together();
        let together = self
            .together
            .iter()
            .flat_map(|together| together.find_overlapping_iter(text).map(|found| found.range()));
        let there = together.filter(|range| self.known.contains_key(&text[range.clone()]));
        let new = self
            .new
            .iter()
            .flat_map(|new| text.match_indices(&**new).map(|(at, _)| at..at + new.len()));
        there.chain(new).collect()
    }

    /// The text with each of them replaced; none when it has none. Those that overlap are replaced
    /// as one.
    pub(super) fn redact(&mut self, text: &str) -> Option<String> {
        let mut found = self.places(text);
        if found.is_empty() {
            return None;
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut hidden = String::with_capacity(text.len());
        let mut end = 0;
        for range in found {
            if range.start >= end {
                hidden.push_str(&text[end..range.start]);
                hidden.push_str(REDACTED);
            }
            end = end.max(range.end);
        }
        hidden.push_str(&text[end..]);
        Some(hidden)
    }

    /// Puts the new ones to the others, once there are too many of them: a growing share, so that
    /// the work for n texts is that of sorting them.
    fn put_together(&mut self) {
        if self.new.len() <= NEW.max(self.built / 2) {
            return;
        }
        let all: Vec<&String> = self.known.keys().collect();
        // It fails for more text than memory holds; then the new ones go on being looked for one by
        // one.
        if let Ok(together) = AhoCorasick::new(&all) {
            (self.together, self.built) = (Some(together), all.len());
            self.new.clear();
        }
    }
}
