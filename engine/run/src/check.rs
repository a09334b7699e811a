//! `check`: every mistake in the cookbooks of a repository, for each platform they name, and in its
//! roles, environments and nodes; without touching a machine.

mod documents;
mod events;
mod unset;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use walkdir::WalkDir;

use crate::compile::begin;
use crate::offline::{self, opened};
use crate::options::Options;
use toque_contract::registry::Registry;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic::{Diagnostic, Diagnostics, Source};
use toque_core::failure::Failure;
use toque_core::name::RecipeName;
use toque_data::cookbook::{self, Cookbook, Cookbooks, Locked, cycle};
use toque_data::stack::Stack;
use toque_language::run_inputs::{Limits, MachineAccess};
use toque_language::{AttributesUsed, on_script_stack};
use toque_machine::facts::custom::CustomFact;
use toque_machine::facts::shipped::{Shipped, shipped, shipped_platforms};
use toque_machine::trust::{Subject, Trust};

/// What to check: a repository, and which of its cookbooks (all when none is named); or recipes of
/// no cookbook.
#[derive(Default, Clone)]
pub struct Checked {
    pub repository: Option<PathBuf>,
    /// Its cookbooks from elsewhere, which are not checked themselves.
    pub locked: Locked,
    pub cookbooks: Vec<String>,
    pub recipes: Vec<Source>,
    /// What recipes find of a stack; that of the repository is taken.
    pub stack: Option<Rc<Stack>>,
    pub limits: Limits,
    pub stop: CancelToken,
    /// The users who may decide what is in the repository; see [`Options::trust`].
    pub trust: Trust,
}

/// The stack document of a repository.
#[must_use]
pub fn stack_of(repository: &Path) -> Option<PathBuf> {
    ["stack.json", "stack.toml"]
        .into_iter()
        .map(|name| repository.join(name))
        .find(|path| path.is_file())
}

/// Every mistake of a stack document: its own, and of the recipes that its events come to, if there
/// is a repository of them.
#[must_use]
pub fn check_stack(registry: &Registry, checked: &Checked, path: &Path) -> Vec<Diagnostic> {
    let refused = trusted(checked).and_then(|()| checked.trust.file(Subject::Document, path));
    if let Err(refused) = refused {
        return vec![refused.into()];
    }
    sorted(match events::read(checked, path) {
        Ok(stack) => on_script_stack(&checked.limits, || events::check(registry, checked, &stack))
            .unwrap_or_else(|failure| vec![failure.into()]),
        Err(Diagnostics(wrong)) => wrong,
    })
}

/// Every mistake once, by file and place; none means that everything compiles on every platform.
#[must_use]
pub fn check(registry: &Registry, checked: &Checked) -> Vec<Diagnostic> {
    on_script_stack(&checked.limits, || check_all(registry, checked))
        .unwrap_or_else(|failure| vec![failure.into()])
}

fn check_all(registry: &Registry, checked: &Checked) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    let mut checked = checked.clone();
    if let Err(refused) = trusted(&checked) {
        return vec![refused.into()];
    }
    if let Some(path) = checked.repository.as_deref().and_then(stack_of) {
        match events::read(&checked, &path) {
            Ok(stack) => checked.stack = Some(stack),
            Err(Diagnostics(wrong)) => mistakes.extend(wrong),
        }
    }
    let checked = &checked;
    if let Some(repository) = &checked.repository {
        let (cookbooks, wrong) = cookbook::find_all(repository, &checked.locked);
        mistakes.extend(wrong);
        if checked.cookbooks.is_empty() {
            mistakes.extend(documents::check(repository, &cookbooks));
            mistakes.extend(
                checked.stack.iter().flat_map(|stack| events::check(registry, checked, stack)),
            );
        }
        mistakes.extend(circles(repository, checked, &cookbooks));
        let mut used = AttributesUsed::default();
        for cookbook in cookbooks.values() {
            let chosen = is_chosen(repository, checked, cookbook);
            let mut looked = AttributesUsed::default();
            let found = check_cookbook(
                registry,
                checked,
                repository,
                &cookbooks,
                cookbook,
                chosen,
                &mut looked,
            );
            used.known.merge(looked.known);
            if chosen {
                mistakes.extend(found);
                used.reads.extend(looked.reads);
            }
        }
        unset::documents(repository, &mut used.known);
        let unset = unset::warnings(used, &mistakes);
        mistakes.extend(unset);
    }
    for recipe in &checked.recipes {
        mistakes.extend(check_recipe(registry, checked, recipe));
    }
    sorted(mistakes)
}

/// Checks who decides what is in the repository and its cookbooks.
fn trusted(checked: &Checked) -> Result<(), Failure> {
    if let Some(repository) = &checked.repository {
        checked.trust.repository(repository)?;
    }
    let mut roots = checked.locked.roots.iter();
    roots.try_for_each(|(_, root)| checked.trust.tree(Subject::Repository, root))
}

/// Whether its mistakes are told: it is named, or lies in the repository when none is.
fn is_chosen(repository: &Path, checked: &Checked, cookbook: &Cookbook) -> bool {
    let own = || cookbook.root.starts_with(repository.join("cookbooks"));
    if checked.cookbooks.is_empty() {
        own()
    } else {
        checked.cookbooks.contains(&cookbook.manifest.name)
    }
}

/// The circles that cookbooks which are checked are in.
fn circles(repository: &Path, checked: &Checked, cookbooks: &Cookbooks) -> Vec<Diagnostic> {
    let needs = |name: &str| {
        cookbooks.get(name).map_or_else(Vec::new, |one| {
            one.manifest.dependencies.keys().map(String::as_str).collect()
        })
    };
    let all = cycle::circles(cookbooks.keys().map(String::as_str), needs);
    let told = all.iter().filter(|circle| {
        circle
            .iter()
            .filter_map(|name| cookbooks.get(*name))
            .any(|cookbook| is_chosen(repository, checked, cookbook))
    });
    told.map(|circle| {
        let place = || cookbooks.get(*circle.first()?)?.place_of(circle.get(1).or(circle.first())?);
        Diagnostic::warning(cycle::in_words(circle)).at(place()).hint(cycle::HINT)
    })
    .collect()
}

fn check_cookbook(
    registry: &Registry,
    checked: &Checked,
    repository: &Path,
    cookbooks: &Cookbooks,
    cookbook: &Rc<Cookbook>,
    chosen: bool,
    used: &mut AttributesUsed,
) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    let name = &cookbook.manifest.name;
    if let Err(wrong) = cookbook::in_order(cookbooks, [name.clone()]) {
        // What it sets is not known.
        used.known.open = true;
        return vec![wrong];
    }
    let options = |machine: Shipped, recipe: RecipeName| Options {
        repository: Some(repository.to_owned()),
        command: checked.stack.as_ref().and_then(|stack| events::of_recipe(stack, &recipe)),
        run_list: vec![recipe.into()],
        elsewhere: Some(machine),
        ..options_of(checked)
    };
    let machines = platforms(cookbook, &mut mistakes);
    let Some(first) = machines.first().cloned() else {
        used.known.open = true;
        return mistakes;
    };
    let default = RecipeName { cookbook: name.clone(), recipe: "default".to_owned() };
    let mut included: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    match opened(registry, &options(first, default)) {
        Err(refused) => {
            used.known.open = true;
            mistakes.extend(refused.diagnostics.0);
        }
        Ok(language) => {
            let interpreter = &language.interpreter;
            unset::always_set(interpreter, &mut used.known);
            if let Err(Diagnostics(wrong)) = begin(&language) {
                mistakes.extend(wrong);
            }
            mistakes.extend(interpreter.findings.mistakes.take());
            for folder in ["attributes", "recipes", "libraries", "resources"] {
                for path in files(&cookbook.root.join(folder), "rhai") {
                    match language.look_at(&path) {
                        Err(mistake) => mistakes.push(mistake),
                        Ok(looked) => {
                            mistakes.extend(looked.mistakes);
                            used.reads.extend(looked.attributes.reads);
                            used.known.merge(looked.attributes.known);
                            let recipe = path
                                .file_stem()
                                .map(|stem| stem.to_string_lossy().into_owned())
                                .unwrap_or_default();
                            let names = looked
                                .includes
                                .iter()
                                .filter_map(|text| RecipeName::parse(text, Some(name)).ok());
                            let own = names
                                .filter(|included| included.cookbook == *name)
                                .map(|included| included.recipe);
                            included.entry(recipe).or_default().extend(own);
                        }
                    }
                }
            }
            let facts = cookbook.fact_files().unwrap_or_else(|failure| {
                mistakes.push(failure.into());
                Vec::new()
            });
            let documents = facts
                .into_iter()
                .map(|(_, path)| path)
                .filter(|path| path.extension().is_some_and(|found| found == "json"));
            mistakes.extend(documents.filter_map(|path| CustomFact::document(&path).err()));
            for path in files(&cookbook.root.join("templates"), "hbs") {
                match language.look_at_template(&path, name) {
                    Err(mistake) => mistakes.push(mistake),
                    Ok(looked) => {
                        mistakes.extend(looked.mistakes);
                        used.reads.extend(looked.reads);
                        looked.asked.iter().for_each(|path| {
                            used.known.open_below(path.iter().map(String::as_str));
                        });
                    }
                }
            }
        }
    }
    if !chosen {
        return mistakes;
    }
    let mut compiled: Vec<(Diagnostic, Vec<String>)> = Vec::new();
    for machine in &machines {
        let roots = roots(cookbook, &included).unwrap_or_else(|failure| {
            mistakes.push(failure.into());
            Vec::new()
        });
        for recipe in roots {
            let options = options(machine.clone(), RecipeName { cookbook: name.clone(), recipe });
            for mistake in offline::mistakes(registry, &options) {
                match compiled.iter_mut().find(|(known, _)| {
                    place(known) == place(&mistake) && known.message == mistake.message
                }) {
                    Some((_, on)) => on.push(platform_of(machine)),
                    None => compiled.push((mistake, vec![platform_of(machine)])),
                }
            }
        }
    }
    mistakes.extend(compiled.into_iter().map(|(mistake, mut on)| {
        on.dedup();
        if on.len() < machines.len() {
            mistake.note(format!("on {}", on.join(", ")))
        } else {
            mistake
        }
    }));
    mistakes
}

fn platform_of(machine: &Shipped) -> String {
    let text =
        |key: &str| machine.facts.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    format!("{} {}", text("platform"), text("platform_version"))
}

fn place(mistake: &Diagnostic) -> Option<(&str, usize, usize)> {
    mistake.span.as_ref().map(|span| (span.source.name.as_str(), span.line, span.column))
}

fn check_recipe(registry: &Registry, checked: &Checked, recipe: &Source) -> Vec<Diagnostic> {
    let source = || Source {
        name: recipe.name.clone(),
        path: recipe.path.clone(),
        text: recipe.text.clone(),
    };
    let options = Options {
        recipe: Some(source()),
        elsewhere: shipped("debian", None),
        ..options_of(checked)
    };
    let mut mistakes = Vec::new();
    let mut used = AttributesUsed::default();
    match opened(registry, &options) {
        Ok(language) => {
            let looked = language.look(&Arc::new(source()));
            mistakes.extend(looked.mistakes);
            used = looked.attributes;
            unset::always_set(&language.interpreter, &mut used.known);
        }
        Err(refused) => mistakes.extend(refused.diagnostics.0),
    }
    mistakes.extend(offline::mistakes(registry, &options));
    let unset = unset::warnings(used, &mistakes);
    mistakes.extend(unset);
    mistakes
}

/// Nothing is asked of the machine that checks.
fn options_of(checked: &Checked) -> Options {
    Options {
        node_name: "example".to_owned(),
        find_locked: Some(cookbook::found(checked.locked.clone())),
        limits: checked.limits,
        stop: checked.stop.clone(),
        reach: MachineAccess::Repository,
        ..Options::default()
    }
}

/// The machines that the cookbook is for: every version of each platform that it names and that
/// there are facts of; the newest Debian when it names none.
fn platforms(cookbook: &Cookbook, mistakes: &mut Vec<Diagnostic>) -> Vec<Shipped> {
    if cookbook.manifest.platforms.is_empty() {
        return shipped("debian", None).into_iter().collect();
    }
    let mut machines = Vec::new();
    for (platform, constraint) in &cookbook.manifest.platforms {
        let known: Vec<_> = shipped_platforms().filter(|(known, _)| known == platform).collect();
        if known.is_empty() {
            mistakes.push(
                Diagnostic::warning(format!(
                    "cookbook `{}` is for `{platform}`, of which no facts are known",
                    cookbook.manifest.name
                ))
                .hint("it is not checked for that platform"),
            );
        }
        let fitting = known.into_iter().filter(|(_, version)| {
            version.parse().is_ok_and(|version| constraint.accepts(&version))
        });
        machines.extend(fitting.filter_map(|(platform, version)| shipped(platform, Some(version))));
    }
    machines
}

/// The recipes that no other recipe of the cookbook includes: the others are compiled with those
/// that include them.
fn roots(
    cookbook: &Cookbook,
    included: &BTreeMap<String, BTreeSet<String>>,
) -> Result<Vec<String>, Failure> {
    let recipes = cookbook.recipes()?;
    let mut reached: HashSet<&str> = HashSet::new();
    let mut roots: Vec<String> = Vec::new();
    let targets: BTreeSet<&String> =
        included.iter().flat_map(|(from, to)| to.iter().filter(move |to| *to != from)).collect();
    for recipe in recipes.iter().filter(|recipe| !targets.contains(recipe)) {
        roots.push(recipe.clone());
        reach(recipe, included, &mut reached);
    }
    // A circle of recipes has no root of its own.
    for recipe in &recipes {
        if reached.insert(recipe) {
            roots.push(recipe.clone());
            reach(recipe, included, &mut reached);
        }
    }
    Ok(roots)
}

fn reach<'a>(
    recipe: &'a str,
    included: &'a BTreeMap<String, BTreeSet<String>>,
    reached: &mut HashSet<&'a str>,
) {
    let mut open = vec![recipe];
    while let Some(recipe) = open.pop() {
        reached.insert(recipe);
        let next = included.get(recipe).into_iter().flatten().map(String::as_str);
        open.extend(next.filter(|next| !reached.contains(next)));
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

/// By file and place, each once: what was seen in a look is often also what stopped a run.
fn sorted(mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    // A certain mistake comes before the same one that only may be.
    mistakes.sort_by(|one, two| {
        (place(one), &one.message, two.severity).cmp(&(place(two), &two.message, one.severity))
    });
    // What was seen in a look is often also what stopped a run, there with the place of the call.
    let line = |mistake: &Diagnostic| {
        mistake.span.as_ref().map(|span| (span.source.name.clone(), span.line))
    };
    mistakes.dedup_by(|one, two| line(one) == line(two) && one.message == two.message);
    mistakes
}
