//! The modules of a crate, and which of them use which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use crate::sources::{Code, Module, Source, production};

/// A use of one module by another, as far as the two differ.
#[derive(Debug, Clone)]
struct Import {
    from: String,
    to: String,
    /// The file, the line and the path that stands there.
    at: String,
}

/// Returns a circle of modules for each folder in which there is one.
///
/// A module and its own submodules may use each other. So an import counts where the ways to its
/// two ends part: there it is one between siblings, of which each stands for all that is below it.
pub(super) fn circles(root: &Path, source: &Path) -> Vec<String> {
    let sources = production(source);
    let known: BTreeSet<&Module> = sources.iter().map(|source| &source.module).collect();
    let mut folders: BTreeMap<Module, Vec<Import>> = BTreeMap::new();
    for Source { module: from, file, code } in &sources {
        let file = file.strip_prefix(root).unwrap_or(file).display();
        for (path, line) in paths(code, from) {
            let to = deepest(&known, &path);
            let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
            if common < from.len() && common < to.len() {
                folders.entry(to[..common].to_vec()).or_default().push(Import {
                    from: from[common].clone(),
                    to: to[common].clone(),
                    at: format!("{file}:{line}: {}", path.join("::")),
                });
            }
        }
    }
    let shown = |circle: Vec<Import>| {
        let lines = circle
            .iter()
            .map(|import| format!("  {} uses {}: {}\n", import.from, import.to, import.at));
        lines.collect()
    };
    folders.values().filter_map(|imports| circle(imports)).map(shown).collect()
}

/// The module in a file of its own that has what a path names.
fn deepest<'a>(known: &BTreeSet<&Module>, path: &'a [String]) -> &'a [String] {
    let prefixes = (0..=path.len()).rev().map(|length| &path[..length]);
    prefixes.into_iter().find(|prefix| known.contains(&prefix.to_vec())).unwrap_or_default()
}

/// The shortest circle.
fn circle(imports: &[Import]) -> Option<Vec<Import>> {
    let starts: BTreeSet<&str> = imports.iter().map(|import| &*import.from).collect();
    starts.into_iter().filter_map(|start| way_back(imports, start)).min_by_key(Vec::len)
}

fn way_back(imports: &[Import], start: &str) -> Option<Vec<Import>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([Vec::<Import>::new()]);
    while let Some(way) = ways.pop_front() {
        let end = way.last().map_or(start, |import| &import.to);
        if !way.is_empty() && end == start {
            return Some(way);
        }
        for import in imports.iter().filter(|import| import.from == end) {
            if seen.insert(&import.to) {
                ways.push_back(way.iter().chain([import]).cloned().collect());
            }
        }
    }
    None
}

/// The paths in a file that begin with `crate`, `self` or `super`, from the root of the crate.
fn paths(code: &Code, module: &[String]) -> Vec<(Module, usize)> {
    let mut found = Vec::new();
    // Modules that are written in the file, and at which depth.
    let mut inside: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < code.tokens.len() {
        match code.text(at) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inside.retain(|(_, outside)| *outside < depth);
            }
            "mod" if code.text(at + 2) == "{" => {
                inside.push((code.text(at + 1).to_owned(), depth));
            }
            word @ ("crate" | "self" | "super") if code.text(at + 1) == "::" => {
                let here = inside.iter().map(|(name, _)| name.clone());
                let mut base: Module = module.iter().cloned().chain(here).collect();
                match word {
                    "crate" => base.clear(),
                    "super" => drop(base.pop()),
                    _ => {}
                }
                at += 2;
                tree(code, &mut at, base, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads what comes after `::`: a name, and all names in braces.
fn tree(code: &Code, at: &mut usize, mut base: Module, found: &mut Vec<(Module, usize)>) {
    let line = code.tokens.get(*at).map_or(0, |token| token.line);
    loop {
        match code.text(*at) {
            "{" => {
                *at += 1;
                while !matches!(code.text(*at), "}" | "") {
                    tree(code, at, base.clone(), found);
                    while !matches!(code.text(*at), "," | "}" | "") {
                        *at += 1;
                    }
                    *at += usize::from(code.text(*at) == ",");
                }
                *at += 1;
                return;
            }
            "self" => {}
            "super" => drop(base.pop()),
            name if name.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
                base.push(name.to_owned());
            }
            // A star, or the generics of what comes before.
            _ => break,
        }
        *at += 1;
        if code.text(*at) != "::" {
            break;
        }
        *at += 1;
    }
    found.push((base, line));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::circles;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join("src").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        circles(folder.path(), &folder.path().join("src"))
    }

    #[test]
    fn siblings_may_not_use_each_other() {
        let one = ("one.rs", "use crate::two::Two;");
        assert_eq!(found(&[one, ("two.rs", "struct Two;")]), [""; 0]);
        for two in [
            "\nuse crate::one::One;",
            "\nuse super::{one::{self, One}};",
            "\nfn f() -> Vec<crate::one::One> {}",
            "\nmod inner { use super::super::one; }",
            "\nfn f() { println!(\"{}\", crate::one::f()); }",
        ] {
            let found = found(&[one, ("two.rs", two)]);
            assert_eq!(found.len(), 1, "{two}");
            assert!(found[0].contains("one uses two: src/one.rs:1: two::Two\n"), "{found:?}");
            assert!(found[0].contains("two uses one: src/two.rs:2: one"), "{found:?}");
        }
    }

    #[test]
    fn a_circle_may_be_long_and_deep() {
        let found = found(&[
            ("top/a.rs", "use super::b::c::C;"),
            ("top/b/c.rs", "use crate::top::d;"),
            ("top/d.rs", "use super::a;"),
            ("top.rs", "mod a; mod b; mod d;"),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].lines().count(), 3, "{found:?}");
    }

    #[test]
    fn a_module_and_its_own_may_use_each_other() {
        let files = [
            ("lib.rs", "mod a; pub use crate::a::b::B; use a::A;"),
            ("a.rs", "mod b; use b::B; use self::b::C;"),
            ("a/b.rs", "use super::A; use crate::a::A; use crate::B;"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn tests_and_texts_do_not_count() {
        let two = "// crate::one::One\nconst TEXT: &str = \"crate::one::One\";\n\
            #[cfg(test)]\nmod tests {\n    use crate::one::One;\n}\n#[cfg(test)]\nmod cases;";
        let files = [
            ("one.rs", "use crate::two::Two;"),
            ("two.rs", two),
            ("two/cases.rs", "use crate::one::One;"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }
}
