//! Kinds as functions of the language: `kind(name)`, `kind(name, #{ … })`.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};
use serde_json::Value;

use super::closure::{self, Lazy};
use super::error::{Fallible, diagnose, plain_type, throw, throw_text, too_late};
use super::handle::Handle;
use super::value::{holds_closure, to_json};
use super::words::COMMON;
use super::{common, custom};
use super::{locate, script};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::graph::{Act, Body, Common, Declared};
use crate::guard::{Condition, Guard};
use crate::masks::{Holds, Masks};
use crate::name::ResourceId;
use crate::plain;
use crate::property::CommandLine;
use crate::registry::{Kind, Origin};
use crate::resource::PropertyError;
use crate::session::{Inside, Phase, Reach, Session};
use crate::view::ARGUMENTS;

pub(super) fn register(engine: &mut Engine, session: &Rc<Session>) {
    for (index, kind) in session.registry.kinds.values().enumerate() {
        if kind.is_group() {
            continue;
        }
        let name = &*kind.name;
        // Exact types first: they also win over functions of the same name that Rhai has for
        // strings.
        let s = Rc::clone(session);
        engine.register_fn(name, move |context: NativeCallContext<'_>, name: ImmutableString| {
            declare(&context, &s, index, name.into(), Map::new())
        });
        let s = Rc::clone(session);
        engine.register_fn(
            name,
            move |context: NativeCallContext<'_>, name: ImmutableString, properties: Map| {
                declare(&context, &s, index, name.into(), properties)
            },
        );
        let s = Rc::clone(session);
        engine.register_fn(name, move |context: NativeCallContext<'_>, name: Dynamic| {
            declare(&context, &s, index, name, Map::new())
        });
        let s = Rc::clone(session);
        engine.register_fn(
            name,
            move |context: NativeCallContext<'_>, name: Dynamic, properties: Dynamic| {
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

fn declare(
    context: &NativeCallContext<'_>,
    session: &Session,
    index: usize,
    name: Dynamic,
    properties: Map,
) -> Fallible<Handle> {
    let kind = &session.registry.kinds[index];
    too_late(context, session, "a resource cannot be declared")?;
    visible(context, session, kind)?;
    if session.graph.borrow().resources.len() >= session.limits.resources {
        let limit = session.limits.resources;
        let wrong = Diagnostic::error(format!(
            "the recipes declare more than {limit} resources, which is the limit"
        ));
        return Err(throw(
            context,
            session,
            wrong.hint("look for a loop without end; `resources` in toque.toml sets the limit"),
        ));
    }
    let (name, identity) = name_of(context, session, kind, name)?;
    let built = build(context, session, kind, properties, identity);
    let (common, body, aliases) = match built {
        Ok(built) => built,
        // Looking for mistakes goes on with a resource that has no properties, so that others can
        // still name it.
        Err(mistake) if session.reach == Reach::Repository => {
            let mistake = diagnose(session, *mistake, context.call_source());
            session.note_mistake(session.secrets().hide_in(mistake));
            (
                Common::default(),
                Body::Lazy { fixed: serde_json::Map::new(), lazy: Vec::new() },
                Vec::new(),
            )
        }
        Err(mistake) => return Err(mistake),
    };
    let span = session.span(context.call_source(), context.call_position());
    let recipe = session.recipes.borrow().last().cloned();
    let inside = session.inside.borrow().last().cloned();
    let hidden = hidden_name(session, inside.as_deref(), &name);
    let owner = inside.as_ref().map(|inside| Rc::clone(&inside.owner));
    let mut id = ResourceId { kind: Rc::clone(&kind.name), name: name.into(), shown: None, owner };
    id.shown = hidden.map(|hidden| session.told_apart(&id, hidden));
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
    let index = session.graph.borrow_mut().declare(declared, aliases);
    Ok(Handle { index, id })
}

/// A resource's name without what people may not see, if that is in it.
fn hidden_name(session: &Session, inside: Option<&Inside>, name: &str) -> Option<String> {
    let hidden = inside.and_then(|inside| inside.instance.secrets.hide(name));
    session.masks.hide_in_name(hidden.as_deref().unwrap_or(name)).or(hidden)
}

/// A custom resource is used where its cookbook is a dependency, and once it is known what it is.
fn visible(context: &NativeCallContext<'_>, session: &Session, kind: &Kind) -> Fallible<()> {
    if session.defining.borrow().is_some() {
        let early = Diagnostic::error("a resource is declared in an action, not beside it");
        return Err(throw(
            context,
            session,
            early.hint("put it into `action(\"create\", || { … })`"),
        ));
    }
    let Some(cookbook) = kind.cookbook() else { return Ok(()) };
    if session.phase.get() == Phase::Attributes {
        let early =
            Diagnostic::error("an attribute file comes before the custom resources are read");
        return Err(throw(
            context,
            session,
            early.hint(format!("declare `{}` in a recipe", kind.name)),
        ));
    }
    let Some(own) = session.own_cookbook().filter(|own| own != cookbook) else { return Ok(()) };
    let declared =
        session.cookbooks.get(&own).is_none_or(|own| own.about.dependencies.contains_key(cookbook));
    if declared {
        return Ok(());
    }
    let undeclared = Diagnostic::error(format!(
        "`{own}` uses `{}` without depending on `{cookbook}`",
        kind.name
    ));
    Err(throw(context, session, undeclared.hint(script::dependency_hint(&own, cookbook))))
}

/// What a declaration says: of every kind, of its own, and its further names.
fn build(
    context: &NativeCallContext<'_>,
    session: &Session,
    kind: &Kind,
    properties: Map,
    identity: Option<Value>,
) -> Fallible<(Common, Body, Vec<String>)> {
    let mut common = Common { retry_delay: 2.0, ..Common::default() };
    let mut body = bind(context, session, kind, properties, &mut common)?;
    if let Some(identity) = identity
        && !body.lazy.iter().any(|lazy| lazy.property == kind.identity())
    {
        body.fixed.entry(kind.identity()).or_insert(identity);
    }
    if common.actions.is_empty() {
        common.actions.push(default_action(kind));
    }
    let (body, aliases) = body.finish(context, session, kind, &mut common)?;
    Ok((common, body, aliases))
}

/// Changes a declared resource: what is not named stays.
pub(super) fn set(
    context: &NativeCallContext<'_>,
    session: &Session,
    index: usize,
    properties: Map,
) -> Fallible<()> {
    let (kind, mut common, mut body) = {
        // What is wrong in the new properties must leave the old ones as they are.
        let graph = session.graph.borrow();
        let declared = &graph.resources[index];
        if !declared.expanded.is_empty() {
            let late = Diagnostic::error(format!(
                "`{}` cannot be changed any more: its actions have run",
                declared.id
            ));
            return Err(throw(
                context,
                session,
                late.hint("change it in a recipe, or before it is declared"),
            ));
        }
        let body = match &declared.body {
            Body::Parsed(resource) => Properties { fixed: resource.properties(), lazy: Vec::new() },
            Body::Lazy { fixed, lazy } => Properties { fixed: fixed.clone(), lazy: lazy.clone() },
            Body::Container(instance) => {
                Properties { fixed: instance.given.clone(), lazy: instance.lazy.clone() }
            }
            Body::Group(_) => return Ok(()),
        };
        (declared.kind, declared.common.clone(), body)
    };
    let kind = &session.registry.kinds[kind];
    let actions = std::mem::take(&mut common.actions);
    let guards = std::mem::take(&mut common.guards);
    let new = bind(context, session, kind, properties, &mut common)?;
    if common.actions.is_empty() {
        common.actions = actions;
    }
    let replaced: Vec<bool> = common.guards.iter().map(|guard| guard.negated).collect();
    common.guards.extend(guards.into_iter().filter(|guard| !replaced.contains(&guard.negated)));
    body.lazy.retain(|lazy| !new.fixed.contains_key(&lazy.property));
    for lazy in &new.lazy {
        body.fixed.remove(&lazy.property);
    }
    body.fixed.extend(new.fixed);
    body.lazy.extend(new.lazy);
    let (body, _) = body.finish(context, session, kind, &mut common)?;
    let mut graph = session.graph.borrow_mut();
    let declared = &mut graph.resources[index];
    declared.body = body;
    declared.common = common;
    declared.set_by.extend(session.span(context.call_source(), context.call_position()));
    Ok(())
}

/// The properties of the kind itself, bound but not parsed.
struct Properties {
    fixed: serde_json::Map<String, Value>,
    lazy: Vec<Lazy>,
}

impl Properties {
    fn finish(
        self,
        context: &NativeCallContext<'_>,
        session: &Session,
        kind: &Kind,
        common: &mut Common,
    ) -> Fallible<(Body, Vec<String>)> {
        if !session.masks.is_empty() {
            let failed = |error| {
                throw(context, session, property_diagnostic(context, session, kind, &error))
            };
            check_arguments(kind, &session.masks, &self.fixed).map_err(failed)?;
            let held = |guard: &Guard| match &guard.condition {
                Condition::Command(command) => command.holds(&session.masks),
                Condition::Closure(_) => Holds::Nothing,
            };
            // What is inside a custom resource is looked at by itself.
            let own = self.fixed.values().filter(|_| !matches!(kind.origin, Origin::Custom(_)));
            let own = own.map(|value| session.masks.in_value(value));
            common.holds = own.chain(common.guards.iter().map(held)).max().unwrap_or_default();
        }
        if let Origin::Custom(_) = kind.origin {
            let made = custom::instance(context, session, kind, self.fixed, self.lazy, common);
            let failed = |error: PropertyError| {
                throw(context, session, property_diagnostic(context, session, kind, &error))
            };
            return Ok((Body::Container(Rc::new(made.map_err(failed)?)), Vec::new()));
        }
        if !self.lazy.is_empty() {
            return Ok((Body::Lazy { fixed: self.fixed, lazy: self.lazy }, Vec::new()));
        }
        let checked = kind.parse(self.fixed).and_then(|resource| {
            resource.check(&numbers(&common.actions))?;
            Ok(resource)
        });
        match checked {
            Ok(resource) => {
                let aliases = resource.aliases();
                Ok((Body::Parsed(resource), aliases))
            }
            Err(error) => {
                Err(throw(context, session, property_diagnostic(context, session, kind, &error)))
            }
        }
    }
}

/// Refuses properties that would put a decrypted value into the arguments of a command.
pub(crate) fn check_arguments(
    kind: &Kind,
    masks: &Masks,
    fixed: &serde_json::Map<String, Value>,
) -> Result<(), PropertyError> {
    let schema = &kind.schema()["properties"];
    let mut lines = fixed.iter().filter(|(key, _)| schema[key.as_str()]["format"] == "command");
    lines.try_for_each(|(key, value)| {
        plain::read(value.clone()).map_or(Ok(()), |line| check_line(masks, &line, key))
    })
}

/// Refuses a command line in which everybody who lists the processes would see a decrypted value.
pub(super) fn check_line(
    masks: &Masks,
    line: &CommandLine,
    property: &str,
) -> Result<(), PropertyError> {
    match line.command().argv.iter().find_map(|word| masks.in_written_argument(word)) {
        None => Ok(()),
        Some(from) => {
            let told = format!(
                "the command holds {from}, which is decrypted, and every process of the machine could read it there"
            );
            Err(PropertyError::new(property, told).hint(ARGUMENTS))
        }
    }
}

/// The kind's actions by number, without `nothing`.
pub(crate) fn numbers(actions: &[Act]) -> Vec<usize> {
    actions
        .iter()
        .filter_map(|act| if let Act::Kind(index) = act { Some(*index) } else { None })
        .collect()
}

fn default_action(kind: &Kind) -> Act {
    kind.actions().first().and_then(|action| Act::named(kind, &action.name)).unwrap_or(Act::Nothing)
}

/// The resource's name, and the value that its identity property takes.
fn name_of(
    context: &NativeCallContext<'_>,
    session: &Session,
    kind: &Kind,
    name: Dynamic,
) -> Fallible<(String, Option<Value>)> {
    let found = plain_type(name.type_name());
    let value = to_json(name).map_err(|message| {
        throw_text(context, session, format!("the name of `{}`: {message}", kind.name))
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
            return Err(throw(context, session, wrong.hint(hint)));
        }
    };
    if text.is_empty() {
        return Err(throw_text(
            context,
            session,
            format!("the name of a `{}` cannot be empty", kind.name),
        ));
    }
    let identity = if value.is_number() { Value::String(text.clone()) } else { value };
    Ok((text, (!kind.identity().is_empty()).then_some(identity)))
}

/// Sorts properties into those of every kind and the kind's own, values and lazy ones.
fn bind(
    context: &NativeCallContext<'_>,
    session: &Session,
    kind: &Kind,
    properties: Map,
    common: &mut Common,
) -> Fallible<Properties> {
    let mut bound = Properties { fixed: serde_json::Map::new(), lazy: Vec::new() };
    let mut home = None;
    let span = || session.span(context.call_source(), context.call_position());
    for (key, value) in properties {
        let key = key.as_str();
        let home = holds_closure(&value)
            .then(|| Rc::clone(home.get_or_insert_with(|| closure::home(context))));
        let fail = |error: &PropertyError| {
            throw(context, session, property_diagnostic(context, session, kind, error))
        };
        if COMMON.iter().any(|(name, ..)| *name == key) {
            common::bind(session, kind, key, value, home.as_ref(), common, &span)
                .map_err(|error| fail(&error))?;
            continue;
        }
        if kind.schema()["properties"].get(key).is_none() {
            let known = kind.properties().chain(COMMON.iter().map(|(name, ..)| *name));
            let mut error =
                PropertyError::new(key, format!("`{}` has no property `{key}`", kind.name));
            error.hint = Some(did_you_mean(key, known).unwrap_or_else(|| {
                format!("`toque resource show {}` lists its properties", kind.name)
            }));
            return Err(fail(&error));
        }
        match home {
            Some(home) => {
                match common::closure_of(session, &value, &home, span())
                    .map_err(|error| fail(&error))?
                    .filter(|_| kind.calls(key))
                {
                    Some(closure) => {
                        let mut callbacks = session.callbacks.borrow_mut();
                        bound.fixed.insert(key.into(), callbacks.len().into());
                        callbacks.push(closure);
                    }
                    None => bound.lazy.push(
                        Lazy::new(session, key, value, &home, span())
                            .map_err(|error| fail(&error))?,
                    ),
                }
            }
            None => {
                let json = to_json(value).map_err(|message| {
                    fail(&PropertyError::new(key, format!("`{key}`: {message}")))
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
    context: &NativeCallContext<'_>,
    session: &Session,
    kind: &Kind,
    error: &PropertyError,
) -> Diagnostic {
    let span = session.span(context.call_source(), context.call_position());
    let key = locate::property(context, session, &error.property).or(span);
    told(&kind.name, error).at(key)
}

/// A property's error, with the property's name and the kind's.
pub(crate) fn told(kind: &str, error: &PropertyError) -> Diagnostic {
    let said = &error.message;
    let names_property =
        error.property.is_empty() || said.contains(&format!("`{}`", last(&error.property)));
    let message = if said.starts_with(&format!("`{kind}`")) {
        said.clone()
    } else if names_property {
        format!("{kind}: {said}")
    } else {
        format!("{kind}: `{}`: {said}", error.property)
    };
    PropertyError { message, ..error.clone() }.into()
}

/// The last name of a path such as `environment.PATH`.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// A property that is set to nothing: mostly a key that is not there, or a function that returns
/// nothing.
pub(crate) fn nothing(property: &str) -> PropertyError {
    PropertyError::new(property, format!("`{property}` is nothing"))
        .hint(format!("leave the property out, or give it a value; {NOTHING}"))
}

/// Where nothing mostly comes from.
const NOTHING: &str = "a missing key of a map is nothing, `map.key ?? default` gives another value";
