//! The output of a child: kept, up to a limit, and handed on line by line.

use std::fs::File;
use std::io::{self, Read};

use crate::system::HostSystem;

/// What is kept of each stream.
const KEPT: usize = 16 << 20;

/// A line that is handed on has fewer bytes.
const LONGEST: usize = 64 << 10;
const TOO_LONG: &str = "[a line of more than 64 KiB]";

/// One of the child's output streams.
pub(super) struct Stream {
    pipe: Option<File>,
    kept: Vec<u8>,
    cut: bool,
    /// The line that is not complete yet, when lines are handed on.
    line: Option<Vec<u8>>,
}

impl Stream {
    /// `pipe` must not make readers wait. `live`: whether lines are handed on.
    pub(super) fn new(pipe: Option<File>, live: bool) -> Self {
        Self { pipe, kept: Vec::new(), cut: false, line: live.then(Vec::new) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    pub(super) fn pipe(&self) -> Option<&File> {
        self.pipe.as_ref()
    }

    /// Reads what is there, in portions, so that a child that never stops talking does not outlive
    /// its time. Says whether it spoke.
    pub(super) fn read(&mut self, host: &HostSystem) -> bool {
        let mut buffer = [0; 16 << 10];
        let mut spoke = false;
        for _ in 0..256 {
            let Some(pipe) = &mut self.pipe else { break };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    spoke = true;
                    self.keep(&buffer[..count]);
                    self.hand_on(&buffer[..count], host);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
        spoke
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT - self.kept.len().min(KEPT);
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }

    fn hand_on(&mut self, bytes: &[u8], host: &HostSystem) {
        let (Some(line), Some(listener)) = (&mut self.line, &host.live) else { return };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.len() > LONGEST {
                // In pieces it would be shown what must be hidden: it is found only whole.
                line.truncate(LONGEST);
            }
            if part.ends_with(b"\n") {
                let whole = line.len() < LONGEST;
                let text = String::from_utf8_lossy(line);
                listener(if whole { text.trim_end_matches(['\n', '\r']) } else { TOO_LONG });
                line.clear();
            }
        }
    }

    /// All that was kept.
    pub(super) fn finish(mut self, host: &HostSystem) -> Vec<u8> {
        if self.line.as_ref().is_some_and(|line| !line.is_empty()) {
            self.hand_on(b"\n", host);
        }
        if self.cut {
            self.kept.extend_from_slice(b"\n[cut here: more than 16 MiB of output]\n");
        }
        self.kept
    }
}
