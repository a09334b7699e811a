//! `user` and `group`.

use toque_contract::report::Status;

use crate::{converges, fails, fresh, planned};

#[test]
fn makes_accounts_and_knows_their_numbers() {
    let recipe = r##"
        group("staff", #{ gid: 1500 });
        user("ann", #{ gid: "staff", manage_home: true, comment: "Ann", password: "$6$a$b" });
        user("bob", #{ manage_home: true });
        group("ops", #{ members: ["ann", "bob"] });
        directory("/home/bob", #{ owner: "bob", group: "bob", mode: "0755" });
        file("/home/bob/.profile", #{ content: "# profile\n", owner: "bob" });
        file("/home/ann/x", #{ content: "x", owner: "ann", group: "ops" });
    "##;
    assert!(planned(&fresh(), recipe, Status::MayChange).is_empty());
    let (machine, lines) = converges(&fresh(), recipe);
    assert_eq!(lines[1], "create user `ann` with home `/home/ann`");
    assert!(!lines.iter().any(|line| line.contains("/home/bob/.profile")), "{lines:?}");
    assert!(machine.text("/etc/shadow").contains("ann:$6$a$b:"));
    assert!(machine.text("/etc/group").contains(":ann,bob\n"));
    let said = format!("{lines:?}{:?}{:?}", machine.effects(), machine.probes());
    assert!(!said.contains("$6$"), "{said}");
}

#[test]
fn changes_only_what_is_declared() {
    let (machine, _) = converges(
        &fresh(),
        r#"user("ann", #{ password: "$6$a$b", shell: "/bin/sh" }); user("bob"); group("ops", #{ members: ["ann", "bob"] });"#,
    );
    let (machine, lines) = converges(&machine, r#"group("ops", #{ members: "bob" });"#);
    assert!(lines.is_empty(), "{lines:?}");
    let (machine, lines) =
        converges(&machine, r#"group("ops", #{ members: "bob", append: false });"#);
    assert_eq!(lines, ["remove `ann` from group `ops`"]);
    let (machine, _) = converges(&machine, r#"user("ann", #{ action: "lock" });"#);
    // The hash below the lock is the same.
    let (machine, lines) = converges(
        &machine,
        r#"user("ann", #{ password: "$6$a$b", shell: "/bin/dash", expire_date: "2026-01-01" });"#,
    );
    assert_eq!(lines, ["modify user `ann`: shell `/bin/dash`, expiry 2026-01-01"]);
    assert!(
        machine.text("/etc/shadow").contains("ann:!$6$a$b:20000:0:99999:7::20454:"),
        "{}",
        machine.text("/etc/shadow")
    );
    let (machine, _) = converges(&machine, r#"user("ann", #{ action: "unlock" });"#);
    let (machine, _) =
        converges(&machine, r#"user("bob", #{ action: "remove", manage_home: true });"#);
    assert!(!machine.text("/etc/group").contains("bob"));
    assert!(
        fails(&machine, r#"group("ops", #{ members: ["zoe"] });"#)
            .contains("there is no user `zoe`")
    );
    assert!(
        fails(&machine, r#"user("zoe", #{ action: "modify", shell: "/bin/sh" });"#)
            .contains("there is no user `zoe`")
    );
    assert!(
        fails(
            &machine,
            r#"user("yan"); user("yan again", #{ username: "yan", action: "unlock" });"#
        )
        .contains("no password below the lock")
    );
    let (_, lines) =
        converges(&machine, r#"user("zoe", #{ action: "manage", shell: "/bin/sh" });"#);
    assert!(lines.is_empty(), "{lines:?}");
}
