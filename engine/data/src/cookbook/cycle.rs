//! Cookbooks that depend on one another in a circle: they work, and are hard to reason about.

use std::collections::{HashMap, HashSet};

/// Circles of cookbooks, at least one of all that depend on one another; none when there is none. A
/// circle begins with the first of its names, wherever it was entered.
#[must_use]
pub fn circles<'a>(
    names: impl IntoIterator<Item = &'a str>,
    needs: impl Fn(&'a str) -> Vec<&'a str>,
) -> Vec<Vec<&'a str>> {
    let (mut begun, mut told): (HashSet<&str>, HashSet<&str>) = (HashSet::new(), HashSet::new());
    let mut circles = Vec::new();
    for name in names {
        // The way to where the search is, each with what is left to look at.
        let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut on_way: HashMap<&str, usize> = HashMap::new();
        let mut next = Some(name).filter(|name| begun.insert(name));
        loop {
            if let Some(name) = next.take() {
                on_way.insert(name, way.len());
                way.push((name, needs(name)));
            }
            let Some((name, left)) = way.last_mut() else { break };
            let Some(other) = left.pop() else {
                on_way.remove(name);
                way.pop();
                continue;
            };
            if let Some(from) = on_way.get(other) {
                let mut circle: Vec<&str> = way[*from..].iter().map(|(name, _)| *name).collect();
                if circle.iter().any(|name| !told.contains(name)) {
                    told.extend(&circle);
                    let first = circle
                        .iter()
                        .enumerate()
                        .min_by_key(|(_, name)| **name)
                        .map_or(0, |(index, _)| index);
                    circle.rotate_left(first);
                    circles.push(circle);
                }
            } else if begun.insert(other) {
                next = Some(other);
            }
        }
    }
    circles
}

/// `cookbooks depend on one another in a circle: `a` -> `b` -> `a``
#[must_use]
pub fn in_words(circle: &[&str]) -> String {
    match circle {
        [one] => format!("cookbook `{one}` depends on itself"),
        circle => {
            let names: Vec<String> =
                circle.iter().chain(circle.first()).map(|name| format!("`{name}`")).collect();
            format!("cookbooks depend on one another in a circle: {}", names.join(" -> "))
        }
    }
}

/// What to do about one.
pub const HINT: &str = "it is loaded all the same; it would be plainer to move what they share into a cookbook of its own";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(all: &[(&str, &str)]) -> Vec<String> {
        let needs = |name: &str| {
            let of = all.iter().find(|(other, _)| *other == name);
            of.map_or_else(Vec::new, |(_, needs)| needs.split_whitespace().collect())
        };
        circles(all.iter().map(|(name, _)| *name), needs)
            .into_iter()
            .map(|circle| circle.join(" "))
            .collect()
    }

    #[test]
    fn each_is_told_once() {
        assert_eq!(told(&[("a", "b c"), ("b", "c"), ("c", "")]), Vec::<String>::new());
        assert_eq!(told(&[("c", "a"), ("a", "b"), ("b", "c")]), ["a b c"]);
        assert_eq!(told(&[("a", "a b"), ("b", "a")]), ["a b"]);
        assert_eq!(told(&[("a", "a")]), ["a"]);
        assert_eq!(
            told(&[("x", "a p"), ("a", "b"), ("b", "a"), ("p", "q"), ("q", "p")]),
            ["p q", "a b"]
        );
        assert_eq!(told(&[("a", "nobody")]), Vec::<String>::new());
        assert_eq!(
            in_words(&["a", "b"]),
            "cookbooks depend on one another in a circle: `a` -> `b` -> `a`"
        );
    }

    #[test]
    fn many_that_all_need_one_another_are_told_soon() {
        let names: Vec<String> = (0..400).map(|number| format!("part{number:03}")).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = circles(all.iter().copied(), |_| all.clone());
        assert!(
            found.len() <= 400 && found.iter().flatten().collect::<HashSet<_>>().len() == 400,
            "{}",
            found.len()
        );
    }

    #[test]
    fn a_long_way_is_no_matter() {
        let names: Vec<String> = (0..30_000).map(|number| number.to_string()).collect();
        let next =
            |name: &str| vec![names[(name.parse::<usize>().unwrap() + 1) % names.len()].as_str()];
        let found = circles(names.iter().map(String::as_str), next);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [30_000]);
    }
}
