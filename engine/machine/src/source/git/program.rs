//! The program `git`, with nothing of the machine's or a user's configuration, asking nobody, and
//! telling no secret.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::address::{Address, Place};
use crate::command::{Command, End, Identity, Output};
use crate::source::Source;
use crate::system::{Proxies, Query, System};
use crate::view::View;
use toque_core::failure::{Failure, FailureKind};
use toque_core::redaction::REDACTED;

/// How long a server may take to tell its branches and tags.
const LOOK: Duration = Duration::from_mins(2);
/// How long a fetch or a checkout may take.
const FETCH: Duration = Duration::from_hours(1);
/// Gives git the password of this one server, which is in the environment.
const HELPER: &str = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$TOQUE_GIT_USER" "$TOQUE_GIT_PASSWORD"; }; f"#;

/// git for one repository.
pub(super) struct Git<'a> {
    pub source: &'a Source,
    pub address: Address,
}

impl<'a> Git<'a> {
    /// # Errors
    /// When the source has no address that git may be given.
    pub(super) fn of(source: &'a Source) -> Result<Self, Failure> {
        let address = Address::parse(&source.url)
            .map_err(|error| Failure { hint: error.hint, ..Failure::new(error.message) })?;
        Ok(Self { source, address })
    }

    /// Asks the repository itself, and leaves no trace on this machine.
    /// # Errors
    /// When git cannot be started or fails.
    pub(super) fn ask(&self, view: &View<'_>, arguments: &[&str]) -> Result<Output, Failure> {
        let mut command = self.command(&self.served(view, arguments)?);
        command.timeout = self.source.access.silence.map_or(LOOK, |silence| silence.min(LOOK));
        // What a plan asks must not make a host known; only the first of the files is written to.
        self.by_proxy(&mut command, view);
        self.by_ssh(
            &mut command,
            "-o UserKnownHostsFile='/dev/null ~/.ssh/known_hosts ~/.ssh/known_hosts2'",
        );
        let output = view.probe(&command).map_err(without_git)?;
        self.told(arguments, &command, output)
    }

    /// Runs git on a folder of this machine.
    /// # Errors
    /// When git cannot be started or fails.
    pub(super) fn run(
        &self,
        system: &dyn System,
        view: &View<'_>,
        arguments: &[&str],
    ) -> Result<Output, Failure> {
        let mut command = self.command(&self.served(view, arguments)?);
        self.by_proxy(&mut command, view);
        self.by_ssh(&mut command, "");
        view.check_arguments(&command)?;
        let output = system.run(&command).map_err(without_git)?;
        self.told(arguments, &command, output)
    }

    /// Runs git on folders of this machine alone, as whoever owns them, and with no secret.
    /// # Errors
    /// When git cannot be started or fails.
    pub(super) fn run_locally(
        &self,
        system: &dyn System,
        view: &View<'_>,
        owner: Option<&Identity>,
        arguments: &[&str],
    ) -> Result<Output, Failure> {
        let words: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let mut command = self.command(&words);
        command.environment.retain(|name, _| !name.starts_with("TOQUE_"));
        command.environment.insert("GIT_ALLOW_PROTOCOL".to_owned(), "file".to_owned());
        if owner.is_some() {
            // Files in memory are for our own user, and the owner's own folders need no exception.
            command.files.clear();
            command.environment.insert("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned());
        }
        command.identity = owner.cloned();
        view.check_arguments(&command)?;
        let output = system.run(&command).map_err(without_git)?;
        self.told(arguments, &command, output)
    }

    /// The arguments, with the program that serves the repository where that is not git as it is.
    fn served(&self, view: &View<'_>, arguments: &[&str]) -> Result<Vec<String>, Failure> {
        let mut words: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let at = words.iter().position(|word| word == "fetch" || word == "ls-remote");
        if let Some(at) = at
            && let Some(program) = self.upload_pack(view)?
        {
            words.insert(at + 1, format!("--upload-pack={program}"));
        }
        Ok(words)
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut settings: Vec<String> = SETTINGS.map(str::to_owned).to_vec();
        let mut environment = vec![
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            // Where nothing is; an older git knows no other way. `ssh` asks the accounts for its
            // own.
            ("HOME", "/dev/null"),
            // A submodule must not reach what only this machine's root can read.
            (
                "GIT_ALLOW_PROTOCOL",
                if self.local().is_some() {
                    "file:git:http:https:ssh"
                } else {
                    "git:http:https:ssh"
                },
            ),
        ];
        if let Place::Http(server) = &self.address.place
            && let Some((user, password)) = self.credentials()
        {
            settings.push(format!("credential.{server}.helper={HELPER}"));
            environment.extend([("TOQUE_GIT_USER", user), ("TOQUE_GIT_PASSWORD", password)]);
        }
        if let Some(silence) = self.source.access.silence {
            settings.push(format!("http.lowSpeedTime={}", silence.as_secs().max(1)));
        }
        let settings = settings.iter().flat_map(|setting| ["-c", setting]);
        let mut command = Command::new(
            ["git"].into_iter().chain(settings).chain(arguments.iter().map(String::as_str)),
        );
        command.environment = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        // No repository begins above it, whose configuration git would read.
        command.cwd = Some("/".into());
        command.umask = Some(0o022);
        command.file("GIT_CONFIG_GLOBAL", CONFIGURATION).timeout(FETCH)
    }

    /// How git is told through which servers to reach others. A proxy's password stays out of the
    /// arguments.
    fn by_proxy(&self, command: &mut Command, view: &View<'_>) {
        if self.is_http() {
            let Proxies { http, https, no_proxy } = view.proxies();
            let variables = [("http_proxy", http), ("https_proxy", https), ("no_proxy", no_proxy)];
            command.environment.extend(
                variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
        }
    }

    /// How git is told to reach a host by `ssh`: with this key only, asking nobody.
    fn by_ssh(&self, command: &mut Command, more: &str) {
        let mut line = "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=30 -o LogLevel=ERROR".to_owned();
        if let Some(key) = &self.source.ssh_key {
            // Documents often lose the line's end, without which `ssh` does not know a key.
            let key = format!("{}\n", key.replace("\r\n", "\n").trim_end());
            command.files.insert("TOQUE_SSH_KEY".to_owned(), key.into_bytes());
            line.push_str(" -o IdentitiesOnly=yes -i \"$TOQUE_SSH_KEY\"");
        } else if let Some(agent) = &self.source.access.ssh_agent {
            command.environment.insert("SSH_AUTH_SOCK".to_owned(), agent.display().to_string());
        }
        if let Some(silence) = self.source.access.silence {
            let _ = write!(
                line,
                " -o ServerAliveInterval={} -o ServerAliveCountMax=1",
                silence.as_secs().max(1)
            );
        }
        if !more.is_empty() {
            line.push(' ');
            line.push_str(more);
        }
        command.environment.insert("GIT_SSH_COMMAND".to_owned(), line);
        command.environment.insert("GIT_SSH_VARIANT".to_owned(), "ssh".to_owned());
    }

    /// The folder of a repository on this machine.
    pub(super) fn local(&self) -> Option<&Path> {
        match &self.address.place {
            Place::Local(path) => Some(path),
            _ => None,
        }
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.address.place, Place::Http(_))
    }

    /// User and password for the server.
    pub(super) fn credentials(&self) -> Option<(&str, &str)> {
        let user = self.source.user.as_deref().or(self.address.user.as_deref());
        let password = self.source.password.as_deref().or(self.address.password.as_deref());
        // A token may stand in the place of either.
        (user.is_some() || password.is_some())
            .then(|| (user.unwrap_or_default(), password.unwrap_or_default()))
    }

    fn told(
        &self,
        arguments: &[&str],
        command: &Command,
        mut output: Output,
    ) -> Result<Output, Failure> {
        if output.success() {
            return Ok(output);
        }
        output.stderr = self.hidden(&output.stderr()).into_bytes();
        output.stdout = self.hidden(&output.stdout()).into_bytes();
        // What is always the same would hide what was attempted.
        let shown = Command::new(["git"].into_iter().chain(arguments.iter().copied()))
            .timeout(command.timeout);
        let failure = output.failure(&shown, false);
        Err(match output.end {
            End::TimedOut => failure.of_kind(FailureKind::Timeout),
            End::Interrupted => failure,
            _ => match fault(&output.stderr(), self.source) {
                Some((kind, hint)) => failure.of_kind(kind).hint(hint),
                None => failure,
            },
        })
    }

    /// What git said, without a secret that a server may have repeated.
    fn hidden(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in [self.source.password.as_deref(), self.address.password.as_deref()]
            .into_iter()
            .flatten()
        {
            if secret.len() > 3 {
                text = text.replace(secret, REDACTED);
            }
        }
        text
    }
}

/// What holds for every git that is run, whatever its version takes for granted.
const SETTINGS: [&str; 11] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "credential.helper=",
    // A pack appears at once or not at all, where single objects of a fetch that was killed would
    // look like all of it.
    "fetch.unpackLimit=1",
    "transfer.unpackLimit=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=120",
];

/// What is read in the place of a user's configuration. The recipe names the repository, whoever
/// owns it.
const CONFIGURATION: &str = "[safe]\n\tdirectory = *\n";

/// A failure to start git, without all that git would have been told.
fn without_git(failure: Failure) -> Failure {
    if failure.kind != FailureKind::ProgramMissing {
        return failure;
    }
    Failure::new("there is no program `git`")
        .of_kind(FailureKind::ProgramMissing)
        .hint("declare `package(\"git\")` before this resource")
}

/// The faults that people meet most, and what to do about them.
fn fault(said: &str, source: &Source) -> Option<(FailureKind, &'static str)> {
    let says = |text: &str| said.contains(text);
    Some(match () {
        () if says("Could not resolve host") => {
            (FailureKind::Other, "check the host's name, and that this machine can resolve names")
        }
        () if says("REMOTE HOST IDENTIFICATION HAS CHANGED")
            || says("Host key verification failed") =>
        {
            (
                FailureKind::Other,
                "the host has another key than before: if that is right, remove the old one with `ssh-keygen -R HOST`",
            )
        }
        () if says("Load key") => (
            FailureKind::Unauthorized,
            "`ssh_key` is no private key that ssh can read: give all its lines, and one without a passphrase",
        ),
        () if says("Permission denied (") && source.ssh_key.is_some() => {
            (FailureKind::Unauthorized, "see that the server knows the public part of `ssh_key`")
        }
        () if says("Permission denied (") => {
            (FailureKind::Unauthorized, "set `ssh_key` to a private key that the server knows")
        }
        () if says("could not read Username") || says("could not read Password") => {
            (FailureKind::Unauthorized, "set `user` and `password`")
        }
        () if says("Authentication failed") => {
            (FailureKind::Unauthorized, "check `user` and `password`")
        }
        () if says("cannot run ssh") || says("ssh: not found") => {
            (FailureKind::Other, "install the package with the program `ssh` before this resource")
        }
        () if says("No space left on device") => (
            FailureKind::StorageFull,
            "free some space (`df -h` shows where it went) and try again",
        ),
        () if says("Connection refused") || says("Couldn't connect to server") => {
            (FailureKind::Other, "check that the server runs, or the proxy, and the port")
        }
        () if says("setpriv: not found") => (
            FailureKind::Other,
            "install the package `util-linux` before this resource: the repository is read as its owner by `setpriv`",
        ),
        () if says("Could not resolve proxy") => (
            FailureKind::Other,
            "check `proxies` in the settings, or the variables `http_proxy` and `https_proxy`",
        ),
        () if says("repository not exported") => (
            FailureKind::NotExported,
            "check the `url`, and that the server exports this repository",
        ),
        () if says("does not appear to be a git repository")
            || says("not found")
            || says("does not exist") =>
        {
            (
                FailureKind::NotServed,
                "check the `url`; some servers also say this of repositories that one may not read",
            )
        }
        () => return None,
    })
}
