//! Texts with wildcards: `*` is any characters, `?` is one.

use std::fmt;

/// A text, or the shape of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Exact(String),
    /// At least one step is a wildcard, and no two `Many` follow one another.
    Wild(Vec<Step>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Letter(char),
    One,
    Many,
}

impl Pattern {
    /// The pattern of these steps.
    #[must_use]
    pub fn of(mut steps: Vec<Step>) -> Self {
        let letter =
            |step: &Step| if let Step::Letter(letter) = step { Some(*letter) } else { None };
        match steps.iter().map(letter).collect() {
            Some(text) => Self::Exact(text),
            None => {
                steps.dedup_by(|step, before| *step == Step::Many && *before == Step::Many);
                Self::Wild(steps)
            }
        }
    }

    /// Whether it is `*`, which everything has the shape of.
    #[must_use]
    pub(crate) fn is_anything(&self) -> bool {
        matches!(self, Self::Wild(steps) if steps[..] == [Step::Many])
    }

    /// Whether a whole text has this shape.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Wild(steps) => glob(steps, text.chars(), |letter, found| letter == found),
        }
    }
}

/// Whether the steps lead through all of `subject`. A wildcard that turns out too short is tried
/// longer, the last one first, which is enough: what is before it matched as early as it could.
pub(super) fn glob<T: Copy>(
    steps: &[Step],
    subject: impl Iterator<Item = T> + Clone,
    same: impl Fn(char, T) -> bool,
) -> bool {
    let mut at = 0;
    let mut rest = subject;
    let mut retry = None;
    loop {
        if steps.get(at) == Some(&Step::Many) {
            at += 1;
            retry = Some((at, rest.clone()));
            continue;
        }
        let mut after = rest.clone();
        let fits = match (steps.get(at), after.next()) {
            (None, None) => return true,
            (Some(Step::One), Some(_)) => true,
            (Some(Step::Letter(letter)), Some(found)) => same(*letter, found),
            _ => false,
        };
        if fits {
            (at, rest) = (at + 1, after);
            continue;
        }
        let Some((again, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (at, rest) = (*again, from.clone());
    }
}

/// As it can be read again: what means something in a query has a backslash before it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |letter: char| letter.is_alphanumeric() || "_.@".contains(letter);
        let letters = |f: &mut fmt::Formatter<'_>, letter: char, escaped: bool| {
            if escaped { write!(f, "\\{letter}") } else { write!(f, "{letter}") }
        };
        match self {
            Self::Exact(text) => {
                let operator = ["AND", "OR", "NOT"].contains(&text.as_str());
                text.char_indices().try_for_each(|(at, letter)| {
                    letters(
                        f,
                        letter,
                        (at == 0 && operator) || !(plain(letter) || (at > 0 && letter == '-')),
                    )
                })
            }
            Self::Wild(steps) => steps.iter().try_for_each(|step| match step {
                Step::Letter(letter) => letters(f, *letter, !plain(*letter)),
                Step::One => f.write_str("?"),
                Step::Many => f.write_str("*"),
            }),
        }
    }
}
