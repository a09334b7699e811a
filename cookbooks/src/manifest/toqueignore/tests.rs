use std::fs;
use std::process::Command;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<IgnorePatterns, Diagnostic> {
    IgnorePatterns::parse(Path::new("/r/cookbooks/web/.toqueignore"), text)
}

#[test]
fn mistakes_have_their_place() {
    for (text, place, message) in [
        ("ok\n\nspec/[ab\n", "3:1", "`spec/[ab` is no pattern: a class is not closed by `]`"),
        ("a\\", "1:1", "`a\\` is no pattern: nothing comes after the last `\\`"),
        ("# what\n!\n", "2:1", "`!` is no pattern: it names nothing"),
        ("/ \r\n", "1:1", "`/` is no pattern: it names nothing"),
        ("[z-a]", "1:1", "`[z-a]` is no pattern: invalid range; 'z' > 'a'"),
        (
            "x[[:alpha:]]",
            "1:1",
            "`x[[:alpha:]]` is no pattern: classes such as `[:alpha:]` are not known",
        ),
        ("d//a", "1:1", "`d//a` is no pattern: nothing is between two slashes"),
        ("d**/a", "1:1", "`d**/a` is no pattern: `**` stands for whole folders, between slashes"),
        ("[\\]]", "1:1", "`[\\]]` is no pattern: a class with `\\` in it is not known"),
    ] {
        let told = parse(text).expect_err(text);
        assert_eq!(told.message, message);
        assert_eq!(
            told.span.unwrap().to_string(),
            format!("cookbooks/web/.toqueignore:{place}"),
            "{text}"
        );
        assert_eq!(told.hints.len(), 1);
    }
}

#[test]
fn a_file_that_is_no_text_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(IgnorePatterns::of(folder.path()).unwrap().says(Path::new("a"), false), None);
    fs::write(folder.path().join(NAME), b"\xff").unwrap();
    assert!(
        IgnorePatterns::of(folder.path())
            .expect_err("it is no text")
            .message
            .ends_with("it is not UTF-8 text")
    );
    fs::remove_file(folder.path().join(NAME)).unwrap();
    fs::create_dir(folder.path().join(NAME)).unwrap();
    assert!(
        IgnorePatterns::of(folder.path())
            .expect_err("it is a folder")
            .message
            .starts_with("cannot read `")
    );
}

#[test]
fn what_editors_leave_behind() {
    let usually = IgnorePatterns::usually().unwrap();
    for name in [
        "default.rhai~",
        "recipes/.default.rhai.swp",
        ".#default.rhai",
        "#default.rhai#",
        "files/.DS_Store",
    ] {
        assert_eq!(usually.says(Path::new(name), false), Some(true), "{name}");
    }
    for name in ["default.rhai", "#a", ".swp", "a.swp", ".gitignore", "files/~a"] {
        assert_eq!(usually.says(Path::new(name), false), None, "{name}");
    }
    assert!(
        always(OsStr::new(".git"))
            && always(OsStr::new(".toqueignore"))
            && !always(OsStr::new(".gitignore"))
    );
}

const PATHS: [&str; 14] = [
    "a",
    "b",
    "ab",
    "a.b",
    "{a,b}",
    "#a",
    "!a",
    "a b",
    "d/a",
    "d/b",
    "d/e/a",
    "d/e/f/a.b",
    "e/d/b",
    "a]",
];

/// The paths that are not left out, as they are when folders are walked from the top.
fn kept(ignored: &IgnorePatterns) -> Vec<&'static str> {
    let out = |path: &Path, folder| ignored.says(path, folder) == Some(true);
    let above = |path: &Path| {
        path.ancestors()
            .skip(1)
            .filter(|above| *above != Path::new(""))
            .any(|above| out(above, true))
    };
    PATHS
        .into_iter()
        .filter(|path| !above(Path::new(path)) && !out(Path::new(path), false))
        .collect()
}

/// The same by git itself.
fn kept_by_git(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for path in PATHS {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let rules = tempfile::NamedTempFile::new().unwrap();
    fs::write(rules.path(), text).unwrap();
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(folder.path())
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    let listed =
        git(&["ls-files", "-z", "--others", "--exclude-from", &rules.path().display().to_string()]);
    listed.split_terminator('\0').map(str::to_owned).collect()
}

fn as_git(text: &str) {
    let Ok(ignored) = parse(text) else { return };
    let (mut ours, mut git) = (kept(&ignored), kept_by_git(text));
    ours.sort_unstable();
    git.sort_unstable();
    assert_eq!(ours, git, "{text:?}");
}

#[test]
fn each_form_of_pattern_as_git_takes_it() {
    for text in [
        "",
        "a",
        "/a",
        "a/",
        "d/",
        "/d",
        "d/a",
        "/d/a",
        "**/a",
        "d/**",
        "d/**/a",
        "*",
        "*\n!d/\n!d/a",
        "*.b",
        "?",
        "[ab]",
        "[!a]",
        "[^a]*",
        "a*\n!a.b",
        "{a,b}",
        "\\#a",
        "\\!a",
        "#a",
        "!a",
        "a b",
        "a ",
        "a\\ b",
        "d/*\n!d/e\nd/e/*",
        "e",
        "\u{feff}a",
        "a\r\nb\r\n",
        "d\n!d/a",
        "a[]]",
        "*/a",
        "d/*/a",
        "**",
        "/**/a",
        "d/**/**/a",
    ] {
        assert!(parse(text).is_ok(), "{text:?}");
        as_git(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn as_git_takes_it(lines in prop::collection::vec("!?/?[abde]?(\\*|/\\*\\*/|\\?|\\[ab\\]|\\{|,)?/?[abde*]{0,2}/?", 1..5)) {
        as_git(&lines.join("\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_text_ends_it(text in prop_oneof![any::<String>(), "[\\[\\]!^{}*?/\\\\# \t\r\na,-]{0,40}"]) {
        if let Ok(ignored) = parse(&text) {
            for path in PATHS {
                let _ = ignored.says(Path::new(path), true);
            }
        }
    }
}
