//! The kinds of resources that every Linux machine needs, and how each platform provides them.

use toque_engine::registry::Registry;

/// Every kind of this crate with its providers.
#[must_use]
pub fn standard() -> Registry {
    Registry::new()
}
