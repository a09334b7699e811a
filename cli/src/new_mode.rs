//! The mode of files that commands write and that may hold secrets.

use std::str::FromStr;

use toque_machine::atomic_write::NewMode;

/// The value of `--report-mode` and `--mode`: octal digits or `umask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModeArgument(pub NewMode);

/// For its owner alone.
pub(crate) const PRIVATE: &str = "0600";

impl FromStr for ModeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "umask" {
            return Ok(Self(NewMode::ByUmask));
        }
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o777 && !text.starts_with('+') => {
                Ok(Self(NewMode::Exactly(mode | 0o600)))
            }
            _ => Err("write octal digits, such as 0644, or `umask`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_or_left_to_the_umask() {
        let mode = |text: &str| text.parse::<ModeArgument>().ok().map(|argument| argument.0);
        assert_eq!(mode("0640"), Some(NewMode::Exactly(0o640)));
        assert_eq!(mode("umask"), Some(NewMode::ByUmask));
        for text in ["", "8", "1777", "rw", "+644", "0x1"] {
            assert_eq!(mode(text), None, "{text}");
        }
    }
}
