//! The machines that a repository is for: the engine that runs on them, and their platforms.

use indexmap::IndexMap;
use toque_engine::platform::Platform;
use toque_engine::version::{Constraint, Version};

use crate::universe::Release;

/// What every cookbook that is used must fit.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// The version of the engine; none when it does not matter.
    pub toque: Option<Version>,
    /// The platforms; none when they do not matter.
    pub platforms: Vec<Platform>,
}

impl Fleet {
    /// Machines of these platforms with this engine.
    #[must_use]
    pub fn of(platforms: Vec<Platform>) -> Self {
        Self { toque: Some(Version::of_engine()), platforms }
    }

    /// Why a release cannot be used on these machines, to be said after its name: `does not support
    /// debian 12`.
    #[must_use]
    pub fn refuses(&self, release: &Release) -> Option<String> {
        self.refuses_what_needs(release.toque.as_ref(), &release.platforms)
    }

    /// The same for what a cookbook says of itself.
    #[must_use]
    pub fn refuses_what_needs(
        &self,
        toque: Option<&Constraint>,
        platforms: &IndexMap<String, Constraint>,
    ) -> Option<String> {
        if let (Some(wanted), Some(engine)) = (toque, &self.toque)
            && !wanted.accepts(engine)
        {
            return Some(format!("needs toque {wanted}, and this is {engine}"));
        }
        let unsupported = self.platforms.iter().filter(|platform| !platform.is_among(platforms));
        let unsupported: Vec<String> = unsupported.map(Platform::to_string).collect();
        match &unsupported[..] {
            [] => None,
            [first @ .., last] if !first.is_empty() => {
                Some(format!("does not support {} and {last}", first.join(", ")))
            }
            all => Some(format!("does not support {}", all.concat())),
        }
    }
}
