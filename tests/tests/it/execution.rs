//! The kinds that run something.

use toque_acceptance::Image;

use crate::it::toque::{Run, apply, host, plan, settle};

#[test]
fn execute() {
    let host = host(Image::Debian12);
    host.sh("useradd --create-home walker; groupadd crew; echo 'export FROM_PROFILE=yes' > /etc/profile.d/probe.sh");
    let run = apply(
        &host,
        r#"
execute("echo by its name > /root/a", #{ action: "run" });
execute("a shell line", #{ command: "echo $0 | tr a-z A-Z > /root/b" });
execute("an array", #{ command: ["touch", "/root/c d"] });
execute("elsewhere", #{ command: "pwd > /root/e; echo $COLOUR $HOME >> /root/e", cwd: "/usr/share", environment: #{ COLOUR: "red" } });
execute("someone", #{ command: "id -un > /tmp/f; id -gn >> /tmp/f; umask >> /tmp/f", user: "walker", group: "crew", umask: "0077" });
execute("a status", #{ command: "exit 3", returns: [0, 3] });
execute("read", #{ command: "cat > /root/g", input: "typed\n" });
execute("login", #{ command: "echo $FROM_PROFILE > /root/h", login: true });
execute("no login", #{ command: "echo .$FROM_PROFILE > /root/i" });
execute("aloud", #{ command: "echo heard", live_stream: true });
execute("quiet", #{ command: "echo unheard" });
"#,
    )
    .well();
    assert_eq!(run.count("changed"), 11);
    assert_eq!(
        host.sh("cd /root; cat a b e /tmp/f g h i; ls 'c d'"),
        "by its name\n/BIN/SH\n/usr/share\nred /root\nwalker\ncrew\n0077\ntyped\nyes\n.\nc d\n"
    );
    assert!(
        run.output.stderr.contains("| heard") && !run.output.stderr.contains("| unheard"),
        "{}",
        run.output
    );

    // Where it is there already, it is not run.
    settle(
        &host,
        r#"execute("touch made", #{ cwd: "/root", creates: "made" }); execute("touch /root/made2", #{ creates: "/root/made2" });"#,
    );

    let run = apply(&host, r#"execute("sleep 100", #{ timeout: 0.3 });"#);
    assert_eq!(run.with("failed"), ["execute[sleep 100]"], "{}", run.output);
    let run = apply(&host, r#"execute("echo why >&2; exit 4", #{ returns: 3 });"#);
    assert!(run.code() == Some(1) && run.output.stderr.contains("why"), "{}", run.output);
    assert_eq!(
        plan(&host, r#"execute("touch /root/planned");"#).with("would-change"),
        ["execute[touch /root/planned]"]
    );
    assert!(!host.exists("/root/planned"));
}

/// What `script` and `bash` have in common.
fn interpreted(kind: &str, more: &str) {
    let host = host(Image::Debian12);
    host.sh("useradd --create-home walker; groupadd crew");
    let recipe = r#"
KIND("by its name", #{ name: "plain", code: "echo plain > /root/a", action: "run" MORE });
KIND("elsewhere", #{ code: "pwd > /root/b; echo $COLOUR >> /root/b", cwd: "/usr/share", environment: #{ COLOUR: "red" } MORE });
KIND("someone", #{ code: "id -un > /tmp/c; id -gn >> /tmp/c", user: "walker", group: "crew" MORE });
KIND("a status", #{ code: "exit 3", returns: [0, 3] MORE });
KIND("aloud", #{ code: "echo heard", live_stream: true MORE });
KIND("flags", #{ code: "false; touch /root/not-reached", flags: "-e", returns: 1 MORE });
KIND("perl", #{ code: "print STDERR qq(from perl\n); open F, '>/root/d'; print F qq($^X\n);", interpreter: "perl", flags: ["-w"] });
"#;
    let run = apply(&host, &recipe.replace("KIND", kind).replace("MORE", more)).well();
    assert_eq!(run.count("changed"), 7, "{}", run.output);
    assert_eq!(
        host.sh("cat /root/a /root/b /tmp/c /root/d"),
        "plain\n/usr/share\nred\nwalker\ncrew\n/usr/bin/perl\n"
    );
    assert!(
        !host.exists("/root/not-reached") && run.output.stderr.contains("| heard"),
        "{}",
        run.output
    );

    settle(
        &host,
        &format!(
            r#"{kind}("once", #{{ code: "touch made", cwd: "/root", creates: "made" {more} }});"#
        ),
    );
    let run =
        apply(&host, &format!(r#"{kind}("slow", #{{ code: "sleep 100", timeout: 0.3 {more} }});"#));
    assert_eq!(run.with("failed"), [format!("{kind}[slow]")], "{}", run.output);
}

#[test]
fn script() {
    interpreted("script", r#", interpreter: "sh""#);
}

#[test]
fn bash() {
    interpreted("bash", "");
}

#[test]
fn block_log_notify_group_and_facts() {
    let host = host(Image::Debian12);
    let run = apply(
        &host,
        r#"
block("by its name", #{ block_name: "count", run: || { node.run_state.count = 1 + 1; }, action: "run" });
file("/root/count", #{ content: || `${node.run_state.count}` });
log("a message");
log("other", #{ message: "a warning", level: "warn", action: "write" });
log("whispered", #{ level: "debug" });

let both = notify_group("both", #{ name: "both" })
    .notifies("run", "execute[echo one >> /root/order]")
    .notifies("run", "execute[echo two >> /root/order]", "immediately");
execute("echo one >> /root/order", #{ action: "nothing" });
execute("echo two >> /root/order", #{ action: "nothing" });
file("/root/trigger", #{ content: "x" }).notifies("run", both, "immediately");

let before = node.hostname;
execute("hostname renamed");
file("/root/stale", #{ content: || node.hostname });
facts("names", #{ name: "names", action: "reload" });
file("/root/fresh", #{ content: || node.hostname });
"#,
    )
    .well();
    let said = |run: &Run, text: &str| run.output.stderr.contains(text);
    assert!(
        said(&run, "a message") && said(&run, "warn: a warning") && !said(&run, "whispered"),
        "{}",
        run.output
    );
    assert_eq!(
        host.sh("cat /root/count; echo; cat /root/order; cat /root/fresh"),
        "2\ntwo\none\nrenamed"
    );
    assert_eq!(run.of("notify_group[both]"), ["nothing: skipped", "run: changed"]);

    let run =
        apply(&host, r#"block("bad", #{ run: || { throw "no luck"; } }); file("/root/never");"#);
    assert!(
        run.code() == Some(1) && said(&run, "no luck") && !host.exists("/root/never"),
        "{}",
        run.output
    );
    assert_eq!(
        plan(&host, r#"block("planned", #{ run: || { shell_out("touch /root/planned"); } });"#)
            .with("would-change"),
        ["block[planned]"]
    );
    assert!(!host.exists("/root/planned"));
}
