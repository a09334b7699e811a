//! Splits a line of options into words as a shell would.

/// The words of a line: spaces separate, quotes and backslashes protect. An open quote ends with
/// the line.
#[must_use]
pub fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            (_, None) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_as_a_shell_does() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  --no-install-recommends  -t  sid ", &["--no-install-recommends", "-t", "sid"]),
            ("-o Dpkg::Options::=\"--force confnew\"", &["-o", "Dpkg::Options::=--force confnew"]),
            (r#"'a "b' c\ d "" "#, &["a \"b", "c d", ""]),
            (r#""a \" b""#, &["a \" b"]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line), *words, "{line}");
        }
    }
}
