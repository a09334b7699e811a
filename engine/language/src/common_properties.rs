//! The properties that every kind has, as recipes write them.

use rhai::{Dynamic, FnPtr};
use serde_json::Value;

use crate::closure::{Closure, Home};
use crate::closures;
use crate::interpreter::Interpreter;
use crate::property_checks::check_line;
use crate::script_values::{DeferredProperty, from_json};
use crate::type_names::plain_type;
use crate::value::to_json;
use toque_contract::graph::{ActionRef, Common, IgnoreFailure, actions_hint};
use toque_contract::guard::{CommandGuard, Condition, Guard};
use toque_contract::registry::Kind;
use toque_core::property_error::PropertyError;
use toque_core::serde_errors;
use toque_machine::property::Mode;

/// Takes a property that every kind has.
/// # Errors
/// A value that it cannot have.
pub(crate) fn bind(
    interpreter: &Interpreter,
    kind: &Kind,
    key: &str,
    value: Dynamic,
    home: Option<&Home>,
    common: &mut Common,
    span: &dyn Fn() -> Option<toque_core::diagnostic::Span>,
) -> Result<(), PropertyError> {
    let wrong = |message: String| PropertyError::named(key, format!("`{key}`: {message}"));
    if key == "only_if" || key == "not_if" {
        // An array of strings could be an argv or a list of shell lines; it is a list, as the guide
        // says.
        let several = value.is_array();
        let guards = if several { value.into_array().unwrap_or_default() } else { vec![value] };
        for (index, guard) in guards.into_iter().enumerate() {
            let condition = condition(interpreter, guard, home, span).map_err(|error| {
                let place = if several { format!("{key}[{index}]") } else { key.to_owned() };
                let inner = if error.property.is_empty() {
                    place
                } else {
                    format!("{place}.{}", error.property)
                };
                PropertyError { property: inner, ..error }
            })?;
            common.guards.push(Guard { negated: key == "not_if", condition });
        }
        return Ok(());
    }
    if home.is_some() {
        return Err(wrong("a closure is no value here".to_owned()));
    }
    let json = to_json(value).map_err(wrong)?;
    let typed = |expected: &str| {
        wrong(format!("expected {expected}, found {}", plain_type(from_json(&json).type_name())))
    };
    match key {
        "action" => {
            let names: Vec<&Value> = match &json {
                Value::Array(items) => items.iter().collect(),
                other => vec![other],
            };
            for name in names {
                let name =
                    name.as_str().ok_or_else(|| typed("an action's name, or an array of them"))?;
                let act = ActionRef::named(kind, name).ok_or_else(|| {
                    let error = PropertyError::of_kind(
                        "action",
                        format!("`{}` has no action `{name}`", kind.name),
                    );
                    error.hint(actions_hint(kind, name))
                })?;
                common.actions.push(act);
            }
            if common.actions.is_empty() {
                return Err(wrong("name at least one action".to_owned()));
            }
        }
        "ignore_failure" => {
            common.ignore_failure = match &json {
                Value::Bool(true) => IgnoreFailure::Yes,
                Value::Bool(false) => IgnoreFailure::No,
                Value::String(text) if text == "quiet" => IgnoreFailure::Quiet,
                _ => return Err(typed("true, false or \"quiet\"")),
            }
        }
        "retries" => {
            common.retries = json
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| typed("a whole number, 0 or more"))?;
        }
        "retry_delay" => {
            common.retry_delay =
                json.as_f64().filter(|n| *n >= 0.0).ok_or_else(|| typed("seconds, 0 or more"))?;
        }
        "sensitive" => common.sensitive = json.as_bool().ok_or_else(|| typed("true or false"))?,
        "umask" => {
            let mode: Mode = serde_errors::read(json).map_err(|error| wrong(error.message))?;
            common.umask = Some(mode.0);
        }
        _ => {
            let name = json.as_str().ok_or_else(|| typed("a provider's name"))?;
            if !kind.provider_names().any(|known| known == name) {
                let names: Vec<_> = kind.provider_names().map(|name| format!("`{name}`")).collect();
                let error = PropertyError::of_kind(
                    "provider",
                    format!("`{}` has no provider `{name}`", kind.name),
                );
                let hint = match &names[..] {
                    [] => format!("`{}` has none: leave `provider` out", kind.name),
                    _ => format!("it has {}", names.join(", ")),
                };
                return Err(error.hint(hint));
            }
            common.provider = Some(name.to_owned());
        }
    }
    Ok(())
}

/// The closure that a value is, whether it stands there or was handed on by a custom resource.
pub(crate) fn closure_of(
    interpreter: &Interpreter,
    value: &Dynamic,
    home: &Home,
    span: Option<toque_core::diagnostic::Span>,
) -> Result<Option<Closure>, PropertyError> {
    match value.read_lock::<DeferredProperty>() {
        Some(handed) => Ok(closures::closure_of_property(interpreter, &handed)),
        None => value
            .clone()
            .try_cast::<FnPtr>()
            .map(|pointer| Closure::new(interpreter, pointer, home, span))
            .transpose(),
    }
}

fn condition(
    interpreter: &Interpreter,
    guard: Dynamic,
    home: Option<&Home>,
    span: &dyn Fn() -> Option<toque_core::diagnostic::Span>,
) -> Result<Condition, PropertyError> {
    let wrong = |message| PropertyError::new("", message);
    if let Some(closure) =
        home.map(|home| closure_of(interpreter, &guard, home, span())).transpose()?.flatten()
    {
        return Ok(Condition::Closure(closures::keep(interpreter, closure)));
    }
    let found = plain_type(guard.type_name());
    let command: CommandGuard = match to_json(guard).map_err(wrong)? {
        Value::String(line) => {
            CommandGuard::plain(toque_machine::property::CommandLine::Shell(line))
        }
        map @ Value::Object(_) => serde_errors::read(map)?,
        _ => {
            return Err(wrong(format!(
                "a guard is a shell command, a closure, or a map with `command`, not {found}"
            )));
        }
    };
    command.check().map_err(wrong)?;
    check_line(&interpreter.inputs.redactor, &command.command, "")?;
    Ok(Condition::Command(Box::new(command)))
}
