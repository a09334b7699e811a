//! Kinds in words: what `toque resource show`, the book and the definitions for editors tell of a
//! kind, made from its declaration.

use serde_json::Value;

use crate::registry::Kind;

/// A property as people read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property<'a> {
    pub name: &'a str,
    /// In the words of recipes: `string`, `array of int`, `mode`.
    pub kind: String,
    /// What holds when it is not set; none where nothing does.
    pub default: Option<String>,
    pub required: bool,
    /// The actions that need it, where not all do.
    pub required_for: Vec<&'a str>,
    /// Its value is never shown.
    pub sensitive: bool,
    /// What it is for, without what is said of the default.
    pub doc: String,
}

impl Property<'_> {
    /// `string, required`, `seconds, default 900`, `string, sensitive`.
    #[must_use]
    pub fn remark(&self) -> String {
        let needed = match (&self.default, self.required) {
            (_, true) => Some("required".to_owned()),
            (Some(default), _) => Some(format!("default: {default}")),
            (None, _) if self.required_for.is_empty() => None,
            (None, _) => {
                let actions: Vec<String> =
                    self.required_for.iter().map(|action| format!("`{action}`")).collect();
                Some(format!("required for {}", actions.join(", ")))
            }
        };
        let sensitive = self.sensitive.then(|| "sensitive".to_owned());
        [Some(self.kind.clone()), needed, sensitive]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// What a kind is for.
#[must_use]
pub fn description(kind: &Kind) -> String {
    kind.schema()["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// The first sentence of the description, without its period.
#[must_use]
pub fn summary(kind: &Kind) -> String {
    description(kind).split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// The kind's own properties, in the order of its declaration.
#[must_use]
pub fn properties(kind: &Kind) -> Vec<Property<'_>> {
    let schema = kind.schema();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let of = |name| {
        let property = &schema["properties"][name];
        let (told, doc) = default_in(property["description"].as_str().unwrap_or_default());
        let identity = name == kind.identity();
        let default = if identity {
            Some("the resource's name".to_owned())
        } else {
            told.or_else(|| plain_default(property))
        };
        Property {
            name,
            kind: type_of(property),
            default,
            required: required.contains(&name) && !identity,
            required_for: property["required_for"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
            sensitive: property["sensitive"] == true,
            doc,
        }
    };
    kind.properties().map(of).collect()
}

/// What a doc comment says of the default (`Default: 5.`), and the rest of it.
fn default_in(doc: &str) -> (Option<String>, String) {
    const SAID: &str = "Default: ";
    let doc = doc.replace('\n', " ");
    let Some(start) = doc.find(SAID) else { return (None, doc) };
    let told = &doc[start + SAID.len()..];
    let end = told.find(". ").map_or(told.len(), |end| end + 1);
    let rest = format!("{}{}", &doc[..start], told[end..].trim_start());
    (Some(told[..end].trim_end_matches('.').to_owned()), rest.trim_end().to_owned())
}

/// The default of the schema, where it says something.
fn plain_default(schema: &Value) -> Option<String> {
    if schema["computed"] == true {
        return Some("computed".to_owned());
    }
    match schema.get("default")? {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(map) if map.is_empty() => None,
        Value::String(text) if text.is_empty() => None,
        value => Some(format!("`{value}`")),
    }
}

/// A JSON schema's type in the words of recipes.
#[must_use]
pub fn type_of(schema: &Value) -> String {
    if let Some(format @ ("mode" | "seconds" | "closure")) = schema["format"].as_str() {
        return format.to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(options) = schema[key].as_array() {
            let mut names: Vec<String> =
                options.iter().filter(|option| option["type"] != "null").map(type_of).collect();
            names.dedup();
            return names.join(" or ");
        }
    }
    let word = |name: &str| match name {
        "integer" => "int".to_owned(),
        "number" => "number".to_owned(),
        "boolean" => "bool".to_owned(),
        "object" => "map".to_owned(),
        "array" => match schema.get("items") {
            Some(items) if items.is_object() => format!("array of {}", type_of(items)),
            _ => "array".to_owned(),
        },
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => word(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .map(word)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::default_in;

    #[test]
    fn the_default_is_found_in_the_comment() {
        let split = |doc| {
            let (default, rest) = default_in(doc);
            (default.unwrap_or_default(), rest)
        };
        let pair = |default: &str, rest: &str| (default.to_owned(), rest.to_owned());
        assert_eq!(
            split("The script. Default: `/etc/init.d/` and the name. Only `sysv`."),
            pair("`/etc/init.d/` and the name", "The script. Only `sysv`.")
        );
        assert_eq!(split("Whether. Default: false."), pair("false", "Whether."));
        assert_eq!(split("The user's name."), pair("", "The user's name."));
    }
}
