//! Options of programs, as recipes write them.

use toque_machine::property::OneOrMany;

/// Returns the words of an array, or of a line that is split as a shell would. A line with an open
/// quote stays whole.
pub(crate) fn words(given: Option<&OneOrMany<String>>) -> Vec<String> {
    match given {
        None => Vec::new(),
        Some(OneOrMany::One(line)) => shlex::split(line).unwrap_or_else(|| vec![line.clone()]),
        Some(OneOrMany::Many(words)) => words.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_a_shell_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  --no-install-recommends  -t  sid ", &["--no-install-recommends", "-t", "sid"]),
            ("-o Dpkg::Options::=\"--force confnew\"", &["-o", "Dpkg::Options::=--force confnew"]),
            (r#"'a "b' c\ d "" "#, &["a \"b", "c d", ""]),
            (r#""a \" b""#, &["a \" b"]),
        ];
        for (line, expected) in cases {
            let given = OneOrMany::One((*line).to_owned());
            assert_eq!(words(Some(&given)), *expected, "{line}");
        }
    }
}
