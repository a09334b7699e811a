//! In which order things happen in a run, and what a run leaves to the next, told by a file that
//! every step appends to.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use toque_acceptance::{Background, Host, Image};

use crate::it::toque::{apply, host, read, settle, start, toque};

/// Steps that write their names down.
const STEPS: &str = r#"
fn step(name) { execute(name, #{ command: `echo ${name} >> /root/order` }) }
fn idle(name) { execute(name, #{ command: `echo ${name} >> /root/order`, action: "nothing" }) }
"#;

/// What has happened since the last look.
fn order(host: &Host) -> String {
    host.sh("touch /root/order; tr '\\n' ' ' < /root/order; rm /root/order").trim_end().to_owned()
}

fn with_steps(recipe: &str) -> String {
    format!("{STEPS}{recipe}")
}

#[test]
fn notifications_come_in_order() {
    let host = host(Image::Debian12);

    // Before, immediate and delayed; from both sides; each delayed one once.
    let recipe = with_steps(
        r#"
idle("late");
idle("soon");
idle("earlier");
idle("follower").subscribes("run", "execute[two]");
idle("shadow").subscribes("run", "execute[two]", "immediately");
idle("herald").subscribes("run", "execute[two]", "before");
step("one").notifies("run", "execute[late]").notifies("run", "execute[soon]", "immediately").notifies("run", "execute[earlier]", "before");
step("two").notifies("run", "execute[late]", "delayed");
step("three").notifies("run", "execute[soon]", "immediately").notifies("run", "execute[last]");
idle("last");
"#,
    );
    apply(&host, &recipe).well();
    assert_eq!(order(&host), "earlier one soon herald two shadow three soon late follower last");

    // What changes nothing notifies nobody, also not before.
    let recipe = with_steps(
        r#"
idle("never");
file("/root/there", #{ content: "there" })
    .notifies("run", "execute[never]", "before").notifies("run", "execute[never]", "immediately").notifies("run", "execute[never]");
"#,
    );
    host.write("/root/there", "there");
    apply(&host, &recipe).idle();
    assert_eq!(order(&host), "");

    // A delayed one that a delayed one sets off comes after all that were there, and only once in a
    // run.
    let recipe = with_steps(
        r#"
idle("a").notifies("run", "execute[c]");
idle("b").notifies("run", "execute[a]");
idle("c");
step("one").notifies("run", "execute[a]").notifies("run", "execute[b]");
"#,
    );
    apply(&host, &recipe).well();
    assert_eq!(order(&host), "one a b c");
    assert_eq!(host.run(["toque", "runs", "owed"]).stdout, "", "nothing is left over");
}

#[test]
fn delayed_notifications_are_delivered_after_a_failure() {
    let host = host(Image::Debian12);
    let broken = with_steps(
        r#"
idle("late");
idle("bad").notifies("run", "execute[never]");
idle("later");
step("one").notifies("run", "execute[late]").notifies("run", "execute[bad]").notifies("run", "execute[later]");
execute("the first mistake", #{ command: "exit 7" });
step("never");
"#,
    )
    .replace("echo ${name}", "[ ${name} != bad ] && echo ${name}");
    let run = apply(&host, &broken);
    assert_eq!(run.code(), Some(1), "{}", run.output);
    assert_eq!(order(&host), "one late later");
    assert_eq!(run.report["not_reached"], serde_json::json!(["execute[never]"]));
    assert_eq!(run.with("failed"), ["execute[the first mistake]", "execute[bad]"]);
    let owed = host.ok(["toque", "runs", "owed"]).stdout;
    assert!(
        owed.contains("execute[bad]") && !owed.contains("later"),
        "a failed one stays owed: {owed}"
    );

    // The next run delivers what is owed, though nothing notifies it now.
    let mended = with_steps("idle(\"bad\");");
    let run = apply(&host, &mended).well();
    assert_eq!(
        (order(&host).as_str(), run.of("execute[bad]")),
        ("bad", vec!["nothing: skipped".to_owned(), "run: changed".to_owned()])
    );
    apply(&host, &mended).idle();
    assert_eq!(order(&host), "");

    // Held back, they are all owed.
    host.write("/root/recipe.rhai", broken.replace("!= bad", "!= nobody"));
    let run = toque(&host, &["apply", "/root/recipe.rhai", "--hold-notifications-on-failure"]);
    assert_eq!((run.code(), order(&host).as_str()), (Some(1), "one"), "{}", run.output);
    host.write(
        "/root/recipe.rhai",
        broken
            .replace("!= bad", "!= nobody")
            .replace("exit 7", "true")
            .replace("step(\"one\")", "idle(\"one\")"),
    );
    toque(&host, &["apply", "/root/recipe.rhai"]).well();
    assert_eq!(order(&host), "never late bad later never");
    assert_eq!(host.run(["toque", "runs", "owed"]).stdout, "");

    // A target that is not declared waits, and can be forgotten.
    let run = apply(&host, &broken.replace("!= bad", "!= later"));
    assert_eq!(run.code(), Some(1));
    order(&host);
    let run = apply(&host, "log(\"nothing to see\");").well();
    assert!(run.output.stderr.contains("execute[later]"), "{}", run.output);
    host.ok(["toque", "runs", "owed", "--forget", "execute[later]"]);
    assert_eq!(host.run(["toque", "runs", "owed"]).stdout, "");
}

#[test]
fn closures_in_a_loop_keep_their_own_values() {
    let host = host(Image::Debian12);
    let recipe = r#"
node.run_state.token = "none yet";
for n in 1..=4 {
    file(`/root/loop-${n}`, #{ content: || `${n} of ${node.run_state.token}` + "\n", only_if: || n != 2, not_if: `[ ${n} = 3 ]` });
}
block("find the token", #{ run: || { node.run_state.token = "the late one"; } });
for n in 5..=6 {
    file(`/root/loop-${n}`, #{ content: || `${n} of ${node.run_state.token}` + "\n" });
}
"#;
    apply(&host, recipe).well();
    assert_eq!(
        host.sh("cd /root; grep . loop-*"),
        "loop-1:1 of none yet\nloop-4:4 of none yet\nloop-5:5 of the late one\nloop-6:6 of the late one\n"
    );
}

/// Starts a run and waits until it is in the middle: until `path` is there.
fn start_until(host: &Host, path: &str) -> Background {
    let mut run = start(host, &["apply", "/root/recipe.rhai"]);
    while !host.exists(path) {
        assert!(run.pid().is_some(), "{:?}", run.so_far());
        thread::sleep(Duration::from_millis(5));
    }
    run
}

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn the_second_of_two_runs_waits_and_finds_nothing_to_do() {
    let host = host(Image::Debian12);
    host.write(
        "/root/recipe.rhai",
        r#"execute("slow", #{ command: "touch /root/begun; sleep 1; touch /root/done", creates: "/root/done" });"#,
    );
    let first = start_until(&host, "/root/begun");

    let hasty = host.run(["toque", "apply", "/root/recipe.rhai", "--lock-timeout", "0.1"]);
    assert_eq!(hasty.code(), Some(2), "{hasty}");
    assert!(hasty.stderr.contains("error") && hasty.stderr.contains("run"), "{hasty}");
    assert!(!host.exists("/root/done"));
    // A plan needs no lock.
    host.ok(["toque", "apply", "--plan", "/root/recipe.rhai"]);

    let second = toque(&host, &["apply", "/root/recipe.rhai"]);
    assert!(second.output.stderr.contains("waiting for another run"), "{}", second.output);
    second.idle();
    let first = first.wait(LIMIT);
    assert_eq!(first.code(), Some(0), "{first}");
    assert!(first.stdout.contains("1 changed"), "{first}");
}

#[test]
fn a_signal_ends_a_run_in_order() {
    let host = host(Image::Debian12);
    let recipe = with_steps(
        r#"
idle("late");
file("/root/changed", #{ content: "changed" }).notifies("run", "execute[late]");
execute("slow", #{ command: "touch /root/begun; sleep 1; touch /root/done", creates: "/root/done" });
file("/root/never", #{ content: "never" });
"#,
    );
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        host.sh("rm -f /root/changed /root/begun /root/done");
        host.write("/root/recipe.rhai", recipe.as_str());
        let mut run = start_until(&host, "/root/begun");
        run.kill(signal);
        let run = read(&host, run.wait(LIMIT));
        assert_eq!(run.code(), Some(3), "{}", run.output);
        assert!(host.exists("/root/done"), "what is in progress comes to its end");
        assert!(!host.exists("/root/never"));
        assert_eq!((order(&host).as_str(), run.report["outcome"].as_str()), ("", Some("stopped")));
        assert_eq!(run.report["not_reached"], serde_json::json!(["file[/root/never]"]));
        assert_eq!(run.report["owed"][0]["target"], "execute[late]");
        assert!(host.ok(["toque", "runs", "list"]).stdout.lines().count() > 0);
        assert!(host.ok(["toque", "runs", "owed"]).stdout.contains("execute[late]"));

        let planned = toque(&host, &["apply", "--plan", "/root/recipe.rhai"]).well();
        assert!(
            planned.with("would-change").contains(&"execute[late]"),
            "the plan shows what is owed: {}",
            planned.output
        );
        let run = toque(&host, &["apply", "/root/recipe.rhai"]).well();
        assert_eq!(
            (order(&host).as_str(), run.with("changed")),
            ("late", vec!["file[/root/never]", "execute[late]"])
        );
        toque(&host, &["apply", "/root/recipe.rhai"]).idle();
        host.sh("rm /root/never");
    }

    // A second signal ends what is in progress, with all that it started.
    host.sh("rm -f /root/begun");
    host.write(
        "/root/recipe.rhai",
        r#"execute("endless", #{ command: "touch /root/begun; sleep 1000 & sleep 1000; true" });"#,
    );
    let mut run = start_until(&host, "/root/begun");
    run.kill(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(200));
    run.kill(Signal::SIGTERM);
    let run = read(&host, run.wait(LIMIT));
    assert_eq!(
        (run.code(), run.with("interrupted")),
        (Some(3), vec!["execute[endless]"]),
        "{}",
        run.output
    );
    assert!(!host.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").contains("sleep 1000"));

    // So does the time that it is given.
    host.sh("rm -f /root/begun");
    let mut run = start(&host, &["apply", "/root/recipe.rhai", "--stop-timeout", "0.3"]);
    while !host.exists("/root/begun") {
        thread::sleep(Duration::from_millis(5));
    }
    run.kill(Signal::SIGTERM);
    let run = read(&host, run.wait(LIMIT));
    assert_eq!(
        (run.code(), run.with("interrupted")),
        (Some(3), vec!["execute[endless]"]),
        "{}",
        run.output
    );
}

#[test]
fn the_exit_code_says_how_it_ended() {
    let host = host(Image::Debian12);
    let run = settle(&host, r#"file("/root/file", #{ content: "text\n" });"#);
    assert_eq!(run.with("changed"), ["file[/root/file]"]);

    // 1: it began and failed.
    apply(&host, r#"file("/root/one", #{}); execute("false"); file("/root/two", #{});"#)
        .fails(1, &["execute[false]", "recipe.rhai:1:"]);
    assert!(host.exists("/root/one") && !host.exists("/root/two"));
    // 2: it did not begin.
    apply(&host, "file(\"/root/three\", #{});\nfile(\"/root/four\", #{ contents: \"text\" });")
        .fails(2, &["recipe.rhai:2:23", "`content`"]);
    assert!(!host.exists("/root/three"));
    assert_eq!(host.run(["toque", "converge", "--no-such-flag"]).code(), Some(2));
    assert_eq!(host.run(["toque", "apply", "/root/missing.rhai"]).code(), Some(2));
    // 3 is in `a_signal_ends_a_run_in_order`, 4 in the plans of examples/webserver.
    assert_eq!(host.run(["toque", "--version"]).code(), Some(0));
}
