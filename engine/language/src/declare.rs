//! Kinds as functions of the language: `kind(name)`, `kind(name, #{ … })`.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString, Map, Scope};
use serde_json::Value;

use crate::error::{Fallible, diagnose, throw, throw_text, too_late};
use crate::function_table::COMMON;
use crate::interpreter::{CallContext, Inside, Interpreter, Phase};
use crate::property_checks::check_arguments;
use crate::run_inputs::MachineAccess;
use crate::script_values::Handle;
use crate::type_names::plain_type;
use crate::value::{holds_closure, to_json};
use crate::{closures, common_properties, custom_resource, deferred, script, source_positions};
use toque_contract::graph::{ActionRef, Body, Common, Declared, Deferred};
use toque_contract::guard::{Condition, Guard};
use toque_contract::registry::{AnyResource, Kind, Origin};
use toque_core::diagnostic::{Diagnostic, Span, did_you_mean};
use toque_core::name::ResourceId;
use toque_core::property_error::PropertyError;
use toque_core::redaction::Exposure;

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    for (index, kind) in interpreter.inputs.registry.kinds.values().enumerate() {
        if kind.is_group() {
            continue;
        }
        let name = &*kind.name;
        // Exact types first: they also win over functions of the same name that Rhai has for
        // strings.
        let s = Rc::clone(interpreter);
        engine.register_fn(name, move |context: CallContext<'_>, name: ImmutableString| {
            declare(&context, &s, index, name.into(), Map::new())
        });
        let s = Rc::clone(interpreter);
        engine.register_fn(
            name,
            move |context: CallContext<'_>, name: ImmutableString, properties: Map| {
                declare(&context, &s, index, name.into(), properties)
            },
        );
        let s = Rc::clone(interpreter);
        engine.register_fn(name, move |context: CallContext<'_>, name: Dynamic| {
            declare(&context, &s, index, name, Map::new())
        });
        let s = Rc::clone(interpreter);
        engine.register_fn(
            name,
            move |context: CallContext<'_>, name: Dynamic, properties: Dynamic| {
                let found = plain_type(properties.type_name());
                match properties.try_cast::<Map>() {
                    Some(properties) => declare(&context, &s, index, name, properties),
                    None => {
                        let wrong = Diagnostic::error(format!(
                            "the properties of a resource are a map, not {found}"
                        ));
                        Err(throw(&context, &s, wrong.hint("write them as `#{ property: value }`")))
                    }
                }
            },
        );
    }
}

/// Declares a resource that no script of the run declares, but the text at `span`.
/// # Errors
/// A name that the resource cannot have.
pub(crate) fn declare_by_name(
    engine: &Engine,
    interpreter: &Interpreter,
    kind: &str,
    name: &str,
    span: &Span,
) -> Result<(), Diagnostic> {
    // A native function needs a call context, and Rhai makes one for calls in scripts alone.
    let mut scope = Scope::new();
    scope.push_constant("name", name.to_owned());
    interpreter.progress.place.replace(Some(span.clone()));
    let declared = engine.eval_with_scope::<Dynamic>(&mut scope, &format!("{kind}(name)"));
    let declared = declared.map(drop).map_err(|error| diagnose(interpreter, *error, None));
    interpreter.progress.place.take();
    declared
}

fn declare(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    index: usize,
    name: Dynamic,
    properties: Map,
) -> Fallible<Handle> {
    let kind = &interpreter.inputs.registry.kinds[index];
    too_late(context, interpreter, "a resource cannot be declared")?;
    visible(context, interpreter, kind)?;
    if interpreter.graph.borrow().resources.len() >= interpreter.inputs.limits.resources {
        let limit = interpreter.inputs.limits.resources;
        let wrong = Diagnostic::error(format!(
            "the recipes declare more than {limit} resources, which is the limit"
        ));
        return Err(throw(
            context,
            interpreter,
            wrong.hint("look for a loop without end; `resources` in toque.toml sets the limit"),
        ));
    }
    let (name, identity) = name_of(context, interpreter, kind, name)?;
    let built = build(context, interpreter, kind, properties, identity);
    let (common, body, aliases) = match built {
        Ok(built) => built,
        // Looking for mistakes goes on with a resource that has no properties, so that others can
        // still name it.
        Err(mistake) if interpreter.inputs.reach == MachineAccess::Repository => {
            let mistake = diagnose(interpreter, *mistake, context.call_source());
            interpreter.note_mistake(interpreter.secrets().redact_in(mistake));
            (
                Common::default(),
                Body::Deferred { fixed: serde_json::Map::new(), deferred: Vec::new() },
                Vec::new(),
            )
        }
        Err(mistake) => return Err(mistake),
    };
    let span = interpreter.here(context);
    let recipe = interpreter.progress.recipes.borrow().last().cloned();
    let inside = interpreter.progress.inside.borrow().last().cloned();
    let hidden = hidden_name(interpreter, inside.as_deref(), &name);
    let owner = inside.as_ref().map(|inside| Rc::clone(&inside.owner));
    let mut id = ResourceId { kind: Rc::clone(&kind.name), name: name.into(), shown: None, owner };
    id.shown = hidden.map(|hidden| interpreter.told_apart(&id, hidden));
    let common = match &inside {
        Some(inside) => Common {
            sensitive: common.sensitive || inside.sensitive,
            umask: common.umask.or(inside.umask),
            ..common
        },
        None => common,
    };
    let declared = Declared {
        kind: index,
        id,
        body,
        common,
        span,
        recipe,
        scope: inside.as_ref().map_or(0, |inside| inside.scope),
        inside: inside.as_ref().map(|inside| (inside.container, inside.act)),
        expanded: Vec::new(),
        set_by: Vec::new(),
        removed: false,
    };
    let id = declared.id.clone();
    let index = interpreter.graph.borrow_mut().declare(declared, aliases);
    Ok(Handle { index, id })
}

/// A resource's name without what people may not see, if that is in it.
fn hidden_name(interpreter: &Interpreter, inside: Option<&Inside>, name: &str) -> Option<String> {
    let hidden = inside.and_then(|inside| inside.instance.secrets.redact(name));
    interpreter.inputs.redactor.redact_name(hidden.as_deref().unwrap_or(name)).or(hidden)
}

/// A custom resource is used where its cookbook is a dependency, and once it is known what it is.
fn visible(context: &CallContext<'_>, interpreter: &Interpreter, kind: &Kind) -> Fallible<()> {
    if interpreter.progress.defining.borrow().is_some() {
        let early = Diagnostic::error("a resource is declared in an action, not beside it");
        return Err(throw(
            context,
            interpreter,
            early.hint("put it into `action(\"create\", || { … })`"),
        ));
    }
    let Some(cookbook) = kind.cookbook() else { return Ok(()) };
    if interpreter.progress.phase.get() == Phase::Attributes {
        let early =
            Diagnostic::error("an attribute file comes before the custom resources are read");
        return Err(throw(
            context,
            interpreter,
            early.hint(format!("declare `{}` in a recipe", kind.name)),
        ));
    }
    let Some(own) = interpreter.own_cookbook().filter(|own| own != cookbook) else { return Ok(()) };
    let declared = interpreter
        .inputs
        .cookbooks
        .get(&own)
        .is_none_or(|own| own.manifest.dependencies.contains_key(cookbook));
    if declared {
        return Ok(());
    }
    let undeclared = Diagnostic::error(format!(
        "`{own}` uses `{}` without depending on `{cookbook}`",
        kind.name
    ));
    Err(throw(context, interpreter, undeclared.hint(script::dependency_hint(&own, cookbook))))
}

/// What a declaration says: of every kind, of its own, and its further names.
fn build(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    kind: &Kind,
    properties: Map,
    identity: Option<Value>,
) -> Fallible<(Common, Body, Vec<String>)> {
    let mut common = Common { retry_delay: 2.0, ..Common::default() };
    let mut body = bind(context, interpreter, kind, properties, &mut common)?;
    if let Some(identity) = identity
        && !body.deferred.iter().any(|deferred| deferred.property == kind.identity())
    {
        body.fixed.entry(kind.identity()).or_insert(identity);
    }
    if common.actions.is_empty() {
        common.actions.push(default_action(kind));
    }
    let (body, aliases) = body.finish(context, interpreter, kind, &mut common)?;
    Ok((common, body, aliases))
}

/// Changes a declared resource: what is not named stays.
pub(crate) fn set(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    index: usize,
    properties: Map,
) -> Fallible<()> {
    let (kind, mut common, mut body) = {
        // What is wrong in the new properties must leave the old ones as they are.
        let graph = interpreter.graph.borrow();
        let declared = &graph.resources[index];
        if !declared.expanded.is_empty() {
            let late = Diagnostic::error(format!(
                "`{}` cannot be changed any more: its actions have run",
                declared.id
            ));
            return Err(throw(
                context,
                interpreter,
                late.hint("change it in a recipe, or before it is declared"),
            ));
        }
        let body = match &declared.body {
            Body::Parsed(resource) => {
                Properties { fixed: resource.properties(), deferred: Vec::new() }
            }
            Body::Deferred { fixed, deferred } => {
                Properties { fixed: fixed.clone(), deferred: deferred.clone() }
            }
            Body::Container(instance) => {
                Properties { fixed: instance.given.clone(), deferred: instance.deferred.clone() }
            }
            Body::Group(_) | Body::Resolved(_) => return Ok(()),
        };
        (declared.kind, declared.common.clone(), body)
    };
    let kind = &interpreter.inputs.registry.kinds[kind];
    let actions = std::mem::take(&mut common.actions);
    let guards = std::mem::take(&mut common.guards);
    let new = bind(context, interpreter, kind, properties, &mut common)?;
    if common.actions.is_empty() {
        common.actions = actions;
    }
    let replaced: Vec<bool> = common.guards.iter().map(|guard| guard.negated).collect();
    common.guards.extend(guards.into_iter().filter(|guard| !replaced.contains(&guard.negated)));
    body.deferred.retain(|deferred| !new.fixed.contains_key(&deferred.property));
    for deferred in &new.deferred {
        body.fixed.remove(&deferred.property);
    }
    body.fixed.extend(new.fixed);
    body.deferred.extend(new.deferred);
    let (body, _) = body.finish(context, interpreter, kind, &mut common)?;
    let mut graph = interpreter.graph.borrow_mut();
    let declared = &mut graph.resources[index];
    declared.body = body;
    declared.common = common;
    declared.set_by.extend(interpreter.here(context));
    Ok(())
}

/// The properties of the kind itself, bound but not parsed.
struct Properties {
    fixed: serde_json::Map<String, Value>,
    deferred: Vec<Deferred>,
}

impl Properties {
    fn finish(
        self,
        context: &CallContext<'_>,
        interpreter: &Interpreter,
        kind: &Kind,
        common: &mut Common,
    ) -> Fallible<(Body, Vec<String>)> {
        let failed = |error: PropertyError| {
            throw(context, interpreter, property_diagnostic(context, interpreter, kind, &error))
        };
        if !interpreter.inputs.redactor.is_empty() {
            check_arguments(kind, &interpreter.inputs.redactor, &self.fixed).map_err(failed)?;
            let held = |guard: &Guard| match &guard.condition {
                Condition::Command(command) => command.holds(&interpreter.inputs.redactor),
                Condition::Closure(_) => Exposure::Nothing,
            };
            // What is inside a custom resource is looked at by itself.
            let own = self.fixed.values().filter(|_| !matches!(kind.origin, Origin::Custom(_)));
            let own = own.map(|value| interpreter.inputs.redactor.in_value(value));
            common.holds.set(own.chain(common.guards.iter().map(held)).max().unwrap_or_default());
        }
        if let Origin::Custom(_) = kind.origin {
            let made = custom_resource::instance(
                context,
                interpreter,
                kind,
                self.fixed,
                self.deferred,
                common,
            );
            return Ok((Body::Container(Rc::new(made.map_err(failed)?)), Vec::new()));
        }
        if !self.deferred.is_empty() {
            return Ok((Body::Deferred { fixed: self.fixed, deferred: self.deferred }, Vec::new()));
        }
        let parsed = parse(kind, self.fixed, &common.actions).map_err(failed)?;
        let aliases = parsed.aliases();
        Ok((Body::Parsed(parsed), aliases))
    }
}

/// Makes the declaration of a kind from the values of its properties.
/// # Errors
/// The property at fault and why.
pub(crate) fn parse(
    kind: &Kind,
    values: serde_json::Map<String, Value>,
    actions: &[ActionRef],
) -> Result<Box<dyn AnyResource>, PropertyError> {
    let resource = kind.parse(values)?;
    resource.check(&numbers(actions))?;
    Ok(resource)
}

/// Makes the declaration of a resource that has deferred properties, which are computed now.
/// # Errors
/// An exception of a closure; a value that its property cannot have.
pub(crate) fn complete(
    engine: &Engine,
    interpreter: &Interpreter,
    declared: &Declared,
    fixed: &serde_json::Map<String, Value>,
    deferred: &[Deferred],
) -> Result<Box<dyn AnyResource>, Diagnostic> {
    let kind = &interpreter.inputs.registry.kinds[declared.kind];
    let redactor = &interpreter.inputs.redactor;
    let holds = &declared.common.holds;
    let mut values = fixed.clone();
    for property in deferred {
        let value = deferred::evaluate(engine, interpreter, property)?;
        if value.is_null() {
            let place = closures::place(engine, interpreter, property, &property.property);
            return Err(Diagnostic::error(nothing(&property.property).message)
                .hint("a closure of a property returns its value")
                .at(place));
        }
        holds.set(holds.get().max(redactor.in_value(&value)));
        values.insert(property.property.clone(), value);
    }
    let checked = check_arguments(kind, redactor, &values);
    checked.and_then(|()| parse(kind, values, &declared.common.actions)).map_err(|error| {
        let first = error.property.split(['.', '[']).next().unwrap_or_default();
        let written = deferred.iter().find(|deferred| deferred.property == first);
        let place = written
            .and_then(|deferred| closures::place(engine, interpreter, deferred, &error.property));
        error.about(&kind.name).at(place)
    })
}

/// The kind's actions by number, without `nothing`.
fn numbers(actions: &[ActionRef]) -> Vec<usize> {
    actions
        .iter()
        .filter_map(|act| if let ActionRef::Kind(index) = act { Some(*index) } else { None })
        .collect()
}

fn default_action(kind: &Kind) -> ActionRef {
    kind.actions()
        .first()
        .and_then(|action| ActionRef::named(kind, &action.name))
        .unwrap_or(ActionRef::Nothing)
}

/// The resource's name, and the value that its identity property takes.
fn name_of(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    kind: &Kind,
    name: Dynamic,
) -> Fallible<(String, Option<Value>)> {
    let found = plain_type(name.type_name());
    let value = to_json(name).map_err(|message| {
        throw_text(context, interpreter, format!("the name of `{}`: {message}", kind.name))
    })?;
    let text = match &value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(items)
            if !kind.identity().is_empty()
                && !items.is_empty()
                && items.iter().all(Value::is_string) =>
        {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => {
            let wrong = Diagnostic::error(format!(
                "the first argument of `{}` is the resource's name, not {found}",
                kind.name
            ));
            let hint = if value.is_null() {
                NOTHING
            } else {
                "give a string; kinds that allow it take an array of strings"
            };
            return Err(throw(context, interpreter, wrong.hint(hint)));
        }
    };
    if text.is_empty() {
        return Err(throw_text(
            context,
            interpreter,
            format!("the name of a `{}` cannot be empty", kind.name),
        ));
    }
    let identity = if value.is_number() { Value::String(text.clone()) } else { value };
    Ok((text, (!kind.identity().is_empty()).then_some(identity)))
}

/// Sorts properties into those of every kind and the kind's own, values and lazy ones.
fn bind(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    kind: &Kind,
    properties: Map,
    common: &mut Common,
) -> Fallible<Properties> {
    let mut bound = Properties { fixed: serde_json::Map::new(), deferred: Vec::new() };
    let mut home = None;
    let span = || interpreter.here(context);
    for (key, value) in properties {
        let key = key.as_str();
        let home = holds_closure(&value)
            .then(|| Rc::clone(home.get_or_insert_with(|| closures::home(context))));
        let fail = |error: &PropertyError| {
            throw(context, interpreter, property_diagnostic(context, interpreter, kind, error))
        };
        if COMMON.iter().any(|(name, ..)| *name == key) {
            common_properties::bind(interpreter, kind, key, value, home.as_ref(), common, &span)
                .map_err(|error| fail(&error))?;
            continue;
        }
        if kind.schema()["properties"].get(key).is_none() {
            let known = kind.properties().chain(COMMON.iter().map(|(name, ..)| *name));
            let mut error =
                PropertyError::of_kind(key, format!("`{}` has no property `{key}`", kind.name));
            error.hint = Some(did_you_mean(key, known).unwrap_or_else(|| {
                format!("`toque resource show {}` lists its properties", kind.name)
            }));
            return Err(fail(&error));
        }
        match home {
            Some(home) => {
                match common_properties::closure_of(interpreter, &value, &home, span())
                    .map_err(|error| fail(&error))?
                    .filter(|_| kind.calls(key))
                {
                    Some(closure) => {
                        let id = closures::keep(interpreter, closure);
                        bound.fixed.insert(key.into(), id.0.into());
                    }
                    None => bound.deferred.push(
                        closures::defer(interpreter, key, value, &home, span())
                            .map_err(|error| fail(&error))?,
                    ),
                }
            }
            None => {
                let json = to_json(value).map_err(|message| {
                    fail(&PropertyError::named(key, format!("`{key}`: {message}")))
                })?;
                if json.is_null() {
                    return Err(fail(&nothing(key)));
                }
                bound.fixed.insert(key.into(), json);
            }
        }
    }
    Ok(bound)
}

/// A property's error at the property, where it can be found in the call.
fn property_diagnostic(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    kind: &Kind,
    error: &PropertyError,
) -> Diagnostic {
    let span = interpreter.here(context);
    let key = source_positions::property(context, interpreter, &error.property).or(span);
    error.about(&kind.name).at(key)
}

/// A property that is set to nothing: mostly a key that is not there, or a function that returns
/// nothing.
fn nothing(property: &str) -> PropertyError {
    PropertyError::named(property, format!("`{property}` is nothing"))
        .hint(format!("leave the property out, or give it a value; {NOTHING}"))
}

/// Where nothing mostly comes from.
const NOTHING: &str = "a missing key of a map is nothing, `map.key ?? default` gives another value";
