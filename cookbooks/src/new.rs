//! A cookbook to begin with: it converges, and has a test.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_machine::facts::Facts;

use toque_core::name::is_word;
use toque_machine::atomic_write;

/// What it is made of. `@NAME@` stands for its name, `@KEY@` for that of its attributes.
const FILES: [(&str, &str); 6] = [
    ("cookbook.toml", include_str!("new/cookbook.toml")),
    ("README.md", include_str!("new/README.md")),
    ("attributes/default.rhai", include_str!("new/attributes/default.rhai")),
    ("recipes/default.rhai", include_str!("new/recipes/default.rhai")),
    ("templates/hello.txt.hbs", include_str!("new/templates/hello.txt.hbs")),
    ("tests/default.sh", include_str!("new/tests/default.sh")),
];

/// Words of the recipe language, which cannot stand behind a dot as in `node.if`.
const FUNCTIONS: &str = "\
    true false let const is_shared if else switch do while until loop for in continue break \
    return throw try catch import export as fn private this Fn call curry is_def_fn is_def_var \
    type_of eval";

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// The first key of its attributes, and the beginning of the names of its custom resources: the
    /// name, with `_` for `-`.
    pub key: String,
    pub root: PathBuf,
    /// Its files, seen from there.
    pub files: Vec<&'static str>,
}

/// Makes a cookbook in `cookbooks/` of a repository: all of it or nothing.
/// # Errors
/// When the name will not do, there is something of that name, or it cannot be written.
pub fn new(repository: &Path, name: &str) -> Result<New, Diagnostic> {
    let key = key(name)?;
    let folder = repository.join("cookbooks");
    let root = folder.join(name);
    let is_there = || {
        Diagnostic::error(format!("`{}` is there already, and is left as it is", root.display()))
            .hint("choose another name, or remove what is there")
    };
    if root.symlink_metadata().is_ok() {
        return Err(is_there());
    }
    fs::create_dir_all(&folder).map_err(|error| Failure::io("create", &folder, &error))?;
    let made = || -> io::Result<()> {
        let temporary = atomic_write::temporary_folder(&folder)?;
        let whole = temporary.path().join(name);
        for (file, text) in FILES {
            let path = whole.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&whole))?;
            let mode = if text.starts_with("#!") { 0o777 } else { 0o666 };
            let text = text.replace("@NAME@", name).replace("@KEY@", &key);
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&path)?
                .write_all(text.as_bytes())?;
        }
        fs::rename(&whole, &root)
    };
    made().map_err(|error| match error.kind() {
        // Somebody else was first.
        io::ErrorKind::DirectoryNotEmpty
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory => is_there(),
        _ => {
            // Goes only when it is empty: it was made for this.
            let _ = fs::remove_dir(&folder);
            Failure::io("create", &root, &error).into()
        }
    })?;
    Ok(New { key, root, files: FILES.iter().map(|(file, _)| *file).collect() })
}

/// The key of a cookbook's attributes.
/// # Errors
/// When the name is none, or recipes could not use its attributes or custom resources.
fn key(name: &str) -> Result<String, Diagnostic> {
    let wrong = |why: &str| {
        Diagnostic::error(format!("`{name}` will not do as the name of a cookbook: {why}"))
    };
    let key = name.replace('-', "_");
    if !is_word(name) {
        return Err(wrong("it has other characters than letters, digits, `-` and `_`")
            .hint("write it as in `my_app`"));
    }
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        let why = format!("a recipe cannot write `node.{key}`, nor a custom resource `{key}_site`");
        return Err(wrong(&why).hint("begin it with a letter"));
    }
    if FUNCTIONS.split(' ').any(|word| word == key) {
        return Err(wrong(&format!(
            "`{key}` is a word of the recipe language, and `node.{key}` could not be read"
        ))
        .hint(format!("say more, as in `{key}_site`")));
    }
    if Facts::keys().any(|fact| fact == key) {
        return Err(wrong(&format!(
            "`node.{key}` is what is known of the machine, and would hide its attributes"
        ))
        .hint(format!("say more, as in `{key}_site`")));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in
            [("web", "web"), ("my-app", "my_app"), ("My_App2", "My_App2"), ("default", "default")]
        {
            assert_eq!(key(name).unwrap(), expected);
        }
        for (name, why) in [
            ("", "other characters"),
            ("a/b", "other characters"),
            ("..", "other characters"),
            ("web.app", "other characters"),
            ("3proxy", "cannot write `node.3proxy`"),
            ("-x", "cannot write"),
            ("if", "a word of the recipe language"),
            ("is-shared", "a word of the recipe language"),
            ("memory", "what is known of the machine"),
        ] {
            let told = key(name).expect_err(name);
            assert!(told.message.contains(why) && !told.hints.is_empty(), "{told:?}");
        }
    }

    #[test]
    fn what_is_there_is_left() {
        let repository = tempfile::tempdir().unwrap();
        let made = new(repository.path(), "web").unwrap();
        let text = fs::read_to_string(made.root.join("recipes/default.rhai")).unwrap();
        assert!(text.contains("node.web.folder") && !text.contains('@'), "{text}");
        fs::write(made.root.join("README.md"), "mine").unwrap();
        assert!(
            new(repository.path(), "web")
                .expect_err("it is there")
                .message
                .contains("is there already")
        );
        assert_eq!(fs::read_to_string(made.root.join("README.md")).unwrap(), "mine");
        std::os::unix::fs::symlink("nowhere", repository.path().join("cookbooks/link")).unwrap();
        new(repository.path(), "link").expect_err("a link is there");
        assert_eq!(
            fs::read_dir(repository.path().join("cookbooks")).unwrap().count(),
            2,
            "nothing is left behind"
        );
        // What a killed process left goes away.
        let left = repository.path().join("cookbooks/.toque-making-killed");
        fs::create_dir(&left).unwrap();
        fs::File::open(&left).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        new(repository.path(), "other").unwrap();
        assert!(!left.exists());
        // A file stands where the folder has to be.
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("cookbooks"), "").unwrap();
        new(other.path(), "web").expect_err("it cannot be made");
    }
}
