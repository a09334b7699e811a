//! Custom resources: kinds that cookbooks make of other kinds, in `resources/*.rhai`.
//!
//! A file is run once, after the attributes: it says which properties and actions there are. The
//! actions are run for each resource that is declared, after the last recipe: see `expand`.

mod expand;
mod property;
mod this;

use std::path::Path;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map};
use serde_json::{Value, json};

pub(crate) use expand::{differences, expand, is_group};

use crate::closure::Closure;
use crate::definition::{Definition, Property};
use crate::error::{Fallible, throw, throw_text};
use crate::function_table::{self, COMMON};
use crate::interpreter::{CallContext, Interpreter};
use crate::{closures, script, source_positions};
use toque_contract::graph::{ActionRef, Common, Deferred, Instance};
use toque_contract::registry::{ActionDoc, CustomKind, Kind, Origin};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::name::RecipeName;
use toque_core::property_error::PropertyError;

/// Runs the file of every custom kind, so that its properties and actions are known.
/// # Errors
/// The first mistake in one of them.
pub(crate) fn define_all(engine: &Engine, interpreter: &Interpreter) -> Result<(), Diagnostic> {
    for kind in interpreter.inputs.registry.kinds.values() {
        if let Origin::Custom(custom) = &kind.origin
            && custom.declared.get().is_none()
        {
            match define(engine, interpreter, kind, custom) {
                Ok(mut definition) => {
                    let _ = custom.declared.set(std::mem::take(&mut definition.declared));
                    let name = Rc::clone(&kind.name);
                    interpreter.kept.definitions.borrow_mut().insert(name, Rc::new(definition));
                }
                Err(mistake) => interpreter.go_on_after(mistake)?,
            }
        }
    }
    Ok(())
}

fn define(
    engine: &Engine,
    interpreter: &Interpreter,
    kind: &Kind,
    custom: &CustomKind,
) -> Result<Definition, Diagnostic> {
    interpreter.progress.defining.replace(Some(Definition::default()));
    let ran = script::run_file(engine, interpreter, &home(custom), &custom.path);
    let mut definition = interpreter.progress.defining.take().unwrap_or_default();
    ran?;
    let source =
        interpreter.sources.texts.borrow().get(&toque_data::cookbook::shown(&custom.path)).cloned();
    let place = || source.as_ref().map(script::start);
    if definition.declared.actions.is_empty() {
        return Err(Diagnostic::error(format!(
            "the custom resource `{}` has no action",
            kind.name
        ))
        .at(place())
        .hint("declare one: `action(\"create\", || { … });`"));
    }
    let actions = || definition.declared.actions.iter().map(|action| &*action.name);
    for (name, property) in &definition.properties {
        if let Some(unknown) = property
            .required_for()
            .iter()
            .find(|wanted| !actions().any(|action| action == **wanted))
        {
            let at = property
                .span
                .as_ref()
                .and_then(|span| source_positions::written(engine, interpreter, span, "required"));
            return Err(Diagnostic::error(format!(
                "property `{name}`: `required` names `{unknown}`, which is no action of `{}`",
                kind.name
            ))
            .at(at.or_else(|| property.span.clone()))
            .suggest_or(unknown, actions(), || {
                format!("the actions are {}", actions().collect::<Vec<_>>().join(", "))
            }));
        }
    }
    let required: Vec<&str> = definition
        .properties
        .iter()
        .filter(|(_, property)| property.is_required())
        .map(|(name, _)| &**name)
        .collect();
    let properties: serde_json::Map<String, Value> = definition
        .properties
        .iter()
        .map(|(name, property)| (name.to_string(), property.schema()))
        .collect();
    let description = source.map(|source| described(&source.text)).filter(|text| !text.is_empty());
    let description = description
        .unwrap_or_else(|| format!("A custom resource of the cookbook `{}`.", custom.cookbook));
    definition.declared.schema =
        json!({ "description": description, "properties": properties, "required": required });
    Ok(definition)
}

/// What the comment at the beginning of a file says.
fn described(text: &str) -> String {
    let comment = text.lines().map(str::trim).take_while(|line| line.starts_with("//"));
    comment
        .map(|line| line.trim_start_matches(['/', '!']).trim())
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

/// Where templates and files of a custom resource are looked up, and what `::recipe` means in it.
fn home(custom: &CustomKind) -> RecipeName {
    let recipe =
        custom.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    RecipeName { cookbook: custom.cookbook.clone(), recipe }
}

/// The custom kinds of a cookbook: their names and files, in order.
/// # Errors
/// When they cannot be listed.
fn kinds_of(cookbook: &toque_data::cookbook::Cookbook) -> Result<Vec<Kind>, Failure> {
    let kind = |path: &Path| {
        let file = path.file_stem()?.to_str()?;
        let custom = CustomKind {
            cookbook: cookbook.manifest.name.clone(),
            path: path.to_owned(),
            declared: std::cell::OnceCell::new(),
        };
        Some(Kind {
            name: toque_data::cookbook::kind_name(&cookbook.manifest.name, file).into(),
            origin: Origin::Custom(custom),
        })
    };
    Ok(cookbook.resource_files()?.iter().filter_map(|path| kind(path)).collect())
}

/// Adds the custom kinds of a run's cookbooks to those that the program brings.
/// # Errors
/// Two kinds of one name, and a kind that has the name of a function.
pub fn add_kinds<'a>(
    registry: &mut toque_contract::registry::Registry,
    cookbooks: impl Iterator<Item = &'a Rc<toque_data::cookbook::Cookbook>>,
) -> Result<(), Diagnostic> {
    let kinds = cookbooks.map(|cookbook| kinds_of(cookbook)).collect::<Result<Vec<_>, _>>()?;
    for kind in kinds.into_iter().flatten() {
        let name = Rc::clone(&kind.name);
        let Origin::Custom(custom) = &kind.origin else { continue };
        let file = toque_data::cookbook::shown(&custom.path);
        let rename =
            "give the file another name: the kind is called after the cookbook and the file";
        if function_table::is_function(&name) {
            return Err(Diagnostic::error(format!(
                "`{file}` makes a resource `{name}`, and there is a function of that name"
            ))
            .hint(rename));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic())
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(Diagnostic::error(format!("`{file}` makes a resource `{name}`, which is no name in a recipe"))
                .hint("use letters, digits and `_` in the names of cookbooks and files that make resources"));
        }
        if let Some(other) = registry.kinds.get(&name) {
            let other = match &other.origin {
                Origin::Custom(other) => {
                    format!("and so does `{}`", toque_data::cookbook::shown(&other.path))
                }
                _ => "and there is a built-in kind of that name".to_owned(),
            };
            return Err(Diagnostic::error(format!("`{file}` makes a resource `{name}`, {other}"))
                .hint(rename));
        }
        registry.add(kind);
    }
    registry.add(expand::group_kind());
    Ok(())
}

/// The words of a file in `resources/`.
pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn("property", move |context: CallContext<'_>, name: ImmutableString| {
        property(&context, &s, &name, Map::new())
    });
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "property",
        move |context: CallContext<'_>, name: ImmutableString, options: Map| {
            property(&context, &s, &name, options)
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "action",
        move |context: CallContext<'_>, name: ImmutableString, body: FnPtr| {
            action(&context, &s, &name, "", body)
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "action",
        move |context: CallContext<'_>,
              name: ImmutableString,
              doc: ImmutableString,
              body: FnPtr| { action(&context, &s, &name, &doc, body) },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn("current", move |context: CallContext<'_>, body: FnPtr| -> Fallible<()> {
        let body = kept(&context, &s, body)?;
        with_definition(&context, &s, "current", |definition| {
            match definition.current.replace(body) {
                None => Ok(()),
                Some(_) => Err(Diagnostic::error("`current` is there twice")
                    .hint("one closure tells the whole state, as a map")),
            }
        })
    });
    expand::register(engine, interpreter);
    this::register(engine, interpreter);
}

/// A closure that outlives its file.
fn kept(context: &CallContext<'_>, interpreter: &Interpreter, body: FnPtr) -> Fallible<Closure> {
    let span = interpreter.here(context);
    Closure::new(interpreter, body, &closures::home(context), span)
        .map_err(|error| throw(context, interpreter, error.into()))
}

fn with_definition(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    word: &str,
    work: impl FnOnce(&mut Definition) -> Result<(), Diagnostic>,
) -> Fallible<()> {
    let mut defining = interpreter.progress.defining.borrow_mut();
    let Some(definition) = defining.as_mut() else {
        let misplaced =
            Diagnostic::error(format!("`{word}` belongs into a file of a cookbook's resources/"));
        return Err(throw(
            context,
            interpreter,
            misplaced.hint("there it says what a custom resource is; a recipe uses the resource"),
        ));
    };
    work(definition).map_err(|mistake| throw(context, interpreter, mistake))
}

fn property(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    name: &str,
    options: Map,
) -> Fallible<()> {
    let property = Property::read(context, interpreter, options).map_err(|mistake| {
        throw(
            context,
            interpreter,
            Diagnostic { message: format!("property `{name}`: {}", mistake.message), ..mistake },
        )
    })?;
    with_definition(context, interpreter, "property", |definition| {
        if let Some(why) = unusable(name) {
            return Err(Diagnostic::error(format!(
                "`{name}` cannot be the name of a property: {why}"
            ))
            .hint("give it another name"));
        }
        if property.is_name() {
            if !definition.declared.identity.is_empty() {
                let both = format!(
                    "both `{}` and `{name}` take the resource's name",
                    definition.declared.identity
                );
                return Err(Diagnostic::error(both).hint("`name: true` goes with one property"));
            }
            name.clone_into(&mut definition.declared.identity);
        }
        match definition.properties.insert(name.into(), property) {
            None => Ok(()),
            Some(_) => Err(Diagnostic::error(format!("there are two properties `{name}`"))
                .hint("keep one of them")),
        }
    })
}

/// Why a property cannot have this name.
fn unusable(name: &str) -> Option<&'static str> {
    if COMMON.iter().any(|(common, ..)| *common == name) {
        Some("every kind has a property of that name")
    } else if function_table::is_function(name) {
        Some("there is a function of that name")
    } else if ["notifies", "subscribes", "set", "remove", "changed", "this", "call", "curry"]
        .contains(&name)
    {
        Some("it means something else on a resource")
    } else if name.is_empty()
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        Some("names are letters, digits and `_`")
    } else {
        None
    }
}

fn action(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    name: &str,
    doc: &str,
    body: FnPtr,
) -> Fallible<()> {
    let body = kept(context, interpreter, body)?;
    with_definition(context, interpreter, "action", |definition| {
        if name == "nothing" {
            return Err(Diagnostic::error("every resource has the action `nothing` already")
                .hint("give this one another name"));
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Diagnostic::error(format!("`{name}` cannot be the name of an action"))
                .hint("use letters, digits and `_`"));
        }
        if definition.declared.actions.iter().any(|known| *known.name == *name) {
            return Err(Diagnostic::error(format!("there are two actions `{name}`"))
                .hint("keep one of them"));
        }
        definition.declared.actions.push(ActionDoc { name: name.into(), doc: doc.into() });
        definition.bodies.push(body);
        Ok(())
    })
}

/// The resource that these properties make. Those that hold closures are checked when they are
/// computed.
/// # Errors
/// The property at fault and why.
pub(crate) fn instance(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    kind: &Kind,
    given: serde_json::Map<String, Value>,
    deferred: Vec<Deferred>,
    common: &mut Common,
) -> Result<Instance, PropertyError> {
    let definition = definition(interpreter, &kind.name).unwrap_or_default();
    let mut values = serde_json::Map::new();
    let mut secrets = interpreter.secrets();
    for (name, property) in &definition.properties {
        if let Some(value) = given.get(&**name) {
            let value = property.accept(context.engine(), interpreter, name, value.clone())?;
            if property.is_sensitive() {
                common.sensitive = true;
                secrets.add(&value);
            }
            values.insert(name.to_string(), value);
        } else if deferred.iter().any(|deferred| *deferred.property == **name) {
            common.sensitive |= property.is_sensitive();
        } else if let Some(value) = property.fixed_default() {
            if property.is_sensitive() && !value.is_null() {
                common.sensitive = true;
                secrets.add(value);
            }
            values.insert(name.to_string(), value.clone());
        } else if property.computed_default().is_some() {
            common.sensitive |= property.is_sensitive();
        } else if property.is_required() {
            return Err(PropertyError::new("", format!("`{name}` is required and not set")));
        }
    }
    let depth =
        interpreter.progress.inside.borrow().last().map_or(0, |inside| inside.instance.depth + 1);
    Ok(Instance {
        kind: kind.name.clone(),
        name: Rc::from(""),
        given,
        values,
        deferred,
        secrets,
        depth,
        complete: false,
    })
}

/// What a custom kind declares, once that is read.
fn definition(interpreter: &Interpreter, kind: &str) -> Option<Rc<Definition>> {
    interpreter.kept.definitions.borrow().get(kind).cloned()
}

/// The body of an action.
fn body(definition: &Definition, act: ActionRef) -> Option<&Closure> {
    match act {
        ActionRef::Kind(number) => definition.bodies.get(number),
        ActionRef::Nothing => None,
    }
}

/// The names in a string, or in an array of strings.
fn names(value: Dynamic) -> Result<Vec<String>, String> {
    if value.is_string() {
        return Ok(vec![value.to_string()]);
    }
    let wrong = "a property's name, or an array of them".to_owned();
    let items = value.try_cast::<Array>().ok_or_else(|| wrong.clone())?;
    items
        .into_iter()
        .map(|item| if item.is_string() { Ok(item.to_string()) } else { Err(wrong.clone()) })
        .collect()
}

/// A sentence about a misplaced word.
fn outside(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    word: &str,
) -> Box<rhai::EvalAltResult> {
    throw_text(
        context,
        interpreter,
        format!("`{word}` belongs into an action of a custom resource"),
    )
}
