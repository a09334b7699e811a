//! The text of a `cookbook.toml`.
#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_data::cookbook::Cookbook;
use toque_fuzz::sound;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    match Cookbook::parse(Path::new("cookbooks/web"), text) {
        Err(mistake) => {
            sound(&mistake);
            assert!(mistake.span.is_some(), "{mistake:?} has no place");
        }
        Ok(cookbook) => {
            let about = cookbook.manifest;
            assert_eq!(about.name, "web");
            assert_eq!(about.version.to_string().parse().as_ref(), Ok(&about.version));
            for constraint in
                about.dependencies.values().chain(about.platforms.values()).chain(&about.toque)
            {
                assert_eq!(constraint.to_string().parse().as_ref(), Ok(constraint));
                let _ = constraint.accepts(&about.version);
            }
        }
    }
    Corpus::Keep
});
