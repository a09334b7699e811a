//! An app of many files, deployed from a git repository on the same disk.

use std::fs;
use std::path::Path;
use std::process::Command;

/// How many files the app has.
pub(crate) const FILES: u32 = 10_000;

/// Makes the repository of the app: files of some 200 bytes in folders of a hundred, in one commit.
pub(crate) fn write(origin: &Path) {
    for number in 0..FILES {
        let folder = origin.join(format!("part{}", number / 100));
        fs::create_dir_all(&folder).expect("the folder can be made");
        let text = format!(
            "{number}: the quick brown fox jumps over the lazy dog, for the {number}th time\n"
        )
        .repeat(3);
        fs::write(folder.join(format!("file{number}.txt")), text).expect("the file can be written");
    }
    for words in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.com",
            "commit",
            "-q",
            "-m",
            "all",
        ],
    ] {
        let status =
            Command::new("git").current_dir(origin).args(words).status().expect("there is git");
        assert!(status.success(), "git {words:?} ended with {status}");
    }
}

/// A recipe that deploys it.
pub(crate) fn recipe(origin: &Path, app: &Path) -> String {
    format!(
        "deploy({:?}, #{{ source: #{{ type: \"git\", url: {:?} }} }});\n",
        app.display().to_string(),
        origin.display().to_string()
    )
}
