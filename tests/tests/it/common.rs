//! The properties that every kind has.

use toque_acceptance::Image;

use crate::it::toque::{apply, faithful, host, plan};

#[test]
fn properties_of_every_kind() {
    let host = host(Image::Debian12);
    host.sh("useradd walker; touch /root/there");

    // Guards: shell lines, closures, maps, arrays of them; all `only_if` must hold and no `not_if`
    // may.
    let guards = [
        (r#"only_if: "true""#, true),
        (r#"only_if: "false""#, false),
        (r#"not_if: "true""#, false),
        (r#"not_if: "exit 5""#, true),
        (r#"only_if: || file_exists("/root/there")"#, true),
        (r#"not_if: || file_exists("/root/there")"#, false),
        (r#"only_if: #{ command: "[ $(id -un) = walker ]", user: "walker" }"#, true),
        (r#"only_if: #{ command: ["test", "-e", "there"], cwd: "/root" }"#, true),
        (r#"only_if: #{ command: "[ $COLOUR = red ]", environment: #{ COLOUR: "red" } }"#, true),
        (r#"only_if: #{ command: "exit 3", returns: [3] }"#, true),
        (r#"only_if: ["true", || true, "false"]"#, false),
        (r#"not_if: ["false", || false]"#, true),
        (r#"only_if: "true", not_if: "true""#, false),
    ];
    let recipe: String = guards
        .iter()
        .enumerate()
        .map(|(number, (guard, _))| format!("file(\"/root/guard-{number}\", #{{ {guard} }});\n"))
        .collect();
    let planned = plan(&host, &recipe).well();
    let run = apply(&host, &recipe).well();
    let expected: Vec<String> = guards
        .iter()
        .enumerate()
        .filter(|(_, (_, held))| *held)
        .map(|(number, _)| format!("file[/root/guard-{number}]"))
        .collect();
    assert_eq!(run.with("changed"), expected, "{}", run.output);
    // Whoever is asked by a command may be told otherwise once the files before are there.
    faithful(&planned, &run);

    // One that does not answer has said neither yes nor no.
    let run = apply(
        &host,
        r#"file("/root/guard-late", #{ not_if: #{ command: "sleep 100", timeout: 0.2 } });"#,
    );
    assert!(run.code() == Some(1) && !host.exists("/root/guard-late"), "{}", run.output);

    // Several actions in order, and none.
    let run = apply(&host, r#"file("/root/both", #{ action: ["create", "delete"] }); file("/root/none", #{ action: "nothing" });"#)
        .well();
    assert_eq!(run.of("file[/root/both]"), ["create: changed", "delete: changed"]);
    assert_eq!(run.of("file[/root/none]"), ["nothing: skipped"]);

    // Trying again, and going on; together they work too.
    let flaky = "echo try >> /root/tries; [ $(wc -l < /root/tries) -ge 3 ]";
    let run = apply(
        &host,
        &format!("execute(\"flaky\", #{{ command: \"{flaky}\", retries: 3, retry_delay: 0.1 }});"),
    )
    .well();
    assert_eq!(
        (run.with("changed"), host.sh("wc -l < /root/tries").trim()),
        (vec!["execute[flaky]"], "3")
    );
    let run = apply(
        &host,
        r#"execute("never", #{ command: "echo x >> /root/never; false", retries: 2, retry_delay: 0, ignore_failure: true }); file("/root/reached");"#,
    );
    assert_eq!(
        (run.code(), host.sh("wc -l < /root/never").trim(), host.exists("/root/reached")),
        (Some(0), "3", true),
        "{}",
        run.output
    );
    assert!(run.output.stderr.contains("error"), "{}", run.output);
    let run = apply(&host, r#"execute("never", #{ command: "false", ignore_failure: "quiet" });"#);
    assert_eq!(
        (run.code(), run.output.stderr.contains("error")),
        (Some(0), false),
        "{}",
        run.output
    );

    // What is secret is nowhere to be read.
    let secret = "hunter2-of-the-tests";
    let recipe = format!(
        r#"
file("/root/secret", #{{ content: "{secret}", sensitive: true }});
execute("login {secret} && false", #{{ sensitive: true, ignore_failure: true, command: "echo {secret} >&2; exit 1" }});
"#
    )
    .replace("execute(\"login hunter2-of-the-tests && false\"", "execute(\"login\"");
    let planned = plan(&host, &recipe).well();
    let run = apply(&host, &recipe).well();
    assert_eq!(host.read("/root/secret"), secret);
    for run in [&planned, &run] {
        assert!(
            !run.output.to_string().contains(secret) && !run.report.to_string().contains(secret),
            "{}",
            run.output
        );
    }
    assert_eq!(host.run(["grep", "-rl", secret, "/var/lib/toque", "/tmp"]).stdout, "");

    // The mask of new files and commands.
    apply(
        &host,
        r#"file("/root/private", #{ umask: "0077" }); execute("touch /root/private2", #{ umask: 0o027 }); file("/root/usual");"#,
    )
    .well();
    assert_eq!(host.sh("stat -c %a /root/private /root/private2 /root/usual"), "600\n640\n644\n");

    let run = apply(&host, r#"package("hello", #{ provider: "none-such" });"#);
    assert!(run.code() == Some(2) && run.output.stderr.contains("`apt`"), "{}", run.output);
}
