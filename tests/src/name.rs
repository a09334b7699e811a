//! Names that tell whose a host is.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fmt, fs, process};

/// A process, told apart from a later one with the same pid by the time it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pid: u32,
    started: u64,
}

impl Owner {
    pub(crate) fn this_process() -> Owner {
        let pid = process::id();
        let started = started(pid).expect("a running process is listed in /proc");
        Owner { pid, started }
    }

    pub(crate) fn is_alive(self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.started)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Owner, ()> {
        let (pid, started) = text.split_once('-').ok_or(())?;
        Ok(Owner { pid: pid.parse().map_err(drop)?, started: started.parse().map_err(drop)? })
    }
}

/// The name of a host: unique on the machine, and it says whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(String);

const PREFIX: &str = "toque-";

impl Name {
    pub(crate) fn new() -> Name {
        static BOOTED: AtomicU32 = AtomicU32::new(0);
        let nth = BOOTED.fetch_add(1, Ordering::Relaxed);
        Name(format!("{PREFIX}{}-{nth}", Owner::this_process()))
    }

    /// The host name in `text`, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Name> {
        Name(text.to_owned()).owner().map(|_| Name(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_orphan(&self) -> bool {
        self.owner().is_some_and(|owner| !owner.is_alive())
    }

    fn owner(&self) -> Option<Owner> {
        let (owner, nth) = self.0.strip_prefix(PREFIX)?.rsplit_once('-')?;
        nth.parse::<u32>().ok()?;
        owner.parse().ok()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When `pid` started, in clock ticks since boot. A process that has ended but was not waited
/// for counts as gone.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?;
    if matches!(state, "Z" | "X") { None } else { started.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whether_its_owner_lives() {
        let own = Name::new();
        assert!(!own.is_orphan());
        assert_eq!(Name::parse(own.as_str()), Some(own.clone()));
        assert_ne!(Name::new(), own);

        let Owner { pid, started } = Owner::this_process();
        let reused_pid = Name::parse(&format!("toque-{pid}-{}-0", started - 1)).unwrap();
        assert!(reused_pid.is_orphan());
    }

    #[test]
    fn other_names_are_not_host_names() {
        for text in ["toque", "toque-1", "toque-1-2", "toque-a-2-3", "other-1-2-3", "toque-1-2-x"] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
