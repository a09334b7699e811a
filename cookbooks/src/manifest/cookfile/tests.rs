use super::*;

fn parse(text: &str) -> Result<Cookfile, Diagnostic> {
    Cookfile::parse(Path::new("Cookfile.toml"), text)
}

#[test]
fn all_that_it_can_say() {
    let cookfile = parse(
        r#"
[[source]]
url = "https://cookbooks.example.com/"
[[source]]
path = "vendor/shared"

[cookbooks]
nginx = ">= 2.1"
web   = { path = "cookbooks/web" }
redis = { git = "https://git.example.com/redis.git", tag = "v1.4.0", rel = "cookbooks/redis" }
base  = { archive = "https://files.example.com/base-1.0.tar.gz", sha256 = "abc" }

[groups.test.cookbooks]
probe = "~> 0.3"
nginx = "< 3"

[platforms]
debian = ["11", "12"]
ubuntu = "24.04"
"#,
    )
    .unwrap();
    let registry = Source::Registry("https://cookbooks.example.com".to_owned());
    assert_eq!(cookfile.sources, [registry, Source::Folder("vendor/shared".into())]);
    let of = |name: &str| cookfile.cookbooks.iter().find(|wanted| wanted.name == name).unwrap();
    assert_eq!(of("web").from, Location::Path("cookbooks/web".into()));
    let rel = Some("cookbooks/redis".into());
    let url = "https://git.example.com/redis.git".to_owned();
    assert_eq!(
        of("redis").from,
        Location::Git(Git { url, revision: Some("v1.4.0".to_owned()), rel })
    );
    assert_eq!(of("probe").group.as_deref(), Some("test"));
    assert_eq!(of("probe").at.to_string(), "Cookfile.toml:14:1");
    assert_eq!(cookfile.cookbooks.iter().filter(|wanted| wanted.name == "nginx").count(), 2);
    assert_eq!(
        cookfile.platforms.iter().map(Platform::to_string).collect::<Vec<_>>(),
        ["debian 11", "debian 12", "ubuntu 24.04"]
    );
}

#[test]
fn passwords_are_not_shown() {
    let line = |url: &str| {
        parse(&format!("[cookbooks]\nweb = {{ git = \"{url}\", rel = \"../x\" }}\n"))
            .expect_err(url)
            .span
            .unwrap()
    };
    for url in [
        "https://me:word@example.com/web",
        "https://word@example.com/web",
        "https://example.com/web?key=word",
    ] {
        let span = line(url);
        assert!(
            !span.line_text().contains("word") && span.to_string() == "Cookfile.toml:2:7",
            "{span}: {}",
            span.line_text()
        );
        let there = parse(&format!("cookbooks.web.git = \"{url}\"\n")).unwrap();
        assert!(!there.cookbooks[0].at.line_text().contains("word"));
    }
    assert!(line("ssh://git@example.com/web").line_text().contains("example.com"));
}

#[test]
fn mistakes_have_their_place() {
    for (text, message, place) in [
        ("[cookbok]\n", "there is no key `cookbok` here", "1:2"),
        ("[cookbooks]\nnginx = \"=> 1\"\n", "`=> 1` is no version constraint", "2:9"),
        ("[cookbooks]\nnginx = 2\n", "expected a version constraint, or a map with `path`", "2:9"),
        ("[cookbooks]\nnginx = { gti = \"x\" }\n", "there is no key `gti` here", "2:11"),
        (
            "[cookbooks]\nnginx = { git = \"x\", tag = \"a\", branch = \"b\" }\n",
            "only one of `branch`, `tag`",
            "2:9",
        ),
        ("[cookbooks]\nnginx = { path = \"x\", git = \"y\" }\n", "a cookbook has one of", "2:9"),
        ("[cookbooks]\nnginx = { path = \"x\", rel = \"y\" }\n", "belong to `git`", "2:9"),
        (
            "[cookbooks]\nnginx = { git = \"x\", rel = \"../y\" }\n",
            "`../y` is no folder inside the repository",
            "2:9",
        ),
        ("[cookbooks]\n\"a/b\" = \"> 1\"\n", "`a/b` is no name of a cookbook", "2:1"),
        ("[[source]]\nurl = \"ftp://x\"\n", "`ftp://x` is no URL of a registry", "1:1"),
        ("[[source]]\nurl = \"ftp://me:sesame@x\"\n", "`ftp://x` is no URL of a registry", "1:1"),
        (
            "[[source]]\nurl = \"https://me:sesame@x/y\"\n",
            "registry `https://x/y` has a user, a password or a query",
            "1:1",
        ),
        (
            "[[source]]\nurl = \"https://me@x\"\n",
            "registry `https://x` has a user, a password or a query",
            "1:1",
        ),
        (
            "[[source]]\nurl = \"https://x?key=sesame\"\n",
            "registry `https://x` has a user, a password or a query",
            "1:1",
        ),
        ("[[source]]\n", "a source has either a `url` or a `path`", "1:1"),
        (
            "[cookbooks]\na = \"> 1\"\n[groups.g.cookbooks]\na = { path = \"x\" }\n",
            "asked for from two places",
            "4:1",
        ),
        ("[platforms]\ndebian = 12\n", "expected a version in quotes, or a list of them", "2:10"),
        ("[platforms]\ndebian = [\"12\", \"sid\"]\n", "`sid` is no version of a platform", "2:10"),
        ("[platforms]\ndebian = []\n", "a platform has at least one version", "2:10"),
        ("[cookbooks\n", "", "1:11"),
    ] {
        let told = parse(text).expect_err(text);
        assert!(told.message.contains(message), "{text}: {told}");
        assert!(!format!("{told:?}").contains("sesame"), "{told:?}");
        assert_eq!(
            told.span.unwrap().to_string(),
            format!("Cookfile.toml:{place}"),
            "{text}: {}",
            told.message
        );
    }
}
