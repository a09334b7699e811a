//! What a run tells while it goes on. The engine prints nothing; whoever runs it listens.

use crate::log_level::LogLevel;
use crate::report::{Counts, Record, Report};
use toque_core::diagnostic::Diagnostic;
use toque_core::name::ResourceId;

/// Something that happened, in order.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another run holds the lock; this one waits.
    Waiting {
        holder: &'a str,
    },
    /// Recipes are being compiled.
    Compiling {
        cookbooks: &'a [String],
    },
    /// The graph stands; converge begins.
    Converging {
        resources: usize,
    },
    /// An action begins. What follows until its record is about it.
    Started {
        resource: &'a ResourceId,
        action: &'a str,
    },
    /// An attempt failed and will be repeated.
    Retrying {
        resource: &'a str,
        action: &'a str,
        left: u32,
        error: &'a str,
    },
    /// An action ended.
    Done(&'a Record),
    /// Delayed notifications begin.
    Delayed {
        count: usize,
    },
    /// The run was told to stop and does so after what is in progress.
    Stopping,
    /// Something failed that is no action of a resource.
    Failed(&'a Diagnostic),
    Log {
        level: LogLevel,
        message: &'a str,
    },
    /// The run is over.
    Finished {
        report: &'a Report,
        counts: &'a Counts,
    },
}

/// Whoever listens.
pub trait Sink {
    fn event(&mut self, event: &Event<'_>);
}

/// Nobody.
impl Sink for () {
    fn event(&mut self, _: &Event<'_>) {}
}

impl Sink for Box<dyn Sink> {
    fn event(&mut self, event: &Event<'_>) {
        (**self).event(event);
    }
}

impl<F: FnMut(&Event<'_>)> Sink for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}
