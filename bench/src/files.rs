//! The files that Toque and the floor bring about: the same names and contents.

use std::path::{Path, PathBuf};

/// What every file holds beside its number: about 200 bytes in all.
const REST: &str = "the quick brown fox jumps over the lazy dog, and then does so again for as long as it takes to come to ";

pub(crate) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("file-{number}"))
}

pub(crate) fn content(number: u32) -> String {
    format!("number {number}\n{REST}\n{REST}{number}\n")
}

/// A recipe that declares the files one by one.
pub(crate) fn recipe(folder: &Path, count: u32) -> String {
    format!(
        "for i in 0..{count} {{\n    file({}, #{{ content: {}, mode: \"0644\" }});\n}}\n",
        in_loop(folder),
        content_in_loop()
    )
}

/// The same loop with the same values and no resource.
pub(crate) fn loop_alone(folder: &Path, count: u32) -> String {
    format!(
        "for i in 0..{count} {{\n    let path = {};\n    let properties = #{{ content: {}, mode: \"0644\" }};\n}}\n",
        in_loop(folder),
        content_in_loop()
    )
}

/// A recipe that declares the files as templates.
pub(crate) fn template_recipe(folder: &Path, count: u32) -> String {
    format!(
        "for i in 0..{count} {{\n    template({}, #{{ source: \"file.hbs\", mode: \"0644\", variables: #{{ number: i }} }});\n}}\n",
        in_loop(folder)
    )
}

/// The template of one file.
pub(crate) fn template() -> String {
    format!("number {{{{number}}}}\n{REST}\n{REST}{{{{number}}}}\n")
}

/// A recipe that declares packages.
pub(crate) fn package_recipe(names: &[String]) -> String {
    names.iter().map(|name| format!("package(\"{name}\");\n")).collect()
}

fn in_loop(folder: &Path) -> String {
    format!("`{}/file-${{i}}`", folder.display())
}

fn content_in_loop() -> String {
    format!("`number ${{i}}\n{REST}\n{REST}${{i}}\n`")
}
