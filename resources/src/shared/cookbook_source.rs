//! The property `source` of files that come from a cookbook.

use std::path::Path;

use toque_core::property_error::PropertyError;
use toque_machine::property::OneOrMany;

/// Returns the declared sources, or the one that has the file's name.
pub(crate) fn sources(
    declared: Option<OneOrMany<String>>,
    path: &str,
    extension: &str,
) -> Vec<String> {
    match declared {
        Some(OneOrMany::One(source)) => vec![source],
        Some(OneOrMany::Many(sources)) => sources,
        None => {
            let name =
                Path::new(path).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            vec![format!("{name}{extension}")]
        }
    }
}

/// Checks that an array of sources is not empty.
pub(crate) fn check_source(source: Option<&OneOrMany<String>>) -> Result<(), PropertyError> {
    match source {
        Some(source) if source.as_slice().is_empty() => {
            Err(PropertyError::new("source", "the array is empty"))
        }
        _ => Ok(()),
    }
}
