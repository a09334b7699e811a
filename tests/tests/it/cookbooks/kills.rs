//! SIGKILL at any moment of an install.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal;

use super::bench::{Bench, CACHE, REPOSITORY, kept, whole};
use crate::it::chance::{Chance, most_kills, seed};

/// What a Cookfile asks for, and the lockfile that comes of it.
struct Wish {
    cookfile: String,
    lockfile: String,
}

/// Two Cookfiles that have nothing in common but where cookbooks come from.
fn wishes(bench: &Bench) -> [Wish; 2] {
    bench.sh("for version in 1.0.0 2.0.0; do
            publish web $version common \"= $version\"; publish common $version
            cookbook /srv/work/redis $version; commit redis $version; git -C /srv/work/redis tag v$version
            cookbook /srv/packing/base $version; tar -C /srv/packing -czf /srv/www/base-$version.tar.gz base
        done; push redis");
    ["1.0.0", "2.0.0"].map(|version| {
        let cookfile = format!(
            "[[source]]\nurl = \"http://cookbooks.test/registry\"\n[cookbooks]\nweb = \"= {version}\"\n\
             redis = {{ git = \"git://git.test/git/redis.git\", tag = \"v{version}\" }}\n\
             base = {{ archive = \"http://files.test/base-{version}.tar.gz\" }}\n"
        );
        bench.cookfile(&cookfile);
        bench.well(&["install"]);
        Wish { cookfile, lockfile: bench.lockfile() }
    })
}

#[test]
fn no_kill_leaves_half_of_anything() {
    let seed = seed();
    let mut chance = Chance(seed);

    let bench = Bench::with("");
    let wishes = wishes(&bench);
    let root = bench.host.root();
    let (repository, cache) = (root.join(&REPOSITORY[1..]), root.join(&CACHE[1..]));
    let lockfile = || fs::read_to_string(repository.join("Cookfile.lock")).unwrap();
    let mut times = [Duration::ZERO; 2];
    let (mut kills, mut unchanged) = (0, 0);
    while kills < most_kills() {
        let wish = &wishes[usize::from(chance.draw() < 0.5)];
        let empty = chance.draw() < 0.5;
        if empty {
            fs::rename(&cache, root.join(format!("srv/away-{kills}-{}", chance.draw()))).unwrap();
        } else {
            lose_one(&cache, &mut chance);
        }
        let before = lockfile();
        fs::write(repository.join("Cookfile.toml"), &wish.cookfile).unwrap();
        let time = &mut times[usize::from(empty)];
        if *time > Duration::ZERO {
            let mut run = bench.host.spawn(["toque", "cookbook", "--repo", REPOSITORY, "install"]);
            thread::sleep(time.mul_f64(chance.draw()));
            run.kill(Signal::SIGKILL);
            if run.wait(Duration::from_secs(60)).code().is_some() {
                continue;
            }
            kills += 1;
            whole(&cache);
            let after = lockfile();
            unchanged += usize::from(after == before);
            assert!(
                after == before || after == wish.lockfile,
                "seed {seed}, kill {kills}: {after}"
            );
        }
        let begun = Instant::now();
        let output = bench.cookbook(&["install"]);
        assert!(output.success(), "seed {seed}, after kill {kills}: {output}");
        // What a killed install has fetched makes the next one faster.
        *time = (*time).max(begun.elapsed());
        whole(&cache);
        assert_eq!(lockfile(), wish.lockfile, "seed {seed}, after kill {kills}: {output}");
        if kills % 20 == 0 {
            bench.well(&["install", "--locked", "--offline"]);
        }
    }
    // The next install has cleared away after all of them, once the programs that they started have
    // ended too.
    bench.sh("while pgrep -f '^git -c'; do sleep 0.1; done");
    bench.well(&["install"]);
    assert!(kept(&cache).len() <= 8);
    let size = bench.sh(&format!(
        "cd {CACHE}; du -sk . | cut -f1; ls git | wc -l; find . -name 'tmp_*' | wc -l"
    ));
    let size: Vec<u64> = size.lines().map(|line| line.parse().unwrap()).collect();
    // The clone is not there when it was lost last, and no cookbook was to be fetched.
    assert!(size[0] < 1000 && size[1] <= 2 && size[2] == 0, "seed {seed}: {size:?}");
    // A kill may fall between writing the lockfile beside and renaming it; what it left goes away
    // with a later one.
    bench.sh(&format!("touch {REPOSITORY}/.toque-making-abcdef"));
    let other = if lockfile() == wishes[0].lockfile { &wishes[1] } else { &wishes[0] };
    bench.cookfile(&other.cookfile);
    bench.well(&["install"]);
    assert_eq!(
        bench.sh(&format!("ls -A {REPOSITORY}")),
        "Cookfile.lock\nCookfile.toml\n",
        "seed {seed}"
    );
    let result = format!(
        "seed {seed}: {kills} kills, {unchanged} of them before the lockfile was written; {times:?}\n"
    );
    std::io::stderr().write_all(result.as_bytes()).expect("there is a standard error");
}

/// Takes a cookbook or a clone away.
fn lose_one(cache: &Path, chance: &mut Chance) {
    let list = |name: &str| {
        fs::read_dir(cache.join(name)).into_iter().flatten().map(|entry| entry.unwrap().path())
    };
    let mut all: Vec<_> =
        list("cookbooks").chain(list("git").filter(|path| path.is_dir())).collect();
    all.sort();
    let number = all.iter().position(|_| chance.draw() < 0.2).unwrap_or(0);
    let away = cache.with_file_name("lost");
    fs::rename(&all[number], &away).unwrap();
    // A program that a killed install has started may still write there.
    while fs::remove_dir_all(&away).is_err() {}
}
