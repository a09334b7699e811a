//! What files, directories, links and commands do to a disk: `file_semantics.json`, each case as a
//! recipe on the real machine.

use crate::conformance::{compare, differences, on_host};

#[test]
fn file_semantics() {
    compare(
        include_str!("../../conformance/file_semantics.json"),
        differences::FILE_SEMANTICS,
        on_host::agrees,
    );
}
