//! Cookbooks from real servers: a registry behind nginx, git by every protocol, archives; what goes
//! wrong with them, and SIGKILL at any moment.

mod arrivals;
mod bench;
mod faults;
mod kills;

use self::bench::{Bench, CACHE, REPOSITORY};
use crate::it::servers::{git_daemon, ssh};
use crate::it::toque::toque;

/// All servers that [`everywhere`] has.
const SERVERS: &str = "nginx fcgiwrap.socket fcgiwrap git-daemon ssh";

/// A repository with a cookbook from each sort of place.
fn everywhere() -> Bench {
    let bench = Bench::with("openssh-server openssh-client procps");
    ssh(&bench.host);
    bench.sh("mkdir -p /root/.ssh; mv /root/key /root/.ssh/id_ed25519
        publish nginx 2.0.0; publish nginx 2.1.0 common '>= 1.0'; publish nginx 3.0.0; publish common 9.0.0; publish web 9.0.0
        cookbook /srv/shared/common 1.2.0; cookbook /srv/tool 0.1.0 base '>= 1.0'
        cookbook /srv/work/redis/cookbooks/redis 1.4.0; commit redis one; git -C /srv/work/redis tag v1; push redis
        cookbook /srv/work/trunk 1.0.0; commit trunk one; push trunk
        cookbook /srv/work/branch 1.0.0; commit branch one; git -C /srv/work/branch switch -q -c stable
        cookbook /srv/work/branch 1.0.1; commit branch two; git -C /srv/work/branch switch -q trunk; push branch
        cookbook /srv/work/commit 1.0.0; commit commit one; cookbook /srv/work/commit 2.0.0; commit commit two; push commit
        cookbook /srv/work/shell 1.0.0; commit shell one; git -C /srv/work/shell tag -a -m v1 v1; push shell
        cookbook /srv/packing/base 1.0.0; tar -C /srv/packing -czf /srv/www/base-1.0.tar.gz base
        cookbook /srv/packing/local 1.0.0; tar -C /srv/packing/local --zstd -cf /srv/local.tar.zst .
        cookbook /srv/repo/cookbooks/web 1.0.0 nginx '< 2.2'
        for name in nginx common redis trunk branch commit shell base local tool; do
            echo \"include_recipe(\\\"$name\\\");\" >> /srv/repo/cookbooks/web/recipes/default.rhai
            case $name in nginx | common) ;; *) echo \"$name = \\\">= 0.0.0\\\"\" >> /srv/repo/cookbooks/web/cookbook.toml;; esac
        done; sed -i '/\\[dep/a common = \">= 1.0\"' /srv/repo/cookbooks/web/cookbook.toml");
    let credentials = "[credentials.\"https://git.test/private\"]\nuser = \"ann\"\npassword = { file = \"word\" }\n";
    bench.host.write("/etc/toque/toque.toml", credentials);
    bench.host.write("/etc/toque/word", "s3cret-word\n");
    let sha256 = bench.sh("sha256sum < /srv/www/base-1.0.tar.gz")[..64].to_owned();
    let revision = bench.sh("git -C /srv/work/commit rev-parse HEAD^").trim().to_owned();
    bench.cookfile(&format!(
        r#"[[source]]
path = "../shared"
[[source]]
url = "https://cookbooks.test/registry"

[cookbooks]
nginx = "~> 2.0"
redis = {{ git = "git://git.test/git/redis.git", tag = "v1", rel = "cookbooks/redis" }}
trunk = {{ git = "https://git.test/git/trunk.git" }}
branch = {{ git = "https://git.test/private/git/branch.git", branch = "stable" }}
commit = {{ git = "https://git.test/git/commit.git", revision = "{revision}" }}
shell = {{ git = "git@git.test:/srv/git/shell.git", tag = "v1" }}
base = {{ archive = "https://files.test/base-1.0.tar.gz", sha256 = "{sha256}" }}
local = {{ archive = "../local.tar.zst" }}
tool = {{ path = "../tool" }}
"#
    ));
    bench
}

/// What each cookbook's recipe has left.
fn converged(bench: &Bench) -> Vec<String> {
    let run = toque(&bench.host, &["converge", "--repo", REPOSITORY, "web"]).well();
    assert!(!run.output.to_string().contains("fetching"), "{}", run.output);
    toque(&bench.host, &["converge", "--repo", REPOSITORY, "web"]).idle();
    let said = bench.sh("cd /srv/out; for name in *; do echo $name $(cat $name); done; rm *");
    said.lines().map(str::to_owned).collect()
}

const CHOSEN: [&str; 11] = [
    "base 1.0.0",
    "branch 1.0.1",
    "commit 1.0.0",
    "common 1.2.0",
    "local 1.0.0",
    "nginx 2.1.0",
    "redis 1.4.0",
    "shell 1.0.0",
    "tool 0.1.0",
    "trunk 1.0.0",
    "web 1.0.0",
];

#[test]
fn from_everywhere() {
    let bench = everywhere();
    let told = bench.well(&["install"]);
    assert_eq!(told.stdout, CHOSEN.map(|chosen| format!("{chosen} new\n")).concat());
    assert!(
        told.stderr.ends_with("11 cookbooks are here; `Cookfile.lock` was written\n"),
        "{told}"
    );
    assert!(!told.stderr.contains("s3cret"), "{told}");
    let (lockfile, kept) = (bench.lockfile(), bench.kept());
    assert_eq!(kept.len(), 8, "{kept:?}");
    for (name, revision) in [
        ("redis", "v1"),
        ("trunk", "trunk"),
        ("branch", "stable"),
        ("commit", "HEAD^"),
        ("shell", "v1^{commit}"),
    ] {
        let revision = bench.sh(&format!("git -C /srv/work/{name} rev-parse {revision}"));
        assert!(
            lockfile.contains(&format!("revision = \"{}\"", revision.trim())),
            "{name}: {lockfile}"
        );
    }
    assert_eq!(
        bench.well(&["tree"]).stdout,
        "base 1.0.0\nbranch 1.0.1\ncommit 1.0.0\nlocal 1.0.0\nnginx 2.1.0\n  common 1.2.0 (>= 1.0)\nredis 1.4.0\nshell 1.0.0\n\
         tool 0.1.0\n  base 1.0.0 (>= 1.0)\ntrunk 1.0.0\nweb 1.0.0\n  base 1.0.0 (>= 0.0.0)\n  branch 1.0.1 (>= 0.0.0)\n  \
         commit 1.0.0 (>= 0.0.0)\n  common 1.2.0 (>= 1.0)\n  local 1.0.0 (>= 0.0.0)\n  nginx 2.1.0 (< 2.2), shown above\n  \
         redis 1.4.0 (>= 0.0.0)\n  shell 1.0.0 (>= 0.0.0)\n  tool 0.1.0 (>= 0.0.0), shown above\n  trunk 1.0.0 (>= 0.0.0)\n"
    );

    // What is here needs no server.
    bench.sh(&format!("systemctl stop {SERVERS}"));
    let told = bench.well(&["install", "--locked", "--offline"]);
    assert_eq!(
        (told.stdout.as_str(), told.stderr.as_str()),
        ("", "11 cookbooks are here; `Cookfile.lock` is as it was\n")
    );
    bench.well(&["install"]);
    assert_eq!(converged(&bench), CHOSEN);
    assert_eq!((bench.lockfile(), bench.kept()), (lockfile.clone(), kept.clone()));
    // What is not has to be fetched.
    bench.sh(&format!("mv {CACHE} /srv/away"));
    let told = bench.refused(&["install", "--offline"]);
    assert!(told.contains("has to be fetched, and `--offline` forbids it"), "{told}");
    toque(&bench.host, &["converge", "--repo", REPOSITORY, "web"])
        .fails(2, &["`https://files.test/base-1.0.tar.gz`"]);
    bench.sh(&format!("rm -rf {CACHE}; systemctl start nginx fcgiwrap.socket ssh"));
    git_daemon(&bench.host);
    // The same again, although there is something newer.
    bench.sh(
        "publish nginx 2.1.1 common '>= 1.0'; publish nginx 2.2.0; cookbook /srv/work/redis/cookbooks/redis 1.5.0; commit redis two
        git -C /srv/work/redis tag -f v1 > /dev/null; push redis; cookbook /srv/work/trunk 1.1.0; commit trunk two; push trunk",
    );
    bench.well(&["install", "--locked"]);
    assert_eq!((bench.lockfile(), bench.kept()), (lockfile, kept));

    assert_eq!(
        bench.well(&["outdated"]).stdout,
        "nginx 2.1.0: `update` takes 2.1.1; the newest is 3.0.0\nredis 1.4.0: `update` takes 1.5.0\ntrunk 1.0.0: `update` takes 1.1.0\n"
    );
    assert_eq!(bench.well(&["update", "redis"]).stdout, "redis 1.4.0 -> 1.5.0\n");
    assert_eq!(bench.well(&["update", "nginx"]).stdout, "nginx 2.1.0 -> 2.1.1\n");
    assert_eq!(bench.well(&["update"]).stdout, "trunk 1.0.0 -> 1.1.0\n");
    assert_eq!(bench.well(&["update"]).stdout, "");
    assert_eq!(bench.kept().len(), 11);
    // A key may also be in an agent, which is how people keep those that have a passphrase.
    bench.sh(&format!(
        "ssh-agent -a /run/agent > /dev/null; SSH_AUTH_SOCK=/run/agent ssh-add -q /root/.ssh/id_ed25519
        rm -r /root/.ssh/id_ed25519 {CACHE}"
    ));
    assert!(bench.refused(&["install", "--locked"]).contains("`[credentials]`"));
    bench.sh(&format!("SSH_AUTH_SOCK=/run/agent toque cookbook --repo {REPOSITORY} install --locked; pkill ssh-agent"));
    // A password is nowhere but where its owner keeps it.
    assert_eq!(
        bench.sh("grep -rlF s3cret-word /etc /root /srv /tmp /var /run 2> /dev/null || true"),
        "/etc/toque/word\n"
    );
}
