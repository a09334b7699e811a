//! `.toqueignore`: which files of a repository or a cookbook are not packed, in the syntax of
//! `.gitignore`.

use std::ffi::OsStr;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toque_core::diagnostic::Diagnostic;
use toque_data::cookbook::span_at;

use toque_core::read_optional::read_optional;

/// What the file is called.
pub(crate) const NAME: &str = ".toqueignore";
/// What version control keeps, and what says what is left out: nothing brings them back.
const ALWAYS: [&str; 4] = [".git", ".hg", ".svn", NAME];
/// What editors and desktops leave behind. `!` and a pattern brings them back.
const USUALLY: [&str; 5] = ["*~", ".#*", "\\#*#", ".*.sw[a-p]", ".DS_Store"];

/// The patterns of one file, seen from the folder that it is in.
#[derive(Debug, Clone)]
pub(crate) struct IgnorePatterns {
    patterns: Gitignore,
}

impl IgnorePatterns {
    /// Reads that of a folder; one without patterns when there is none.
    /// # Errors
    /// When it cannot be read; a pattern that is none, with its place.
    pub(crate) fn of(folder: &Path) -> Result<Self, Diagnostic> {
        let path = folder.join(NAME);
        Self::parse(&path, &read_optional(&path)?.unwrap_or_default())
    }

    /// Reads the text of the one at `path`.
    /// # Errors
    /// A pattern that is none, with its place.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        let mut builder = GitignoreBuilder::new("");
        builder.allow_unclosed_class(false);
        let mut start = 0;
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end_matches('\n').trim_end_matches('\r');
            let at = start..start + line.len();
            start += whole.len();
            // A mark that some editors begin a file with.
            let line = if at.start == 0 { line.trim_start_matches('\u{feff}') } else { line };
            let translated = translated(line).map_err(str::to_owned);
            let added = translated.and_then(|line| {
                builder.add_line(None, &line).map(|_| ()).map_err(|error| plain(&error))
            });
            added.map_err(|why| {
                Diagnostic::error(format!("`{}` is no pattern: {why}", line.trim_end()))
                    .at(span_at(path, text, at))
                    .hint(format!("`{NAME}` is written as `.gitignore` is; `\\` before a character takes it as it is"))
            })?;
        }
        let whole = |error| {
            Diagnostic::error(format!("cannot use `{}`: {}", path.display(), plain(&error)))
        };
        Ok(Self { patterns: builder.build().map_err(whole)? })
    }

    /// Whether a path, seen from the folder, is left out or, after `!`, kept; none when no pattern
    /// is about it. The folders above it are not looked at: what is in a folder that is left out is
    /// left out with it.
    #[must_use]
    pub(crate) fn says(&self, path: &Path, folder: bool) -> Option<bool> {
        match self.patterns.matched(path, folder) {
            ignore::Match::None => None,
            ignore::Match::Ignore(_) => Some(true),
            ignore::Match::Whitelist(_) => Some(false),
        }
    }

    /// Whether a folder, or one above it, is left out.
    #[must_use]
    pub(crate) fn leaves_out_folder(&self, path: &str) -> bool {
        let mut from_top: Vec<&Path> =
            Path::new(path).ancestors().filter(|above| *above != Path::new("")).collect();
        from_top.reverse();
        from_top.into_iter().any(|folder| self.says(folder, true) == Some(true))
    }

    /// What holds where no file says otherwise.
    /// # Errors
    /// None in fact: the patterns are known.
    pub(crate) fn usually() -> Result<Self, Diagnostic> {
        Self::parse(Path::new(NAME), &USUALLY.join("\n"))
    }
}

/// Whether a file or folder of this name is left out whatever is said.
#[must_use]
pub(crate) fn always(name: &OsStr) -> bool {
    ALWAYS.iter().any(|always| name == *always)
}

/// A line as the library reads it as git does: git takes braces as they are.
/// # Errors
/// What git would pass over in silence, or take otherwise.
fn translated(line: &str) -> Result<String, &'static str> {
    if line.starts_with('#') || line.trim_end().is_empty() {
        return Ok(String::new());
    }
    let pattern = line.strip_prefix('!').unwrap_or(line).trim_end();
    if pattern.trim_matches('/').is_empty() {
        return Err("it names nothing");
    }
    if pattern.contains("//") {
        return Err("nothing is between two slashes");
    }
    // Git itself takes it otherwise than it says.
    if pattern.split('/').any(|part| part != "**" && part.contains("**")) {
        return Err("`**` stands for whole folders, between slashes");
    }
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\0' => return Err("no name has a zero byte"),
            '{' | '}' => text.extend(['\\', letter]),
            '\\' => text.extend([Some(letter), letters.next()].into_iter().flatten()),
            '[' => {
                text.push(letter);
                text.extend(letters.next_if(|next| matches!(next, '!' | '^')));
                text.extend(letters.next_if_eq(&']'));
                while let Some(inside) = letters.next() {
                    match inside {
                        '\\' => return Err("a class with `\\` in it is not known"),
                        '[' if letters.peek() == Some(&':') => {
                            return Err("classes such as `[:alpha:]` are not known");
                        }
                        _ => text.push(inside),
                    }
                    if inside == ']' {
                        break;
                    }
                }
            }
            _ => text.push(letter),
        }
    }
    Ok(text)
}

fn plain(error: &ignore::Error) -> String {
    match error {
        ignore::Error::Glob { err, .. } if err.contains("character class") => {
            "a class is not closed by `]`".to_owned()
        }
        ignore::Error::Glob { err, .. } if err.contains("dangling") => {
            "nothing comes after the last `\\`".to_owned()
        }
        ignore::Error::Glob { err, .. } => err.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
