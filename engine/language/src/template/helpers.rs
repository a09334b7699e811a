//! The helpers of templates, as design and guide list them.

use std::cmp::Ordering;
use std::rc::Rc;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, PathAndJson, RenderContext, RenderError,
    RenderErrorReason, ScopedJson,
};
use send_wrapper::SendWrapper;
use serde_json::Value;

use super::trace::Trace;
use toque_core::formats;
use toque_core::text::shell_quote;

type Compute = fn(&[&Value]) -> Result<Value, String>;

/// Helpers that only toque itself puts into templates.
pub(super) const PRINT: &str = "print";
pub(super) const CALL: &str = "call";
pub(super) const ENTER: &str = "enter";
pub(super) const LEAVE: &str = "leave";
pub(super) const STEP: &str = "step";

/// Registers every helper.
pub(super) fn register(engine: &mut Handlebars<'_>, trace: &Rc<Trace>) {
    // Handlebars wants helpers that could go to another thread. The data of a run stays on its own,
    // and so do these.
    let trace = || SendWrapper::new(Rc::clone(trace));
    let t = trace();
    engine.register_helper(PRINT, Box::new(Function(move |helper: &Helper<'_>| print(&t, helper))));
    let t = trace();
    engine.register_helper(CALL, Box::new(Function(move |helper: &Helper<'_>| call(&t, helper))));
    let t = trace();
    let enter = move |helper: &Helper<'_>| {
        let number = |index| {
            let number = helper.param(index).and_then(|value| value.value().as_u64());
            number.and_then(|number| usize::try_from(number).ok()).unwrap_or(1)
        };
        let name = helper.param(0).and_then(|value| value.value().as_str()).unwrap_or_default();
        t.enter(name.to_owned(), (number(1), number(2)));
        t.step()?;
        Ok("".into())
    };
    engine.register_helper(ENTER, Box::new(Function(enter)));
    let t = trace();
    let leave = move |_: &Helper<'_>| {
        t.leave();
        Ok("".into())
    };
    engine.register_helper(LEAVE, Box::new(Function(leave)));
    let t = trace();
    let step = move |_: &Helper<'_>| t.step().map(|()| "".into());
    engine.register_helper(STEP, Box::new(Function(step)));
    let helpers: [(&'static str, usize, Compute); 18] = [
        ("and", 1, |v| Ok(v.iter().all(|x| truthy(x)).into())),
        ("or", 1, |v| Ok(v.iter().any(|x| truthy(x)).into())),
        ("eq", 2, |v| Ok((v[0] == v[1]).into())),
        ("ne", 2, |v| Ok((v[0] != v[1]).into())),
        ("lt", 2, |v| Ok((compare(v[0], v[1])? == Ordering::Less).into())),
        ("gt", 2, |v| Ok((compare(v[0], v[1])? == Ordering::Greater).into())),
        ("not", 1, |v| Ok((!truthy(v[0])).into())),
        ("default", 2, |v| Ok(if v[0].is_null() { v[1].clone() } else { v[0].clone() })),
        ("join", 1, |v| join(v[0], v.get(1).map_or(Ok(", "), |separator| text(separator))?)),
        ("json", 1, |v| {
            Ok(serde_json::to_string_pretty(v[0]).map_err(|error| error.to_string())?.into())
        }),
        ("yaml", 1, |v| Ok(formats::to_yaml(v[0])?.trim_end().into())),
        ("toml", 1, |v| Ok(formats::to_toml(v[0])?.trim_end().into())),
        ("quote", 1, |v| Ok(Value::String(printed(v[0])?).to_string().into())),
        ("shell", 1, |v| Ok(shell_quote(&printed(v[0])?).into())),
        ("upper", 1, |v| Ok(printed(v[0])?.to_uppercase().into())),
        ("lower", 1, |v| Ok(printed(v[0])?.to_lowercase().into())),
        ("replace", 3, |v| Ok(printed(v[0])?.replace(text(v[1])?, text(v[2])?).into())),
        ("indent", 2, |v| indent(&printed(v[0])?, v[1])),
    ];
    for (name, least, compute) in helpers {
        let computed = move |helper: &Helper<'_>| computed(name, least, compute, helper);
        engine.register_helper(name, Box::new(Function(computed)));
    }
}

/// A helper that is a function of its call.
struct Function<F>(F);

impl<F> HelperDef for Function<F>
where
    F: Fn(&Helper<'_>) -> Result<Value, RenderError> + Send + Sync,
{
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        (self.0)(helper).map(ScopedJson::Derived)
    }
}

/// Turns the arguments of a helper into a value. An absent argument is null, which only `default`
/// and the conditions take.
fn computed(
    name: &str,
    least: usize,
    compute: Compute,
    helper: &Helper<'_>,
) -> Result<Value, RenderError> {
    let values: Vec<&Value> = helper.params().iter().map(PathAndJson::value).collect();
    if values.len() < least {
        let message = format!("`{name}` takes {least} arguments, and was given {}", values.len());
        return Err(RenderErrorReason::Other(message).into());
    }
    if !["default", "and", "or", "not", "eq", "ne", "json", "yaml"].contains(&name) {
        refuse_absent(helper.params())?;
    }
    let value = compute(&values);
    Ok(value.map_err(|message| RenderErrorReason::Other(format!("`{name}`: {message}")))?)
}

fn refuse_absent(arguments: &[PathAndJson<'_>]) -> Result<(), RenderError> {
    match arguments.iter().find(|value| value.is_value_missing()) {
        Some(absent) => {
            Err(RenderErrorReason::MissingVariable(absent.relative_path().cloned()).into())
        }
        None => Ok(()),
    }
}

/// Prints a plain `{{x}}`: text, numbers and booleans, nothing else. Where there is no value of the
/// name, a library may have a function of it that takes no arguments.
fn print(trace: &Trace, helper: &Helper<'_>) -> Result<Value, RenderError> {
    let Some(given) = helper.param(0) else { return Ok(Value::Null) };
    let path = given.relative_path();
    let called = match path {
        Some(name) if given.is_value_missing() => trace.call_if_known(name)?,
        _ => None,
    };
    let value = called.as_ref().unwrap_or(given.value());
    if value.is_null() {
        let nothing = "the helper gives nothing, which cannot be printed".to_owned();
        return Err(path
            .map_or(RenderErrorReason::Other(nothing), |path| {
                RenderErrorReason::MissingVariable(Some(path.clone()))
            })
            .into());
    }
    let printed = printed(value).map_err(|message| {
        RenderErrorReason::Other(path.map_or_else(
            || format!("what the helper gives cannot be printed: {message}"),
            |path| format!("`{path}`: {message}"),
        ))
    })?;
    Ok(printed.into())
}

/// Calls a function of the cookbook's libraries: `(call "f" x y)`.
fn call(trace: &Trace, helper: &Helper<'_>) -> Result<Value, RenderError> {
    let Some((name, arguments)) = helper.params().split_first() else { return Ok(Value::Null) };
    refuse_absent(arguments)?;
    let arguments: Vec<&Value> = arguments.iter().map(PathAndJson::value).collect();
    trace.call(name.value().as_str().unwrap_or_default(), &arguments)
}

fn printed(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Err("it is not set".to_owned()),
        Value::Array(_) => Err("it is an array: print it with `join` or `json`".to_owned()),
        Value::Object(_) => Err("it is a map: print one of its keys, or use `json`".to_owned()),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no string"))
}

fn join(value: &Value, separator: &str) -> Result<Value, String> {
    let items = value.as_array().ok_or_else(|| format!("{value} is no array"))?;
    let printed: Vec<String> = items.iter().map(printed).collect::<Result<_, _>>()?;
    Ok(printed.join(separator).into())
}

fn indent(text: &str, by: &Value) -> Result<Value, String> {
    let by = by.as_u64().and_then(|by| usize::try_from(by).ok()).filter(|by| *by <= 200);
    let pad = " ".repeat(by.ok_or("the second argument is the number of spaces, 200 at most")?);
    let lines: Vec<String> = text
        .lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") })
        .collect();
    Ok(lines.join("\n").into())
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn compare(a: &Value, b: &Value) -> Result<Ordering, String> {
    let order = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    order.ok_or_else(|| format!("{a} and {b} cannot be compared: give two numbers or two strings"))
}
