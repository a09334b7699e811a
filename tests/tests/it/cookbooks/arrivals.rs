//! What comes that should not, and places that cannot take it; and many who come at once.

use super::bench::{Bench, CACHE, REPOSITORY, kept};
use super::faults::{installed, plain};

#[test]
fn what_comes_and_where_to() {
    let bench = installed("");
    archives(&bench);
    lockfiles(&bench);
    disks(&bench);
    crowds(&bench);
}

/// Archives that nobody should make.
fn archives(bench: &Bench) {
    bench.sh("mkdir -p /srv/evil; cd /srv/evil; cookbook other 1.0.0; cookbook another 1.0.0; mkdir ruby nothing empty
        touch ruby/metadata.rb nothing/readme; tar czf /srv/www/good.tgz other
        tar czPf /srv/www/dots.tgz other --transform 's|other/recipes|../../../../../root/evil|'
        tar czPf /srv/www/absolute.tgz other --transform 's|other/recipes|/root/evil|'
        cp -r other linked; ln -s /etc linked/files; tar czf /srv/www/link.tgz linked
        ln -sfn ../../../../etc/passwd linked/files; tar czf /srv/www/uplink.tgz linked
        rm linked/files; mkfifo linked/pipe; tar czf /srv/www/pipe.tgz linked
        for name in ruby nothing another; do tar czf /srv/www/$name.tgz $name; done
        head -c 150 /srv/www/good.tgz > /srv/www/cut.tgz; : > /srv/www/empty.tgz; echo '<html>' > /srv/www/page.tgz
        mkdir bomb; truncate -s 10G bomb/zeros; tar cf - bomb | zstd -q > /srv/www/bomb.tar.zst; tar cSzf /srv/www/holes.tgz bomb
        { tar cf - bomb 2> /dev/null | head -c 1024; head -c 64M /dev/zero; } | gzip -1 > /srv/www/bomb.tgz
");
    for (name, message) in [
        (
            "dots.tgz",
            "cannot unpack `https://files.test/dots.tgz`: its entry `../../../../../root/evil/` has a name with `..`, which leads outside\nnote: for the cookbook `other`\nhelp: do not use this archive before you know who made it so",
        ),
        (
            "absolute.tgz",
            "cannot unpack `https://files.test/absolute.tgz`: its entry `/root/evil/` has an absolute name, which leads outside\nnote: for the cookbook `other`\nhelp: do not use this archive before you know who made it so",
        ),
        (
            "link.tgz",
            "cannot unpack `https://files.test/link.tgz`: its entry `linked/files` is a link to an absolute path, which leads outside\nnote: for the cookbook `other`\nhelp: do not use this archive before you know who made it so",
        ),
        (
            "uplink.tgz",
            "cannot unpack `https://files.test/uplink.tgz`: its entry `linked/files` is a link that leads outside\nnote: for the cookbook `other`\nhelp: do not use this archive before you know who made it so",
        ),
        (
            "pipe.tgz",
            "cannot unpack `https://files.test/pipe.tgz`: its entry `linked/pipe` is a pipe\nnote: for the cookbook `other`\nhelp: do not use this archive before you know who made it so",
        ),
        (
            "ruby.tgz",
            "`other` from `https://files.test/ruby.tgz` is a Ruby cookbook for Chef, which toque cannot run\nhelp: take a version that is written for toque, or rewrite its recipes in Rhai",
        ),
        (
            "nothing.tgz",
            "there is no cookbook in what `https://files.test/nothing.tgz` has for `other`: no cookbook.toml\nhelp: correct where it comes from; the folder that it is in, in a git repository, is named by `rel`",
        ),
        (
            "another.tgz",
            "the cookbook in the folder `other` calls itself `another`\n--> other/cookbook.toml:1:8\nnote: in what `https://files.test/another.tgz` has for `other`\nhelp: ask for it by its own name, or correct where it comes from",
        ),
        (
            "cut.tgz",
            "cannot unpack `https://files.test/cut.tgz`: it is damaged or cut off: incomplete deflate stream\nnote: for the cookbook `other`\nhelp: fetch it again, and compare its checksum with the one that was published",
        ),
        (
            "empty.tgz",
            "cannot unpack `https://files.test/empty.tgz`: it is no archive: it is empty\nnote: for the cookbook `other`",
        ),
        (
            "page.tgz",
            "cannot unpack `https://files.test/page.tgz`: it is no archive but a web page\nnote: for the cookbook `other`\nhelp: many servers answer so when one must log in: check the URL and the password",
        ),
        (
            "none.tgz",
            "`https://files.test/none.tgz` answered 404\nnote: for the cookbook `other`\nhelp: correct the address, or see what the server has",
        ),
        (
            "bomb.tgz",
            "cannot unpack `https://files.test/bomb.tgz`: it has more than 2147483648 bytes unpacked\nnote: for the cookbook `other`\nhelp: it may be made to fill disks; if it is right, unpack it by a command of your own",
        ),
        (
            "bomb.tar.zst",
            "cannot unpack `https://files.test/bomb.tar.zst`: it has more than 2147483648 bytes unpacked\nnote: for the cookbook `other`\nhelp: it may be made to fill disks; if it is right, unpack it by a command of your own",
        ),
        (
            "holes.tgz",
            "cannot unpack `https://files.test/holes.tgz`: it has more than 2147483648 bytes unpacked\nnote: for the cookbook `other`\nhelp: it may be made to fill disks; if it is right, unpack it by a command of your own",
        ),
    ] {
        bench.asks(&format!("other = {{ archive = \"https://files.test/{name}\" }}\n"));
        bench.refuses(&["install"], message);
    }
    bench.asks(&format!(
        "other = {{ archive = \"https://files.test/good.tgz\", sha256 = \"{}\" }}\n",
        "0".repeat(64)
    ));
    bench.refuses(&["install"], "`https://files.test/good.tgz` does not have the checksum that it should have\nnote: wanted: HEX\nfetched: HEX\nnote: for the cookbook `other`\nhelp: correct `sha256` in Cookfile.toml if the archive was changed on purpose; otherwise somebody else changed it");
    assert_eq!(bench.sh("ls -A /root | grep evil || true"), "");
    bench.asks("");
}

fn lockfiles(bench: &Bench) {
    let path = format!("{REPOSITORY}/Cookfile.lock");
    let lockfile = bench.lockfile();
    let sha256 = &bench.kept()[0][..64];
    for (text, message) in [
        (
            lockfile.replace("version = 1\n", "version = 2\n"),
            "`Cookfile.lock` has the form 2, and this toque knows forms up to 1\n--> /srv/repo/Cookfile.lock:2:11\nhelp: use the version of toque that wrote it, or a newer one",
        ),
        (
            format!("<<<<<<< HEAD\n{lockfile}=======\n{lockfile}>>>>>>> other\n"),
            "`Cookfile.lock` holds two versions of itself that git could not merge\n--> /srv/repo/Cookfile.lock:1:1\nhelp: keep one of the two, and run `toque cookbook install`",
        ),
        (
            lockfile.replacen("version = \"1.0.0\"", "version = \"1.0.1\"", 2),
            "`redis` is not what `Cookfile.lock` says: its cookbook.toml says version 1.0.0\nhelp: somebody edited the file: take it as it was committed, or run `toque cookbook update redis`",
        ),
        (
            lockfile.replacen(sha256, &"0".repeat(64), 1),
            "`redis` 1.0.0 is not what it was when it was locked\nnote: locked:  HEX\nfetched: HEX\nhelp: somebody changed a version that was published: ask who, then take it with `toque cookbook update redis`",
        ),
        (
            String::new(),
            "cannot read `/srv/repo/Cookfile.lock`: `version` is required and not set\n--> /srv/repo/Cookfile.lock:1:1\nhelp: take it as it was committed, or delete it and run `toque cookbook install`, which chooses anew",
        ),
        (
            lockfile[..lockfile.len() / 2].to_owned(),
            "cannot read `/srv/repo/Cookfile.lock`: invalid basic string, expected `\"`\n--> /srv/repo/Cookfile.lock:9:49\nhelp: take it as it was committed, or delete it and run `toque cookbook install`, which chooses anew",
        ),
        (
            lockfile.replacen("[[cookbook]]", "[[cookbooks]]", 1),
            "cannot read `/srv/repo/Cookfile.lock`: there is no key `cookbooks` here\n--> /srv/repo/Cookfile.lock:4:3\nhelp: did you mean `cookbook`?\nhelp: take it as it was committed, or delete it and run `toque cookbook install`, which chooses anew",
        ),
    ] {
        assert_ne!(text, lockfile);
        bench.host.write(&path, text);
        for words in [&["install"][..], &["install", "--locked"]] {
            bench.refuses(words, message);
        }
    }
    // One that is another says so, or is made anew.
    bench.host.write(&path, lockfile.replacen("cookbooks.test", "evil.test", 1));
    bench.refuses(&["install", "--locked"], "`Cookfile.lock` would change, and `--locked` forbids it: the place that it has `web` from is not there any more, or has another version\nhelp: run `toque cookbook install` without it, and commit the file");
    bench.well(&["install"]);
    assert_eq!(bench.lockfile(), lockfile);
}

fn disks(bench: &Bench) {
    bench.sh("cd /srv/evil; cookbook large 1.0.0; head -c 3000000 /dev/urandom > large/noise; tar czf /srv/www/large.tgz large
        cp -r large /srv/work; commit large one; push large; rm -rf /srv/publishing; mkdir -p /srv/publishing/cookbooks
        cp -r large /srv/publishing/cookbooks; pack large
        mount --mkdir -t tmpfs -o size=2m tmpfs /srv/small; cp -a /var/cache/toque /srv/small/");
    let small = |what: &str| {
        bench.sh(&format!(
            "find /srv/small/toque/cookbooks -type f | sort; find /srv/small -size +200k; {what}"
        ))
    };
    let before = small("");
    for (pin, message) in [
        (
            r#"{ archive = "https://files.test/large.tgz" }"#,
            "cannot write `/srv/small/toque/making//fetched/large/noise`: no space left on the file system\nnote: for the cookbook `large`\nhelp: free some space (`df -h` shows where it went) and try again",
        ),
        (
            r#"{ git = "git://git.test/git/large.git" }"#,
            "`git --git-dir=/srv/small/toque/git/HEX fetch --quiet --no-tags --force --no-recurse-submodules -- g …` exited with 128\nnote: standard error:\nfatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\nnote: for the cookbook `large`\nhelp: free some space (`df -h` shows where it went) and try again",
        ),
        (
            r#"{ git = "https://git.test/git/large.git" }"#,
            "`git --git-dir=/srv/small/toque/git/HEX fetch --quiet --no-tags --force --no-recurse-submodules -- h …` exited with 128\nnote: standard error:\nfatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\nnote: for the cookbook `large`\nhelp: free some space (`df -h` shows where it went) and try again",
        ),
        (
            r#""= 1.0.0""#,
            "cannot write `/srv/small/toque/making//fetched/large/noise`: no space left on the file system\nnote: in the archive of `large` 1.0.0 from `http://cookbooks.test/registry`\nhelp: free some space (`df -h` shows where it went) and try again",
        ),
    ] {
        bench.asks(&format!("large = {pin}\n"));
        bench.refuses(&["install", "--cache-dir", "/srv/small/toque"], message);
        assert_eq!(small(""), before);
    }
    bench.asks("");
    bench.well(&["install", "--cache-dir", "/srv/small/toque"]);

    // The repository's own.
    bench.sh("publish web 1.1.0; mount --mkdir -t tmpfs -o size=64k tmpfs /srv/full; cp -a /srv/repo/. /srv/full; head -c 100000 /dev/zero > /srv/full/zeros || true");
    let output = bench.host.run(["toque", "cookbook", "--repo", "/srv/full", "update"]);
    assert_eq!(
        plain(&output.stderr),
        "cannot write `/srv/full/Cookfile.lock`: no space left on the file system\nhelp: free some space (`df -h` shows where it went) and try again",
        "{output}"
    );
    assert_eq!(
        bench.sh("cmp /srv/full/Cookfile.lock /srv/repo/Cookfile.lock; ls -A /srv/full"),
        "Cookfile.lock\nCookfile.toml\nzeros\n"
    );

    // A cache that is only read is good enough for what is there.
    bench.sh(&format!("mount --bind {CACHE} {CACHE}; mount -o remount,ro,bind {CACHE}"));
    bench.well(&["install"]);
    bench.well(&["install", "--locked", "--offline"]);
    bench.asks("large = { archive = \"https://files.test/large.tgz\" }\n");
    bench.refuses(&["install"], "cannot make a folder in `/var/cache/toque/making`: the file system is read-only\nhelp: name a folder that you may write to by `--cache-dir`, or by `cache_dir` in the settings");
    bench.sh(&format!("umount {CACHE}; useradd ann; chown -R ann {REPOSITORY}"));
    let ann = |words: &[&str]| {
        let ann = [
            "setpriv",
            "--reuid=ann",
            "--regid=ann",
            "--clear-groups",
            "toque",
            "cookbook",
            "--repo",
            REPOSITORY,
        ];
        bench
            .host
            .command([&ann, words, &["--cache-dir", CACHE]].concat())
            .env("HOME", "/home/ann")
            .run()
    };
    let message = "cannot make a folder in `/var/cache/toque/making`: permission denied\nhelp: name a folder that you may write to by `--cache-dir`, or by `cache_dir` in the settings";
    assert_eq!(plain(&ann(&["install"]).stderr), message);
    bench.asks("");
    let output = ann(&["install", "--locked"]);
    assert!(output.success(), "{output}");
}

/// Many processes, one cache.
fn crowds(bench: &Bench) {
    bench.sh("for number in 1 2 3 4 5 6 7 8; do mkdir -p /srv/crowd/$number; cp /srv/repo/Cookfile.toml /srv/crowd/$number; done");
    let all = |folders: &str| {
        bench.sh(&format!(
            "rm -rf /srv/crowd/cache; status=; for folder in {folders}; do
                toque cookbook --repo /srv/crowd/$folder install --cache-dir /srv/crowd/cache > /dev/null 2>> /srv/crowd/told & status=\"$status $!\"
            done; for one in $status; do wait $one || {{ cat /srv/crowd/told >&2; exit 1; }}; done
            cd /srv/crowd; for folder in {folders}; do sha256sum < $folder/Cookfile.lock; done | sort -u | wc -l"
        ))
    };
    for _ in 0..3 {
        assert_eq!(all("1 2 3 4 5 6 7 8").trim(), "1");
        assert_eq!(kept(&bench.host.root().join("srv/crowd/cache")).len(), 2);
        bench.sh("rm /srv/crowd/*/Cookfile.lock");
        assert_eq!(all("1 1 1 1").trim(), "1");
        assert_eq!(kept(&bench.host.root().join("srv/crowd/cache")).len(), 2);
        assert_eq!(bench.sh("ls -A /srv/crowd/1"), "Cookfile.lock\nCookfile.toml\n");
        bench.sh("rm /srv/crowd/*/Cookfile.lock");
    }
}
