//! The kinds of machine that a test can boot.

use std::path::PathBuf;

/// A kind of machine that a test can boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Image {
    /// Debian 12 with systemd.
    Debian12,
    /// Debian 11 with systemd.
    Debian11,
    /// Debian 12 with `sysvinit-core` as PID 1 and no systemd at all.
    Debian12SysV,
    /// Debian 12 with Ohai, and with the tools that Ohai reads the machine by.
    Debian12Ohai,
}

impl Image {
    pub const ALL: [Image; 4] =
        [Image::Debian12, Image::Debian11, Image::Debian12SysV, Image::Debian12Ohai];

    /// What the machine calls itself.
    pub(crate) fn hostname(self) -> &'static str {
        match self {
            Image::Debian12 => "debian12",
            Image::Debian11 => "debian11",
            Image::Debian12SysV => "debian12-sysv",
            Image::Debian12Ohai => "debian12-ohai",
        }
    }

    pub(crate) fn init(self) -> Init {
        match self {
            Image::Debian12 | Image::Debian11 | Image::Debian12Ohai => Init::Systemd,
            Image::Debian12SysV => Init::SysV,
        }
    }
}

/// What runs as PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    Systemd,
    SysV,
}

/// Where the parts of an image are on this machine. Nothing may write to them: every host that
/// runs has them beneath it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub root: PathBuf,
    pub repository: PathBuf,
}
