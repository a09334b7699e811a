//! The helpers of templates, as design and guide list them.

use std::cmp::Ordering;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError, RenderErrorReason, ScopedJson,
};
use serde_json::Value;

use crate::command::shell_quote;
use crate::convert;

type Compute = fn(&[&Value]) -> Result<Value, String>;

/// Registers every helper.
pub fn register(engine: &mut Handlebars<'_>) {
    engine.register_helper("print", Box::new(Print));
    let helpers: [(&'static str, usize, Compute); 16] = [
        ("eq", 2, |v| Ok((v[0] == v[1]).into())),
        ("ne", 2, |v| Ok((v[0] != v[1]).into())),
        ("lt", 2, |v| Ok((compare(v[0], v[1])? == Ordering::Less).into())),
        ("gt", 2, |v| Ok((compare(v[0], v[1])? == Ordering::Greater).into())),
        ("not", 1, |v| Ok((!truthy(v[0])).into())),
        ("default", 2, |v| Ok(if v[0].is_null() { v[1].clone() } else { v[0].clone() })),
        ("join", 1, |v| join(v[0], v.get(1).map_or(Ok(", "), |separator| text(separator))?)),
        ("json", 1, |v| Ok(serde_json::to_string_pretty(v[0]).map_err(|error| error.to_string())?.into())),
        ("yaml", 1, |v| Ok(convert::to_yaml(v[0])?.trim_end().into())),
        ("toml", 1, |v| Ok(convert::to_toml(v[0])?.trim_end().into())),
        ("quote", 1, |v| Ok(Value::String(printed(v[0])?).to_string().into())),
        ("shell", 1, |v| Ok(shell_quote(&printed(v[0])?).into())),
        ("upper", 1, |v| Ok(printed(v[0])?.to_uppercase().into())),
        ("lower", 1, |v| Ok(printed(v[0])?.to_lowercase().into())),
        ("replace", 3, |v| Ok(printed(v[0])?.replace(text(v[1])?, text(v[2])?).into())),
        ("indent", 2, |v| indent(&printed(v[0])?, v[1])),
    ];
    for (name, least, compute) in helpers {
        engine.register_helper(name, Box::new(Computed { name, least, compute }));
    }
    engine
        .register_helper("and", Box::new(Computed { name: "and", least: 1, compute: |v| Ok(v.iter().all(|x| truthy(x)).into()) }));
    engine.register_helper("or", Box::new(Computed { name: "or", least: 1, compute: |v| Ok(v.iter().any(|x| truthy(x)).into()) }));
}

/// A helper that turns its arguments into a value. An absent argument is null, which only `default` and the conditions take.
struct Computed {
    name: &'static str,
    least: usize,
    compute: Compute,
}

impl HelperDef for Computed {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let values: Vec<&Value> = helper.params().iter().map(handlebars::PathAndJson::value).collect();
        if values.len() < self.least {
            let message = format!("`{}` takes {} arguments, and was given {}", self.name, self.least, values.len());
            return Err(RenderErrorReason::Other(message).into());
        }
        if !["default", "and", "or", "not", "eq", "ne", "json", "yaml"].contains(&self.name)
            && let Some(absent) = helper.params().iter().find(|value| value.is_value_missing())
        {
            return Err(RenderErrorReason::MissingVariable(absent.relative_path().cloned()).into());
        }
        let value = (self.compute)(&values).map_err(|message| RenderErrorReason::Other(format!("`{}`: {message}", self.name)))?;
        Ok(ScopedJson::Derived(value))
    }
}

/// What every plain `{{x}}` becomes: text, numbers and booleans are printed, nothing else is.
struct Print;

impl HelperDef for Print {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        output: &mut dyn Output,
    ) -> HelperResult {
        let Some(value) = helper.param(0) else { return Ok(()) };
        let path = || value.relative_path().cloned();
        if value.is_value_missing() || value.value().is_null() {
            return Err(RenderErrorReason::MissingVariable(path()).into());
        }
        let printed = printed(value.value())
            .map_err(|message| RenderErrorReason::Other(format!("`{}`: {message}", path().unwrap_or_default())))?;
        output.write(&printed)?;
        Ok(())
    }
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
    let lines: Vec<String> =
        text.lines().map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") }).collect();
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
