//! Cookfiles of every layout, edited: exactly the wanted change is made, and nothing else is
//! touched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use toque_cookbooks::edit::{Entry, with_entry as with, without_entry as without};
use toque_cookbooks::manifest::cookfile::{Cookfile, Location};

const PATH: &str = "Cookfile.toml";

#[derive(Debug, Clone)]
struct Plan {
    /// `"…"`, `{ version }`, `{ git, tag }`, dotted keys, or a table of its own.
    form: u8,
    /// Lines of comments directly above.
    above: u8,
    /// An empty line, or a comment with an empty line below it, above all.
    apart: u8,
    /// A comment at the end of the line.
    beside: bool,
    spaces: u8,
}

#[derive(Debug, Clone)]
struct Table {
    /// With a head, by dotted keys, or on one line.
    style: u8,
    entries: Vec<Plan>,
}

#[derive(Debug, Clone)]
struct Layout {
    sources: u8,
    main: Option<Table>,
    groups: Vec<Table>,
    carriage_return: bool,
    ended: bool,
    mark: bool,
    /// A comment at the end of each table.
    last: bool,
}

const GROUPS: [&str; 2] = ["test", "on call"];

fn plan() -> impl Strategy<Value = Plan> {
    (0..5_u8, 0..3_u8, 0..3_u8, any::<bool>(), 0..3_u8).prop_map(
        |(form, above, apart, beside, spaces)| Plan { form, above, apart, beside, spaces },
    )
}

fn table(least: usize) -> impl Strategy<Value = Table> {
    (0..3_u8, proptest::collection::vec(plan(), least..4))
        .prop_map(|(style, entries)| Table { style, entries })
}

fn layout() -> impl Strategy<Value = Layout> {
    let groups = proptest::collection::vec(table(1), 0..3);
    let ends = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (0..3_u8, proptest::option::of(table(0)), groups, ends).prop_map(
        |(sources, main, groups, (carriage_return, ended, mark, last))| Layout {
            sources,
            main,
            groups,
            carriage_return,
            ended,
            mark,
            last,
        },
    )
}

/// The text, and whose each comment is.
#[derive(Default)]
struct Made {
    text: String,
    comments: BTreeMap<String, Option<String>>,
}

impl Made {
    fn comment(&mut self, owner: Option<&str>) -> String {
        let comment = format!("#!{}!", self.comments.len());
        self.comments.insert(comment.clone(), owner.map(str::to_owned));
        comment
    }

    fn line(&mut self, line: &str) {
        self.text += line;
        self.text += "\n";
    }

    fn of(layout: &Layout) -> Self {
        let mut made = Self::default();
        let first = made.comment(None);
        made.line(&first);
        made.line("");
        let tables: Vec<(Vec<&str>, &Table)> =
            (layout.main.iter().map(|main| (vec!["cookbooks"], main)))
                .chain(
                    layout
                        .groups
                        .iter()
                        .zip(GROUPS)
                        .map(|(table, group)| (vec!["groups", group, "cookbooks"], table)),
                )
                .collect();
        // What has no head stands above all that have.
        for headless in [true, false] {
            if !headless {
                for source in 0..layout.sources {
                    let comment = made.comment(None);
                    made.line(&format!("[[source]] {comment}\npath = \"shared{source}\"\n"));
                }
            }
            for (index, (keys, table)) in
                tables.iter().enumerate().filter(|(_, (_, table))| (table.style > 0) == headless)
            {
                made.table(keys, table, index, layout.last);
            }
        }
        if !layout.ended {
            made.text.truncate(made.text.trim_end().len());
        }
        if layout.carriage_return {
            made.text = made.text.replace('\n', "\r\n");
        }
        if layout.mark {
            made.text.insert(0, '\u{feff}');
        }
        made
    }

    fn table(&mut self, keys: &[&str], table: &Table, index: usize, last: bool) {
        let path = keys
            .iter()
            .map(|key| if key.contains(' ') { format!("\"{key}\"") } else { (*key).to_owned() });
        let path = path.collect::<Vec<_>>().join(".");
        let named = |number: usize| format!("n{index}-{number}");
        if table.style == 2 {
            let each = table.entries.iter().enumerate().map(|(number, plan)| match plan.form {
                0 | 4 => format!("{} = \"~> {number}.0\"", named(number)),
                1 => format!("{} = {{version=\"~> {number}.0\"}}", named(number)),
                2 => format!(
                    "'{}' = {{ git = \"https://example.com/x\", tag = \"v1\" }}",
                    named(number)
                ),
                _ => {
                    format!("{0}.git = \"https://example.com/x\" , {0}.tag = \"v1\"", named(number))
                }
            });
            let inside = each.collect::<Vec<_>>().join(", ");
            let comment = self.comment(None);
            let space =
                if table.entries.first().is_some_and(|plan| plan.beside) { "" } else { " " };
            let space = if inside.is_empty() { "" } else { space };
            self.line(&format!("{path} = {{{space}{inside}{space}}} {comment}"));
            return;
        }
        let dotted = table.style == 1;
        if !dotted {
            self.line(&format!("[{path}]"));
        }
        let mut apart = String::new();
        for (number, plan) in table.entries.iter().enumerate() {
            let name = named(number);
            let before = std::mem::take(&mut self.text);
            self.entry(
                plan,
                &name,
                &if dotted { format!("{path}.") } else { String::new() },
                &path,
                number,
            );
            // Tables of their own stand below the lines of this one.
            let entry = std::mem::replace(&mut self.text, before);
            if plan.form == 4 && !dotted { apart += &entry } else { self.text += &entry }
        }
        if last {
            let comment = self.comment(None);
            self.line(&format!("\n{comment}\n"));
        }
        self.text += &apart;
        self.line("");
    }

    fn entry(&mut self, plan: &Plan, name: &str, before: &str, path: &str, number: usize) {
        if plan.apart > 0 {
            self.line("");
        }
        if plan.apart > 1 {
            let comment = self.comment(None);
            self.line(&format!("{comment}\n"));
        }
        for _ in 0..plan.above {
            let comment = self.comment(Some(name));
            self.line(&format!("  {comment}"));
        }
        let equals = ["=", " = ", "\t=  "][usize::from(plan.spaces)];
        let indent = ["", "", "  "][usize::from(plan.spaces)];
        let end =
            if plan.beside { format!("  {}", self.comment(Some(name))) } else { String::new() };
        let quoted = if plan.spaces == 1 { format!("\"{name}\"") } else { name.to_owned() };
        match plan.form {
            0 => self.line(&format!("{indent}{before}{quoted}{equals}\"~> {number}.0\"{end}")),
            1 => self.line(&format!("{indent}{before}{quoted}{equals}{{version{equals}\"~> {number}.0\"}}{end}")),
            2 => self.line(&format!("{indent}{before}{quoted}{equals}{{ git = \"https://example.com/x\", tag = 'v1' }}{end}")),
            4 if before.is_empty() => {
                self.line(&format!("[{path}.{quoted}]{end}"));
                let comment = self.comment(Some(name));
                self.line(&format!("{indent}archive{equals}\"base.tar.gz\"\n{comment}\nsha256{equals}\"ab\""));
            }
            _ => {
                self.line(&format!("{indent}{before}{quoted}.git{equals}\"https://example.com/x\"{end}"));
                let comment = self.comment(Some(name));
                self.line(&format!("{comment}\n{indent}{before}{quoted}.branch{equals}\"main\""));
            }
        }
    }
}

type Entries = BTreeMap<(Option<String>, String), String>;

fn entries(text: &str) -> Entries {
    let cookfile = Cookfile::parse(Path::new(PATH), text)
        .unwrap_or_else(|told| unreachable!("{told}\n{text}"));
    cookfile
        .cookbooks
        .into_iter()
        .map(|wanted| ((wanted.group, wanted.name), format!("{:?}", wanted.from)))
        .collect()
}

fn read(entry: &Entry) -> String {
    let mut text = "[cookbooks.x]\n".to_owned();
    entry.0.iter().for_each(|(key, value)| writeln!(text, "{key} = {value:?}").unwrap());
    entries(&text).into_values().next().unwrap()
}

fn some_entry() -> impl Strategy<Value = Entry> {
    let fields = |fields: &[(&'static str, &str)]| {
        Entry(fields.iter().map(|(key, value)| (*key, (*value).to_owned())).collect())
    };
    prop_oneof![
        Just(Entry::version("~> 3.0")),
        Just(fields(&[("path", "../x y")])),
        Just(fields(&[("git", "https://example.com/\"new\""), ("tag", "v2"), ("rel", "a/b")])),
        Just(fields(&[("git", "https://example.com/new"), ("branch", "next")])),
        Just(fields(&[("archive", "x.tar.gz"), ("sha256", "cd")])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_added_can_be_removed(layout in layout(), entry in some_entry(), group in proptest::option::of(0..3_usize)) {
        let text = Made::of(&layout).text;
        let group = group.map(|index| ["test", "on call", "new"][index]);
        let added = with(Path::new(PATH), &text, group, "added", &entry).unwrap();
        let mut expected = entries(&text);
        expected.insert((group.map(str::to_owned), "added".to_owned()), read(&entry));
        prop_assert_eq!(entries(&added), expected, "{}", added);
        let removed = without(Path::new(PATH), &added, None, "added").unwrap();
        // The table that was made for it stays, unless it is that of a group.
        let is_head_only = removed.strip_prefix(&text).is_some_and(|more| more.trim() == "[cookbooks]") && group.is_none();
        prop_assert!(removed == text || is_head_only, "{}\n=== becomes\n{}\n=== and then\n{}", text, added, removed);
        prop_assert!(!text.contains("\r\n") || !added.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn what_is_there_is_replaced(layout in layout(), entry in some_entry(), which in any::<prop::sample::Index>()) {
        let made = Made::of(&layout);
        let mut expected = entries(&made.text);
        prop_assume!(!expected.is_empty());
        let (group, name) = expected.keys().nth(which.index(expected.len())).unwrap().clone();
        let new = with(Path::new(PATH), &made.text, group.as_deref(), &name, &entry).unwrap();
        expected.insert((group, name), read(&entry));
        prop_assert_eq!(entries(&new), expected, "{}", new);
        for comment in made.comments.keys() {
            prop_assert!(new.contains(comment), "{} is lost:\n{}\n=== becomes\n{}", comment, made.text, new);
        }
    }

    #[test]
    fn what_is_removed_takes_its_comments_along(layout in layout(), which in any::<prop::sample::Index>()) {
        let made = Made::of(&layout);
        let mut expected = entries(&made.text);
        prop_assume!(!expected.is_empty());
        let (group, name) = expected.keys().nth(which.index(expected.len())).unwrap().clone();
        let new = without(Path::new(PATH), &made.text, group.as_deref(), &name).unwrap();
        expected.remove(&(group.clone(), name.clone()));
        prop_assert_eq!(entries(&new), expected, "{}", new);
        for (comment, owner) in &made.comments {
            // Those of a line that had a whole group on it go with it.
            let of_line = made.text.lines().any(|line| line.starts_with("groups.") && line.contains(&name) && line.contains(comment));
            let stays = owner.as_ref() != Some(&name) && !of_line;
            prop_assert_eq!(new.contains(comment), stays || of_line && new.contains(comment), "{}:\n{}\n=== becomes\n{}", comment, made.text, new);
        }
    }
}

#[test]
fn as_people_write_them() {
    let add = |text: &str, group: Option<&str>, name: &str, constraint: &str| {
        with(Path::new(PATH), text, group, name, &Entry::version(constraint)).unwrap()
    };
    let remove = |text: &str, name: &str| without(Path::new(PATH), text, None, name).unwrap();
    assert_eq!(add("", None, "nginx", "~> 2.1"), "[cookbooks]\nnginx = \"~> 2.1\"\n");
    assert_eq!(add("[cookbooks]", None, "nginx", "~> 2.1"), "[cookbooks]\nnginx = \"~> 2.1\"");
    assert_eq!(remove("[cookbooks]\nnginx = \"~> 2.1\"", "nginx"), "[cookbooks]");
    let text = "# Ours\n[[source]]\npath = \"shared\" # near\n\n[cookbooks]\n# The proxy\nnginx  = '> 2' # old\n\n# redis = \"1\"\n";
    assert_eq!(add(text, None, "nginx", "~> 3.0"), text.replace("'> 2'", "\"~> 3.0\""));
    assert_eq!(remove(text, "nginx"), text.replace("# The proxy\nnginx  = '> 2' # old\n", ""));
    assert_eq!(add(text, None, "web", "1"), text.replace("# old\n", "# old\nweb = \"1\"\n"));
    assert_eq!(
        add(text, Some("test"), "probe", "1"),
        format!("{text}\n[groups.test.cookbooks]\nprobe = \"1\"\n")
    );
    let dotted = "cookbooks.a.git = \"x\"\ncookbooks.a.tag = \"v1\" # pinned\n";
    assert_eq!(add(dotted, None, "a", "~> 1.0"), "cookbooks.a.version = \"~> 1.0\"\n# pinned\n");
    assert_eq!(add(dotted, None, "b", "~> 1.0"), format!("{dotted}cookbooks.b = \"~> 1.0\"\n"));
    assert_eq!(remove(dotted, "a"), "");
    let own = "[cookbooks]\na = \"1\"\n\n# Why\n[cookbooks.b]\npath = \"../b\"\n\n[groups.test.cookbooks]\nb = \"1\"\n";
    let own = own.replace("b = \"1\"\n", "");
    assert_eq!(remove(&own, "b"), "[cookbooks]\na = \"1\"\n\n[groups.test.cookbooks]\n");
    let line = "cookbooks = { a = \"1\" }\n";
    assert_eq!(add(line, None, "b", "2"), "cookbooks = { a = \"1\", b = \"2\" }\n");
    assert_eq!(remove(line, "a"), "cookbooks = {}\n");
    let lines = "cookbooks = {\n  # proxy\n  a = \"1\", # old\n  b = \"2\",\n}\n";
    assert_eq!(add(lines, None, "a", "3"), lines.replace("\"1\"", "\"3\""));
    assert_eq!(add(lines, None, "c", "3"), lines.replace("\"2\",", "\"2\",\n  c = \"3\","));
    without(Path::new(PATH), lines, None, "b").expect_err("whose comments are whose?");
    assert_eq!(
        remove("[groups.test]\ncookbooks = { a = \"1\" }\n\n[cookbooks]\n", "a"),
        "[cookbooks]\n"
    );
    let group = "[groups.test]\n[groups.test.cookbooks]\n# one\na = \"1\"\n";
    assert_eq!(remove(group, "a"), "");
    let kept = "[groups.test.cookbooks]\na = \"1\"\n\n# b = \"1\"\n";
    assert_eq!(remove(kept, "a"), "[groups.test.cookbooks]\n\n# b = \"1\"\n");
    // What looks like a comment in a text of several lines is none.
    let several = "[cookbooks]\na = { git = \"\"\"\n# x\"\"\" }\nb = \"1\"\n";
    assert_eq!(remove(several, "b"), "[cookbooks]\na = { git = \"\"\"\n# x\"\"\" }\n");
}

#[test]
fn mistakes_are_told_first() {
    let wrong =
        |text: &str, entry: &Entry| with(Path::new(PATH), text, None, "a", entry).expect_err(text);
    let told = wrong("[cookbooks]\nb = 2\n", &Entry::version("1"));
    assert_eq!(told.span.unwrap().to_string(), "Cookfile.toml:2:5");
    let told =
        wrong("[groups.test.cookbooks]\na = \"1\"\n", &Entry(vec![("path", "x".to_owned())]));
    assert!(told.message.contains("asked for from two places"), "{told}");
    assert!(matches!(
        Cookfile::parse(Path::new(PATH), "cookbooks.a = \"1\"").unwrap().cookbooks[0].from,
        Location::Sources(_)
    ));
}
