//! The order of Debian versions, as `deb-version(7)` defines it.

use std::cmp::Ordering;

/// Which of two versions is newer: the epoch decides, then the upstream version, then the revision.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let ((left_epoch, left_upstream, left_revision), (right_epoch, right_upstream, right_revision)) =
        (parts(left), parts(right));
    number(left_epoch)
        .cmp(&number(right_epoch))
        .then_with(|| part(left_upstream, right_upstream))
        .then_with(|| part(left_revision, right_revision))
}

fn parts(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = version.trim().split_once(':').unwrap_or(("", version.trim()));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Numbers of any length compare by value: without leading zeros, the longer is greater.
fn number(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

/// Compares runs of other characters and runs of digits in turn.
fn part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = run(left, |c| !c.is_ascii_digit());
        let (right_text, right_rest) = run(right, |c| !c.is_ascii_digit());
        let (left_digits, left_end) = run(left_rest, |c| c.is_ascii_digit());
        let (right_digits, right_end) = run(right_rest, |c| c.is_ascii_digit());
        let order = text(left_text, right_text)
            .then_with(|| number(left_digits).cmp(&number(right_digits)));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_end, right_end);
    }
    Ordering::Equal
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// `~` sorts before the end, the end before letters, letters before everything else.
fn text(left: &str, right: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        Some(c) => i64::from(u32::from(c)) + 256,
    };
    let (mut left, mut right) = (left.chars(), right.chars());
    loop {
        let (l, r) = (left.next(), right.next());
        let order = weight(l).cmp(&weight(r));
        if order != Ordering::Equal || (l.is_none() && r.is_none()) {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn orders_versions() {
        let ascending = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "1.0~beta1~svn1245",
            "1.0~beta1",
            "1.0",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-2",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0.1",
            "1.9",
            "1.10",
            "2.36-9+deb12u7",
            "2.36-9+deb12u14",
            "2025b-0+deb12u2",
            "2026b-0",
            "1:0.1",
            "1:2.39.5-0+deb12u3",
            "10:0",
        ];
        for (i, left) in ascending.iter().enumerate() {
            for (j, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left} {right}");
            }
        }
        assert_eq!(compare("0:1.0", "1.0"), Ordering::Equal);
        assert_eq!(compare("1.0-0", "1.0"), Ordering::Equal);
        assert_eq!(compare("1.00", "1.0"), Ordering::Equal);
    }

    /// Versions drawn from the letters that matter, against dpkg itself where the machine has it.
    #[test]
    fn agrees_with_dpkg() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut version = || {
            let letters = ["0", "1", "2", "10", ".", "~", "+", "a", "b", "Z", "-", "00"];
            let length = draw(6);
            let mut version = draw(10).to_string();
            (0..length).for_each(|_| {
                version.push_str(letters[usize::try_from(draw(12)).unwrap_or_default()]);
            });
            if version.ends_with('-') {
                version.push('0');
            }
            if draw(4) == 0 { format!("{}:{version}", draw(3)) } else { version }
        };
        for _ in 0..300 {
            let (left, right) = (version(), version());
            let word = match compare(&left, &right) {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            };
            let Ok(status) =
                Command::new("dpkg").args(["--compare-versions", &left, word, &right]).status()
            else {
                return;
            };
            assert!(status.success(), "dpkg does not find that {left} {word} {right}");
        }
    }
}
