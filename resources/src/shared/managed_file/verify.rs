//! What must accept new content before it goes live.

use std::path::Path;

use serde::de::IgnoredAny;
use toque_contract::resource::Apply;
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_core::text::shell_quote;
use toque_machine::command::Command;
use toque_machine::content::Content;

use super::unit_file::accepted_by_systemd;

/// Bytes beyond which content is not read as a document, which takes several times its size.
const LARGEST: u64 = 16 << 20;

/// One check of new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verify {
    Json,
    Yaml,
    Toml,
    SystemdUnit,
    /// A shell command, with `%{path}` where the path of the new file goes.
    Command(String),
}

impl Verify {
    pub(crate) fn new(text: &str) -> Self {
        match text {
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            "toml" => Self::Toml,
            "systemd_unit" => Self::SystemdUnit,
            command => Self::Command(command.to_owned()),
        }
    }

    /// # Errors
    /// When the text holds a placeholder that means nothing.
    pub(crate) fn check(text: &str) -> Result<(), PropertyError> {
        let unknown = text
            .split("%{")
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .find(|(name, _)| *name != "path");
        match unknown {
            Some((name, _)) => Err(PropertyError::new(
                "verify",
                format!("`%{{{name}}}` stands for nothing in `{text}`"),
            )
            .hint("write `%{path}` where the path of the new file goes")),
            None if text.trim().is_empty() => Err(PropertyError::new("verify", "it is empty")
                .hint(
                    "write a shell command, or \"json\", \"yaml\", \"toml\" or \"systemd_unit\"",
                )),
            None => Ok(()),
        }
    }

    /// The part that needs only the content, so that a plan can tell.
    /// # Errors
    /// Where the content breaks the format's rules.
    pub(crate) fn content(&self, path: &Path, content: &Content) -> Result<(), Failure> {
        let format = match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
            Self::SystemdUnit | Self::Command(_) => return Ok(()),
        };
        if content.len() > LARGEST {
            return Err(Failure::new(format!(
                "the new content of `{}` is not read as {format}: it is larger than 16 MiB",
                path.display()
            ))
            .hint("leave out `verify`, or give a command that can read it"));
        }
        let content = content.read().context("read the new content of", path)?;
        // Only where it is wrong: what stands there may be secret.
        let wrong = match (self, std::str::from_utf8(&content)) {
            (_, Err(_)) => Some("it is not UTF-8".to_owned()),
            (Self::Json, Ok(text)) => json(text),
            (Self::Yaml, Ok(text)) => yaml(text),
            (_, Ok(text)) => toml(text),
        };
        match wrong {
            None => Ok(()),
            Some(wrong) => Err(Failure::new(format!(
                "the new content of `{}` is not {format}: {wrong}",
                path.display()
            ))
            .hint("correct the content; the file was left as it is")),
        }
    }

    /// Whether the new file itself must be there to be judged.
    pub(crate) fn needs_file(&self) -> bool {
        matches!(self, Self::SystemdUnit | Self::Command(_))
    }

    /// The part that needs the new file, staged beside the one it will replace.
    /// # Errors
    /// When the command does not accept it; with what the command printed.
    pub(crate) fn staged(
        &self,
        apply: &Apply<'_>,
        staged: &Path,
        path: &Path,
    ) -> Result<(), Failure> {
        match self {
            Self::Json | Self::Yaml | Self::Toml => Ok(()),
            Self::Command(text) => {
                let line = text.replace("%{path}", &shell_quote(&staged.to_string_lossy()));
                accepted(apply, &Command::shell(line), text, path)
            }
            Self::SystemdUnit => {
                let content = apply.system.read(staged).context("read", staged)?;
                accepted_by_systemd(apply, path, &content)
            }
        }
    }
}

fn accepted(apply: &Apply<'_>, command: &Command, text: &str, path: &Path) -> Result<(), Failure> {
    let output = apply.output(command)?;
    if output.success() {
        return Ok(());
    }
    let mut failure = output.failure(command, apply.sensitive);
    failure.message = if apply.sensitive {
        format!("the new content of `{}` was not accepted by its `verify`", path.display())
    } else {
        format!(
            "the new content of `{}` was not accepted by `{text}`: {}",
            path.display(),
            failure.message
        )
    };
    Err(failure.hint("correct the content; the file was left as it is"))
}

fn json(text: &str) -> Option<String> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    Some(place(error.line() as u64, error.column() as u64))
}

fn yaml(text: &str) -> Option<String> {
    let error = serde_saphyr::from_multiple::<IgnoredAny>(text).err()?;
    Some(
        error
            .location()
            .map_or_else(|| "it ends too early".to_owned(), |at| place(at.line(), at.column())),
    )
}

fn toml(text: &str) -> Option<String> {
    let error = text.parse::<toml::Table>().err()?;
    let before = &text[..error.span().map_or(text.len(), |span| span.start)];
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some(place(before.matches('\n').count() as u64 + 1, column as u64))
}

fn place(line: u64, column: u64) -> String {
    format!("line {line}, column {column} breaks its rules")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let cases: &[(&str, &str, bool)] = &[
            ("json", "{\"a\": [1, 2]}", true),
            ("json", "{\"a\": }", false),
            ("json", "", false),
            ("yaml", "a: [1, 2]\nb:\n  - c\n", true),
            ("yaml", "---\na: 1\n---\nb: 2\n", true),
            ("yaml", "1: one\n[2, 3]: two\n", true),
            ("yaml", "a: [1, 2\n", false),
            ("yaml", "a: b: c\n", false),
            ("toml", "[a]\nb = 1\n", true),
            ("toml", "a = \n", false),
            ("true %{path}", "anything", true),
        ];
        for (verify, content, fine) in cases {
            let result = Verify::new(verify).content(Path::new("/f"), &(*content).into());
            assert_eq!(result.is_ok(), *fine, "{verify}: {content:?}: {result:?}");
        }
    }

    #[test]
    fn tells_where_but_not_what() {
        let message = |verify: &str, text: &str| {
            Verify::new(verify).content(Path::new("/f"), &text.into()).unwrap_err().message
        };
        assert_eq!(
            message("json", "{\n \"a\": secret}"),
            "the new content of `/f` is not JSON: line 2, column 7 breaks its rules"
        );
        assert_eq!(
            message("toml", "a = 1\nsecret"),
            "the new content of `/f` is not TOML: line 2, column 7 breaks its rules"
        );
        assert!(!message("yaml", "a: secret: b\n").contains("secret"));
    }

    #[test]
    fn only_the_path_can_be_filled_in() {
        assert!(Verify::check("nginx -t -c %{path}").is_ok());
        assert!(Verify::check("printf '%s' x").is_ok());
        let error = Verify::check("true %{file}").unwrap_err();
        assert_eq!(error.message, "`%{file}` stands for nothing in `true %{file}`");
        assert!(Verify::check("  ").is_err());
    }
}
