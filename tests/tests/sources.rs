//! The sources of the workspace, as tokens.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folders of the crates, relative to the workspace.
pub(crate) fn members() -> Vec<String> {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| member.as_str().unwrap().to_owned()).collect()
}

/// The `.rs` files below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let below = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => files(&path),
        Some(extension) if extension == "rs" => vec![path],
        _ => Vec::new(),
    };
    paths.into_iter().flat_map(below).collect()
}

/// A module by its path in the crate; the root is empty.
pub(crate) type Module = Vec<String>;

/// A file of a crate that is no test.
pub(crate) struct Source {
    pub module: Module,
    pub file: PathBuf,
    pub code: Code,
}

/// What a folder `src` has, but for its programs and tests.
pub(crate) fn production(folder: &Path) -> Vec<Source> {
    let mut sources: Vec<Source> =
        files(folder).into_iter().map(|file| read(folder, file)).collect();
    let tests: Vec<Module> = sources.iter().flat_map(Source::tests).collect();
    sources.retain(|Source { module, .. }| {
        let is_program = module.first().is_some_and(|first| first == "bin");
        !is_program && !tests.iter().any(|test| module.starts_with(test))
    });
    sources
}

fn read(folder: &Path, file: PathBuf) -> Source {
    let inside = file.strip_prefix(folder).unwrap().with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if ["lib", "main", "mod"].contains(&module[module.len() - 1].as_str()) {
        module.pop();
    }
    Source { code: Code::read(&file), module, file }
}

impl Source {
    /// The modules in files of their own that only tests are compiled with.
    fn tests(&self) -> Vec<Module> {
        let below = |name: &String| [&self.module[..], std::slice::from_ref(name)].concat();
        self.code.tests.iter().map(below).collect()
    }
}

/// A file without its comments and without what only tests are compiled with.
#[derive(Default)]
pub(crate) struct Code {
    pub tokens: Vec<Token>,
    /// Modules in files of their own.
    pub modules: Vec<String>,
    /// Those of them that only tests are compiled with.
    pub tests: Vec<String>,
}

pub(crate) struct Token {
    pub text: String,
    pub line: usize,
}

impl Code {
    pub(crate) fn read(path: &Path) -> Code {
        let text = fs::read_to_string(path).unwrap();
        let stream: TokenStream =
            text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut code = Code::default();
        code.add(stream);
        for at in 2..code.tokens.len() {
            if code.text(at - 2) == "mod" && code.text(at) == ";" {
                code.modules.push(code.text(at - 1).to_owned());
            }
        }
        code
    }

    /// The text of a token, empty beyond the last one.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn add(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            let line = tree.span().start().line;
            let mut push = |text: String| self.tokens.push(Token { text, line });
            match tree {
                TokenTree::Punct(punct) if punct.as_char() == '#' && is_test(trees.peek()) => {
                    self.skip(&mut trees);
                }
                // `::` and `==` are one token.
                TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint => {
                    let mut text = punct.as_char().to_string();
                    let next = match trees.peek() {
                        Some(TokenTree::Punct(next)) => Some(next.as_char()),
                        _ => None,
                    };
                    if next == Some(punct.as_char()) {
                        text.extend(next);
                        trees.next();
                    }
                    push(text);
                }
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    push(open.to_owned());
                    self.add(group.stream());
                    let line = group.span_close().start().line;
                    self.tokens.push(Token { text: close.to_owned(), line });
                }
                other => push(other.to_string()),
            }
        }
    }

    /// Skips an item, up to its block or semicolon.
    fn skip(&mut self, trees: &mut impl Iterator<Item = TokenTree>) {
        let mut last = [String::new(), String::new()];
        for tree in trees {
            match &tree {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    if let [word, name] = last
                        && word == "mod"
                    {
                        self.modules.push(name.clone());
                        self.tests.push(name);
                    }
                    return;
                }
                _ => {}
            }
            last.swap(0, 1);
            last[1] = tree.to_string();
        }
    }
}

fn is_test(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else { return false };
    group.stream().to_string().replace(' ', "") == "cfg(test)"
}
