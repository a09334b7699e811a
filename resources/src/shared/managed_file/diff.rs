//! What changes in a text, as people read it.

use std::path::Path;
use std::time::Duration;

use similar::{Algorithm, TextDiff};
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::content::Content;

/// Beyond this a file is not compared line by line.
pub(crate) const MOST_BYTES: u64 = 1 << 20;
pub(super) const TOO_LARGE: &str = "(not compared: it is larger than 1 MiB)";
/// Beyond this a comparison is no longer read by anyone.
const MOST_SHOWN: usize = 1 << 16;

/// A unified diff to new content, or the reason why there is none.
/// # Errors
/// When the new content cannot be read.
pub(crate) fn content_diff(path: &Path, old: &[u8], new: &Content) -> Result<String, Failure> {
    if new.len() > MOST_BYTES {
        return Ok(TOO_LARGE.to_owned());
    }
    let new = new.read().context("read the new content of", path)?;
    Ok(diff(path, old, &new))
}

/// A unified diff with three lines around each change, or the reason why there is none.
pub(crate) fn diff(path: &Path, old: &[u8], new: &[u8]) -> String {
    if old.len().max(new.len()) as u64 > MOST_BYTES {
        return TOO_LARGE.to_owned();
    }
    let (Some(before), Some(after)) = (text(old), text(new)) else {
        return "(not compared: it is binary)".to_owned();
    };
    let name = path.display().to_string();
    // Lines that all differ would take quadratic time to match up; past the limit the diff is only
    // coarser.
    let lines = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(Duration::from_millis(500))
        .diff_lines(before, after);
    let shown = lines.unified_diff().context_radius(3).header(&name, &name).to_string();
    if shown.len() > MOST_SHOWN {
        format!("(not shown: it has {} lines)", shown.lines().count())
    } else {
        shown
    }
}

fn text(content: &[u8]) -> Option<&str> {
    std::str::from_utf8(content).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_three_lines_around_a_change() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9";
        let expected = "--- /f\n+++ /f\n@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n-9\n+9\n\\ No newline at end of file\n";
        assert_eq!(diff(Path::new("/f"), old.as_bytes(), new.as_bytes()), expected);
    }

    #[test]
    fn says_why_it_shows_nothing() {
        let path = Path::new("/f");
        assert_eq!(diff(path, b"\0", b"a"), "(not compared: it is binary)");
        assert_eq!(diff(path, b"a", b"\xff"), "(not compared: it is binary)");
        assert_eq!(
            diff(path, b"a", &vec![b'a'; (1 << 20) + 1]),
            "(not compared: it is larger than 1 MiB)"
        );
        assert_eq!(
            diff(path, b"", "line\n".repeat(20_000).as_bytes()),
            "(not shown: it has 20003 lines)"
        );
    }
}
