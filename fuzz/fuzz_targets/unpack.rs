//! Archives of any bytes, unpacked on a machine in memory: nothing outside of the folder may
//! change, whatever they say.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use toque_machine::source::unpack::{Limits, unpack};
use toque_machine::system::FakeSystem;

const INTO: &str = "/srv/x/into";

fuzz_target!(|bytes: &[u8]| {
    let fake = FakeSystem::new();
    for name in ["/srv/a", "/srv/x/a", "/a"] {
        fake.put_file(name, "untouched");
    }
    fake.put_dir(INTO, 0o700);
    let before = fake.snapshot();
    let limits = Limits {
        bytes: 1 << 20,
        entries: 1000,
        ratio: 100,
        ratio_from: 1 << 16,
        ..Limits::default()
    };
    // The first byte says how many folders are left out.
    let (strip, content) =
        bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(first % 3), rest));
    if let Err(failure) = unpack(&fake, &content.into(), Path::new(INTO), strip, &limits) {
        assert!(!failure.message.is_empty());
    }
    let mut after = fake.snapshot();
    after.retain(|path, _| !path.starts_with(INTO) || path == Path::new(INTO));
    let outside = |mut all: std::collections::BTreeMap<_, _>| {
        all.remove(Path::new(INTO));
        all
    };
    assert_eq!(outside(after), outside(before));
});
