//! SIGKILL at any moment of a run that makes something of every sort: nothing is torn, nothing stays
//! behind after the next run, and every clone heals.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use toque_acceptance::{Host, Image};

use crate::it::chance::{Chance, is_short, most_kills, seed};
use crate::it::toque::{host, start, toque};

/// What there is of each generation: an archive, and a commit that is large enough to be hit.
const SOURCES: &str = r#"
apt-get -q -y install git > /dev/null
useradd --system --create-home site
mkdir -p /srv/origin /srv/clones /etc/left
cd /srv/origin; git init -q -b main; git config user.name Ann; git config user.email ann@example.com
for version in 0 1 2; do
    for number in $(seq 800); do
        mkdir -p d$((number % 17)); yes "file $number of version $version" | head -40 > d$((number % 17))/$number
    done
    git add -A; git commit -q -m $version; git tag v$version
    mkdir -p /srv/packed; cp -r d1 d2 d3 /srv/packed/; tar -C /srv -czf /srv/packed-$version.tar.gz packed; rm -r /srv/packed
done
"#;

fn recipe(version: usize) -> String {
    format!(
        r#"
let version = "{version}";
let content = "";
for line in 0..200 {{ content += "version " + version + "\n"; }}
for number in 0..20 {{
    file(`/etc/left/${{number}}`, #{{ content: content, verify: "grep -q version %{{path}}" }});
}}
file("/home/site/file", #{{ content: content, owner: "site" }});
link("/etc/left/link", #{{ to: `/srv/origin/v${{version}}` }});
systemd_unit("left.service", #{{ action: "create",
    content: #{{ Unit: #{{ Description: `Version ${{version}}` }}, Service: #{{ ExecStart: "/bin/true" }} }},
}});
archive_file(`/srv/packed-${{version}}.tar.gz`, #{{ destination: "/srv/unpacked", overwrite: true }});
git("/srv/clones/root", #{{ repository: "/srv/origin", revision: `v${{version}}` }});
git("/home/site/clone", #{{ repository: "file:///srv/origin", revision: `v${{version}}`, user: "site" }});
git("/srv/clones/export", #{{ repository: "/srv/origin", revision: `v${{version}}`, action: "export" }});
execute("slow", #{{ command: `sleep 0.2; sleep 0.2; echo ${{version}} > /etc/left/slow`, not_if: `grep -qx ${{version}} /etc/left/slow` }});
"#
    )
}

/// Prints what is torn: a file with lines of two versions, or with too few.
const TORN: &str = r#"
for file in /etc/left/[0-9]* /home/site/file; do
    test ! -e $file || test "$(sort -u $file | wc -l) $(wc -l < $file)" = "1 200" || echo $file
done
test ! -e /srv/origin/.git/index.lock || echo the origin
"#;

/// Prints what is left behind.
const LEFT: &str = r#"
find / \( -path /proc -o -path /sys -o -path /srv/origin \) -prune -o \
    \( -name '.toque-*' -o -path '*/.git/*.lock' -o -name '.making-*' -o -name 'tmp_pack_*' \) -print
ls -d /var/lib/toque/temporaries /var/lib/toque/owed.jsonl 2> /dev/null || true
pgrep -l -x 'git|sleep|toque' || true
pgrep -l -f '[t]oque-guardian' || true
"#;

#[test]
fn no_kill_leaves_anything_behind() {
    let seed = seed();
    let mut chance = Chance(seed);

    let host = host(Image::Debian12);
    host.sh(SOURCES);
    host.write("/root/recipe.rhai", recipe(0));
    toque(&host, &APPLY).well();
    host.write("/root/recipe.rhai", recipe(1));
    let begun = Instant::now();
    toque(&host, &APPLY).well();
    let whole = begun.elapsed();

    let (mut version, mut kills, mut left) = (1, 0, 0);
    let most = if is_short() { FEW } else { most_kills() };
    while kills < most {
        version = (version + 1) % 3;
        host.write("/root/recipe.rhai", recipe(version));
        let mut run = start(&host, &APPLY);
        thread::sleep(whole.mul_f64(chance.draw()));
        run.kill(Signal::SIGKILL);
        kills += usize::from(run.wait(Duration::from_secs(60)).code().is_none());
        let what = format!("seed {seed}, kill {kills}");
        assert_eq!(host.sh(TORN), "", "{what}: torn");
        // Now and then several are killed in a row, and what the first has left is not the last's.
        if chance.draw() < 0.3 {
            continue;
        }
        left += usize::from(host.sh(LEFT).contains("/.toque-"));
        // What was begun is left for another version as often as it is finished.
        if chance.draw() < 0.5 {
            version = (version + 2) % 3;
            host.write("/root/recipe.rhai", recipe(version));
        }
        let run = toque(&host, &APPLY);
        assert_eq!(run.code(), Some(0), "{what}: {}", run.output);
        assert_eq!(host.sh(TORN), "", "{what}: torn by the next run: {}", run.output);
        assert_eq!(host.sh(LEFT), "", "{what}: left behind by the next run: {}", run.output);
        assert_eq!(state(&host), expected(version), "{what}: {}", run.output);
    }
    let result = format!("seed {seed}: {kills} kills, after {left} of them something was left\n");
    std::io::stderr().write_all(result.as_bytes()).expect("there is a standard error");
}

/// Kills that are enough where time is short: each takes seconds.
const FEW: usize = 10;

const APPLY: [&str; 2] = ["apply", "/root/recipe.rhai"];

/// What is there, by version.
fn state(host: &Host) -> String {
    host.sh(r#"
cat /etc/left/[0-9]* /home/site/file | sort | uniq -c | sed 's/^ *//'
readlink /etc/left/link; cat /etc/left/slow; grep -h Description /etc/systemd/system/left.service
cat /srv/unpacked/packed/d1/1 | sort -u
export GIT_OPTIONAL_LOCKS=0
for clone in root:/srv/clones/root site:/home/site/clone; do
    git -c safe.directory='*' -C ${clone#*:} status --porcelain
    git -c safe.directory='*' -C ${clone#*:} describe --tags
    find ${clone#*:} ! -user ${clone%%:*} | head -3
done
cat /srv/clones/export/d*/* | grep -o 'version .*' | sort | uniq -c | sed 's/^ *//'
"#)
}

fn expected(version: usize) -> String {
    format!(
        "4200 version {version}\n/srv/origin/v{version}\n{version}\nDescription=Version {version}\nfile 1 of version {version}\nv{version}\nv{version}\n32000 version {version}\n"
    )
}
