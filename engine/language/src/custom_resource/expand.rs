//! Running the actions of custom resources, so that what is inside them is in the graph before
//! anything converges; and the words that only an action knows.

use std::rc::Rc;

use rhai::{Dynamic, Engine, FnPtr, ImmutableString};
use serde_json::Value;

use super::{body, definition, home, names, outside};
use crate::closures;
use crate::deferred::deferred_value;
use crate::definition::Definition;
use crate::error::{Fallible, throw, throw_text};
use crate::interpreter::{CallContext, Inside, Interpreter, Phase};
use crate::script_values::{This, from_json};
use crate::type_names::plain_type;
use crate::value::to_json;
use toque_contract::graph::{
    ActionRef, Body, Common, Compared, Declared, Group, Index, Instance, actions_hint,
};
use toque_contract::registry::{ActionDoc, Kind, Origin, Shown};
use toque_core::diagnostic::Diagnostic;
use toque_core::name::ResourceId;
use toque_core::redaction::Exposure;

/// The kind of a `converge_if_changed` in the graph.
const GROUP: &str = "converge_if_changed";

pub(crate) fn group_kind() -> Kind {
    let action = ActionDoc {
        name: "converge".into(),
        doc: "converge what is inside when something differs".into(),
    };
    Kind { name: GROUP.into(), origin: Origin::Group(action) }
}

/// Runs an action of a declared custom resource: what it declares is inside the resource.
/// # Errors
/// The first mistake in the action; resources nested too deep.
pub(crate) fn expand(
    engine: &Engine,
    interpreter: &Interpreter,
    index: Index,
    act: ActionRef,
) -> Result<(), Diagnostic> {
    let (kind, id, scope, span, common, instance) = {
        let graph = interpreter.graph.borrow();
        let declared = &graph.resources[index];
        let Body::Container(instance) = &declared.body else { return Ok(()) };
        let Declared { kind, id, scope, span, common, .. } = declared;
        (*kind, id.clone(), *scope, span.clone(), common.clone(), Rc::clone(instance))
    };
    let kind = Rc::clone(&interpreter.inputs.registry.kinds[kind]);
    let (Origin::Custom(custom), Some(definition)) =
        (&kind.origin, definition(interpreter, &kind.name))
    else {
        return Ok(());
    };
    let limit = interpreter.inputs.limits.nesting;
    if instance.depth >= limit {
        return Err(Diagnostic::error(format!(
            "custom resources are inside one another more than {limit} deep"
        ))
        .at(span)
        .note(shortened(&id.to_string()))
        .hint("one of them probably declares itself, directly or by way of others"));
    }
    let complete = complete(engine, interpreter, &definition, &instance, &id)
        .map_err(|mistake| instance.secrets.redact_in(mistake).about(&id, span.clone()))?;
    check_needed(&kind, &definition, &complete, act).map_err(|missing| missing.at(span.clone()))?;
    let Some(body) = body(&definition, act) else { return Ok(()) };
    // A default may have brought something sensitive.
    let secret = definition
        .properties
        .iter()
        .any(|(name, property)| property.is_sensitive() && complete.has(name));
    let sensitive = common.sensitive || secret;
    let scope = {
        let mut graph = interpreter.graph.borrow_mut();
        let declared = &mut graph.resources[index];
        declared.body = Body::Container(Rc::clone(&complete));
        declared.common.sensitive = sensitive;
        graph.open(index, act);
        graph.scope_inside(scope)
    };
    let inside = Inside {
        container: index,
        act,
        scope,
        owner: Rc::new(id.clone()),
        instance: Rc::clone(&complete),
        sensitive,
        umask: common.umask,
        calls: 0,
    };
    interpreter.progress.recipes.borrow_mut().push(Rc::new(home(custom)));
    interpreter.progress.inside.borrow_mut().push(Rc::new(inside));
    let ran = closures::call_with(
        engine,
        interpreter,
        body,
        Some(&This(Rc::clone(&complete))),
        Vec::new(),
    );
    interpreter.progress.inside.borrow_mut().pop();
    interpreter.progress.recipes.borrow_mut().pop();
    // The line that declares it may hold the value itself.
    let span = span.map(|span| if sensitive { span.hidden() } else { span });
    ran.map(drop).map_err(|mistake| {
        complete.secrets.redact_in(match span {
            Some(span) if mistake.span.is_some() => {
                mistake.frame(span, format!("`{id}` is declared here"))
            }
            // Of a loop without end Rhai tells no place.
            span => mistake.at(body.span.clone().or(span)),
        })
    })
}

/// Looks whether the properties are there that an action needs.
fn check_needed(
    kind: &Kind,
    definition: &Definition,
    instance: &Instance,
    act: ActionRef,
) -> Result<(), Diagnostic> {
    let action = act.name(kind);
    let mut needed = definition
        .properties
        .iter()
        .filter(|(_, property)| property.required_for().iter().any(|name| name == action));
    match needed.find(|(name, _)| !instance.has(name)) {
        Some((name, _)) => {
            let missing =
                format!("{}: the action `{action}` needs `{name}`, which is not set", kind.name);
            Err(Diagnostic::error(missing).hint(format!("give the resource `{name}`")))
        }
        None => Ok(()),
    }
}

/// Computes the defaults that are closures, once.
fn complete(
    engine: &Engine,
    interpreter: &Interpreter,
    definition: &Definition,
    instance: &Rc<Instance>,
    id: &ResourceId,
) -> Result<Rc<Instance>, Diagnostic> {
    if instance.complete {
        return Ok(Rc::clone(instance));
    }
    let mut complete =
        Instance { complete: true, name: Rc::clone(&id.name), ..(**instance).clone() };
    for (name, property) in &definition.properties {
        let Some(default) = property.computed_default() else { continue };
        if complete.has(name) {
            continue;
        }
        let this = This(Rc::new(complete.clone()));
        let value = closures::call_with(engine, interpreter, default, Some(&this), Vec::new())?;
        let value = to_json(value).map_err(|why| {
            Diagnostic::error(format!("the default of `{name}`: {why}")).at(default.span.clone())
        })?;
        if !value.is_null() {
            let accepted = property.accept(engine, interpreter, name, value);
            let value = accepted.map_err(|error| {
                Diagnostic::error(format!("the default of {}", error.message))
                    .at(default.span.clone())
            })?;
            if property.is_sensitive() {
                complete.secrets.add(&value);
            }
            complete.values.insert(name.to_string(), value);
        }
    }
    Ok(Rc::new(complete))
}

/// A path of many equal parts, without most of them.
fn shortened(path: &str) -> String {
    match (path.char_indices().nth(120), path.char_indices().rev().nth(60)) {
        (Some((start, _)), Some((end, _))) if start < end => {
            format!("{} … {}", &path[..start], &path[end..])
        }
        _ => path.to_owned(),
    }
}

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn("run_action", move |context: CallContext<'_>, name: ImmutableString| {
        run_action(&context, &s, &name)
    });
    let s = Rc::clone(interpreter);
    engine.register_fn(GROUP, move |context: CallContext<'_>, body: FnPtr| {
        converge_if_changed(&context, &s, Compared::Told, body)
    });
    let s = Rc::clone(interpreter);
    engine.register_fn(GROUP, move |context: CallContext<'_>, properties: Dynamic, body: FnPtr| {
        let named = names(properties).map_err(|expected| {
            throw_text(
                &context,
                &s,
                format!("`{GROUP}` compares {expected}, and then does what a closure says"),
            )
        })?;
        converge_if_changed(&context, &s, Compared::Named(named), body)
    });
}

/// Where an action is in progress.
fn here(context: &CallContext<'_>, interpreter: &Interpreter, word: &str) -> Fallible<Rc<Inside>> {
    let inside = interpreter.progress.inside.borrow().last().cloned();
    inside
        .filter(|_| interpreter.progress.phase.get() < Phase::Converge)
        .ok_or_else(|| outside(context, interpreter, word))
}

/// Does what another action of the same resource does, here.
fn run_action(context: &CallContext<'_>, interpreter: &Interpreter, name: &str) -> Fallible<()> {
    let inside = here(context, interpreter, "run_action")?;
    let kind = interpreter.inputs.registry.kinds.get(&inside.instance.kind).cloned();
    let Some((kind, definition)) =
        kind.as_ref().and_then(|kind| Some((kind, definition(interpreter, &kind.name)?)))
    else {
        return Ok(());
    };
    let Some((act, body)) =
        ActionRef::named(kind, name).and_then(|act| Some((act, body(&definition, act)?)))
    else {
        let unknown = Diagnostic::error(format!("`{}` has no action `{name}`", kind.name));
        return Err(throw(context, interpreter, unknown.hint(actions_hint(kind, name))));
    };
    if inside.calls >= interpreter.inputs.limits.depth {
        let endless = Diagnostic::error(format!(
            "actions run one another more than {} deep",
            interpreter.inputs.limits.depth
        ));
        return Err(throw(
            context,
            interpreter,
            endless.hint("one of them probably runs itself, directly or by way of others"),
        ));
    }
    check_needed(kind, &definition, &inside.instance, act)
        .map_err(|missing| throw(context, interpreter, missing))?;
    let this = This(Rc::clone(&inside.instance));
    interpreter
        .progress
        .inside
        .borrow_mut()
        .push(Rc::new(Inside { calls: inside.calls + 1, ..(*inside).clone() }));
    let ran = closures::call_with(context.engine(), interpreter, body, Some(&this), Vec::new());
    interpreter.progress.inside.borrow_mut().pop();
    ran.map(drop).map_err(|mistake| {
        let here = interpreter.here(context);
        let mistake = match here {
            Some(span) => mistake.frame(span, format!("the action `{name}` is run here")),
            None => mistake,
        };
        throw(context, interpreter, mistake)
    })
}

/// Declares a group: what is inside converges when what `current` tells differs from the
/// properties.
fn converge_if_changed(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    compared: Compared,
    work: FnPtr,
) -> Fallible<()> {
    let outer = here(context, interpreter, GROUP)?;
    let kind = interpreter.inputs.registry.kinds.get(&outer.instance.kind).cloned();
    let Some((kind, definition)) =
        kind.as_ref().and_then(|kind| Some((kind, definition(interpreter, &kind.name)?)))
    else {
        return Ok(());
    };
    if definition.current.is_none() {
        let blind = Diagnostic::error(format!(
            "`{GROUP}` needs `current`, which tells the state that the machine is in"
        ));
        return Err(throw(
            context,
            interpreter,
            blind.hint("add `current(|| #{ … });` to the file: a map of properties, or () when there is nothing"),
        ));
    }
    if is_group(interpreter, outer.container) {
        return Err(throw_text(
            context,
            interpreter,
            format!("a `{GROUP}` cannot be inside another"),
        ));
    }
    if let Compared::Named(named) = &compared {
        for name in named {
            if !definition.properties.contains_key(&**name) {
                let unknown =
                    Diagnostic::error(format!("`{}` has no property `{name}`", kind.name));
                let known = definition.properties.keys().map(|name| &**name);
                return Err(throw(context, interpreter, unknown.suggest(name, known)));
            }
        }
    }
    let span = interpreter.here(context);
    let name = match &compared {
        Compared::Told => "all".to_owned(),
        Compared::Named(named) => named.join(", "),
    };
    let group = Declared {
        kind: interpreter.inputs.registry.kinds.get_index_of(GROUP).unwrap_or_default(),
        id: ResourceId {
            kind: GROUP.into(),
            name: name.into(),
            shown: None,
            owner: Some(Rc::clone(&outer.owner)),
        },
        body: Body::Group(Rc::new(Group { instance: Rc::clone(&outer.instance), compared })),
        common: Common {
            actions: vec![ActionRef::Kind(0)],
            sensitive: outer.sensitive,
            umask: outer.umask,
            ..Common::default()
        },
        span: span.clone(),
        recipe: interpreter.progress.recipes.borrow().last().cloned(),
        scope: outer.scope,
        inside: Some((outer.container, outer.act)),
        expanded: Vec::new(),
        set_by: Vec::new(),
        removed: false,
    };
    let container = {
        let mut graph = interpreter.graph.borrow_mut();
        let container = graph.declare(group, Vec::new());
        graph.open(container, ActionRef::Kind(0));
        container
    };
    let body = super::kept(context, interpreter, work)?;
    let this = This(Rc::clone(&outer.instance));
    interpreter.progress.inside.borrow_mut().push(Rc::new(Inside {
        container,
        act: ActionRef::Kind(0),
        ..(*outer).clone()
    }));
    let ran = closures::call_with(context.engine(), interpreter, &body, Some(&this), Vec::new());
    interpreter.progress.inside.borrow_mut().pop();
    ran.map(drop).map_err(|mistake| throw(context, interpreter, mistake))?;
    if interpreter
        .graph
        .borrow()
        .bodies
        .get(&(container, ActionRef::Kind(0)))
        .is_none_or(Vec::is_empty)
    {
        let empty = Diagnostic::error(format!("this `{GROUP}` declares no resource"));
        return Err(throw(
            context,
            interpreter,
            empty.hint("declare what makes the difference: an `execute`, a `file`, a `block`"),
        ));
    }
    Ok(())
}

/// Whether a container is a `converge_if_changed`.
pub(crate) fn is_group(interpreter: &Interpreter, container: Index) -> bool {
    matches!(
        interpreter.graph.borrow().resources.get(container).map(|declared| &declared.body),
        Some(Body::Group(_))
    )
}

/// What differs between the machine and a custom resource: asks `current`.
/// # Errors
/// What `current` threw, or an answer that is no map of properties.
pub(crate) fn differences(
    engine: &Engine,
    interpreter: &Interpreter,
    group: &Group,
) -> Result<Vec<Shown>, Diagnostic> {
    let instance = &group.instance;
    let kind = interpreter.inputs.registry.kinds.get(&instance.kind);
    let Some((kind, definition)) =
        kind.and_then(|kind| Some((kind, definition(interpreter, &kind.name)?)))
    else {
        return Ok(Vec::new());
    };
    let Some(current) = &definition.current else { return Ok(Vec::new()) };
    let told = closures::call_with(
        engine,
        interpreter,
        current,
        Some(&This(Rc::clone(instance))),
        Vec::new(),
    )?;
    let wrong = |message: String| Diagnostic::error(message).at(current.span.clone());
    let told = match to_json(told).map_err(|why| wrong(format!("`current`: {why}")))? {
        Value::Null => None,
        Value::Object(map) => Some(map),
        other => {
            let found = plain_type(from_json(&other).type_name());
            let text = format!(
                "`current` must give a map of properties, or () when there is nothing, and gave {found}"
            );
            return Err(wrong(text));
        }
    };
    if let Some(unknown) = told
        .iter()
        .flat_map(|map| map.keys())
        .find(|key| !definition.properties.contains_key(&***key))
    {
        let unknown_key = wrong(format!(
            "`current` tells of `{unknown}`, which is no property of `{}`",
            instance.kind
        ));
        let known = definition.properties.keys().map(|name| &**name);
        return Err(unknown_key.suggest(unknown, known));
    }
    let compares = |name: &str| match (&group.compared, &told) {
        (Compared::Named(named), _) => named.iter().any(|wanted| wanted == name),
        (Compared::Told, Some(told)) => told.contains_key(name),
        (Compared::Told, None) => name != kind.identity(),
    };
    let holds = |value: &Value| interpreter.inputs.redactor.in_value(value) != Exposure::Nothing;
    let mut differences = Vec::new();
    for (name, property) in definition.properties.iter().filter(|(name, _)| compares(name)) {
        let wanted = match instance.values.get(&**name) {
            Some(value) => value.clone(),
            None if instance.deferred.iter().any(|deferred| *deferred.property == **name) => {
                deferred_value(engine, interpreter, instance, name)?
            }
            None => Value::Null,
        };
        let Some(told) = &told else {
            if !wanted.is_null() {
                differences.push(shown(
                    name,
                    &wanted,
                    None,
                    property.is_sensitive() || holds(&wanted),
                ));
            }
            continue;
        };
        // What is not declared is not managed.
        if wanted.is_null() {
            continue;
        }
        let found = match told.get(&**name) {
            None | Some(Value::Null) => Value::Null,
            Some(found) => {
                property.coerced(engine, interpreter, name, found.clone()).map_err(|error| {
                    error
                        .hint
                        .into_iter()
                        .fold(wrong(format!("`current`: {}", error.message)), Diagnostic::hint)
                })?
            }
        };
        if !same(&wanted, &found) {
            let sensitive = property.is_sensitive() || holds(&wanted) || holds(&found);
            differences.push(shown(name, &wanted, Some(&found), sensitive));
        }
    }
    if told.is_none() && differences.is_empty() {
        differences.push(Shown {
            what: format!(
                "create `{}`",
                interpreter
                    .inputs
                    .redactor
                    .redact_name(&instance.name)
                    .unwrap_or_else(|| instance.name.to_string())
            ),
            diff: None,
        });
    }
    Ok(differences)
}

fn shown(name: &str, wanted: &Value, found: Option<&Value>, sensitive: bool) -> Shown {
    let what = match found {
        _ if sensitive => format!("set {name} to [sensitive]"),
        None => format!("set {name} to `{wanted}`"),
        Some(Value::Null) => format!("set {name} to `{wanted}` (not set now)"),
        Some(found) => format!("set {name} to `{wanted}` (now `{found}`)"),
    };
    Shown { what, diff: None }
}

/// `1` and `1.0` are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        _ => one == other,
    }
}
