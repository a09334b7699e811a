//! How an app shows that it is up.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toque_contract::resource::Apply;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::property::{CommandLine, Seconds};
use toque_machine::system::{Query, Request};

use super::Desired;
use super::hook::{self, As};
use crate::shared::optional::read_text;

/// How long a server may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// One way to ask, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Check {
    url: Option<String>,
    port: Option<u16>,
    command: Option<CommandLine>,
    #[serde(default = "minute")]
    timeout: Seconds,
    #[serde(default = "second")]
    interval: Seconds,
}

fn minute() -> Seconds {
    Seconds(60.0)
}

fn second() -> Seconds {
    Seconds(1.0)
}

impl Check {
    /// # Errors
    /// None, or several, of the ways to ask.
    pub(crate) fn check(&self) -> Result<(), PropertyError> {
        let ways = usize::from(self.url.is_some())
            + usize::from(self.port.is_some())
            + usize::from(self.command.is_some());
        if ways != 1 {
            return Err(PropertyError::named(
                "check",
                "`check` needs one of `url`, `port` and `command`",
            ));
        }
        match &self.url {
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                Err(PropertyError::new("check.url", format!("`{url}` is no URL of a server"))
                    .hint("write `http://…` or `https://…`"))
            }
            _ => Ok(()),
        }
    }

    /// "check `http://127.0.0.1:8080/`".
    pub(crate) fn describe(&self) -> String {
        match (&self.url, self.port, &self.command) {
            (Some(url), ..) => format!("check `{}`", self.request(url).shown()),
            (_, Some(port), _) => format!("check port {port}"),
            (.., line) => {
                line.as_ref().map_or_else(String::new, |line| hook::describe("check", line))
            }
        }
    }

    pub(crate) fn is_command(&self) -> bool {
        self.command.is_some()
    }

    /// Asks until the app is up.
    /// # Errors
    /// When it is not up in time, with the last answer; when the run is told to stop meanwhile.
    pub(crate) fn run(
        &self,
        apply: &Apply<'_>,
        desired: &Desired,
        release: &str,
    ) -> Result<(), Failure> {
        let started = apply.system.now();
        loop {
            let Err(failure) = self.ask(apply, desired, release) else { return Ok(()) };
            let waited = apply.system.now().duration_since(started).unwrap_or_default();
            if failure.interrupted {
                return Err(failure);
            }
            if waited >= self.timeout.duration() {
                let Seconds(seconds) = self.timeout;
                return Err(Failure {
                    message: format!("the app is not up after {seconds} s: {}", failure.message),
                    hint: Some(
                        "see what the app said when it started, or raise `timeout` of `check`"
                            .to_owned(),
                    ),
                    ..failure
                });
            }
            let left = self.timeout.duration().saturating_sub(waited);
            if !apply.system.wait(self.interval.duration().min(left).max(Duration::from_millis(10)))
            {
                return Err(Failure {
                    interrupted: true,
                    ..Failure::new("checking the app was stopped with the run")
                });
            }
        }
    }

    fn ask(&self, apply: &Apply<'_>, desired: &Desired, release: &str) -> Result<(), Failure> {
        if let Some(url) = &self.url {
            let request = self.request(url);
            let response = apply.system.fetch(&request)?;
            if response.status >= 400 {
                return Err(Failure::new(format!(
                    "`{}` answered {}",
                    request.shown(),
                    response.status
                )));
            }
        } else if let Some(port) = self.port {
            if !listens(apply.system.as_query(), port)? {
                return Err(Failure::new(format!("nothing listens on port {port}")));
            }
        } else if let Some(line) = &self.command {
            let command = hook::dressed(apply, desired, release, line.command(), As::Owner)?;
            let output = apply.output(&command)?;
            if !output.success() {
                let failure = output.failure(&command, apply.sensitive);
                return Err(super::environment::hidden(
                    failure,
                    desired.deploy.environment.as_ref(),
                ));
            }
        }
        Ok(())
    }

    fn request(&self, url: &str) -> Request {
        let timeout = self.timeout.duration().clamp(Duration::from_millis(100), ANSWER);
        Request {
            url: url.to_owned(),
            headers: Vec::new(),
            timeout,
            largest: Request::LARGEST,
            verify: true,
        }
    }
}

/// Whether some process waits for connections on a TCP port, as the kernel's tables have it: asking
/// for a connection would be one that the app has to deal with.
fn listens(query: &dyn Query, port: u16) -> Result<bool, Failure> {
    const LISTEN: &str = "0A";
    let listens = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().take(4).collect();
        let [_, local, _, LISTEN] = fields[..] else { return false };
        local.rsplit(':').next().and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port)
    };
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A kernel without IPv6 has one of them.
        let table = read_text(query, Path::new(table))?.unwrap_or_default();
        if table.lines().any(listens) {
            return Ok(true);
        }
    }
    Ok(false)
}
