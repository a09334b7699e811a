use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::command::{Command, End, Identity};
use crate::system::{HostSystem, Query, System, process};

fn run(command: &Command) -> crate::command::Output {
    HostSystem::new().run(command).unwrap()
}

fn failure(command: &Command) -> String {
    HostSystem::new().run(command).unwrap_err().message
}

fn root() -> bool {
    HostSystem::new().effective_uid() == 0
}

#[test]
fn streams_and_status() {
    let output = run(&Command::shell("echo out; echo err >&2; exit 3"));
    assert_eq!(
        (output.stdout().as_str(), output.stderr().as_str(), output.end),
        ("out\n", "err\n", End::Exited(3))
    );
    assert_eq!(run(&Command::shell("kill -9 $$")).end, End::Signalled(9));
}

#[test]
fn the_environment_is_clean() {
    let output = run(&Command::new(["env"]).env("B", "2").env("LANG", "de_DE")).stdout();
    let mut names: Vec<&str> = output.lines().map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["B", "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "USER"]);
    assert!(output.contains("LANG=de_DE\n"));
    if root() {
        assert!(output.contains("HOME=/root\n") && output.contains("USER=root\n"));
    }
}

#[test]
fn files_in_memory_are_for_the_child_alone() {
    let line = "cat \"$A\" \"$B\"; stat -L -c %a \"$A\"; readlink \"$B\"";
    let output = run(&Command::shell(line).file("A", "one ").file("B", "two ")).stdout();
    assert!(output.starts_with("one two 600\n/memfd:toque"), "{output}");
}

#[test]
fn input_of_any_size_is_given() {
    let input = vec![b'x'; 3 << 20];
    assert_eq!(run(&Command::new(["cat"]).input(input.clone())).stdout, input);
    assert_eq!(run(&Command::new(["wc", "-c"])).stdout().trim(), "0");
    // A child that does not want its input.
    assert!(run(&Command::new(["true"]).input(input)).success());
}

#[test]
fn endless_output_is_cut() {
    let output = run(&Command::shell("head -c 20000000 /dev/zero"));
    assert!(output.success());
    assert!(output.stdout.ends_with(b"[cut here: more than 16 MiB of output]\n"));
    assert!(output.stdout.len() < (16 << 20) + 100);
}

#[test]
fn what_takes_too_long_is_ended_with_its_group() {
    let begun = Instant::now();
    let output =
        run(&Command::shell("echo begun; sleep 60 & sleep 60").timeout(Duration::from_millis(200)));
    assert_eq!((output.end, output.stdout().as_str()), (End::TimedOut, "begun\n"));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // One that does not listen is killed.
    let output = run(&Command::shell("trap '' TERM; while :; do sleep 60; done")
        .timeout(Duration::from_millis(200)));
    assert_eq!(output.end, End::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(10));
    // So is one that closes its output and stays.
    let output =
        run(&Command::shell("exec >&- 2>&-; sleep 60").timeout(Duration::from_millis(200)));
    assert_eq!(output.end, End::TimedOut);
}

#[test]
fn a_daemon_that_keeps_the_pipe_does_not_hold_the_run() {
    let begun = Instant::now();
    let output = run(&Command::shell("sleep 30 & echo started"));
    assert_eq!((output.end, output.stdout().as_str()), (End::Exited(0), "started\n"));
    assert!(begun.elapsed() < Duration::from_secs(5));
    // One that talks without end is left after a while, too.
    let output =
        run(&Command::shell("(for i in $(seq 200); do echo x; sleep 0.05; done) & echo started"));
    assert!(output.success());
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_forced_stop_ends_the_child_and_a_request_does_not() {
    let host = HostSystem::new();
    let stop = host.stop.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stop.request();
        std::thread::sleep(Duration::from_millis(400));
        stop.request();
    });
    assert_eq!(host.run(&Command::shell("sleep 0.3; exit 4")).unwrap().end, End::Exited(4));
    assert!(host.stop.requested());
    assert_eq!(host.run(&Command::shell("sleep 60")).unwrap().end, End::Interrupted);
    assert_eq!(host.run(&Command::shell("true")).unwrap().end, End::Interrupted);
    thread.join().unwrap();
}

#[test]
fn lines_are_handed_on_as_they_come() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let listener = Rc::clone(&heard);
    let mut host = HostSystem::new();
    host.live = Some(Box::new(move |line| listener.borrow_mut().push(line.to_owned())));
    let mut command = Command::shell("printf 'a\\nb'; sleep 0.1; printf 'c\\n\\nlast'");
    host.run(&command).unwrap();
    assert!(heard.borrow().is_empty());
    command.live = true;
    host.run(&command).unwrap();
    assert_eq!(*heard.borrow(), ["a", "bc", "", "last"]);
    command.sensitive = true;
    host.run(&command).unwrap();
    assert_eq!(heard.borrow().len(), 4);
}

#[test]
fn the_child_is_who_it_should_be() {
    let mut command = Command::shell(
        "umask; id -u; id -g; id -G; echo $HOME $USER; ps -o sid= -p $$ | grep -qw $$ && echo leader",
    );
    command.umask = Some(0o027);
    assert!(run(&command).stdout().starts_with("0027\n"));
    if root() {
        let home = Some("/var/www".into());
        command.identity = Some(Identity {
            uid: Some(33),
            gid: Some(34),
            groups: vec![34, 50],
            name: Some("www".into()),
            home,
        });
        assert_eq!(run(&command).stdout(), "0027\n33\n34\n34 50\n/var/www www\nleader\n");
        command.identity = Some(Identity { uid: Some(12345), ..Identity::default() });
        assert!(run(&command).stdout().contains("12345\n0\n0\n/ 12345\n"));
    }
}

#[test]
fn programs_are_looked_for_where_the_child_would() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("hello-toque");
    std::fs::write(&program, "#!/bin/sh\necho hello from $0\n").unwrap();
    let command = Command::new(["hello-toque"]);
    assert!(failure(&command).starts_with(
        "cannot run `hello-toque`: there is no program `hello-toque` on PATH (/usr/local/sbin:"
    ));
    let path = directory.path().to_str().unwrap();
    let command = command.env("PATH", format!("{path}:/bin"));
    assert!(failure(&command).contains("there is no program"), "it is not executable");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run(&command).stdout(), format!("hello from {path}/hello-toque\n"));
    let mut relative = Command::new(["./hello-toque"]);
    relative.cwd = Some(directory.path().to_owned());
    assert_eq!(run(&relative).stdout(), "hello from ./hello-toque\n");
}

#[test]
fn what_cannot_start_is_named() {
    let mut command = Command::new(["true"]);
    command.cwd = Some("/none/here".into());
    assert_eq!(
        failure(&command),
        "cannot run `true` in `/none/here`: the directory does not exist"
    );
    command.cwd = Some("/etc/passwd".into());
    assert_eq!(failure(&command), "cannot run `true` in `/etc/passwd`: that is not a directory");
    assert_eq!(
        failure(&Command::new(["/none/x", "y"])),
        "cannot run `/none/x y`: there is no `/none/x`"
    );
    assert_eq!(
        failure(&Command::new(["/etc/passwd"])),
        "cannot run `/etc/passwd`: `/etc/passwd` is not an executable file"
    );
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "#!/none/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        failure(&Command::new([script.to_str().unwrap()]))
            .ends_with("the interpreter that it names does not exist")
    );
    let mut secret = Command::new(["/none/x", "password"]);
    secret.sensitive = true;
    assert!(!failure(&secret).contains("password"));
    assert!(failure(&Command::new([""; 0])).contains("without words"));
    if root() {
        let mut other = Command::new([script.to_str().unwrap()]);
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        other.identity = Some(Identity {
            uid: Some(12345),
            gid: Some(12345),
            name: Some("web".into()),
            ..Identity::default()
        });
        assert!(failure(&other).contains("as `web`: permission denied"), "{}", failure(&other));
    }
}

#[test]
fn commands_end_when_toque_is_killed() {
    let host = HostSystem::new();
    let lock = tempfile::NamedTempFile::new().unwrap();
    let ours = lock.reopen().unwrap();
    ours.lock().unwrap();
    host.hold_lock(ours);
    // Leaves its first process deaf to what is asked politely.
    let command = Command::shell("trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000");
    let mut started = process::start(&command, &host).unwrap();
    let mut line = String::new();
    BufReader::new(started.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(lock.as_file().try_lock().is_err(), "the guardian holds it");
    // As a kill does it: the socket is closed, and nothing is said. Another process reaps.
    let reaper = std::thread::spawn(move || started.child.wait().unwrap());
    drop(host);
    assert_eq!(reaper.join().unwrap().signal(), Some(9));
    assert!(!is_alive(line.trim()), "its own child was ended with it");
    assert!(lock.as_file().try_lock().is_ok());
}

#[test]
fn what_a_command_leaves_running_stays() {
    let host = HostSystem::new();
    let left = host.run(&Command::shell("sleep 1000 > /dev/null 2>&1 & echo $!")).unwrap().stdout();
    let failed = host.run(&Command::new(["/dev/null/x"]));
    assert!(failed.is_err());
    drop(host);
    assert!(is_alive(left.trim()));
    run(&Command::new(["kill", "-9", left.trim()]));
}

#[test]
fn what_a_contained_command_has_started_ends_with_it() {
    let mut command =
        Command::shell("setsid sh -c 'setsid sleep 1000 & sleep 1000' > /dev/null 2>&1 & echo $!");
    let outside = run(&command).stdout();
    command.contained = true;
    let inside = run(&command).stdout();
    assert!(is_alive(outside.trim()) && !is_alive(inside.trim()));
    run(&Command::new(["pkill", "-9", "-s", outside.trim()]));
    run(&Command::new(["pkill", "-9", "-P", outside.trim()]));
}

/// Whether a process has not ended.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}
