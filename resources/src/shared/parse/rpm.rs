//! RPM's packages, as `rpm -qa` and `dnf repoquery` list them in the format that is asked for, and
//! the order of their versions.

use std::cmp::Ordering;

/// The `--qf` of `rpm` that [`parse`] reads.
pub const RPM_FORMAT: &str = "%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n";
/// The same for `dnf repoquery`.
pub const DNF_FORMAT: &str = "%{name}\t%{epoch}\t%{version}\t%{release}\t%{arch}\n";

/// A package of one version and architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nevra {
    pub name: String,
    pub epoch: u64,
    pub version: String,
    pub release: String,
    pub arch: String,
}

impl Nevra {
    /// As `dnf install` takes it.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}-{}:{}-{}.{}", self.name, self.epoch, self.version, self.release, self.arch)
    }

    /// "1.2-3", with the epoch where there is one: "1:1.2-3".
    #[must_use]
    pub fn evr(&self) -> String {
        let epoch = if self.epoch == 0 { String::new() } else { format!("{}:", self.epoch) };
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// Whether a recipe's version means this one: "1.2", "1.2-3", "1:1.2-3", "1.2-3.x86_64".
    #[must_use]
    pub fn is_version(&self, wanted: &str) -> bool {
        let (epoch, wanted) = match wanted.split_once(':') {
            Some((epoch, rest)) => (epoch.parse::<u64>().ok(), rest),
            None => (Some(self.epoch), wanted),
        };
        let full = format!("{}-{}", self.version, self.release);
        epoch == Some(self.epoch)
            && (wanted == self.version
                || wanted == full
                || wanted == format!("{full}.{}", self.arch))
    }

    /// Whether this version fits a comparison: `>=` and `1.2`, `1.2-3` or `1:1.2`.
    #[must_use]
    pub fn satisfies(&self, operator: &str, wanted: &str) -> bool {
        let (epoch, rest) = wanted.split_once(':').unwrap_or(("0", wanted));
        let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
        let mut order = self
            .epoch
            .cmp(&epoch.parse().unwrap_or(0))
            .then_with(|| compare(&self.version, version));
        // A comparison without a release is about any release.
        if !release.is_empty() {
            order = order.then_with(|| compare(&self.release, release));
        }
        match operator {
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            "=" | "==" => order.is_eq(),
            _ => false,
        }
    }

    /// Which of two is newer.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(&self.version, &other.version))
            .then_with(|| compare(&self.release, &other.release))
    }
}

/// The packages of a listing; lines in another form (such as messages of plugins) are left out.
#[must_use]
pub fn parse(text: &str) -> Vec<Nevra> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split('\t').map(str::to_owned);
            let (name, epoch) = (fields.next()?, fields.next()?);
            let (version, release, arch) = (fields.next()?, fields.next()?, fields.next()?);
            Some(Nevra { name, epoch: epoch.parse().unwrap_or(0), version, release, arch })
        })
        .collect()
}

/// The names that `dnf versionlock list` shows as locked.
#[must_use]
pub fn locked(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('!') && !line.contains(' '))
        .filter_map(|line| {
            // "name-epoch:version-release.*": the name ends at the second hyphen from the end.
            let (rest, _release) = line.rsplit_once('-')?;
            let (name, _version) = rest.rsplit_once('-')?;
            Some(name.to_owned())
        })
        .collect()
}

/// The order of two version or release strings, as rpm defines it.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let belongs = |c: &char| c.is_ascii_alphanumeric() || *c == '~' || *c == '^';
    let (mut left, mut right) = (left, right);
    loop {
        left = left.trim_start_matches(|c| !belongs(&c));
        right = right.trim_start_matches(|c| !belongs(&c));
        // A tilde sorts before everything, the end included; a caret after the end, before the
        // rest.
        match (left.strip_prefix('~'), right.strip_prefix('~')) {
            (Some(l), Some(r)) => {
                (left, right) = (l, r);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (left.strip_prefix('^'), right.strip_prefix('^')) {
            (Some(l), Some(r)) => {
                (left, right) = (l, r);
                continue;
            }
            (Some(_), None) => {
                return if right.is_empty() { Ordering::Greater } else { Ordering::Less };
            }
            (None, Some(_)) => {
                return if left.is_empty() { Ordering::Less } else { Ordering::Greater };
            }
            (None, None) => {}
        }
        if left.is_empty() || right.is_empty() {
            return left.len().cmp(&right.len());
        }
        let digits = left.starts_with(|c: char| c.is_ascii_digit());
        let end = |text: &str| {
            text.find(|c: char| if digits { !c.is_ascii_digit() } else { !c.is_ascii_alphabetic() })
        };
        let (l, left_rest) = left.split_at(end(left).unwrap_or(left.len()));
        let (r, right_rest) = right.split_at(end(right).unwrap_or(right.len()));
        let order = match (digits, r.is_empty()) {
            // A number is newer than letters.
            (true, true) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (true, false) => {
                let (l, r) = (l.trim_start_matches('0'), r.trim_start_matches('0'));
                l.len().cmp(&r.len()).then_with(|| l.cmp(r))
            }
            (false, false) => l.cmp(r),
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_listing() {
        let packages = parse(include_str!("../../../fixtures/rpm_qa.txt"));
        assert_eq!(packages.len(), 2, "{packages:?}");
        assert_eq!(packages[0].full(), "hello-0:1.0-1.noarch");
        assert_eq!(packages[1].evr(), "2:1.4-3");
        for wanted in ["1.4", "1.4-3", "2:1.4", "2:1.4-3", "1.4-3.noarch"] {
            assert!(packages[1].is_version(wanted), "{wanted}");
        }
        for wanted in ["1.5", "1:1.4", "1.4-2", "1"] {
            assert!(!packages[1].is_version(wanted), "{wanted}");
        }
    }

    #[test]
    fn compares_with_a_wish() {
        let package = Nevra {
            name: "x".into(),
            epoch: 0,
            version: "1.4".into(),
            release: "3".into(),
            arch: "noarch".into(),
        };
        for (operator, wanted, fits) in [
            (">=", "1.4", true),
            (">=", "1.4-4", false),
            ("<", "1.10", true),
            ("=", "1.4", true),
            (">", "1:0", false),
        ] {
            assert_eq!(package.satisfies(operator, wanted), fits, "{operator} {wanted}");
        }
    }

    #[test]
    fn reads_locks() {
        assert_eq!(
            locked(
                "Last metadata expiration check: 0:00:01 ago.\nmy-hello-0:1.0-1.*\n!bad-0:1-1.*\n"
            ),
            ["my-hello"]
        );
    }

    #[test]
    fn orders_versions() {
        let ascending =
            ["1.0~rc1", "1.0", "1.0^git1", "1.0.a", "1.0.1", "1.0.2", "1.0.10", "1.1", "2", "10"];
        for (i, left) in ascending.iter().enumerate() {
            for (j, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left} {right}");
            }
        }
        assert_eq!(compare("1.0", "1_0"), Ordering::Equal);
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
    }
}
