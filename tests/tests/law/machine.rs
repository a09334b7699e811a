//! The small world that all drawn recipes share: few paths, accounts, packages and units, so that
//! resources get in each other's way.

use std::path::Path;

use tempfile::TempDir;
use toque_machine::command::{Command, End, Output};
use toque_machine::system::{FakeSystem, Query, Response, System};
use toque_resources::simulated::{Package, debian, install, update_lists};

pub(super) const SERVER: &str = "http://files.example.com";

/// What makes most resources possible.
pub(super) const FURNISHED: &[&str] = &[
    "update",
    "install web",
    "sh groupadd -- ops",
    "sh groupadd -g 1500 -- staff",
    "sh useradd -m -- ann",
    "sh useradd -- bob",
    "dir /srv/d",
    "file /srv/a one",
    "file /srv/t.hbs {{node.name}} is {{word}}",
    "file /etc/systemd/system/job.service [Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n",
];

/// Something that was done to the machine before the recipe.
pub(super) const STEPS: &[&str] = &[
    "update",
    "install tool",
    "install web",
    "install mta-a",
    "sh useradd -m -- ann",
    "sh useradd -- bob",
    "sh groupadd -- ops",
    "sh groupadd -g 1500 -- staff",
    "sh gpasswd -a ann -- ops",
    "file /srv/a one",
    "file /srv/a two",
    "file /srv/d/f one",
    "file /srv/d/e/h two",
    "file /srv/t.hbs {{node.name}} is {{word}}",
    "file /etc/web/web.conf mine",
    "file /tmp/flag yes",
    "file /opt/tree/old gone",
    "file /opt/tree/one.txt changed",
    "file /etc/systemd/system/job.service [Service]\nExecStart=/bin/true\n",
    "file /etc/systemd/system/job.service [Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n",
    "dir /srv/d",
    "dir /srv/a",
    "dir /srv/d/e",
    "dir /home/ann",
    "link /srv/l /srv/d",
    "link /srv/l /srv/a",
    "link /srv/d/f /srv/a",
    "link /srv/m /srv/nowhere",
    "link /srv/a /srv/d/f",
    "special /srv/d/f",
    "sh systemctl start job.service",
    "sh systemctl enable job.service",
    "sh systemctl stop web.service",
    "sh systemctl disable web.service",
    "sh apt-mark hold tool",
    "chmod 600 /srv/a",
    "chmod 2775 /srv/d",
    "chown 1000:1000 /srv/d/f",
    "chown 1000:1000 /srv/d",
    "clear /srv/a",
    "clear /srv/d",
    "clear /etc/systemd/system/job.service",
    "sh userdel -- bob",
    "sh apt-get -y purge -- web",
];

fn offered() -> Vec<Package> {
    vec![
        Package::new("libc", "2.36"),
        Package::new("tool", "1.0")
            .version("1.1")
            .depends("libc")
            .file("/srv/d/f", "of the tool\n"),
        Package::new("web", "2.0")
            .depends("libc")
            .file("/etc/web/web.conf", "# main\n")
            .file("/usr/sbin/web", "")
            .service("web")
            .user("www"),
        Package::new("mta-a", "1.0").provides("mta").user("ann"),
        Package::new("dns-a", "1.0").provides("dns"),
        Package::new("dns-b", "1.0").provides("dns"),
    ]
}

/// A machine on which these steps were taken, as far as they could be.
pub(super) fn machine(steps: &[&str]) -> FakeSystem {
    let machine = debian(offered());
    machine.put_dir("/srv", 0o755);
    machine.put_dir("/opt", 0o755);
    machine.install_program("sh", shell);
    machine.install_program("bash", shell);
    for (name, text, etag) in [("one", "one", true), ("two", "two", false)] {
        let headers =
            if etag { vec![("etag".to_owned(), format!("\"{name}\""))] } else { Vec::new() };
        let body = text.as_bytes().to_vec();
        machine.serve(
            format!("{SERVER}/{name}"),
            Response { status: 200, headers, body: body.into() },
        );
    }
    for step in steps {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let (path, more) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "update" => update_lists(&machine),
            "install" => drop(install(&machine, path)),
            "file" => machine.put_file(path, more),
            "dir" => machine.put_dir(path, 0o755),
            "link" => machine.put_link(path, more),
            "clear" => machine.clear(path),
            "special" => machine.put_special(path),
            "chmod" => {
                drop(machine.set_mode(Path::new(more), u32::from_str_radix(path, 8).unwrap()));
            }
            "chown" => drop(machine.set_owner(Path::new(more), Some(1000), Some(1000))),
            _ => drop(machine.run(&Command::new(rest.split(' ')))),
        }
    }
    machine.take_effects();
    machine
}

/// What a shell does with lines of one simple command each; a script's lines come as its input.
fn shell(machine: &FakeSystem, command: &Command) -> Output {
    let input = String::from_utf8_lossy(command.input.as_deref().unwrap_or_default()).into_owned();
    let text =
        if command.argv.iter().any(|word| word == "-c") { command.argv[2].clone() } else { input };
    let mut last = Output::default();
    for line in text.lines() {
        last = simple(machine, line);
        if !last.success() {
            break;
        }
    }
    last
}

fn simple(machine: &FakeSystem, line: &str) -> Output {
    let yes = |yes: bool| Output { end: End::Exited(i32::from(!yes)), ..Output::default() };
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["true"] | [] => yes(true),
        ["false"] => yes(false),
        ["test", "-e", path] => yes(machine.stat(Path::new(path)).is_ok()),
        ["test", "-d", path] => yes(machine.read_dir(Path::new(path)).is_ok()),
        ["grep", "-q", word, path] => yes(machine.text(path).contains(word)),
        ["cat", path] => match machine.read(Path::new(path)) {
            Ok(stdout) => Output { stdout, ..Output::default() },
            Err(_) => yes(false),
        },
        ["id", user] => yes(machine
            .text("/etc/passwd")
            .lines()
            .any(|line| line.starts_with(&format!("{user}:")))),
        ["write", word, path] => yes(put(machine, path, word)),
        ["append", word, path] => {
            yes(put(machine, path, &format!("{}{word}\n", machine.text(path))))
        }
        ["touch", path] => yes(put(machine, path, &machine.text(path))),
        ["rm", path] => {
            machine.clear(path);
            yes(true)
        }
        ["mkdir", path] => {
            let works = machine.lstat(Path::new(path)).is_err() && there(machine, path);
            if works {
                machine.put_dir(path, 0o755);
            }
            yes(works)
        }
        ["chmod", mode, path] => {
            yes(machine.set_mode(Path::new(path), u32::from_str_radix(mode, 8).unwrap()).is_ok())
        }
        [program, ..] if program.contains(['/', '=']) => yes(false),
        ref words => {
            machine.run(&Command::new(words.iter().copied())).unwrap_or_else(|_| yes(false))
        }
    }
}

/// Whether the folder of a path is there.
fn there(machine: &FakeSystem, path: &str) -> bool {
    Path::new(path).parent().is_some_and(|folder| machine.read_dir(folder).is_ok())
}

fn put(machine: &FakeSystem, path: &str, text: &str) -> bool {
    match machine.stat(Path::new(path)) {
        Ok(_) => machine.write_in_place(Path::new(path), &mut text.as_bytes()).is_ok(),
        Err(_) if there(machine, path) && machine.lstat(Path::new(path)).is_err() => {
            machine.put_file(path, text);
            true
        }
        Err(_) => false,
    }
}

/// A custom resource whose parts know one another.
const PAIR: &str = r#"
property("path", #{ type: "string", default: "/srv/d/f" });
property("content", #{ type: "string", default: "one" });
action("create", || {
    directory("/srv/d");
    file(this.path, #{ content: this.content }).notifies("run", "execute[mark]", "immediately");
    execute("mark", #{ command: "touch /tmp/flag", action: "nothing", creates: "/tmp/flag" });
    file("/srv/m", #{ content: || `${this.content}${node.run_state.get("token") ?? ""}`, only_if: "test -e /tmp/flag" });
});
action("delete", || {
    file(this.path, #{ action: "delete" });
});
"#;

/// A custom resource that acts by command, and tells the state itself.
const STATE: &str = r#"
property("path", #{ type: "string", default: "/srv/a" });
property("value", #{ type: "string", default: "one" });
property("needs");
current(|| {
    if this.needs != () && !file_exists(this.needs) { throw "it cannot be told"; }
    if file_exists(this.path) { #{ value: read_file(this.path) } }
});
action("set", || {
    converge_if_changed("value", || {
        execute(`write ${this.value} ${this.path}`);
    });
});
action("file", || {
    converge_if_changed(|| {
        file(this.path, #{ content: this.value });
    });
});
"#;

/// Custom resources in a custom resource.
const OUTER: &str = r#"
property("value", #{ type: "string", default: "one" });
action("create", || {
    law_state("inner", #{ path: "/srv/d/e/h", value: this.value, action: "file" }).notifies("delete", "law_pair[inner]");
    law_pair("inner", #{ content: this.value });
});
action("twice", || {
    run_action("create");
    law_state("again", #{ value: this.value });
});
"#;

/// A repository with the cookbook `law`, which has templates and files.
pub(super) fn repository() -> TempDir {
    let repository = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = repository.path().join("cookbooks/law").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("cookbook.toml", "name = \"law\"\nversion = \"1.0.0\"\n");
    write("recipes/default.rhai", "");
    write("resources/pair.rhai", PAIR);
    write("resources/state.rhai", STATE);
    write("resources/outer.rhai", OUTER);
    write("templates/t.hbs", "{{node.name}} is {{word}}\n");
    write("templates/user.hbs", "{{#if node.etc.passwd.ann}}ann{{/if}}\n");
    write("files/one", "one");
    write("files/tree/one.txt", "1\n");
    write("files/tree/sub/two.txt", "2\n");
    repository
}
