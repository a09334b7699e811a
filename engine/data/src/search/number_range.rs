//! Texts that are numbers, and their order.

use std::cmp::Ordering;

/// A number, as far as comparing needs it. Whole ones are told apart beyond what a float holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numeral {
    decimal: f64,
    whole: Option<i128>,
}

impl Numeral {
    /// Reads a decimal number: `80`, `-0.5`, `1e3`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit())
            || !digits.ends_with(|c: char| c.is_ascii_digit())
        {
            return None;
        }
        // No negative zero: it is zero.
        let decimal = text.parse::<f64>().ok()? + 0.0;
        let whole = match text.parse::<i128>() {
            Ok(whole) => Some(whole),
            Err(_) => (decimal.fract() == 0.0 && decimal.abs() < 1e38).then_some(decimal as i128),
        };
        Some(Self { decimal, whole: whole.filter(|_| decimal.abs() < 1e38) })
    }
}

impl Ord for Numeral {
    fn cmp(&self, other: &Self) -> Ordering {
        self.decimal.total_cmp(&other.decimal).then(self.whole.cmp(&other.whole))
    }
}

impl PartialOrd for Numeral {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numeral {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Numeral {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        let rising = [
            "-1e3",
            "-5",
            "-0.5",
            "0",
            "0.25",
            "1",
            "9",
            "10",
            "80",
            "9007199254740992",
            "9007199254740993",
            "1e300",
        ];
        for (index, low) in rising.iter().enumerate() {
            for high in &rising[index + 1..] {
                assert!(Numeral::parse(low) < Numeral::parse(high), "{low} {high}");
            }
        }
        for (one, other) in [("1", "1.0"), ("-0", "0"), ("1e3", "1000"), ("007", "7")] {
            assert_eq!(Numeral::parse(one), Numeral::parse(other), "{one} {other}");
        }
        for text in
            ["", "-", "a", "1.2.3", "inf", "NaN", "1_000", "0x10", ".5", "5.", "+5", "1 ", "--1"]
        {
            assert_eq!(Numeral::parse(text), None, "{text}");
        }
    }
}
