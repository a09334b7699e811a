//! A command that is told to stop leaves nothing behind that it has started, also one that only
//! looks.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn programs_end_with_the_command_that_waits_for_them() {
    let repository = tempfile::tempdir().unwrap();
    let path = |name: &str| repository.path().join(name);
    let write = |name: &str, text: &str| {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), text).unwrap();
    };
    // The sleeper takes the place of the shell, and with it the number that is written down.
    let program = format!(
        "#!/bin/sh\necho $$ > {0}.new && mv {0}.new {0}\nexec sleep 600\n",
        path("pid").display()
    );
    write("cookbooks/c/cookbook.toml", "name = \"c\"\nversion = \"1.0.0\"\n");
    write("cookbooks/c/facts/slow", &program);
    fs::set_permissions(path("cookbooks/c/facts/slow"), Permissions::from_mode(0o755)).unwrap();
    write("cookbooks/c/recipes/default.rhai", "log_info(node.slow);\n");
    for words in ["facts", "facts slow", "explain slow c", "graph c", "plan c"] {
        let _ = fs::remove_file(path("pid"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_toque"));
        command
            .current_dir(repository.path())
            .args(words.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut toque = command.spawn().unwrap();
        let begun = Instant::now();
        let sleeper = loop {
            if let Some(pid) =
                fs::read_to_string(path("pid")).ok().and_then(|text| text.trim().parse().ok())
            {
                break Pid::from_raw(pid);
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{words} runs no program");
            std::thread::sleep(Duration::from_millis(10));
        };
        let toque_pid = Pid::from_raw(i32::try_from(toque.id()).unwrap());
        // The second one ends what is in progress. Two of a kind may count as one while the first
        // is not heard.
        while toque.try_wait().unwrap().is_none() {
            let _ = kill(toque_pid, Signal::SIGTERM);
            std::thread::sleep(Duration::from_millis(50));
            assert!(begun.elapsed() < Duration::from_secs(60), "{words} does not stop");
        }
        assert_eq!(toque.wait().unwrap().code(), Some(3), "{words}");
        assert!(gone(sleeper), "{words} leaves its program behind");
    }
}

/// Whether no process has this number, or only what is left of one that nobody has asked after.
fn gone(pid: Pid) -> bool {
    let dead = |stat: String| {
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    };
    kill(pid, None) == Err(Errno::ESRCH)
        || fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))
            .map_or(true, dead)
}
