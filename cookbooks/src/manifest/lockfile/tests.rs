use super::*;

fn parse(text: &str) -> Result<Lockfile, Diagnostic> {
    Lockfile::parse(Path::new("Cookfile.lock"), text)
}

fn sample() -> Lockfile {
    let locked = |version: &str, origin: Origin, sha256: bool, dependencies: &[(&str, &str)]| {
        LockedCookbook {
            version: version.parse().unwrap(),
            origin,
            sha256: sha256.then(|| "0a".repeat(32)),
            dependencies: dependencies
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()))
                .collect(),
        }
    };
    let registry = Origin::Registry { registry: "https://cookbooks.example.com".to_owned() };
    let git = "https://git.example.com/redis.git".to_owned();
    let (asked, rel) = (Some("v1.4.0".to_owned()), Some("cookbooks/redis".to_owned()));
    let git = Origin::Git { git, asked, revision: "1b".repeat(20), rel };
    let archive =
        Origin::Archive { archive: "vendor/\"base\".tar.gz".to_owned(), revision: "2c".repeat(32) };
    let cookbooks = [
        (
            "web",
            locked(
                "1.2.0",
                Origin::Path { path: "cookbooks/web".to_owned() },
                false,
                &[("nginx", ">= 2.1, < 3")],
            ),
        ),
        (
            "nginx",
            locked("2.1.0-rc.1", registry, true, &[("redis", "~> 1.4"), ("base", ">= 0.0.0")]),
        ),
        ("redis", locked("1.4.0", git, true, &[])),
        ("base", locked("1.0.0+5", archive, true, &[])),
    ];
    Lockfile {
        cookbooks: cookbooks.into_iter().map(|(name, locked)| (name.to_owned(), locked)).collect(),
    }
}

#[test]
fn what_is_written_is_read() {
    let lockfile = sample();
    let text = lockfile.text();
    assert_eq!(parse(&text).unwrap(), lockfile, "{text}");
    assert_eq!(parse(&text).unwrap().text(), text);
    let web = "[[cookbook]]\nname = \"web\"\nversion = \"1.2.0\"\npath = \"cookbooks/web\"\ndependencies.nginx = \">= 2.1, < 3\"\n";
    assert!(text.ends_with(web), "{text}");
}

#[test]
fn what_is_wrong_is_told() {
    let text = sample().text();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (text, message, hint) in [
        (
            changed("version = 1", "version = 2"),
            "has the form 2, and this toque knows forms up to 1",
            "newer",
        ),
        (changed("version = 1\n", ""), "`version` is required and not set", ANEW),
        (
            changed("[[cookbook]]", "<<<<<<< HEAD\n[[cookbook]]"),
            "git could not merge",
            "keep one of the two",
        ),
        (
            changed("name = \"web\"", "nmae = \"web\""),
            "there is no key `nmae` here",
            "did you mean `name`?",
        ),
        (changed("name = \"web\"", "name = \"nginx\""), "`nginx` is there twice", ANEW),
        (changed("name = \"web\"", "name = \"../web\""), "`../web` is no name of a cookbook", ANEW),
        (changed("path = \"cookbooks/web\"\n", ""), "`web` does not have one of", ANEW),
        (
            changed("1b1b", "HEAD"),
            "the `revision` of `redis` has not the 40 or 64 hexadecimal digits",
            ANEW,
        ),
        (changed("revision = ", "rel2 = "), "there is no key `rel2` here", "did you mean `rel`?"),
        (
            changed("rel = \"cookbooks/redis\"", "rel = \"../redis\""),
            "the `rel` of `redis`, `../redis`, is no folder inside",
            ANEW,
        ),
        (
            changed("rel = \"cookbooks/redis\"", "rel = \"/redis\""),
            "the `rel` of `redis`, `/redis`, is no folder inside",
            ANEW,
        ),
        (changed("0a0a", "0A0a"), "the `sha256` of `base` has not", ANEW),
        (changed("version = \"1.4.0\"", "version = \"x\""), "`x` is no version", ANEW),
    ] {
        let told = parse(&text).expect_err(message);
        assert!(told.message.contains(message), "{told}");
        assert!(
            told.span.is_some() && told.hints.iter().any(|told| told.contains(hint)),
            "{told:?}"
        );
    }
}

#[test]
fn what_is_needed() {
    let mut lockfile = sample();
    let needed = |lockfile: &Lockfile, names: &[&str]| {
        lockfile
            .needed_by(names.iter().copied())
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(needed(&lockfile, &["web"]), "base nginx redis web");
    assert_eq!(needed(&lockfile, &["redis", "base"]), "base redis");
    assert_eq!(needed(&lockfile, &[]), "");
    // A circle, and one that is missing.
    let base = lockfile.cookbooks.get_mut("base").unwrap();
    base.dependencies = [("web", ">= 1.0"), ("gone", ">= 1.0")]
        .map(|(name, text)| (name.to_owned(), text.parse().unwrap()))
        .into();
    assert_eq!(needed(&lockfile, &["base"]), "base gone nginx redis web");
    // A way of any length.
    let locked = lockfile.cookbooks["redis"].clone();
    lockfile.cookbooks = (0..20_000)
        .map(|number| {
            let dependencies = [(format!("c{}", number + 1), Constraint::default())].into();
            (format!("c{number}"), LockedCookbook { dependencies, ..locked.clone() })
        })
        .collect();
    assert_eq!(lockfile.needed_by(["c0"]).len(), 20_001);
}

#[test]
fn what_a_cookbook_says_otherwise() {
    const OTHERS: &str = "its cookbook.toml names other dependencies";
    let lockfile = sample();
    let check = |text: &str| {
        lockfile.cookbooks["web"].check("web", &toml::from_str::<Manifest>(text).unwrap())
    };
    let about = |name: &str, version: &str, dependencies: &str| {
        format!("name = \"{name}\"\nversion = \"{version}\"\n[dependencies]\n{dependencies}")
    };
    let nginx = "nginx = \">= 2.1, < 3\"\n";
    for (text, told) in [
        (about("web", "1.2", nginx), Ok(())),
        (about("nginx", "1.2", nginx), Err("its cookbook.toml calls it `nginx`")),
        (about("web", "1.3.0", nginx), Err("its cookbook.toml says version 1.3.0")),
        (about("web", "1.2.0", "nginx = \">= 2.1\""), Err(OTHERS)),
        (about("web", "1.2.0", &format!("{nginx}more = \">= 1.0\"")), Err(OTHERS)),
        (about("web", "1.2.0", "more = \">= 2.1, < 3\""), Err(OTHERS)),
        (about("web", "1.2.0", ""), Err(OTHERS)),
    ] {
        assert_eq!(check(&text), told.map_err(str::to_owned), "{text}");
    }
}
