//! Reading a query.
//!
//! A row of clauses that stand side by side means: of those without a sign, one at least holds; of
//! those that begin with `+`, `-`, `!` or `NOT`, all hold. An `OR` before a clause that begins with
//! `-`, `!` or `NOT` joins it to the others, and so does one after the first clause of all. A
//! clause is one condition, or several joined by `AND`.

mod text;

use std::ops::Range as Bytes;
use std::sync::Arc;

use super::pattern::Pattern;
use super::query::{Query, Term, Wanted};
use toque_core::diagnostic::{Diagnostic, Source, Span};
use toque_core::failure::FailureKind;

/// Bytes of a query.
const LONGEST: usize = 64 * 1024;
/// Far from the end of the stack.
const DEEPEST: usize = 64;

impl Query {
    /// Reads a query.
    /// # Errors
    /// What is wrong with it, at its place in a source called `the query`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let source =
            Arc::new(Source { name: "the query".to_owned(), path: None, text: text.to_owned() });
        let mut reader = Reader { source, at: 0, depth: 0 };
        if text.len() > LONGEST {
            return Err(Diagnostic::error(format!(
                "the query is longer than the limit of {LONGEST} bytes"
            ))
            .hint(
                "search for what the documents have in common, and choose among them in the recipe",
            ));
        }
        reader.space();
        if reader.peek().is_none() {
            return Err(reader.wrong(0..text.len(), "it is empty").hint("`*:*` finds everything"));
        }
        let query = if reader.peek() == Some(')') {
            Self::Everything
        } else {
            reader.row(&Inside::Nothing)?.ok_or_else(|| reader.nothing_in(0..reader.at))?
        };
        if reader.peek().is_some() {
            let end = reader.at..reader.at + 1;
            return Err(reader
                .unescaped(end, "this `)` closes nothing")
                .hint("take it out, or write `\\)` where it is part of a text"));
        }
        if query.depth() > DEEPEST {
            return Err(reader.too_deep(0));
        }
        Ok(query)
    }
}

/// What a condition without a field is about.
enum Inside {
    /// Any value.
    Nothing,
    /// The field before the parentheses; none where that is `*`.
    Field(Option<Pattern>),
}

struct Reader {
    source: Arc<Source>,
    /// The next byte.
    at: usize,
    depth: usize,
}

/// What a clause in a row begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Required,
    Prohibited,
}

impl Reader {
    fn text(&self) -> &str {
        &self.source.text
    }

    fn rest(&self) -> &str {
        self.text().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes a character when it is the next one.
    fn take(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        if is {
            self.at += wanted.len_utf8();
        }
        is
    }

    fn space(&mut self) {
        self.at = self.text().len() - self.rest().trim_start().len();
    }

    fn wrong(&self, place: Bytes<usize>, what: &str) -> Diagnostic {
        Diagnostic::error(format!("cannot read the query: {what}"))
            .at(Span::of(&self.source, place))
    }

    /// A mistake that a backslash may mend.
    fn unescaped(&self, place: Bytes<usize>, what: &str) -> Diagnostic {
        self.wrong(place, what).of_kind(FailureKind::NeedsBackslash)
    }

    fn too_deep(&self, at: usize) -> Diagnostic {
        self.wrong(at..at + 1, &format!("it is nested more than {DEEPEST} deep"))
            .hint("take out parentheses that mean nothing")
    }

    /// The operator that stands next, and how long it is.
    fn operator(&self) -> Option<(&'static str, usize)> {
        let rest = self.rest();
        let length =
            rest.find(|c: char| c.is_whitespace() || c == '(' || c == ')').unwrap_or(rest.len());
        let meaning = match &rest[..length] {
            "AND" | "&&" => "AND",
            "OR" | "||" => "OR",
            "NOT" => "NOT",
            _ => return None,
        };
        Some((meaning, length))
    }

    /// Reads clauses up to a closing parenthesis or the end; none when there are none.
    fn row(&mut self, inside: &Inside) -> Result<Option<Query>, Diagnostic> {
        let (mut any, mut must) = (Vec::new(), Vec::new());
        let mut required = false;
        let mut after_or: Option<Bytes<usize>> = None;
        loop {
            self.space();
            match (self.peek(), self.operator(), &after_or) {
                (None | Some(')'), _, Some(or)) => {
                    return Err(self
                        .wrong(or.clone(), "nothing follows this operator")
                        .hint("take it out, or write what is missing"));
                }
                (None | Some(')'), _, None) => break,
                (_, Some((operator @ ("OR" | "AND"), length)), or) => {
                    let place = self.at..self.at + length;
                    if operator == "AND" || or.is_some() || (any.is_empty() && must.is_empty()) {
                        return Err(self
                            .wrong(place, &format!("nothing to join stands before this `{operator}`"))
                            .hint("an operator stands between two conditions; as a text it stands in quotes"));
                    }
                    self.at += length;
                    after_or = Some(place);
                    continue;
                }
                _ => {}
            }
            let sign = self.sign();
            let clause = self.clause(inside)?;
            self.space();
            let first = any.is_empty() && must.is_empty();
            let joined =
                after_or.is_some() || (first && matches!(self.operator(), Some(("OR", _))));
            after_or = None;
            required |= sign == Sign::Required;
            match sign {
                Sign::Required => must.extend(clause.conditions()),
                Sign::Prohibited if !joined => must.extend(clause.conditions()),
                _ => any.push(clause),
            }
        }
        let mut parts: Vec<Query> =
            if required { Vec::new() } else { Query::any(any).into_iter().collect() };
        parts.extend(must);
        Ok(Query::all(parts))
    }

    fn nothing_in(&self, place: Bytes<usize>) -> Diagnostic {
        self.wrong(place, "nothing stands in these parentheses").hint("take them out")
    }

    /// The sign that stands next; it stays there.
    fn sign(&self) -> Sign {
        match (self.peek(), self.operator()) {
            (_, Some(("NOT", _))) | (Some('-' | '!'), _) => Sign::Prohibited,
            (Some('+'), _) => Sign::Required,
            _ => Sign::None,
        }
    }

    /// Conditions joined by `AND`.
    fn clause(&mut self, inside: &Inside) -> Result<Query, Diagnostic> {
        let mut all = vec![self.condition(inside)?];
        loop {
            self.space();
            let Some(("AND", length)) = self.operator() else { break };
            let place = self.at..self.at + length;
            self.at += length;
            self.space();
            match (self.peek(), self.operator()) {
                (None | Some(')'), _) => {
                    return Err(self
                        .wrong(place, "nothing follows this operator")
                        .hint("take it out, or write what is missing"));
                }
                (_, Some((operator @ ("AND" | "OR"), length))) => {
                    let place = self.at..self.at + length;
                    return Err(self
                        .wrong(place, &format!("nothing to join stands before this `{operator}`"))
                        .hint("an operator stands between two conditions; as a text it stands in quotes"));
                }
                _ => all.push(self.condition(inside)?),
            }
        }
        Query::all(all)
            .ok_or_else(|| self.wrong(self.at..self.at + 1, "a condition is missing here"))
    }

    fn condition(&mut self, inside: &Inside) -> Result<Query, Diagnostic> {
        self.space();
        let begin = self.at;
        let length = match (self.sign(), self.operator()) {
            (Sign::None, _) => return self.primary(inside),
            (_, Some((_, length))) => length,
            _ => 1,
        };
        let negative = self.sign() == Sign::Prohibited;
        self.at += length;
        self.space();
        if matches!(self.peek(), None | Some(')'))
            || matches!(self.operator(), Some(("AND" | "OR", _)))
        {
            let what = format!("nothing follows this `{}`", &self.text()[begin..begin + length]);
            return Err(self
                .wrong(begin..begin + length, &what)
                .hint("take it out, or write what is missing"));
        }
        self.deeper(begin)?;
        let condition = self.condition(inside)?;
        self.depth -= 1;
        Ok(if negative { Query::Not(Box::new(condition)) } else { condition })
    }

    /// Signs and parentheses together; what is read is shown with as many at most.
    fn deeper(&mut self, at: usize) -> Result<(), Diagnostic> {
        self.depth += 1;
        if self.depth > 2 * DEEPEST { Err(self.too_deep(at)) } else { Ok(()) }
    }

    fn primary(&mut self, inside: &Inside) -> Result<Query, Diagnostic> {
        if self.peek() == Some('(') {
            return self.group(inside);
        }
        if self.peek() == Some(':') {
            return Err(self
                .unescaped(self.at..self.at + 1, "no field stands before this colon")
                .hint("write `field:value`; a colon that is part of a text is written `\\:`"));
        }
        if matches!(self.peek(), Some('"' | '[' | '{')) || self.is_regex() {
            let field = if let Inside::Field(field) = inside { field.clone() } else { None };
            return self.value(field);
        }
        let word = self.word()?;
        let end = self.at;
        self.space();
        if self.peek() != Some(':') {
            self.at = end;
            let field = if let Inside::Field(field) = inside { field.clone() } else { None };
            let query = term(field, Wanted::Text(Pattern::of(word.steps)));
            return self.boosted(query);
        }
        if let Inside::Field(_) = inside {
            let hint = "a colon that is part of a text is written `\\:`; conditions on other fields stand outside";
            return Err(self
                .unescaped(word.place, "this field stands in the parentheses of another")
                .hint(hint));
        }
        let colon = self.at;
        self.at += 1;
        self.space();
        let field = Pattern::of(word.steps);
        let field = (!field.is_anything()).then_some(field);
        match self.peek() {
            None | Some(')') => Err(self
                .wrong(colon..colon + 1, "no value follows this colon")
                .hint(format!("`{}:*` asks for any value", &self.text()[word.place]))),
            Some('(') => self.group(&Inside::Field(field)),
            Some('!') => {
                Err(self.unescaped(self.at..self.at + 1, "`!` stands before a value").hint(
                    "write `NOT` before the field; a `!` that is part of the text is written `\\!`",
                ))
            }
            Some(':') => Err(self.second_colon(colon)),
            _ if self.operator().is_some() => {
                let (_, length) = self.operator().unwrap_or_default();
                let word = self.rest()[..length].to_owned();
                Err(self
                    .wrong(
                        self.at..self.at + length,
                        &format!("`{word}` is an operator, and a value is expected"),
                    )
                    .hint(format!("as a text it stands in quotes: `\"{word}\"`")))
            }
            _ => self.value(field),
        }
    }

    /// `(…)`
    fn group(&mut self, inside: &Inside) -> Result<Query, Diagnostic> {
        let open = self.at;
        self.deeper(open)?;
        self.at += 1;
        let Some(query) = self.row(inside)? else {
            let is_blank = self.text()[open + 1..self.at].trim().is_empty();
            let place = if is_blank { open..self.at + 1 } else { open + 1..self.at };
            return Err(self.nothing_in(place));
        };
        if !self.take(')') {
            return Err(self
                .unescaped(open..open + 1, "this `(` is not closed")
                .hint("close it, or write `\\(` where it is part of a text"));
        }
        self.depth -= 1;
        self.boosted(query)
    }

    /// What a field is to be: a word, a phrase, or a range.
    fn value(&mut self, field: Option<Pattern>) -> Result<Query, Diagnostic> {
        if self.is_regex() {
            let length = self.rest().find(char::is_whitespace).unwrap_or(self.rest().len());
            return Err(self
                .unescaped(self.at..self.at + length, "it has a regular expression, and those are not searched for")
                .hint("use the wildcards `*` and `?`; a slash that is part of a text is written `\\/`"));
        }
        let wanted = match self.peek() {
            Some('"') => Wanted::Phrase(self.phrase()?),
            Some('[' | '{') => Wanted::Range(self.range()?),
            _ => {
                let colon = self.at.saturating_sub(1);
                let word = self.word()?;
                if self.rest().trim_start().starts_with(':') {
                    self.space();
                    return Err(self.second_colon(colon));
                }
                Wanted::Text(Pattern::of(word.steps))
            }
        };
        self.boosted(term(field, wanted))
    }

    /// `apt::default`: the hint shows the text as it should have been written. `from` is before it.
    fn second_colon(&self, from: usize) -> Diagnostic {
        let place = self.at..self.at + 1;
        let value = self.text().get(from + 1..).unwrap_or_default().trim_start();
        let end = value.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(value.len());
        let value = &value[..end];
        let hint = match value.split_once(':') {
            Some((_, rest)) if !rest.is_empty() => {
                format!(
                    "a colon that is part of a text is written `\\:`: `{}`",
                    value.replace(':', "\\:")
                )
            }
            _ => "a colon that is part of a text is written `\\:`".to_owned(),
        };
        self.unescaped(place, "this colon comes after another").hint(hint)
    }

    /// A boost says how much a condition counts in a score, and nothing is scored: it is read and
    /// means nothing.
    fn boosted(&mut self, query: Query) -> Result<Query, Diagnostic> {
        let begin = self.at;
        if self.take('^') {
            let rest = self.rest();
            let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            if rest[..length].parse::<f64>().is_err() {
                return Err(self
                    .unescaped(begin..begin + 1, "no number follows this `^`")
                    .hint("a `^` that is part of a text is written `\\^`"));
            }
            self.at += length;
        }
        match self.peek() {
            None | Some(')') => Ok(query),
            Some('~') => Err(self
                .unescaped(self.at..self.at + 1, "it asks for what is only similar (`~`), and that is not searched for")
                .hint("use the wildcards `*` and `?`; a `~` that is part of a text is written `\\~`")),
            Some(space) if space.is_whitespace() => Ok(query),
            Some(':') => Err(self
                .unescaped(self.at..self.at + 1, "what stands before this colon is no field")
                .hint("a field is a word; a space in it is written `\\ `, a colon that is part of a text `\\:`")),
            Some(other) => Err(self
                .unescaped(self.at..self.at + other.len_utf8(), &format!("a space is missing before this `{other}`"))
                .hint(format!("write the space; a `{other}` that is part of a text is written `\\{other}`"))),
        }
    }
}

/// A condition on a field.
fn term(field: Option<Pattern>, wanted: Wanted) -> Query {
    let anything = matches!(&wanted, Wanted::Text(pattern) if pattern.is_anything());
    match (field, anything) {
        (None, true) => Query::Everything,
        (field, true) => Query::Term(Term { field, wanted: Wanted::Anything }),
        (field, false) => Query::Term(Term { field, wanted }),
    }
}
