//! Answers to the questions of Debian packages: lines for `debconf-set-selections`, and the
//! database that holds them.

use std::collections::HashMap;

/// One answer of a response file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<'a> {
    pub question: &'a str,
    pub value: &'a str,
}

/// The lines `owner question type value`; comments and empty lines are left out.
pub fn selections(response: &str) -> impl Iterator<Item = Selection<'_>> {
    response.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
        let mut rest = line.trim_start();
        let mut word = || {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            rest = after.trim_start();
            word
        };
        let (owner, question, kind) = (word(), word(), word());
        (!owner.is_empty() && !question.is_empty() && !kind.is_empty())
            .then_some(Selection { question, value: rest.trim_end() })
    })
}

/// The answers in `/var/cache/debconf/config.dat` or `passwords.dat`, by question.
#[must_use]
pub fn answers(database: &str) -> HashMap<&str, &str> {
    database
        .split("\n\n")
        .filter_map(|stanza| {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                    .map(str::trim_start)
            };
            Some((field("Name")?, field("Value").unwrap_or("")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_selections() {
        let text = "# a comment\n\ntzdata tzdata/Areas select Europe\ntzdata\ttzdata/Zones/Europe select  Berlin \nx x/empty string\n";
        let read: Vec<_> =
            selections(text).map(|selection| (selection.question, selection.value)).collect();
        assert_eq!(
            read,
            [("tzdata/Areas", "Europe"), ("tzdata/Zones/Europe", "Berlin"), ("x/empty", "")]
        );
    }

    #[test]
    fn reads_the_database() {
        let answers = answers(include_str!("../../../fixtures/debconf_config.txt"));
        assert_eq!(answers.get("tzdata/Areas"), Some(&"Etc"));
        assert_eq!(answers.get("ucf/title"), Some(&""));
    }
}
