//! Users and groups.

use toque_acceptance::Image;

use crate::it::toque::{apply, host, settle};

#[test]
fn user() {
    let host = host(Image::Debian12);
    host.sh("groupadd crew; useradd -M old; useradd -m leaver; useradd -m stayer");
    let run = settle(
        &host,
        r#"
user("somebody", #{
    username: "walker", uid: 1500, gid: "crew", comment: "Wally Walker", home: "/srv/walker", shell: "/bin/bash",
    password: "$6$salt$hash", manage_home: true, expire_date: "2030-12-31", inactive: 30, action: "create",
});
user("daemon2", #{ system: true });
user("twin", #{ uid: 1500, non_unique: true });
user("old", #{ comment: "Changed", shell: "/bin/sh" });
user("leaver", #{ action: "remove", manage_home: true, force: true });
user("stayer", #{ action: "remove" });
user("never-there", #{ action: ["remove", "manage"], comment: "x" });
"#,
    );
    assert_eq!(run.count("changed"), 6, "{}", run.output);
    assert_eq!(
        host.sh("getent passwd walker"),
        format!(
            "walker:x:1500:{}:Wally Walker:/srv/walker:/bin/bash\n",
            host.sh("getent group crew | cut -d: -f3").trim()
        )
    );
    assert_eq!(host.sh("getent shadow walker | cut -d: -f2,7,8"), "$6$salt$hash:30:22279\n");
    assert_eq!(
        host.sh("stat -c %U /srv/walker; id -u twin; [ $(id -u daemon2) -lt 1000 ]"),
        "walker\n1500\n"
    );
    assert_eq!(host.sh("getent passwd old | cut -d: -f5,7"), "Changed:/bin/sh\n");
    assert!(!host.exists("/home/leaver") && host.exists("/home/stayer"));
    assert_eq!(host.run(["getent", "passwd", "leaver", "stayer", "never-there"]).stdout, "");

    settle(
        &host,
        r#"
user("walker", #{ action: "modify", home: "/srv/moved", manage_home: true, shell: "/bin/sh", inactive: -1, expire_date: "" });
user("old", #{ action: "manage", comment: "Managed" });
"#,
    );
    assert_eq!(
        host.sh("getent passwd walker old | cut -d: -f5,6,7"),
        "Wally Walker:/srv/moved:/bin/sh\nManaged:/home/old:/bin/sh\n"
    );
    assert_eq!(
        host.sh("getent shadow walker | cut -d: -f7,8; ls -d /srv/moved"),
        ":\n/srv/moved\n"
    );
    settle(&host, r#"user("walker", #{ action: "lock" });"#);
    assert_eq!(host.sh("getent shadow walker | cut -d: -f2"), "!$6$salt$hash\n");
    settle(&host, r#"user("walker", #{ action: "unlock" });"#);
    assert_eq!(host.sh("getent shadow walker | cut -d: -f2"), "$6$salt$hash\n");
    let run = apply(&host, r#"user("never-there", #{ action: "modify", comment: "x" });"#);
    assert_eq!(run.code(), Some(1), "{}", run.output);
}

#[test]
fn group() {
    let host = host(Image::Debian12);
    host.sh("for name in a b c d; do useradd $name; done; groupadd -U a,b old; groupadd -U a,b exact; groupadd leaver");
    let run = settle(
        &host,
        r#"
group("new", #{ group_name: "crew", gid: 1600, members: ["a", "b"], action: "create" });
group("twin", #{ gid: 1600, non_unique: true });
group("daemons", #{ system: true });
group("old", #{ members: "c", excluded_members: ["a", "d"] });
group("exact", #{ members: ["c"], append: false });
group("leaver", #{ action: "remove" });
group("never-there", #{ action: ["remove", "manage"], members: ["a"] });
"#,
    );
    assert_eq!(run.count("changed"), 6, "{}", run.output);
    assert_eq!(
        host.sh("getent group crew twin old exact | sed 's/x:1[0-9]*$//' | cut -d: -f1,4"),
        "crew:a,b\ntwin:\nold:b,c\nexact:c\n"
    );
    assert_eq!(host.sh("getent group crew twin | cut -d: -f3; [ $(getent group daemons | cut -d: -f3) -lt 1000 ]"), "1600\n1600\n");
    assert_eq!(host.run(["getent", "group", "leaver", "never-there"]).stdout, "");

    // A bare group takes nobody out.
    apply(&host, r#"group("crew");"#).idle();
    settle(
        &host,
        r#"group("crew", #{ action: "modify", gid: 1601 }); group("old", #{ action: "manage", members: [], append: false });"#,
    );
    assert_eq!(
        host.sh("getent group crew old | cut -d: -f1,4; getent group crew | cut -d: -f3"),
        "crew:a,b\nold:\n1601\n"
    );
    let run = apply(&host, r#"group("never-there", #{ action: "modify", gid: 1700 });"#);
    assert_eq!(run.code(), Some(1), "{}", run.output);
}
