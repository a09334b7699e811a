//! The machines that a repository is for: the engine that runs on them, and their platforms.

use toque_core::platform::Platform;
use toque_core::version::Version;

/// What every cookbook that is used must fit.
#[derive(Debug, Clone, Default)]
pub struct TargetPlatforms {
    /// The version of the engine; none when it does not matter.
    pub toque: Option<Version>,
    /// The platforms; none when they do not matter.
    pub platforms: Vec<Platform>,
}

impl TargetPlatforms {
    /// Machines of these platforms with this engine.
    #[must_use]
    pub fn of(platforms: Vec<Platform>) -> Self {
        Self { toque: Some(Version::of_engine()), platforms }
    }
}
