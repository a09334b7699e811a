//! System calls that fail, one at a time: the run says what failed and why, no file is half
//! written, and the next run brings all of it about.

use std::env;
use std::io::Write as _;
use std::time::Duration;

use toque_acceptance::Image;

use crate::it::toque::{REPOSITORY, host, put};

/// Returns how many calls of each sort fail: a few, or `TOQUE_TEST_FAULTS`.
fn share() -> usize {
    env::var("TOQUE_TEST_FAULTS").map_or(3, |faults| faults.parse().expect("faults are counted"))
}

/// 27 resources of 11 kinds. Every file begins and ends with the word `new`.
const RECIPE: &str = r#"
let long = "new";
for i in 0..2000 { long += " more and more of what is to be written"; }
long += " new\n";
for name in ["conf", "deep/er", "data"] { directory(`/srv/t/${name}`, #{ recursive: true, mode: "0750" }); }
for i in 0..7 { file(`/srv/t/file${i}`, #{ content: long, mode: "0640" }); }
file("/srv/t/gone", #{ action: "delete" });
for i in 0..3 { template(`/srv/t/conf/template${i}`, #{ source: "new.hbs", variables: #{ word: "new" } }); }
for i in 0..3 { cookbook_file(`/srv/t/data/file${i}`, #{ source: "new" }); }
for i in 0..2 { remote_file(`/srv/t/remote${i}`, #{ source: "file:///srv/source/new", verify: "test -s %{path}" }); }
link("/srv/t/link", #{ to: "/srv/t/file1" });
link("/srv/t/second", #{ to: "/srv/t/data/file1", link_type: "hard" });
remote_directory("/srv/t/tree", #{ source: "tree", purge: true });
archive_file("/srv/source/new.tar", #{ destination: "/srv/t/unpacked" });
for i in 0..2 { execute(`echo new > /srv/t/made${i}.part && mv /srv/t/made${i}.part /srv/t/made${i}`, #{ creates: `/srv/t/made${i}` }); }
script("write", #{ interpreter: "sh", code: "echo new > by-sh.part; mv by-sh.part by-sh", cwd: "/srv/t", creates: "by-sh" });
bash("write more", #{ code: "echo new > by-bash.part; mv by-bash.part by-bash", cwd: "/srv/t", creates: "by-bash" });
"#;

#[test]
fn a_call_that_fails_is_told_and_made_up_for() {
    let host = host(Image::Debian12);
    host.sh("apt-get -q -y install strace > /dev/null");
    host.copy_in(env!("CARGO_BIN_EXE_faults"), "/usr/local/libexec/faults");
    put(&host, "recipes/default.rhai", RECIPE);
    put(&host, "templates/new.hbs", "{{word}} {{word}}\n");
    put(&host, "files/new", "new\n");
    put(&host, "files/tree/one", "new\n");
    put(&host, "files/tree/two/three", "new\n");
    host.sh("mkdir -p /srv/source; cd /srv/source; echo new > new; tar cf new.tar new");
    host.write(
        "/root/setup",
        "rm -rf /srv/t /var/lib/toque; mkdir -p /srv/t/tree; cd /srv/t
         for name in file0 file1 file2 gone remote0 tree/surplus; do echo old > $name; done",
    );
    let share = share().to_string();
    let words = ["/usr/local/libexec/faults", &share, "/root/setup", "/srv/t"];
    let run = ["toque", "converge", "--repo", REPOSITORY, "probe"];
    let output = host.command([&words[..], &run].concat()).within(Duration::from_secs(7000)).run();
    let told = output.stdout.lines().last().unwrap_or_default();
    // Written past the test harness, which shows what is printed only when a test fails.
    std::io::stderr().write_all(format!("{told}\n").as_bytes()).expect("there is a standard error");
    assert!(output.success(), "{output}");
}
