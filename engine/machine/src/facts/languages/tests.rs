use serde_json::{Value, json};

use super::version;
use crate::command::Output;
use crate::facts::os_release;
use crate::facts::tests::{fact, machine, prints};
use crate::system::{FakeSystem, System};

const GCC: &str = "Using built-in specs.\nTarget: x86_64-linux-gnu\nConfigured with: ../src/configure -v --with-pkgversion='Debian 12.2.0-14'\n\
    Thread model: posix\ngcc version 12.2.0 (Debian 12.2.0-14) \n";
const JAVA: &str = "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6-Debian-1deb12u1)\n\
    OpenJDK 64-Bit Server VM (build 17.0.15+6-Debian-1deb12u1, mixed mode, sharing)\n";
const RELEASE: &str = "IMPLEMENTOR=\"Debian\"\nJAVA_RUNTIME_VERSION=\"17.0.15+6-Debian-1deb12u1\"\nJAVA_VERSION=\"17.0.15\"\nOS_ARCH=\"x86_64\"\n";

#[test]
fn what_languages_say_of_themselves() {
    let told = |about: serde_json::Map<String, Value>| Value::Object(about);
    let cases = [
        (
            told(version::gcc(GCC)),
            json!({ "target": "x86_64-linux-gnu", "configured_with": "../src/configure -v --with-pkgversion='Debian 12.2.0-14'",
            "thread_model": "posix", "description": "gcc version 12.2.0 (Debian 12.2.0-14) ", "version": "12.2.0" }),
        ),
        (
            told(version::perl("version='5.36.0';\narchname='x86_64-linux-gnu-thread-multi';\n")),
            json!({ "version": "5.36.0", "archname": "x86_64-linux-gnu-thread-multi" }),
        ),
        (
            told(version::python("3.11.2 (main, Mar 13 2023, 12:18:29) [GCC 12.2.0]\n")),
            json!({ "version": "3.11.2", "builddate": "Mar 13 2023, 12:18:29" }),
        ),
        (told(version::python("3.4.0\n")), json!({ "version": "3.4.0" })),
        (told(version::nodejs("v18.19.0\n")), json!({ "version": "18.19.0" })),
        (told(version::go("go version go1.19.8 linux/amd64\n")), json!({ "version": "1.19.8" })),
        (told(version::rust("rustc 1.63.0\n")), json!({ "version": "1.63.0" })),
        (
            told(version::lua("Lua 5.3.6  Copyright (C) 1994-2020 Lua.org, PUC-Rio\n")),
            json!({ "version": "5.3.6" }),
        ),
        (
            told(version::php(
                "PHP 8.2.26 (cli) (built: Nov 25 2024 17:21:51) (NTS)\nZend Engine v4.2.26, Copyright\n    with Zend OPcache v8.2.26, Copyright\n",
            )),
            json!({ "version": "8.2.26", "builddate": "Nov 25 2024 17:21:51", "zend_engine_version": "4.2.26", "zend_opcache_version": "8.2.26" }),
        ),
        (
            version::glibc(
                "GNU C Library (Debian GLIBC 2.36-9+deb12u9) stable release version 2.36.\n",
            )
            .into(),
            json!({ "version": "2.36", "description": "GNU C Library (Debian GLIBC 2.36-9+deb12u9) stable release version 2.36." }),
        ),
    ];
    for (told, expected) in cases {
        assert_eq!(told, expected);
    }
    for nothing in [
        version::gcc(""),
        version::perl("\n"),
        version::go("go"),
        version::php("Zend"),
        version::java("no\n"),
    ] {
        assert_eq!(nothing, serde_json::Map::new());
    }
}

#[test]
fn java_is_the_same_by_its_file_and_by_running_it() {
    let ran = Value::Object(version::java(JAVA));
    assert_eq!(
        ran["runtime"],
        json!({ "name": "OpenJDK Runtime Environment", "build": "17.0.15+6-Debian-1deb12u1" })
    );
    assert_eq!(version::java_release(&os_release::parse(RELEASE), true), Some(ran.clone()));
    // Others have other names for their machines.
    assert_eq!(
        version::java_release(
            &os_release::parse(&RELEASE.replace("Debian\"", "Oracle Corporation\"")),
            true
        ),
        None
    );

    let fake = machine(&[
        ("/usr/lib/jvm/17/bin/java", ""),
        ("/usr/lib/jvm/17/release", RELEASE),
        ("/usr/lib/jvm/17/lib/server/classes.jsa", ""),
    ]);
    fake.set_mode("/usr/lib/jvm/17/bin/java".as_ref(), 0o755).unwrap();
    link(&fake, "/etc/alternatives/java", "../../usr/lib/jvm/17/bin/java");
    link(&fake, "/usr/bin/java", "/etc/alternatives/java");
    assert_eq!(fact(&fake, "languages"), json!({ "java": ran }));
    assert!(fake.probes().iter().all(|line| !line.starts_with("java ")), "{:?}", fake.probes());
    fake.put_file("/usr/lib/jvm/17/release", "IMPLEMENTOR=\"Eclipse Adoptium\"\n");
    fake.install_program("java", |_, _| Output {
        stderr: JAVA.as_bytes().to_vec(),
        ..Output::default()
    });
    assert_eq!(fact(&fake, "languages"), json!({ "java": ran }));
}

fn link(fake: &FakeSystem, path: &str, to: &str) {
    fake.put_dir(std::path::Path::new(path).parent().unwrap(), 0o755);
    fake.symlink(to.as_ref(), path.as_ref()).unwrap();
}

#[test]
fn only_what_is_there_is_told() {
    let fake = FakeSystem::new();
    prints(&fake, "perl", "version='5.36.0';\n");
    prints(&fake, "node", "");
    fake.install_program("lua", |_, _| Output {
        stderr: b"Lua 5.1.5  Copyright (C) 1994-2012 Lua.org, PUC-Rio\n".to_vec(),
        ..Output::default()
    });
    assert_eq!(
        fact(&fake, "languages"),
        json!({ "perl": { "version": "5.36.0" }, "lua": { "version": "5.1.5" } })
    );
}
