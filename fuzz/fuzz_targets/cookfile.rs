//! The text of a `Cookfile.toml`.
#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_cookbooks::manifest::cookfile::{Cookfile, Location};
use toque_core::name::is_word;
use toque_fuzz::sound;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    match Cookfile::parse(Path::new("Cookfile.toml"), text) {
        Err(mistake) => {
            sound(&mistake);
            assert!(mistake.span.is_some(), "{mistake:?} has no place");
        }
        Ok(cookfile) => {
            for wanted in &cookfile.cookbooks {
                assert!(is_word(&wanted.name), "{:?}", wanted.name);
                let line = wanted.at.line_text();
                assert!(line.contains(wanted.name.as_str()) || line.contains('\\'), "{wanted:?}");
                if let Location::Sources(constraint) = &wanted.from {
                    assert_eq!(constraint.to_string().parse().as_ref(), Ok(constraint));
                }
            }
            let known = |platform: &&toque_core::platform::Platform| !platform.version.is_empty();
            assert_eq!(cookfile.platforms.iter().filter(known).count(), cookfile.platforms.len());
        }
    }
    Corpus::Keep
});
