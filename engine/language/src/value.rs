//! Values of the language as JSON, and back.

use rhai::{Dynamic, FnPtr, Map};
use serde_json::{Number, Value};

use crate::script_values::{DeferredProperty, NodeView};
use crate::type_names::plain_type;

/// Deeper than any real data, and far from the end of the stack.
const DEEPEST: usize = 128;

/// How many keys of the way to a mistake are named.
const NAMED: usize = 8;

/// What stands for a value that is computed later.
pub(crate) enum Unevaluated {
    Closure(FnPtr),
    DeferredProperty(DeferredProperty),
}

/// The value, if it can leave the language.
/// # Errors
/// A closure, a value nested too deep, or one of a type that JSON has not; with its path.
pub(crate) fn to_json(value: Dynamic) -> Result<Value, String> {
    convert(value, &mut |_| None, 0)
}

/// As [`to_json`], with `call` asked for each value that is computed later.
pub(crate) fn to_json_with(
    value: Dynamic,
    call: &mut dyn FnMut(Unevaluated) -> Option<Result<Dynamic, String>>,
) -> Result<Value, String> {
    convert(value, call, 0)
}

fn convert(
    value: Dynamic,
    call: &mut dyn FnMut(Unevaluated) -> Option<Result<Dynamic, String>>,
    depth: usize,
) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err(format!("the value is nested more than {DEEPEST} deep"));
    }
    if value.is_shared() {
        return convert(value.flatten(), call, depth);
    }
    if value.is_string() {
        return match value.into_immutable_string() {
            Ok(text) => Ok(Value::String(text.into_owned())),
            Err(found) => Err(format!("expected a string, found {found}")),
        };
    }
    if let Ok(number) = value.as_int() {
        return Ok(number.into());
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(Value::Bool(truth));
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(number) = value.as_float() {
        return Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("{number} cannot be written as JSON"));
    }
    if let Ok(character) = value.as_char() {
        return Ok(Value::String(character.to_string()));
    }
    if value.is_array() {
        let items = value.into_array().map_err(str::to_owned)?;
        return items
            .into_iter()
            .map(|item| convert(item, call, depth + 1))
            .collect::<Result<_, _>>()
            .map(Value::Array);
    }
    if value.is_map() {
        let map = value.try_cast::<Map>().unwrap_or_default();
        let converted = map
            .into_iter()
            .map(|(key, value)| match convert(value, call, depth + 1) {
                Ok(value) => Ok((String::from(key), value)),
                Err(message) if depth < NAMED => Err(format!("`{key}`: {message}")),
                Err(message) => Err(message),
            })
            .collect::<Result<_, _>>()?;
        return Ok(Value::Object(converted));
    }
    if let Some(view) = value.read_lock::<NodeView>() {
        return view.value();
    }
    let kind = plain_type(value.type_name());
    let late = match value.try_cast_result::<FnPtr>() {
        Ok(closure) => Some(Unevaluated::Closure(closure)),
        Err(value) => value.try_cast::<DeferredProperty>().map(Unevaluated::DeferredProperty),
    };
    match late.and_then(&mut *call) {
        Some(result) => convert(result?, call, depth + 1),
        None => Err(format!("{kind} is no value here")),
    }
}

/// The value as people read it in a message.
pub(crate) fn shown(value: &Dynamic) -> String {
    plain(value).to_string()
}

/// Rhai names the type of a view of `node` or of an item, and has a way to write a map.
fn plain(value: &Dynamic) -> Dynamic {
    if let Some(view) = value.read_lock::<NodeView>() {
        return view.value().map_or_else(|_| value.clone(), |json| json.to_string().into());
    }
    if let Ok(items) = value.as_array_ref() {
        return Dynamic::from_array(items.iter().map(plain).collect());
    }
    if let Ok(map) = value.as_map_ref() {
        return Dynamic::from_map(
            map.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        );
    }
    value.clone()
}

/// Whether a closure is in the value, at any depth.
pub(crate) fn holds_closure(value: &Dynamic) -> bool {
    if value.is_fnptr() || value.read_lock::<DeferredProperty>().is_some() {
        return true;
    }
    if value.is_array() {
        return value.as_array_ref().is_ok_and(|items| items.iter().any(holds_closure));
    }
    if value.is_map() {
        return value.as_map_ref().is_ok_and(|map| map.values().any(holds_closure));
    }
    false
}
