//! Paths of attributes, a line each: read, shown, set on all levels, and read again.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use toque_data::attributes::{Attributes, Level, Origin, parse_path, shown_path};
use toque_fuzz::sound;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let origin = Rc::new(Origin::Run);
    let mut attributes = Attributes::default();
    for (number, line) in text.lines().enumerate() {
        let Ok(path) = parse_path(line) else {
            assert!(line.split('.').any(str::is_empty), "{line:?} is refused");
            continue;
        };
        assert_eq!(path.join("."), line);
        assert_eq!(shown_path(&path), line);
        let level = Level::ALL[number % Level::ALL.len()];
        match attributes.set(level, &path, json!(number), &origin) {
            Err(mistake) => sound(&mistake),
            Ok(()) => {
                let settings = attributes.settings(&path[0]);
                let set = |setting: &&_| matches!(setting, toque_data::attributes::Setting { level: at, path: to, .. } if *at == level && *to == path);
                assert_eq!(
                    settings.iter().find(set).map(|setting| &setting.value),
                    Some(&json!(number)),
                    "{line:?}"
                );
            }
        }
    }
    for key in attributes.keys() {
        assert!(
            attributes.get(key).is_some_and(|value| *value != Value::Null),
            "{key:?} is not there"
        );
    }
    Corpus::Keep
});
