//! The text of a `Cookfile.lock`: what parses is written, and read to the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use toque_cookbooks::manifest::lockfile::Lockfile;
use toque_fuzz::sound;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let path = Path::new("Cookfile.lock");
    match Lockfile::parse(path, text) {
        Err(mistake) => {
            sound(&mistake);
            assert!(mistake.span.is_some() && !mistake.hints.is_empty(), "{mistake:?}");
        }
        Ok(lockfile) => {
            let written = lockfile.text();
            let read = Lockfile::parse(path, &written).expect("what was written can be read");
            assert_eq!(read, lockfile, "{written}");
            assert_eq!(read.text(), written);
        }
    }
    Corpus::Keep
});
