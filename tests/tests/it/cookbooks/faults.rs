//! What servers do wrong, and what is told about it. Each time the lockfile and what is kept stay
//! as they are.

use std::time::{Duration, Instant};

use super::bench::{Bench, CACHE, REPOSITORY};
use crate::it::servers::git_daemon;

/// A branch that goes away.
const REDIS: &str = "redis = { git = \"git://git.test/git/redis.git\", branch = \"stable\" }\n";

/// A repository that has `web` of the registry and `redis` by git, both in its lockfile.
pub(super) fn installed(packages: &str) -> Bench {
    let bench = Bench::with(packages);
    bench.sh("publish web 1.0.0; publish other 1.0.0
        cookbook /srv/work/redis 1.0.0; commit redis one; git -C /srv/work/redis branch stable; push redis");
    bench.asks("");
    bench.well(&["install"]);
    bench
}

impl Bench {
    /// Has the Cookfile ask for more.
    pub(super) fn asks(&self, more: &str) {
        self.asks_registry("http://cookbooks.test/registry", more);
    }

    fn asks_registry(&self, url: &str, more: &str) {
        self.cookfile(&format!(
            "[[source]]\nurl = \"{url}\"\n[cookbooks]\nweb = \">= 1.0\"\n{REDIS}{more}"
        ));
    }

    /// Panics unless a command is refused with this message, and leaves everything as it is.
    #[track_caller]
    pub(super) fn refuses(&self, words: &[&str], message: &str) {
        let (lockfile, kept) = (self.lockfile(), self.kept());
        let told = self.refused(words);
        assert_eq!(self.lockfile(), lockfile, "{told}");
        let now = self.kept();
        assert!(kept.iter().all(|one| now.contains(one)), "{told}");
        let rest = self.sh(&format!("ls -A {REPOSITORY}"));
        assert_eq!(rest.replace("toque.toml\n", ""), "Cookfile.lock\nCookfile.toml\n", "{told}");
        assert_eq!(plain(&told), message, "{told}");
    }
}

/// What is told, without the text that it is about, and without what is another each time.
pub(super) fn plain(told: &str) -> String {
    let error = told.find("error: ").expect("there is an error");
    let drawn = |line: &&str| {
        line.split_once('|').is_some_and(|(number, _)| {
            number.trim().parse::<u32>().is_ok() || number.trim().is_empty()
        })
    };
    let lines = told[error..].lines().filter(|line| !drawn(line) && !line.trim().is_empty());
    let lines: Vec<&str> = lines.map(|line| line.trim_start().trim_start_matches("= ")).collect();
    let mut text = lines.join("\n").replacen("error: ", "", 1);
    for (begin, end) in [(".tmp", '/'), (" after ", ':')] {
        while let Some(at) = text.find(begin) {
            let length = text[at..].find(end).unwrap_or(text.len() - at);
            text.replace_range(at..at + length, "");
        }
    }
    // Revisions and checksums.
    let hexadecimal =
        |word: &str| word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| hexadecimal(word))
        .map(str::to_owned)
        .collect();
    words.iter().for_each(|word| text = text.replace(word, "HEX"));
    text
}

#[test]
fn what_servers_do() {
    let bench = installed("apache2");
    bench.sh("systemctl disable --now apache2 2> /dev/null; cp -r /srv/www/registry /srv/registry
        cp /usr/share/nginx/html/index.html /srv/www/page.html; cp -r /srv/www/registry /srv/www/private");
    bench.serve(
        "location /page/ { default_type text/html; try_files /page.html =404; } location /cut/ { proxy_pass http://127.0.0.1:81; }
        location /ill/ { return 503; } location /moved/ { return 301 /moved/; }
        location /private/ { if ($http_authorization != \"Bearer s3cret-token\") { return 401; } }",
    );
    registries(&bench);
    archives_of_a_registry(&bench);
    git(&bench);
    slowness(&bench);
    proxies(&bench);
}

fn registries(bench: &Bench) {
    bench.sh("systemctl stop nginx");
    bench.refuses(
&["update"],"cannot fetch `http://cookbooks.test/registry/universe`: `cookbooks.test` refused the connection\nhelp: check that the server runs, and the port");
    bench.sh("systemctl start nginx");
    for (url, message) in [
        (
            "http://cookbooks.test/page",
            "`http://cookbooks.test/page/universe` did not answer with a list of cookbooks\nnote: line 1, column 1; the answer begins with: <!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</titl\nhelp: correct the `url` of the source in Cookfile.toml: it is that of a registry, without `/universe`",
        ),
        (
            "http://cookbooks.test/none",
            "`http://cookbooks.test/none/universe` answered 404\nhelp: look whether the server is well, and correct the `url` of the source in Cookfile.toml if it is wrong",
        ),
        (
            "http://cookbooks.test/ill",
            "`http://cookbooks.test/ill/universe` answered 503\nhelp: look whether the server is well, and correct the `url` of the source in Cookfile.toml if it is wrong",
        ),
        (
            "http://cookbooks.test/moved",
            "cannot fetch `http://cookbooks.test/moved/universe`: the server redirects in a circle\nhelp: ask for the URL that has the document, or correct the server's settings",
        ),
        (
            "http://nowhere.test/registry",
            "cannot fetch `http://nowhere.test/registry/universe`: the name `nowhere.test` cannot be resolved\nhelp: check the name, and that this machine can resolve names",
        ),
        (
            "https://127.0.0.1/registry",
            "cannot fetch `https://127.0.0.1/registry/universe`: invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid for DnsName(\"cookbooks.test\"), DnsName(\"git.test\") or DnsName(\"files.test\")\nhelp: if the server's certificate is your own, add its authority to those this machine trusts",
        ),
        (
            "http://cookbooks.test/private",
            "`http://cookbooks.test/private/universe` answered 401: it does not let everybody in\nhelp: say in `[credentials]` of your settings who you are for this server",
        ),
    ] {
        bench.asks_registry(url, "");
        bench.refuses(&["install"], message);
    }
    bench.host.write(
        "/etc/toque/toque.toml",
        "[credentials.\"http://cookbooks.test/private\"]\ntoken = { file = \"token\" }\n",
    );
    bench.host.write("/etc/toque/token", "s3cret-token\n");
    bench.well(&["install"]);
    bench.asks("");
    bench.well(&["install"]);
}

fn archives_of_a_registry(bench: &Bench) {
    bench.asks("other = \"> 0.0\"\n");
    let file = "other-1.0.0.tar.zst";
    for (second, (fault, message)) in [
        (format!("sed -i 's/[0-9a-f]\\{{64\\}}/{}/' universe", "0".repeat(64)), "`other` 1.0.0 does not have the checksum that `http://cookbooks.test/registry` gives\nnote: wanted: HEX\nfetched: HEX\nhelp: try again; if it stays so, tell whoever keeps the registry: somebody may have changed the archive"),
        (format!("head -c 100 /srv/registry/{file} > {file}"), "`other` 1.0.0 does not have the checksum that `http://cookbooks.test/registry` gives\nnote: wanted: HEX\nfetched: HEX\nhelp: try again; if it stays so, tell whoever keeps the registry: somebody may have changed the archive"),
        (format!("sed -i 's/sha256/other/' universe; head -c 100 /srv/registry/{file} > {file}"), "cannot unpack the archive of `other` 1.0.0 from `http://cookbooks.test/registry`: it is damaged or cut off: incomplete frame\nhelp: fetch it again, and compare its checksum with the one that was published"),
        (format!("rm {file}"), "`http://cookbooks.test/registry/other-1.0.0.tar.zst` answered 404\nnote: for the cookbook `other` 1.0.0 of `http://cookbooks.test/registry`\nhelp: look whether the server is well, and correct the `url` of the source in Cookfile.toml if it is wrong"),
        (format!("sed -i 's/sha256/other/' universe; cp ../page.html {file}"), "cannot unpack the archive of `other` 1.0.0 from `http://cookbooks.test/registry`: it is no archive but a web page\nhelp: many servers answer so when one must log in: check the URL and the password"),
    ]
    .into_iter()
    .enumerate()
    {
        // nginx tells versions of a file apart by its size and the second of its change.
        bench.sh(&format!("cp -r /srv/registry/. /srv/www/registry; cd /srv/www/registry; {fault}; touch -d @{second} universe"));
        bench.refuses(&["install"], message);
    }
    bench.sh("cp -r /srv/registry/. /srv/www/registry");
    bench.asks("");
}

fn git(bench: &Bench) {
    bench.sh("git -C /srv/work/redis branch -D stable -q; push redis");
    let message = "the git repository `git://git.test/git/redis.git` has no branch, tag or commit `stable`\nnote: for the cookbook `redis`\nhelp: `git ls-remote` lists what there is";
    bench.refuses(&["update"], message);
    bench.refuses(&["update", "redis"], message);
    // Who does not ask for something newer does not need it.
    bench.well(&["install", "--locked"]);
    bench.well(&["update", "web"]);
    bench.sh("cd /srv/work/redis; git commit -q --amend -m other; git branch stable; push redis
        git -C /srv/git/redis.git reflog expire --expire=now --all; git -C /srv/git/redis.git gc -q --prune=now");
    bench.sh(&format!("rm -rf {CACHE}"));
    let message = "the git repository `git://git.test/git/redis.git` has no commit `HEX`\nnote: for the cookbook `redis`\nhelp: it is not there any more as it was locked: ask who changed it, then take what is there with `toque cookbook update redis`";
    bench.refuses(&["install"], message);
    bench.refuses(&["install", "--locked"], message);
    bench.well(&["update", "redis"]);
    for (pin, message) in [
        (
            r#"{ git = "git://git.test/git/nowhere.git" }"#,
            "`git ls-remote --symref -- git://git.test/git/nowhere.git HEAD` exited with 128\nnote: standard error:\nfatal: remote error: access denied or repository not exported: /git/nowhere.git\nnote: for the cookbook `other`\nhelp: check the address, and that the server exports this repository",
        ),
        (
            r#"{ git = "https://git.test/git/nowhere.git" }"#,
            "`git ls-remote --symref -- https://git.test/git/nowhere.git HEAD` exited with 128\nnote: standard error:\nfatal: repository 'https://git.test/git/nowhere.git/' not found\nnote: for the cookbook `other`\nhelp: check the address; some servers also say this of repositories that one may not read",
        ),
        (
            r#"{ git = "https://git.test/private/git/redis.git" }"#,
            "`git ls-remote --symref -- https://git.test/private/git/redis.git HEAD` exited with 128\nnote: standard error:\nfatal: could not read Username for 'https://git.test': terminal prompts disabled\nnote: for the cookbook `other`\nhelp: say in `[credentials]` of your settings who you are for this server; keys for `ssh` may also be in an agent",
        ),
        (
            r#"{ git = "git://git.test/git/redis.git", rel = "cookbooks/other" }"#,
            "there is no cookbook in what `git://git.test/git/redis.git` has for `other`: no cookbook.toml\nhelp: correct where it comes from; the folder that it is in, in a git repository, is named by `rel`",
        ),
        (
            r#"{ git = "git://git.test/git/redis.git", revision = "1111111111111111111111111111111111111111" }"#,
            "the git repository `git://git.test/git/redis.git` has no commit `HEX`\nnote: for the cookbook `other`\nhelp: correct `revision`; a commit that was pushed over may be gone",
        ),
        (
            r#"{ git = "git@git.test:/srv/git/redis.git" }"#,
            "`git ls-remote --symref -- git@git.test:/srv/git/redis.git HEAD` exited with 128\nnote: standard error:\nssh: connect to host git.test port 22: Connection refused\nfatal: Could not read from remote repository.\nPlease make sure you have the correct access rights\nand the repository exists.\nnote: for the cookbook `other`\nhelp: check that the server runs, or the proxy, and the port",
        ),
    ] {
        bench.asks(&format!("other = {pin}\n"));
        bench.refuses(&["install"], message);
    }
    bench.sh("systemctl stop git-daemon nginx");
    for (pin, message) in [
        (
            r#"{ git = "git://git.test/git/other.git" }"#,
            "`git ls-remote --symref -- git://git.test/git/other.git HEAD` exited with 128\nnote: standard error:\nfatal: unable to connect to git.test:\ngit.test[0: 127.0.0.1]: errno=Connection refused\nnote: for the cookbook `other`\nhelp: check that the server runs, or the proxy, and the port",
        ),
        (
            r#"{ git = "https://git.test/git/other.git" }"#,
            "`git ls-remote --symref -- https://git.test/git/other.git HEAD` exited with 128\nnote: standard error:\nfatal: unable to access 'https://git.test/git/other.git/': Failed to connect to git.test port 443: Couldn't connect to server\nnote: for the cookbook `other`\nhelp: check that the server runs, or the proxy, and the port",
        ),
    ] {
        bench.asks(&format!("other = {pin}\n"));
        bench.refuses(&["install"], message);
    }
    bench.sh("systemctl start nginx");
    git_daemon(&bench.host);
    bench.asks("");
}

/// Servers that accept a connection, and then: say nothing, begin, end too early.
fn slowness(bench: &Bench) {
    for (port, does) in [
        (81, "sleep 1000"),
        (82, "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n{'; sleep 1000"),
        (83, "printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n{'; timeout 0.1 cat"),
    ] {
        bench.host.write(
            format!("/etc/systemd/system/slow{port}.socket"),
            format!("[Socket]\nListenStream=127.0.0.1:{port}\nAccept=yes\n"),
        );
        bench.host.write(
            format!("/etc/systemd/system/slow{port}@.service"),
            format!(
                "[Service]\nStandardInput=socket\nExecStart=-/bin/sh -c \"{}\"\n",
                does.replace('\\', "\\\\").replace('%', "%%")
            ),
        );
    }
    bench.sh("systemctl daemon-reload; systemctl start slow81.socket slow82.socket slow83.socket");
    bench.host.write(format!("{REPOSITORY}/toque.toml"), "fetch_timeout = 1\n");
    let timed = |message: &str| {
        let begun = Instant::now();
        bench.refuses(&["install"], message);
        assert!(begun.elapsed() < Duration::from_secs(30), "{message}");
    };
    for (url, message) in [
        (
            "http://cookbooks.test:81",
            "cannot fetch `http://cookbooks.test:81/universe`: no answer in time (receive response)\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            "http://cookbooks.test:82",
            "cannot fetch `http://cookbooks.test:82/universe`: no answer in time (per read)\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            "http://cookbooks.test:83",
            "cannot fetch `http://cookbooks.test:83/universe`: `cookbooks.test:83` ended the connection before all of it had come\nhelp: try again; the server's log may say why",
        ),
    ] {
        bench.asks_registry(url, "");
        timed(message);
    }
    for (pin, message) in [
        (
            r#"{ archive = "http://files.test:81/a.tgz" }"#,
            "cannot fetch `http://files.test:81/a.tgz`: no answer in time (receive response)\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            r#"{ archive = "http://files.test:82/a.tgz" }"#,
            "cannot fetch `http://files.test:82/a.tgz`: no answer in time (per read)\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            r#"{ archive = "http://files.test:83/a.tgz" }"#,
            "cannot fetch `http://files.test:83/a.tgz`: `files.test:83` ended the connection before all of it had come\nnote: for the cookbook `other`\nhelp: try again; the server's log may say why",
        ),
        (
            r#"{ git = "http://git.test:81/a.git" }"#,
            "`git ls-remote --symref -- http://git.test:81/a.git HEAD` did not end within 1 s and was killed\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            r#"{ git = "http://git.test:82/a.git" }"#,
            "`git ls-remote --symref -- http://git.test:82/a.git HEAD` did not end within 1 s and was killed\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            r#"{ git = "git://git.test:81/a.git" }"#,
            "`git ls-remote --symref -- git://git.test:81/a.git HEAD` did not end within 1 s and was killed\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            r#"{ git = "ssh://git@git.test:81/a.git" }"#,
            "`git ls-remote --symref -- ssh://git@git.test:81/a.git HEAD` did not end within 1 s and was killed\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
        (
            r#"{ git = "git://git.test:81/a.git", revision = "1111111111111111111111111111111111111111" }"#,
            "`git ls-remote -- git://git.test:81/a.git HEAD` did not end within 1 s and was killed\nnote: for the cookbook `other`\nhelp: check that the server can be reached and answers, or raise `fetch_timeout` in the settings",
        ),
    ] {
        bench.asks(&format!("other = {pin}\n"));
        timed(message);
    }
    bench.asks("");
}

fn proxies(bench: &Bench) {
    bench.host.write("/etc/apache2/ports.conf", "Listen 127.0.0.1:3128\n");
    bench.host.write(
        "/etc/apache2/sites-enabled/000-default.conf",
        "ProxyRequests On\nAllowCONNECT 443 80\n<Proxy *>\nRequire all granted\n</Proxy>\nCustomLog /run/proxied \"%r\"\n",
    );
    bench.sh(
        "a2enmod -q proxy proxy_http proxy_connect; systemctl start apache2
        cookbook /srv/packing/a 1.0.0; tar -C /srv/packing -czf /srv/www/a.tgz a; cookbook /srv/work/b 1.0.0; commit b one; push b",
    );
    let through = |port: u16, more: &str| {
        bench.host.write(
            format!("{REPOSITORY}/toque.toml"),
            format!("[proxies]\nhttp = \"http://127.0.0.1:{port}\"\nhttps = \"http://ann:s3cret-word@127.0.0.1:{port}\"\n{more}"),
        );
    };
    through(3128, "no_proxy = \"git.test\"\n");
    bench.asks("a = { archive = \"https://files.test/a.tgz\" }\n");
    bench.well(&["update"]);
    let asked = || bench.sh("sort -u /run/proxied; : > /run/proxied");
    assert_eq!(asked(), "CONNECT cookbooks.test:80 HTTP/1.1\nCONNECT files.test:443 HTTP/1.1\n");
    through(3128, "");
    bench.asks("b = { git = \"https://git.test/git/b.git\" }\n");
    bench.well(&["update"]);
    assert_eq!(asked(), "CONNECT cookbooks.test:80 HTTP/1.1\nCONNECT git.test:443 HTTP/1.1\n");
    // A proxy that is down is told as what it is.
    through(3129, "");
    for (more, message) in [
        (
            "a = { archive = \"https://files.test/a.tgz\" }\n",
            "cannot fetch `https://files.test/a.tgz`: the proxy `127.0.0.1:3129` refused the connection\nnote: for the cookbook `a`\nhelp: check that it runs, and `proxies` in the settings or the variables `http_proxy` and `https_proxy`",
        ),
        (
            "c = { git = \"https://git.test/git/b.git\" }\n",
            "`git ls-remote --symref -- https://git.test/git/b.git HEAD` exited with 128\nnote: standard error:\nfatal: unable to access 'https://git.test/git/b.git/': Failed to connect to 127.0.0.1 port 3129: Couldn't connect to server\nnote: for the cookbook `c`\nhelp: check that the server runs, or the proxy, and the port",
        ),
    ] {
        bench.asks(more);
        bench.refuses(&["install"], message);
    }
}
