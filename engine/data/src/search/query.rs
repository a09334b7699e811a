//! A query as data. Signs, field groups and boosts are gone from it: what they mean is said with
//! `AND`, `OR` and `NOT`.

use std::fmt;

use super::number_range::Numeral;
use super::pattern::Pattern;

/// Which documents are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Query {
    /// `*:*`
    #[default]
    Everything,
    /// One of these holds; there are two or more.
    Any(Vec<Query>),
    /// All of these hold; there are two or more.
    All(Vec<Query>),
    Not(Box<Query>),
    Term(Term),
}

/// A value that a document must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Keys joined by `_` or `.`, or the last key alone; every value is looked at when there is
    /// none.
    pub field: Option<Pattern>,
    pub wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// `field:*`: anything but null.
    Anything,
    /// A whole value, or one of its words.
    Text(Pattern),
    /// A whole value, or words of it that follow one another.
    Phrase(String),
    Range(Range),
}

/// From one bound to another; what is absent is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub(crate) low: Option<Bound>,
    pub high: Option<Bound>,
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub text: String,
    /// `[` or `]`: the bound itself is in the range.
    pub(crate) inclusive: bool,
    pub(super) numeral: Option<Numeral>,
}

impl Bound {
    #[must_use]
    pub fn new(text: &str, inclusive: bool) -> Self {
        Self { text: text.to_owned(), inclusive, numeral: Numeral::parse(text) }
    }
}

impl Query {
    /// One of these; the query itself when it is only one. `None` for none.
    pub(super) fn any(mut queries: Vec<Self>) -> Option<Self> {
        if queries.len() > 1 { Some(Self::Any(queries)) } else { queries.pop() }
    }

    /// All of these; the query itself when it is only one. `None` for none.
    pub(super) fn all(mut queries: Vec<Self>) -> Option<Self> {
        if queries.len() > 1 { Some(Self::All(queries)) } else { queries.pop() }
    }

    /// The parts of which all must hold.
    pub(super) fn conditions(self) -> Vec<Self> {
        match self {
            Self::All(queries) => queries,
            other => vec![other],
        }
    }

    /// How deep it is nested; a term alone is 0.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Everything | Self::Term(_) => 0,
            Self::Any(queries) | Self::All(queries) => {
                1 + queries.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(query) => 1 + query.depth(),
        }
    }

    /// Every term in it.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::Everything => Vec::new(),
            Self::Any(queries) | Self::All(queries) => {
                queries.iter().flat_map(Self::terms).collect()
            }
            Self::Not(query) => query.terms(),
            Self::Term(term) => vec![term],
        }
    }
}

/// As it can be read again: `type:rails AND NOT (id:a OR id:b)`.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*:*"),
            Self::Any(queries) => joined(f, queries, " OR ", |query| matches!(query, Self::Any(_))),
            Self::All(queries) => {
                joined(f, queries, " AND ", |query| matches!(query, Self::Any(_) | Self::All(_)))
            }
            Self::Not(query) if matches!(**query, Self::Any(_) | Self::All(_)) => {
                write!(f, "NOT ({query})")
            }
            Self::Not(query) => write!(f, "NOT {query}"),
            Self::Term(term) => write!(f, "{term}"),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    queries: &[Query],
    by: &str,
    in_parentheses: fn(&Query) -> bool,
) -> fmt::Result {
    for (index, query) in queries.iter().enumerate() {
        if index > 0 {
            f.write_str(by)?;
        }
        if in_parentheses(query) { write!(f, "({query})")? } else { write!(f, "{query}")? }
    }
    Ok(())
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}:")?;
        }
        write!(f, "{}", self.wanted)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anything => f.write_str("*"),
            Self::Text(pattern) => write!(f, "{pattern}"),
            Self::Phrase(text) => quoted(f, text),
            Self::Range(range) => write!(f, "{range}"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inclusive = |bound: &Option<Bound>| bound.as_ref().is_none_or(|bound| bound.inclusive);
        let shown = |f: &mut fmt::Formatter<'_>, bound: &Option<Bound>| match bound {
            None => f.write_str("*"),
            Some(bound) => quoted(f, &bound.text),
        };
        f.write_str(if inclusive(&self.low) { "[" } else { "{" })?;
        shown(f, &self.low)?;
        f.write_str(" TO ")?;
        shown(f, &self.high)?;
        f.write_str(if inclusive(&self.high) { "]" } else { "}" })
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
