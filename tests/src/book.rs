//! What the documentation shows, as blocks that tests execute.
//!
//! A block is fenced and names its language. Comments right above it say what it is for, where its
//! language does not:
//!
//! | mark | |
//! |---|---|
//! | `<!-- file: PATH -->` | a file of the page's repository |
//! | `<!-- beside: PATH … -->` | empty files that the cookbook of a single recipe has |
//! | `<!-- with: CODE -->` | what stands before a piece of a recipe |
//! | `<!-- only checked: WHY -->` | a recipe that the simulated machine cannot converge |
//! | `<!-- refused: TEXT -->` | a recipe, or commands, that end with a mistake whose message holds the text |
//! | `<!-- host -->` | commands for a machine that is thrown away |
//! | `<!-- shown: WHY -->` | nothing that could be executed |

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block of a page.
#[derive(Debug, Clone)]
pub struct Block {
    /// `guide/files.md:12`.
    pub place: String,
    pub language: String,
    pub text: String,
    pub marks: Vec<(String, String)>,
}

impl Block {
    /// What a mark says; empty when it is only there.
    pub fn mark(&self, name: &str) -> Option<&str> {
        self.marks.iter().find(|(mark, _)| mark == name).map(|(_, said)| said.as_str())
    }

    /// The commands of a console block, each with the output that is shown below it.
    pub fn commands(&self) -> Vec<(String, String)> {
        let mut commands: Vec<(String, String)> = Vec::new();
        for line in self.text.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => {
                    output.push_str(line);
                    output.push('\n');
                }
                (None, None) => {
                    panic!("{}: a console block begins with a command, `$ …`", self.place)
                }
            }
        }
        commands
    }
}

/// The pages below a folder, by name, sorted.
pub fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The blocks of a page; `name` is how it is called in messages.
pub fn blocks(page: &Path, name: &str) -> Vec<Block> {
    let text = fs::read_to_string(page)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
    let mut blocks = Vec::new();
    let mut marks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            blocks.push(Block {
                place: format!("{name}:{}", number + 1),
                language: language.to_owned(),
                text: body.iter().map(|line| format!("{line}\n")).collect(),
                marks: std::mem::take(&mut marks),
            });
        } else if let Some(mark) =
            line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"))
        {
            let (mark, said) = mark.split_once(": ").unwrap_or((mark, ""));
            marks.push((mark.to_owned(), said.to_owned()));
        } else {
            marks.clear();
        }
    }
    blocks
}

/// Whether output is as it is shown. `…` stands for any text, and alone on a line for any lines;
/// what a run took is not compared.
pub fn matches(shown: &str, actual: &str) -> bool {
    let lines = |text: &str| {
        text.trim_end().lines().map(|line| untimed(line.trim_end())).collect::<Vec<_>>()
    };
    lines_match(&lines(shown), &lines(actual))
}

fn lines_match(shown: &[String], actual: &[String]) -> bool {
    match (shown.split_first(), actual.split_first()) {
        (None, None) => true,
        (Some((line, rest)), _) if line == "…" => {
            (0..=actual.len()).any(|skipped| lines_match(rest, &actual[skipped..]))
        }
        (Some((line, rest)), Some((found, others))) => {
            line_matches(line, found) && lines_match(rest, others)
        }
        _ => false,
    }
}

fn line_matches(shown: &str, actual: &str) -> bool {
    let Some((before, after)) = shown.split_once('…') else { return shown == actual };
    let Some(rest) = actual.strip_prefix(before) else { return false };
    (0..=rest.len())
        .filter(|at| rest.is_char_boundary(*at))
        .any(|at| line_matches(after, &rest[at..]))
}

/// `(0.03 s)` at the end of a line is never the same twice.
fn untimed(line: &str) -> String {
    match line.strip_suffix(" s)").and_then(|rest| rest.rsplit_once(" (")) {
        Some((before, time)) if time.parse::<f64>().is_ok() => format!("{before} (0.00 s)"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn output_is_compared_with_what_is_shown() {
        assert!(matches("one\n…\nfour (0.01 s)\n", "one\ntwo\nthree\nfour (12.30 s)\n"));
        assert!(matches("a … c", "a b c") && matches("…", "") && matches("x\n…", "x"));
        assert!(
            !matches("one\nthree", "one\ntwo\nthree")
                && !matches("a…c", "a b d")
                && !matches("one", "one\ntwo")
        );
    }
}
