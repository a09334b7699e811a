//! A property of a custom resource: what values it takes, and what becomes of them.

use rhai::{Dynamic, Engine, FnPtr, Map};
use serde_json::{Value, json};

use super::names;
use crate::closure::Closure;
use crate::definition::{Default, Property, Required, Type};
use crate::interpreter::{CallContext, Interpreter};
use crate::script_values::from_json;
use crate::type_names::plain_type;
use crate::value::to_json;
use crate::{closures, source_positions};
use toque_core::diagnostic::{Diagnostic, did_you_mean};
use toque_core::property_error::PropertyError;
use toque_core::redaction::Secrets;
use toque_machine::property::Mode;

/// The options that `property` takes, and what they say.
pub(crate) const OPTIONS: [(&str, &str); 10] = [
    ("type", "one of the types, or an array of those that will do"),
    (
        "default",
        "the value when none is given; a closure is called for each resource, after the last recipe",
    ),
    ("required", "true, or the actions that need it"),
    ("name", "takes the resource's name when it is not given"),
    ("one_of", "an array of the values that are allowed"),
    ("pattern", "a regular expression that a string must match"),
    ("validate", "a closure of the value: true, or false or a sentence when it is wrong"),
    ("coerce", "a closure of the value, which gives the value to use"),
    ("sensitive", "its value must not be shown: a resource that sets it is sensitive"),
    ("doc", "what it is, for the reference"),
];

const TYPES: [(&str, Type, &str); 8] = [
    ("string", Type::String, "a string"),
    ("int", Type::Int, "an integer"),
    ("float", Type::Float, "a number"),
    ("bool", Type::Bool, "true or false"),
    ("array", Type::Array, "an array"),
    ("map", Type::Map, "a map"),
    ("mode", Type::Mode, "a mode such as \"0644\" or 0o644"),
    ("any", Type::Any, "any value"),
];

impl Property {
    /// Reads the options of `property`.
    /// # Errors
    /// An option that does not exist, or has a value that it cannot have.
    pub(crate) fn read(
        context: &CallContext<'_>,
        interpreter: &Interpreter,
        options: Map,
    ) -> Result<Self, Diagnostic> {
        let mut property = Self {
            types: vec![Type::Any],
            default: None,
            required: Required::No,
            name: false,
            one_of: None,
            pattern: None,
            validate: None,
            coerce: None,
            sensitive: false,
            doc: String::new(),
            span: interpreter.here(context),
        };
        let home = closures::home(context);
        let span = property.span.clone();
        let kept = |pointer: FnPtr| {
            Closure::new(interpreter, pointer, &home, span.clone()).map_err(Diagnostic::from)
        };
        for (option, value) in options {
            let option = option.as_str();
            let at = || source_positions::property(context, interpreter, option);
            let wrong = |expected: &str, value: &Dynamic| {
                let found = plain_type(value.type_name());
                Diagnostic::error(format!("`{option}`: expected {expected}, found {found}"))
                    .at(at())
            };
            let flag = |value: &Dynamic| value.as_bool().map_err(|_| wrong("true or false", value));
            let text = |value: &Dynamic| match value.is_string() {
                true => Ok(value.to_string()),
                false => Err(wrong("a string", value)),
            };
            match option {
                "type" => property.types = types(value).map_err(|mistake| mistake.at(at()))?,
                "default" => {
                    property.default = Some(if value.is_fnptr() {
                        Default::Closure(kept(value.cast::<FnPtr>())?)
                    } else {
                        Default::Value(to_json(value).map_err(|why| {
                            Diagnostic::error(format!("`default`: {why}")).at(at())
                        })?)
                    });
                }
                "required" => {
                    property.required = match value.as_bool() {
                        Ok(true) => Required::Always,
                        Ok(false) => Required::No,
                        Err(_) => Required::For(
                            names(value.clone())
                                .map_err(|_| wrong("true, or an array of actions", &value))?,
                        ),
                    }
                }
                "name" => property.name = flag(&value)?,
                "sensitive" => property.sensitive = flag(&value)?,
                "doc" => property.doc = text(&value)?,
                "one_of" => match to_json(value.clone()) {
                    Ok(Value::Array(allowed)) if !allowed.is_empty() => {
                        property.one_of = Some(allowed);
                    }
                    _ => return Err(wrong("an array of values", &value)),
                },
                "pattern" => {
                    let pattern = text(&value)?;
                    property.pattern = Some(regex_lite::Regex::new(&pattern).map_err(|error| {
                        Diagnostic::error(format!(
                            "`pattern`: `{pattern}` is no regular expression: {error}"
                        ))
                        .at(at())
                    })?);
                }
                "validate" | "coerce" => {
                    if !value.is_fnptr() {
                        return Err(wrong("a closure of the value", &value));
                    }
                    let body = kept(value.cast::<FnPtr>())?;
                    if option == "validate" {
                        property.validate = Some(body);
                    } else {
                        property.coerce = Some(body);
                    }
                }
                unknown => {
                    let known = OPTIONS.iter().map(|(name, _)| *name);
                    return Err(Diagnostic::error(format!("there is no option `{unknown}`"))
                        .at(at())
                        .suggest_or(unknown, known.clone(), || {
                            format!("the options are {}", known.collect::<Vec<_>>().join(", "))
                        }));
                }
            }
        }
        property.check_default(context.engine(), interpreter)?;
        Ok(property)
    }

    /// A default must be a value that could be given; `()` stands for a property that may be
    /// absent.
    fn check_default(&self, engine: &Engine, interpreter: &Interpreter) -> Result<(), Diagnostic> {
        if self.name && self.sensitive {
            return Err(Diagnostic::error(
                "it is sensitive and takes the resource's name, which everybody sees",
            )
            .hint("take `name: true` out, and give it as a property"));
        }
        if self.default.is_some() && self.required != Required::No {
            return Err(Diagnostic::error("it is required and has a default")
                .hint("take one of the two out"));
        }
        match self.fixed_default() {
            Some(value) if !value.is_null() => {
                let accepted = self.accept(engine, interpreter, "default", value.clone());
                accepted.map(drop).map_err(|error| Diagnostic::error(error.message))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn is_name(&self) -> bool {
        self.name
    }

    pub(crate) fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Whether every resource must have it.
    pub(crate) fn is_required(&self) -> bool {
        self.required == Required::Always
    }

    /// The actions that must have it, where not all must.
    pub(crate) fn required_for(&self) -> &[String] {
        match &self.required {
            Required::For(actions) => actions,
            Required::No | Required::Always => &[],
        }
    }

    /// The default, unless it is to be computed.
    pub(crate) fn fixed_default(&self) -> Option<&Value> {
        match &self.default {
            Some(Default::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// What computes the default.
    pub(crate) fn computed_default(&self) -> Option<&Closure> {
        match &self.default {
            Some(Default::Closure(closure)) => Some(closure),
            _ => None,
        }
    }

    /// The value to use for one that was given.
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn accept(
        &self,
        engine: &Engine,
        interpreter: &Interpreter,
        name: &str,
        value: Value,
    ) -> Result<Value, PropertyError> {
        let mut secrets = Secrets::default();
        if self.sensitive {
            secrets.add(&value);
        }
        self.usable(engine, interpreter, name, value).map_err(|mut error| {
            // `validate` and `coerce` may quote the value.
            error.message = secrets.redact(&error.message).unwrap_or(error.message);
            error.hint = error.hint.map(|hint| secrets.redact(&hint).unwrap_or(hint));
            error
        })
    }

    fn usable(
        &self,
        engine: &Engine,
        interpreter: &Interpreter,
        name: &str,
        value: Value,
    ) -> Result<Value, PropertyError> {
        let wrong = |message: String| wrong(name, &message);
        let value = self.coerced(engine, interpreter, name, value)?;
        if let Some(allowed) = &self.one_of
            && !allowed.contains(&value)
        {
            let shown: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            let texts = allowed.iter().filter_map(Value::as_str);
            let near = value.as_str().and_then(|text| did_you_mean(text, texts));
            if self.sensitive {
                return Err(wrong("this value is not allowed".to_owned()));
            }
            let error = wrong(format!("{value} is not allowed"));
            return Err(
                error.hint(near.unwrap_or_else(|| format!("it is one of {}", shown.join(", "))))
            );
        }
        if let (Some(pattern), Some(text)) = (&self.pattern, value.as_str())
            && !pattern.is_match(text)
        {
            let shown = if self.sensitive { "the value".to_owned() } else { format!("`{text}`") };
            return Err(wrong(format!("{shown} does not match `{}`", pattern.as_str())));
        }
        if let Some(validate) = &self.validate {
            let answer = call(engine, interpreter, name, validate, &value)?;
            let shown = if self.sensitive { "the value".to_owned() } else { value.to_string() };
            match answer.as_bool() {
                Ok(true) => {}
                Ok(false) => return Err(wrong(format!("{shown} is refused by its `validate`"))),
                Err(_) if answer.is_string() => return Err(wrong(answer.to_string())),
                Err(_) => {
                    let found = plain_type(answer.type_name());
                    return Err(wrong(format!(
                        "its `validate` must give true, false or a sentence, and gave {found}"
                    )));
                }
            }
        }
        Ok(value)
    }

    /// The value as it is compared: coerced, and in one of the types.
    /// # Errors
    /// What `coerce` threw, or a value of no type of the property.
    pub(crate) fn coerced(
        &self,
        engine: &Engine,
        interpreter: &Interpreter,
        name: &str,
        value: Value,
    ) -> Result<Value, PropertyError> {
        let value = match &self.coerce {
            Some(coerce) => to_json(call(engine, interpreter, name, coerce, &value)?)
                .map_err(|why| wrong(name, &format!("`coerce` gave no usable value: {why}")))?,
            None => value,
        };
        self.typed(value).map_err(|(found, hint)| {
            let expected: Vec<&str> = self.types.iter().map(|wanted| words(*wanted).1).collect();
            let error = wrong(name, &format!("expected {}, found {found}", expected.join(" or ")));
            PropertyError { hint, ..error }
        })
    }

    /// The value in the first type that takes it; a mode becomes text.
    fn typed(&self, value: Value) -> Result<Value, (String, Option<String>)> {
        let mut hint = None;
        for wanted in &self.types {
            let fits = match (wanted, &value) {
                (Type::Any, _)
                | (Type::String, Value::String(_))
                | (Type::Bool, Value::Bool(_))
                | (Type::Array, Value::Array(_))
                | (Type::Map, Value::Object(_))
                | (Type::Float, Value::Number(_)) => true,
                (Type::Int, Value::Number(number)) => number.is_i64() || number.is_u64(),
                (Type::Mode, _) => match serde_json::from_value::<Mode>(value.clone()) {
                    Ok(mode) => return Ok(Value::String(mode.to_string())),
                    Err(error) => {
                        hint = Some(error.to_string());
                        false
                    }
                },
                _ => false,
            };
            if fits {
                return Ok(value);
            }
        }
        Err((plain_type(from_json(&value).type_name()), hint))
    }

    /// As a JSON schema, in the form that built-in kinds have theirs.
    pub(crate) fn schema(&self) -> Value {
        let name = |wanted: &Type| match wanted {
            Type::String => "string",
            Type::Int => "integer",
            Type::Float => "number",
            Type::Bool => "boolean",
            Type::Array => "array",
            Type::Map => "object",
            Type::Mode => "mode",
            Type::Any => "any",
        };
        let mut schema = json!({});
        match &self.types[..] {
            [Type::Any] => {}
            [Type::Mode] => schema = json!({ "type": ["string", "integer"], "format": "mode" }),
            [one] => schema["type"] = name(one).into(),
            many => schema["type"] = many.iter().map(name).collect(),
        }
        if !self.doc.is_empty() {
            schema["description"] = self.doc.clone().into();
        }
        if let Required::For(actions) = &self.required {
            schema["required_for"] = actions.clone().into();
        }
        if self.computed_default().is_some() {
            schema["computed"] = true.into();
        }
        if self.sensitive {
            schema["sensitive"] = true.into();
            return schema;
        }
        if let Some(allowed) = &self.one_of {
            schema["enum"] = allowed.clone().into();
        }
        if let Some(pattern) = &self.pattern {
            schema["pattern"] = pattern.as_str().into();
        }
        if let Some(default) = self.fixed_default().filter(|default| !default.is_null()) {
            schema["default"] = default.clone();
        }
        schema
    }
}

fn wrong(name: &str, message: &str) -> PropertyError {
    PropertyError::named(name, format!("`{name}`: {message}"))
}

/// Asks a closure of the declaration about a value.
fn call(
    engine: &Engine,
    interpreter: &Interpreter,
    name: &str,
    closure: &Closure,
    value: &Value,
) -> Result<Dynamic, PropertyError> {
    closures::call_with(engine, interpreter, closure, None, vec![from_json(value)]).map_err(
        |mistake| {
            let error = wrong(name, &mistake.message);
            PropertyError { hint: mistake.hints.into_iter().next(), ..error }
        },
    )
}

fn words(wanted: Type) -> (&'static str, &'static str) {
    TYPES
        .iter()
        .find(|(_, known, _)| *known == wanted)
        .map_or(("any", "any value"), |(name, _, words)| (name, words))
}

fn types(value: Dynamic) -> Result<Vec<Type>, Diagnostic> {
    let known = || TYPES.iter().map(|(name, ..)| *name);
    let all = || format!("the types are {}", known().collect::<Vec<_>>().join(", "));
    let names = names(value).ok().filter(|names| !names.is_empty()).ok_or_else(|| {
        Diagnostic::error("`type`: expected the name of a type, or an array of names").hint(all())
    })?;
    let named =
        |name: String| match TYPES.iter().find(|(known, ..)| **known == *name) {
            Some((_, found, _)) => Ok(*found),
            None => Err(Diagnostic::error(format!("`type`: there is no type `{name}`"))
                .suggest_or(&name, known(), all)),
        };
    names.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::{OPTIONS, TYPES};

    #[test]
    fn the_guide_and_the_table_of_words_list_the_options() {
        let guide = include_str!("../../../../docs/src/guide/custom_resources.md");
        let listed: Vec<&str> =
            guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(
            listed,
            OPTIONS.map(|(name, _)| name),
            "the options in docs/src/guide/custom_resources.md"
        );
        let word =
            crate::function_table::FUNCTIONS.iter().find(|word| word.name == "property").unwrap();
        for name in OPTIONS
            .map(|(name, _)| format!("`{name}`"))
            .into_iter()
            .chain(TYPES.map(|(name, ..)| format!("`\"{name}\"`")))
        {
            assert!(word.doc.contains(&name) && guide.contains(&name), "{name}");
        }
    }
}
