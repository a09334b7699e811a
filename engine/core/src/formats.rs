//! JSON, YAML and TOML, to and from values.

use serde_json::Value;

/// # Errors
/// Where and why the text is no JSON.
pub fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        let cause = match told.split(" at line ").next().unwrap_or(&told) {
            "expected value" => "a value is expected",
            "trailing characters" => "something follows its end",
            "trailing comma" => "nothing follows a comma",
            "key must be a string" => "a key is no string in double quotes",
            early if early.starts_with("EOF while parsing") => "it ends too early",
            other => other,
        };
        format!(
            "cannot read JSON: {cause} (line {}, column {})",
            error.line(),
            error.column().max(1)
        )
    })
}

/// # Errors
/// Where and why the text is no YAML.
pub fn parse_yaml(text: &str) -> Result<Value, String> {
    // A snippet cuts the text, and a part of what must be hidden is not known for it.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("cannot read YAML: {error}"))
}

/// # Errors
/// Where and why the text is no TOML. Dates become text.
pub fn parse_toml(text: &str) -> Result<Value, String> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| format!("cannot read TOML: {}", error.message()))?;
    Ok(from_toml(toml::Value::Table(table)))
}

/// Two spaces of indentation.
/// # Errors
/// Never for a value that came from a recipe.
pub fn to_json(value: &Value) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}

/// # Errors
/// Never for a value that came from a recipe.
pub fn to_yaml(value: &Value) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|error| error.to_string())
}

/// # Errors
/// When the value is no map, or holds a null, which TOML has not.
pub fn to_toml(value: &Value) -> Result<String, String> {
    if !value.is_object() {
        return Err("only a map can be written as TOML".to_owned());
    }
    toml::to_string_pretty(value).map_err(|error| format!("cannot write TOML: {error}"))
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, from_toml(value))).collect())
        }
    }
}
