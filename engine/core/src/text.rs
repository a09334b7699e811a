//! How values are written as text: quoted for a shell, as hexadecimal digits; paths.

use std::path::{Path, PathBuf};

/// A word that a POSIX shell reads back as `text`; quoted only when it must be.
#[must_use]
pub fn shell_quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Two lower-case digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A path as people know it: from `cookbooks/` on, where it lies below one.
#[must_use]
pub fn display_path(path: &Path) -> String {
    let parts: Vec<_> = path.components().collect();
    let from = parts.iter().rposition(|part| part.as_os_str() == "cookbooks").unwrap_or(0);
    parts[from..].iter().collect::<PathBuf>().display().to_string()
}
/// Returns a size in the largest unit of which there is at least one: `64 MiB`, `2.5 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) if bytes.trailing_zeros() >= shift => {
            format!("{} {unit}", bytes >> shift)
        }
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << shift) as f64),
        None => format!("{bytes} bytes"),
    }
}
