//! Numbers at the beginning of names, which tell what is older where the clock may be wrong.

/// What is larger is somebody else's name.
const LARGEST: u64 = 1 << 53;

/// Returns the number that a name begins with: `17-20261120T165629Z`.
pub(super) fn number(name: &str) -> Option<u64> {
    let (number, _) = name.split_once('-')?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok().filter(|number| *number < LARGEST)
}
