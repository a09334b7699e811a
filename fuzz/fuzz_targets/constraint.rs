//! Versions and constraints: what parses is shown as what parses to the same, versions have an
//! order, and constraints accept what they say. The text is versions and constraints, one a line.
#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_core::version::{Constraint, Version};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let lines = || text.lines().take(12);
    let versions: Vec<Version> = lines().filter_map(|line| line.parse().ok()).collect();
    let constraints: Vec<Constraint> = lines().filter_map(|line| line.parse().ok()).collect();
    for version in &versions {
        assert_eq!(version.to_string().parse().as_ref(), Ok(version));
        assert!(Constraint::exactly(version).accepts(version));
        assert!(
            Constraint::default().accepts(version)
                || version.pre_release.is_some()
                || *version < Version::default()
        );
    }
    for constraint in &constraints {
        assert_eq!(constraint.to_string().parse().as_ref(), Ok(constraint));
        parts(constraint, &versions);
    }
    in_order(&versions);
    Corpus::Keep
});

/// All of several parts must hold, and each means what its sign says.
fn parts(constraint: &Constraint, versions: &[Version]) {
    let parts: Vec<Constraint> =
        constraint.as_str().split(',').filter_map(|part| part.parse().ok()).collect();
    for version in versions {
        assert_eq!(
            constraint.accepts(version),
            parts.iter().all(|part| part.accepts(version)),
            "{constraint} {version}"
        );
    }
    for part in parts.iter().map(Constraint::as_str) {
        let Some((sign, other)) = ["<=", ">=", "!=", "<", ">", "="]
            .iter()
            .find_map(|sign| Some((*sign, part.strip_prefix(sign)?)))
        else {
            continue;
        };
        let (Ok(other), Ok(part)) = (other.parse::<Version>(), part.parse::<Constraint>()) else {
            continue;
        };
        for version in versions {
            let order = version.cmp(&other);
            let holds = match sign {
                "<=" => order != Ordering::Greater,
                ">=" => order != Ordering::Less,
                "!=" => order != Ordering::Equal,
                "<" => order == Ordering::Less,
                ">" => order == Ordering::Greater,
                _ => order == Ordering::Equal,
            };
            // Only pre-releases are accepted less often than their order says.
            assert!(
                part.accepts(version) == holds || holds && version.pre_release.is_some(),
                "{part} {version}"
            );
        }
    }
}

fn in_order(versions: &[Version]) {
    for (one, other) in
        versions.iter().flat_map(|one| versions.iter().map(move |other| (one, other)))
    {
        assert_eq!(one.cmp(other), other.cmp(one).reverse(), "{one} {other}");
        assert_eq!(one.cmp(other) == Ordering::Equal, one == other, "{one} {other}");
    }
    let mut sorted = versions.to_vec();
    sorted.sort();
    let later = |index: usize| sorted[index..].iter();
    assert!(
        sorted.iter().enumerate().all(|(index, one)| later(index).all(|other| one <= other)),
        "{sorted:?}"
    );
}
