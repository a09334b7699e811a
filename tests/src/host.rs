//! A machine that a test has to itself.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;

use crate::command::{Background, Command, Output, child_of};
use crate::image::{Image, Init, Prepared};
use crate::name::Name;
use crate::slot::Slot;
use crate::{cgroup, machine, recipe, remains};

/// A machine that a test has to itself. Dropping it ends it and leaves nothing behind.
///
/// At most two run at once on a machine: booting waits for a place. A test that needs two asks
/// for them together, with [`Host::boot_pair`]. More than two run on a [`Network`](crate::Network).
#[derive(Debug)]
pub struct Host {
    name: Name,
    image: Image,
    root: PathBuf,
    leader: Pid,
    nspawn: Option<Child>,
    /// Last, so that the next host has its place when this one is gone.
    _slot: Slot,
}

impl Host {
    /// Boots a machine and waits until it is up.
    pub fn boot(image: Image) -> Host {
        let prepared = image.prepared();
        let [slot] = Slot::take();
        Host::boot_in(slot, image, &prepared, image.hostname())
    }

    /// Boots two machines, which do not see each other.
    pub fn boot_pair(images: [Image; 2]) -> [Host; 2] {
        let prepared = images.map(Image::prepared);
        let [first, second] = Slot::take();
        thread::scope(|scope| {
            let second = scope
                .spawn(|| Host::boot_in(second, images[1], &prepared[1], images[1].hostname()));
            let first = Host::boot_in(first, images[0], &prepared[0], images[0].hostname());
            [first, second.join().expect("the other host boots, or its thread has said why not")]
        })
    }

    /// The name by which the machine of the test knows this one; see [`remains`](crate::remains()).
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub fn image(&self) -> Image {
        self.image
    }

    /// PID 1 of the host, as the machine of the test sees it.
    pub fn leader_pid(&self) -> Pid {
        self.leader
    }

    /// The root of the host, as the machine of the test sees it.
    ///
    /// Good for a quick look. But what the host has mounted (`/run`, `/tmp`) is not in it, and an
    /// absolute symbolic link in it leads out of it: to write, use [`Host::write`].
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A command whose environment, input or time is not the usual.
    pub fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command<'_> {
        Command::new(&self.leader, words)
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        self.command(words).run()
    }

    /// Runs a command to its end. Panics unless it succeeds.
    #[track_caller]
    pub fn ok(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        self.command(words).ok()
    }

    /// Runs a shell script, which ends at the first command that fails. Panics unless it
    /// succeeds, and returns what it wrote to standard output.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        self.ok(["sh", "-euc", script]).stdout
    }

    /// Starts a command and leaves it running.
    pub fn spawn(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Background {
        self.command(words).spawn()
    }

    /// Writes a file, and the directories it is in.
    #[track_caller]
    pub fn write(&self, path: impl AsRef<Path>, contents: impl Into<Vec<u8>>) {
        let script = r#"mkdir -p "$(dirname "$1")"; cat > "$1""#;
        let words = [
            OsStr::new("sh"),
            "-euc".as_ref(),
            script.as_ref(),
            "sh".as_ref(),
            path.as_ref().as_os_str(),
        ];
        self.command(words).input(contents).ok();
    }

    /// Reads a file of text. Panics if it is not there.
    #[track_caller]
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        self.ok([OsStr::new("cat"), path.as_ref().as_os_str()]).stdout
    }

    /// Whether there is something at `path`, be it a dangling link.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        let words = ["sh", "-c", "[ -e \"$1\" ] || [ -L \"$1\" ]", "sh"].map(OsStr::new);
        self.run(words.into_iter().chain([path.as_ref().as_os_str()])).success()
    }

    /// Copies a file of this machine to the path `to`, or what is in a directory of this machine
    /// into the directory `to`. Everything becomes root's and keeps its mode.
    #[track_caller]
    pub fn copy_in(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        let (from, to) = (from.as_ref(), to.as_ref());
        let metadata = fs::metadata(from)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", from.display()));
        if metadata.is_dir() {
            let mut tar = process::Command::new("tar");
            tar.arg("--directory").arg(from).args(["--create", "."]).stderr(Stdio::inherit());
            let archive = tar.output().unwrap_or_else(|error| panic!("cannot run tar: {error}"));
            assert!(archive.status.success(), "{tar:?} ended with {}", archive.status);
            let script = r#"mkdir -p "$1"; tar --directory "$1" --extract --preserve-permissions --no-same-owner"#;
            let words = ["sh", "-euc", script, "sh"].map(OsStr::new);
            self.command(words.into_iter().chain([to.as_os_str()])).input(archive.stdout).ok();
        } else {
            let contents = fs::read(from)
                .unwrap_or_else(|error| panic!("cannot read {}: {error}", from.display()));
            self.write(to, contents);
            let mode = format!("{:o}", metadata.permissions().mode() & 0o7777);
            self.ok([OsStr::new("chmod"), mode.as_ref(), to.as_os_str()]);
        }
    }

    /// Boots a machine that calls itself `hostname`.
    pub(crate) fn boot_in(slot: Slot, image: Image, prepared: &Prepared, hostname: &str) -> Host {
        let name = Name::new();
        let root = remains::root(&name);
        // From here on dropping the host clears away what there is of it.
        let mut host =
            Host { name, image, root, leader: Pid::from_raw(0), nspawn: None, _slot: slot };
        host.make_root(&prepared.root, hostname);
        host.start(&prepared.repository, hostname);
        host.wait_until_up();
        host
    }

    /// Mounts an overlay on the image, with an identity of its own.
    fn make_root(&self, lower: &Path, hostname: &str) {
        let directory = remains::directory(&self.name);
        machine::make_directory(&directory);
        mount(Some("toque-test"), &directory, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))
            .unwrap_or_else(|error| {
                panic!("cannot mount a tmpfs on {}: {error}", directory.display())
            });
        let (upper, work) = (directory.join("upper"), directory.join("work"));
        for path in [&upper, &work, &self.root] {
            machine::make_directory(path);
        }
        // Without redirect_dir a directory of the image could not be renamed, unlike on a disk.
        let layers = [("lowerdir=", lower), (",upperdir=", &upper), (",workdir=", &work)];
        let mut options: String =
            layers.iter().map(|(option, path)| format!("{option}{}", path.display())).collect();
        options.push_str(",redirect_dir=on");
        mount(
            Some("toque-test"),
            &self.root,
            Some("overlay"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .unwrap_or_else(|error| panic!("cannot mount an overlay ({options}): {error}"));

        let id = fs::read_to_string("/proc/sys/kernel/random/uuid")
            .expect("the kernel makes identifiers");
        let hosts = format!(
            "127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}.example.test {hostname}\n::1\tlocalhost ip6-localhost\n"
        );
        let identity = [
            ("machine-id", id.replace('-', "")),
            ("hostname", format!("{hostname}\n")),
            ("hosts", hosts),
        ];
        for (name, contents) in identity {
            let file = self.root.join("etc").join(name);
            fs::write(&file, contents)
                .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        }
    }

    /// Starts nspawn, in the cgroups of this host.
    fn start(&mut self, repository: &Path, hostname: &str) {
        let console = self.console();
        let console = File::create(&console)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", console.display()));
        let same_console =
            console.try_clone().unwrap_or_else(|error| panic!("cannot share the console: {error}"));

        let enter = cgroup::create(&self.name)
            .into_iter()
            .map(|procs| format!("echo $$ > '{}'\n", procs.display()));
        let script = format!("umask 022\n{}exec systemd-nspawn \"$@\"", enter.collect::<String>());
        let mut command = process::Command::new("sh");
        command.args(["-euc", &script, "sh", &format!("--machine={}", self.name), "--register=no"]);
        if !machine::runs_systemd() {
            command.arg("--keep-unit");
        }
        command.args(["--quiet", "--settings=no", "--private-network", "--link-journal=no"]);
        command.args(["--resolv-conf=off", "--timezone=off", &format!("--hostname={hostname}")]);
        command.arg(format!("--directory={}", self.root.display()));
        command.arg(format!("--bind-ro={}:/srv/repository", repository.display()));
        match self.image.init() {
            Init::Systemd => command.arg("--boot"),
            Init::SysV => command.arg("/sbin/init"),
        };
        command.stdin(Stdio::null()).stdout(console).stderr(same_console);
        // A Ctrl-C is meant for the test: nspawn would die of it and leave the machine running.
        command.process_group(0);
        self.nspawn = Some(
            command.spawn().unwrap_or_else(|error| panic!("cannot run systemd-nspawn: {error}")),
        );
        self.wait_for("the machine to start", |host| {
            host.leader = host.find_leader()?;
            Some(())
        });
    }

    fn wait_until_up(&mut self) {
        match self.image.init() {
            Init::Systemd => {
                self.wait_for("systemd to answer", |host| {
                    host.has("run/systemd/private").then_some(())
                });
                self.wait_for("systemd to have started everything", |host| {
                    let state = host.run(["systemctl", "is-system-running", "--wait"]).stdout;
                    matches!(state.trim(), "running" | "degraded").then_some(())
                });
            }
            Init::SysV => self.wait_for("init to come to the end of inittab", |host| {
                host.has(recipe::SYSV_IS_UP).then_some(())
            }),
        }
    }

    /// The child of nspawn that is PID 1 of a namespace.
    fn find_leader(&self) -> Option<Pid> {
        let child = child_of(self.nspawn.as_ref()?.id())?;
        let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        let pids = status.lines().find(|line| line.starts_with("NSpid:"))?;
        (pids.split_whitespace().next_back() == Some("1")).then_some(child)
    }

    /// Whether the running machine has `path`, whose directories must not be links.
    fn has(&self, path: &str) -> bool {
        Path::new(&format!("/proc/{}/root", self.leader)).join(path).symlink_metadata().is_ok()
    }

    fn wait_for(&mut self, what: &str, mut done: impl FnMut(&mut Host) -> Option<()>) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while done(self).is_none() {
            let ended =
                self.nspawn.as_mut().is_some_and(|nspawn| !matches!(nspawn.try_wait(), Ok(None)));
            if ended || Instant::now() > deadline {
                let console = fs::read(self.console()).unwrap_or_default();
                let console = String::from_utf8_lossy(&console);
                let problem = if ended { "nspawn ended" } else { "it took too long" };
                panic!(
                    "while waiting for {what}, {problem}. The console of {}:\n{console}",
                    self.name
                );
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn console(&self) -> PathBuf {
        remains::directory(&self.name).join("console")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let cleared = remains::clear(&self.name);
        if let Some(nspawn) = &mut self.nspawn {
            // It has ended, and only waits to be noticed.
            let _ = nspawn.wait();
        }
        match cleared {
            Ok(()) => {}
            // A second panic would end the test program and hide the first.
            Err(problem) if thread::panicking() => {
                eprintln!("{} is not cleared away: {problem}", self.name);
            }
            Err(problem) => panic!("{} is not cleared away: {problem}", self.name),
        }
    }
}
