//! SIGKILL from outside, at any moment: what a killed run changed and had still to bring about, the
//! next one brings about.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use toque_acceptance::{Host, Image};

use crate::it::chance::{Chance, is_short, most_kills, seed};
use crate::it::toque::{REPOSITORY, host, put, start, toque};

/// Kills between a change and the restart that it owes, after which it is enough; one kill of ten
/// must fall there.
const WANTED: usize = 20;

const RECIPE: &str = r#"
for number in 0..50 {
    let unit = service(`probe@${number}`);
    template(`/etc/probe/${number}`, #{
        source: "probe.hbs",
        variables: #{ number: number, generation: node.generation },
    }).notifies("restart", unit);
}
"#;

/// Starting it takes over what the template says, so that one can tell which content it was last
/// started with.
const UNIT: &str = "\
[Unit]
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/cp /etc/probe/%i /run/probe/%i
";

#[test]
fn what_a_killed_run_owes_is_delivered_by_the_next() {
    let seed = seed();
    let mut chance = Chance(seed);

    let host = host(Image::Debian12);
    host.sh("mkdir -p /etc/probe /run/probe");
    host.write("/etc/systemd/system/probe@.service", UNIT);
    put(&host, "recipes/default.rhai", RECIPE);
    put(&host, "templates/probe.hbs", "{{number}} in generation {{generation}}\n");

    let begun = Instant::now();
    finish(&host, 0);
    let whole = begun.elapsed();

    let (mut generation, mut kills, mut between, most) = (0, 0, 0, most_kills());
    while kills < most && !(is_short() && between >= WANTED) {
        generation += 1;
        declare(&host, generation);
        // Now and then the run that makes up for a killed one is killed as well.
        loop {
            let mut run = start(&host, &CONVERGE);
            // The changes are made early and fast, and the restarts take most of the time: squared,
            // both get their share.
            thread::sleep(whole.mul_f64(chance.draw().powi(2)));
            run.kill(Signal::SIGKILL);
            kills += usize::from(run.wait(Duration::from_secs(60)).code().is_none());
            between += usize::from(stale(&host) > 0);
            if chance.draw() < 0.7 {
                break;
            }
        }
        finish(&host, generation);
    }
    // Written past the test harness, which shows what is printed only when a test fails.
    let result = format!(
        "seed {seed}: {between} of {kills} kills fell between a change and the restart that it owes\n"
    );
    std::io::stderr().write_all(result.as_bytes()).expect("there is a standard error");
    assert!(
        between >= WANTED.min(kills / 10),
        "seed {seed}: only {between} of {kills} kills fell between change and restart"
    );
}

const CONVERGE: [&str; 5] =
    ["converge", "--repo", REPOSITORY, "probe", "--attributes=/root/generation.json"];

/// What the templates are to say from now on.
fn declare(host: &Host, generation: usize) {
    host.write("/root/generation.json", format!(r#"{{ "generation": {generation} }}"#));
}

/// Converges to the end, which must leave every service started with what its template says.
fn finish(host: &Host, generation: usize) {
    declare(host, generation);
    let run = toque(host, &CONVERGE).well();
    let current = host.sh(&format!("cat /etc/probe/* | grep -c 'in generation {generation}$'"));
    assert_eq!((current.trim(), stale(host)), ("50", 0), "{}", run.output);
    assert_eq!(host.run(["toque", "runs", "owed"]).stdout, "", "nothing is owed any more");
}

/// How many services were last started before their template changed.
fn stale(host: &Host) -> usize {
    let script = "cd /etc/probe; for file in [0-9]*; do cmp -s \"$file\" \"/run/probe/$file\" || echo \"$file\"; done";
    host.sh(script).lines().count()
}
