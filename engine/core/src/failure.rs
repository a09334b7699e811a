//! Why a provider could not do its work: what was attempted, on what, and what to do next.

use std::fmt;
use std::path::Path;

/// The kind of a failure, for code that decides by it. Messages are for people alone: no code reads
/// them. A kind is added where a caller needs to tell failures apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FailureKind {
    /// Nothing decides by it.
    #[default]
    Other,
    /// A program is not installed.
    ProgramMissing,
    /// A server or a git repository did not accept the credentials, or got none.
    Unauthorized,
    /// Content does not have the checksum that was asked for.
    ChecksumMismatch,
    /// A git repository has no such branch, tag or commit.
    RevisionNotFound,
    /// A submodule cannot be fetched.
    Submodule,
    /// A server or this machine has nothing at an address, or does not give it.
    NotServed,
    /// A git server does not export a repository.
    NotExported,
    /// An archive became another one while it was fetched.
    ChangedMeanwhile,
    /// The content of an archive is wrong; the message does not name the archive.
    BadArchive,
    /// A server or program took longer than its limit.
    Timeout,
    /// An address cannot be used as it is.
    BadUrl,
    /// A file system is full.
    StorageFull,
    /// A document is called otherwise than its place says.
    NameMismatch,
    /// A closure of a recipe has thrown.
    Thrown,
    /// An attribute is read and not set.
    NotSet,
    /// A text has a character that stands for itself only after a backslash.
    NeedsBackslash,
    /// A cookbook needs another version of toque.
    NeedsOtherToque,
    /// A path is not used, because another user could lead it elsewhere, or too much hangs on it.
    RefusedPath,
    /// What decides what toque runs belongs to another user, or another user can change it.
    Untrusted,
}

/// The cause of an `io::Error` about a path that is not used: another user could lead it
/// elsewhere, or too much hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPath {
    /// A part of a sentence that names the part of the path and its owner.
    pub why: String,
    /// What to do next.
    pub hint: String,
}

impl RefusedPath {
    /// Returns the cause of an error, where it is this one.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for RefusedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for RefusedPath {}

impl From<RefusedPath> for std::io::Error {
    fn from(refused: RefusedPath) -> Self {
        Self::new(std::io::ErrorKind::PermissionDenied, refused)
    }
}

/// The error of everything that touches the machine. It knows nothing of recipes: the run adds the
/// resource and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// What was attempted on what, and the cause: "cannot write `/etc/x`: permission denied".
    pub message: String,
    /// What a command printed, or other evidence.
    pub notes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The run was told to stop while this was in progress.
    pub interrupted: bool,
}

/// What keeps root from a file.
const NOT_EVEN_ROOT: &str = "root may not do this here: look at the file's attributes (`lsattr`), at how its file system is mounted, and at SELinux or AppArmor";

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Other,
            message: message.into(),
            notes: Vec::new(),
            hint: None,
            interrupted: false,
        }
    }

    /// "cannot `verb` `path`: why", with a hint for the causes that people meet most.
    pub fn io(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        if let Some(refused) = RefusedPath::of(error) {
            return Self::new(format!("cannot {verb} `{}`: {}", path.display(), refused.why))
                .hint(refused.hint.clone())
                .of_kind(FailureKind::RefusedPath);
        }
        let cause = match error.kind() {
            ErrorKind::NotFound => "it does not exist".to_owned(),
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            ErrorKind::StorageFull => "no space left on the file system".to_owned(),
            _ if is_loop(error) => "too many symbolic links, they probably form a loop".to_owned(),
            ErrorKind::NotADirectory => "a part of the path is not a directory".to_owned(),
            ErrorKind::IsADirectory => "it is a directory".to_owned(),
            ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
            _ => plain_io(error),
        };
        let hint = match error.kind() {
            ErrorKind::PermissionDenied if nix::unistd::geteuid().is_root() => Some(NOT_EVEN_ROOT),
            ErrorKind::PermissionDenied => Some("run toque as root, or as a user who may do this"),
            ErrorKind::StorageFull => {
                Some("free some space (`df -h` shows where it went) and try again")
            }
            _ if is_loop(error) => {
                Some("look at the links with `namei -l` and remove the one that points back")
            }
            ErrorKind::ReadOnlyFilesystem => {
                Some("remount it writable, or keep this resource off this machine by a guard")
            }
            _ => None,
        };
        let kind = match error.kind() {
            ErrorKind::StorageFull => FailureKind::StorageFull,
            _ => FailureKind::Other,
        };
        Self {
            kind,
            hint: hint.map(str::to_owned),
            ..Self::new(format!("cannot {verb} `{}`: {cause}", path.display()))
        }
    }

    #[must_use]
    pub fn of_kind(self, kind: FailureKind) -> Self {
        Self { kind, ..self }
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Adds what was attempted to an `io::Error`.
pub trait ErrorContext<T> {
    /// # Errors
    /// The same error, as "cannot `verb` `path`: cause".
    fn context(self, verb: &str, path: &Path) -> Result<T, Failure>;
}

impl<T> ErrorContext<T> for std::io::Result<T> {
    fn context(self, verb: &str, path: &Path) -> Result<T, Failure> {
        self.map_err(|error| Failure::io(verb, path, &error))
    }
}

/// `ELOOP`, which has no stable `ErrorKind` yet.
fn is_loop(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32)
}

/// An error's cause without Rust's "(os error 13)", which tells an operator nothing.
#[must_use]
pub fn plain_io(error: &std::io::Error) -> String {
    let text = error.to_string();
    // The standard library's own, which it makes of a text that is not UTF-8.
    if error.kind() == std::io::ErrorKind::InvalidData && error.get_ref().is_none() {
        return "it is not UTF-8 text".to_owned();
    }
    let plain = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = plain.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_not_told_to_become_root() {
        let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let hint = Failure::io("write", Path::new("/x"), &error).hint.unwrap();
        assert_eq!(hint.contains("run toque as root"), !nix::unistd::geteuid().is_root());
    }
}
