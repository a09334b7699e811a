use std::path::Path;

use super::{MARK, definitions};
use toque_contract::registry::Registry;
use toque_data::cookbook::Locked;

/// A definition file holds what Rhai itself cannot read: declarations without bodies, with types.
/// So each is given a body and its types are taken away; what is left is Rhai, comments included.
fn as_script(text: &str) -> String {
    let mut script = String::new();
    for line in text.lines() {
        let line =
            match line.strip_prefix("fn ").map(|rest| rest.strip_prefix("get ").unwrap_or(rest)) {
                Some(declaration) => {
                    let signature = super::Signature::of(declaration.trim_end_matches(';'));
                    let names: Vec<&str> =
                        signature.parameters.iter().map(|(name, _)| *name).collect();
                    // Two signatures of one function differ in what they take.
                    format!("fn {}_{}({}) {{}}", signature.name, script.len(), names.join(", "))
                }
                None if line.starts_with("op ")
                    || line.starts_with("module ")
                    || line.starts_with("const ") =>
                {
                    assert!(line.ends_with(';'), "{line}");
                    continue;
                }
                None => line.to_owned(),
            };
        script.push_str(&line);
        script.push('\n');
    }
    script
}

#[test]
fn definitions_are_written_for_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("cookbooks/web/cookbook.toml", "name = \"web\"\nversion = \"1.0.0\"\n");
    let library = "/// The name of a site's file.\n/// Without a folder.\nfn file_name(site, port) { site + port }\n\nprivate fn inner() {}\nfn bare() {}\n";
    write("cookbooks/web/libraries/names.rhai", library);

    write("cookbooks/web/attributes/default.rhai", "default(\"web.port\", 80);\n");
    let kind = "property(\"port\", #{ type: \"int\", default: node.web.port, doc: \"Where it listens.\" });\naction(\"create\", \"Make it.\", || {});\naction(\"delete\", \"Remove it\\nand its page.\", || {});\n";
    write("cookbooks/web/resources/site.rhai", kind);

    let files = definitions(&Registry::new(), Some(folder.path()), &Locked::default()).unwrap();
    let kinds = &files[Path::new("kinds.d.rhai")];
    assert!(kinds.contains("/// - `create`: Make it\n"), "{kinds}");
    assert!(kinds.contains("/// - `delete`: Remove it\n/// and its page\n"), "{kinds}");
    assert!(kinds.contains("/// - `port` (int, default: `80`): Where it listens.\n"), "{kinds}");
    assert!(kinds.contains("\nfn web_site(name: ?, properties: Map) -> Resource;\n"), "{kinds}");
    assert!(!kinds.contains("converge_if_changed"), "{kinds}");
    let names: Vec<&str> = files.keys().filter_map(|path| path.to_str()).collect();
    assert_eq!(names, ["kinds.d.rhai", "language.d.rhai", "libraries/web/names.d.rhai"]);
    let expected = format!(
        "{MARK}\nmodule \"web::names\";\n\nfn bare() -> ?;\n\n/// The name of a site's file.\n/// Without a folder.\nfn file_name(site: ?, port: ?) -> ?;\n"
    );
    assert_eq!(files[Path::new("libraries/web/names.d.rhai")], expected);

    let language = &files[Path::new("language.d.rhai")];
    assert!(language.contains("\nop default(?, ?);\n"), "{language}");
    assert!(language.contains("\nfn get changed(resource: Resource) -> bool;\n"), "{language}");
    for (path, text) in &files {
        assert!(text.starts_with(MARK), "{}", path.display());
        let script = as_script(text);
        rhai::Engine::new()
            .compile(&script)
            .unwrap_or_else(|error| panic!("{}: {error}\n{script}", path.display()));
    }

    write("cookbooks/web/libraries/broken.rhai", "fn broken( {}");
    let refused =
        definitions(&Registry::new(), Some(folder.path()), &Locked::default()).unwrap_err();
    assert!(refused.diagnostics.to_string().contains("broken"), "{}", refused.diagnostics);
}
