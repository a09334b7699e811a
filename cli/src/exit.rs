//! The exit codes of the process.

/// The end of the process. The numbers are part of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    Success,
    /// Converge began and failed.
    Failed,
    /// Nothing was touched.
    Refused,
    Stopped,
    /// A plan found changes, and the exit code was to say so.
    Pending,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Refused => 2,
            Self::Stopped => 3,
            Self::Pending => 4,
        }
    }

    /// Every exit code with its meaning.
    pub(crate) const ALL: [(Self, &str); 5] = [
        (Self::Success, "success"),
        (Self::Failed, "converge began and failed"),
        (
            Self::Refused,
            "nothing was touched: usage, configuration, a recipe that does not compile, a plan that foresees a failure",
        ),
        (Self::Stopped, "stopped by a signal"),
        (Self::Pending, "a plan found changes and was asked to say so with --detailed-exit-code"),
    ];

    /// Lists them for the help.
    pub(crate) fn help() -> String {
        let line = |(exit, meaning): (Self, &str)| format!("\n  {}  {meaning}", exit.code());
        format!("Exit codes:{}", Self::ALL.map(line).concat())
    }
}
