//! How much of an archive is read before it counts as a trap.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use crate::system::Request;
use toque_core::failure::{Failure, FailureKind};

/// What an archive may come to. A small archive that becomes very large is made to fill disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the archive itself, which is held in memory.
    pub packed: u64,
    /// Bytes, unpacked.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
    /// How many times its own size an archive may have unpacked, once that is more than
    /// `ratio_from` bytes.
    pub ratio: u64,
    pub ratio_from: u64,
}

impl Limits {
    /// What is unpacked where nobody says otherwise.
    pub const USUAL: Self = Self {
        packed: Request::LARGEST,
        bytes: 8 << 30,
        entries: 1_000_000,
        ratio: 200,
        ratio_from: 64 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What was unpacked so far, against the limits.
pub(super) struct Budget {
    limits: Limits,
    packed: u64,
    read: Cell<u64>,
    /// What the files that were announced come to. Holes are written and never read.
    announced: Cell<u64>,
    /// Up to which count the part that is read now may go.
    part: Cell<u64>,
    /// How many of the last bytes were zero.
    zeros: Cell<u64>,
    trouble: RefCell<Option<Failure>>,
}

impl Budget {
    pub(super) fn new(limits: &Limits, packed: u64) -> Self {
        Self {
            limits: *limits,
            packed,
            read: Cell::new(0),
            announced: Cell::new(0),
            part: Cell::new(u64::MAX),
            zeros: Cell::new(0),
            trouble: RefCell::new(None),
        }
    }

    /// Says how many bytes the next part of the archive can have, so that a header does not claim
    /// memory for all of them.
    pub(super) fn expect(&self, bytes: u64) {
        self.part.set(self.read.get().saturating_add(bytes));
    }

    /// Takes note of a file that will have so many bytes, before any is written.
    /// # Errors
    /// When that is more than there may be.
    pub(super) fn announce(&self, bytes: u64) -> Result<(), Failure> {
        self.announced.set(self.announced.get().saturating_add(bytes));
        self.within(self.announced.get())
    }

    /// How many of the bytes that were read last are zero.
    pub(super) fn zeros(&self) -> u64 {
        self.zeros.get()
    }

    /// Why reading was stopped, rather than what the reader made of it.
    pub(super) fn trouble(&self) -> Option<Failure> {
        self.trouble.borrow().clone()
    }

    /// Reads what is unpacked, within the limits.
    pub(super) fn metered<'a, R: Read>(&'a self, inner: R) -> Metered<'a, R> {
        Metered { inner, budget: self }
    }

    fn count(&self, bytes: &[u8]) -> io::Result<()> {
        let read = self.read.get().saturating_add(bytes.len() as u64);
        self.read.set(read);
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count() as u64;
        self.zeros.set(if zeros == bytes.len() as u64 { self.zeros.get() + zeros } else { zeros });
        let part = if read > self.part.get() {
            Err(trap("a name or a header in it is too long"))
        } else {
            Ok(())
        };
        self.within(read).and(part).map_err(|failure| {
            self.stop(failure);
            io::Error::other("stopped")
        })
    }

    fn within(&self, unpacked: u64) -> Result<(), Failure> {
        let Limits { bytes, ratio, ratio_from, .. } = self.limits;
        match () {
            () if unpacked > bytes => {
                Err(trap(&format!("it has more than {bytes} bytes unpacked")))
            }
            () if unpacked > ratio_from && unpacked > self.packed.saturating_mul(ratio) => {
                Err(trap(&format!("unpacked it has more than {ratio} times its size")))
            }
            () => Ok(()),
        }
    }

    fn stop(&self, failure: Failure) {
        self.trouble.borrow_mut().get_or_insert(failure);
    }
}

pub(super) struct Metered<'a, R> {
    inner: R,
    budget: &'a Budget,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.budget.count(&buffer[..count])?;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.budget.stop(damaged(&error.to_string()));
                Err(error)
            }
        }
    }
}

pub(super) fn trap(why: &str) -> Failure {
    Failure::new(why)
        .of_kind(FailureKind::BadArchive)
        .hint("it may be made to fill disks; if it is right, unpack it by a command of your own")
}

/// What is in it cannot be right.
pub(super) fn damaged(why: &str) -> Failure {
    Failure::new(format!("it is damaged or cut off: {why}"))
        .of_kind(FailureKind::BadArchive)
        .hint("fetch it again, and compare its checksum with the one that was published")
}
