//! What `apt-cache policy` and `apt-cache showpkg` print: the versions that the package lists
//! offer.

use std::collections::HashMap;

/// What the lists offer of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The version that an install would take.
    pub candidate: Option<String>,
    /// Every version that there is, newest first.
    pub versions: Vec<String>,
}

/// One entry for each package that apt knows; a name that it does not know is left out.
#[must_use]
pub fn parse(text: &str) -> HashMap<String, Policy> {
    let mut policies = HashMap::new();
    let mut current: Option<(String, Policy)> = None;
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let content = line.trim_start();
        match depth {
            0 => {
                policies.extend(current.take());
                current = line.strip_suffix(':').map(|name| (name.to_owned(), Policy::default()));
            }
            2 => {
                if let (Some((_, policy)), Some(value)) =
                    (&mut current, content.strip_prefix("Candidate: "))
                {
                    policy.candidate = (value != "(none)").then(|| value.to_owned());
                }
            }
            _ => {}
        }
        // A line of the version table begins with " *** " or five spaces, a version, and its
        // priority.
        if let Some(row) = line
            .strip_prefix(" *** ")
            .or_else(|| line.strip_prefix("     ").filter(|row| !row.starts_with(' ')))
            && let (Some((_, policy)), Some(version)) =
                (&mut current, row.split_whitespace().next())
        {
            policy.versions.push(version.to_owned());
        }
    }
    policies.extend(current);
    policies
}

/// The packages that provide a virtual one, from the end of `apt-cache showpkg`, each once.
#[must_use]
pub fn reverse_provides(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .lines()
        .skip_while(|line| !line.starts_with("Reverse Provides:"))
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_candidates_and_versions() {
        let policies = parse(include_str!("../../../fixtures/apt_policy.txt"));
        assert_eq!(policies["git"].candidate.as_deref(), Some("1:2.39.5-0+deb12u3"));
        assert_eq!(policies["git"].versions, ["1:2.39.5-0+deb12u3", "1:2.39.5-0+deb12u2"]);
        assert_eq!(policies["tzdata"].versions.len(), 4);
        assert_eq!(policies["mail-transport-agent"], Policy::default());
        assert!(!policies.contains_key("nonexistent-zz"));
    }

    #[test]
    fn reads_who_provides_a_virtual_package() {
        let names = reverse_provides(include_str!("../../../fixtures/apt_showpkg.txt"));
        assert!(
            names.contains(&"exim4-daemon-light".to_owned()) && names.contains(&"dma".to_owned()),
            "{names:?}"
        );
        assert_eq!(names.iter().filter(|name| *name == "exim4-daemon-light").count(), 1);
        assert!(reverse_provides("Package: x\nVersions: \n\nReverse Provides: \n").is_empty());
    }
}
