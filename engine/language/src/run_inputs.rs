//! What a run is given, and what does not change while it lasts.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use toque_contract::registry::Registry;
use toque_core::cancel::CancelToken;
use toque_core::redaction::Redactor;
use toque_data::cookbook::Cookbooks;
use toque_data::data_bag::DataBags;
use toque_data::decryption::Decryptor;
use toque_data::search::index::Indexes;
use toque_data::stack::Command;

/// The inputs of a run.
pub struct RunInputs {
    /// The kinds of the program, and the custom resources of the cookbooks.
    pub registry: Registry,
    pub cookbooks: Cookbooks,
    pub data_bags: Rc<DataBags>,
    pub indexes: Indexes,
    /// The event of a stack that the run is for, if it is for one.
    pub command: Option<Rc<Command>>,
    pub decryptor: Rc<Decryptor>,
    /// The decrypted values.
    pub redactor: Rc<Redactor>,
    pub limits: Limits,
    pub reach: MachineAccess,
    /// The programs of the simulated machine; `None` on the real one.
    pub programs: Option<Vec<String>>,
    pub umask: u32,
    /// The folder of the run's state; none for `check`.
    pub state_dir: Option<PathBuf>,
    /// Ends scripts when the run is told to stop.
    pub stop: CancelToken,
}

impl Default for RunInputs {
    /// The inputs of a run that has no repository and decrypts nothing.
    fn default() -> Self {
        Self {
            registry: Registry::new(),
            cookbooks: Cookbooks::new(),
            data_bags: Rc::new(DataBags::of(None)),
            indexes: Indexes::default(),
            command: None,
            decryptor: Rc::new(Decryptor::closed()),
            redactor: Rc::default(),
            limits: Limits::default(),
            reach: MachineAccess::Machine,
            programs: None,
            umask: 0o022,
            state_dir: None,
            stop: CancelToken::default(),
        }
    }
}

/// The limits of a run. They are the same in every build profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For everything that runs before the first resource converges.
    pub compile_time: Duration,
    /// Steps of the language, over the whole run.
    pub operations: u64,
    pub resources: usize,
    /// Nested function calls, and nested includes.
    pub depth: usize,
    /// Custom resources inside one another.
    pub nesting: usize,
    /// Bytes of a string, elements of a collection.
    pub size: usize,
    /// Bytes of the custom JSON of one level of a stack.
    pub custom_json: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compile_time: Duration::from_secs(60),
            operations: 100_000_000,
            resources: 1_000_000,
            depth: 64,
            nesting: 32,
            size: 16 * 1024 * 1024,
            custom_json: toque_data::stack::LARGEST_CUSTOM_JSON,
        }
    }
}

/// Whether the machine may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineAccess {
    Machine,
    /// `check`: no command runs, and nothing outside the repository is read.
    Repository,
}
