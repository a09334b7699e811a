//! What conditions are made of: words, phrases, ranges.

use std::ops::Range as Bytes;

use super::Reader;
use crate::search::pattern::Step;
use crate::search::query::{Bound, Range};
use toque_core::diagnostic::Diagnostic;

/// A word with what it is made of, and where it stands.
pub(super) struct Word {
    pub steps: Vec<Step>,
    pub place: Bytes<usize>,
}

impl Reader {
    /// `/…/`, without a space in it. A path such as `/srv` is a text.
    pub(super) fn is_regex(&self) -> bool {
        let rest = self.rest();
        if !rest.starts_with('/') {
            return false;
        }
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        let word = word.trim_end_matches(')');
        word.len() > 1 && word.ends_with('/') && !word.ends_with("\\/")
    }

    /// A character after a backslash; none at the end of the query.
    fn escaped(&mut self) -> Result<char, Diagnostic> {
        let backslash = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else {
            return Err(self
                .unescaped(backslash..backslash + 1, "nothing follows this backslash")
                .hint("a backslash that is part of a text is written `\\\\`"));
        };
        self.at += letter.len_utf8();
        Ok(letter)
    }

    /// A word, up to what means something else.
    pub(super) fn word(&mut self) -> Result<Word, Diagnostic> {
        let begin = self.at;
        let mut steps = Vec::new();
        while let Some(letter) = self.peek() {
            match letter {
                '\\' => {
                    steps.push(Step::Letter(self.escaped()?));
                    continue;
                }
                '*' => steps.push(Step::Many),
                '?' => steps.push(Step::One),
                ':' | ')' | '^' | '~' => break,
                '(' | '"' | '[' | ']' | '{' | '}' => {
                    let mut told = self.unescaped(
                        self.at..self.at + 1,
                        &format!("`{letter}` means something in a query"),
                    );
                    told = told.hint(match letter {
                        '(' | '"' if !steps.is_empty() => {
                            format!("a `{letter}` that is part of a text is written `\\{letter}`; where it begins something else, a space is missing")
                        }
                        _ => format!("as part of a text it is written `\\{letter}`, or the whole text stands in quotes"),
                    });
                    return Err(told);
                }
                space if space.is_whitespace() => break,
                other => steps.push(Step::Letter(other)),
            }
            self.at += letter.len_utf8();
        }
        let place = begin..self.at;
        let word = &self.text()[place.clone()];
        for (operator, name) in [("&&", "AND"), ("||", "OR")] {
            if let Some(at) = word.find(operator).filter(|at| !word[..*at].ends_with('\\')) {
                let place = begin + at..begin + at + 2;
                return Err(self.wrong(place, &format!("`{operator}` stands in a word")).hint(format!(
                    "as an operator it has spaces around it, as `{name}` has; as part of a text it stands in quotes"
                )));
            }
        }
        if steps.is_empty() {
            let at = self.at..self.at + 1;
            let found = self.peek().unwrap_or(' ');
            let told = self.unescaped(at, &format!("a value is expected, and here is `{found}`"));
            return Err(
                told.hint(format!("a `{found}` that is part of a text is written `\\{found}`"))
            );
        }
        Ok(Word { steps, place })
    }

    /// `"…"`
    pub(super) fn phrase(&mut self) -> Result<String, Diagnostic> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            match letter {
                '\\' => text.push(self.escaped()?),
                '"' => {
                    self.at += 1;
                    return Ok(text);
                }
                other => {
                    text.push(other);
                    self.at += other.len_utf8();
                }
            }
        }
        Err(self
            .unescaped(open..open + 1, "this quote is not closed")
            .hint("close it, or write `\\\"` where it is part of a text"))
    }

    /// `[low TO high]`, `{low TO high}`, and either bracket with the other.
    pub(super) fn range(&mut self) -> Result<Range, Diagnostic> {
        let open = self.at;
        let inclusive = self.peek() == Some('[');
        self.at += 1;
        let low = self.bound(open)?;
        self.space();
        if self.bound_word() != "TO" {
            return Err(self.no_range(open));
        }
        self.at += 2;
        let high = self.bound(open)?;
        self.space();
        let closing = self.peek();
        if !self.take(']') && !self.take('}') {
            return Err(self.no_range(open));
        }
        Ok(Range {
            low: low.map(|text| Bound::new(&text, inclusive)),
            high: high.map(|text| Bound::new(&text, closing == Some(']'))),
        })
    }

    fn no_range(&self, open: usize) -> Diagnostic {
        let end = self.rest().find([']', '}']).map_or(self.text().len(), |end| self.at + end + 1);
        self.wrong(open..end, "this is no range")
            .hint("write `[1 TO 9]`, or `{1 TO 9}` without its ends; `*` is an open end")
    }

    /// Up to a space or a bracket.
    fn bound_word(&self) -> &str {
        let rest = self.rest();
        let end =
            rest.find(|c: char| c.is_whitespace() || "[]{}\"".contains(c)).unwrap_or(rest.len());
        &rest[..end]
    }

    /// An end of a range; none for `*`.
    fn bound(&mut self, open: usize) -> Result<Option<String>, Diagnostic> {
        self.space();
        if self.peek() == Some('"') {
            return self.phrase().map(Some);
        }
        let begin = self.at;
        let mut text = String::new();
        let mut wild = false;
        while let Some(letter) = self.peek() {
            match letter {
                '\\' => {
                    text.push(self.escaped()?);
                    continue;
                }
                '[' | ']' | '{' | '}' | '"' => break,
                space if space.is_whitespace() => break,
                other => {
                    wild |= other == '*' || other == '?';
                    text.push(other);
                }
            }
            self.at += letter.len_utf8();
        }
        let place = begin..self.at;
        match &self.text()[place.clone()] {
            "" | "TO" => Err(self.no_range(open)),
            "*" => Ok(None),
            _ if wild => Err(self.unescaped(place, "an end of a range has wildcards").hint(
                "an open end is `*` alone; as part of a text they are written `\\*` and `\\?`",
            )),
            _ => Ok(Some(text)),
        }
    }
}
