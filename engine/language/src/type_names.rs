//! The types of values in the words of recipes.

/// Rhai's type names in the words of recipes.
pub(crate) fn plain_type(name: &str) -> String {
    let name = name.trim();
    match name.rsplit("::").next().unwrap_or(name) {
        "string" | "ImmutableString" | "&str | ImmutableString | String" | "String" | "&str" => {
            "a string"
        }
        "i64" | "INT" => "an integer",
        "f64" | "FLOAT" => "a decimal number",
        "bool" => "true or false",
        "array" | "Array" => "an array",
        "map" | "Map" => "a map",
        "()" | "" => "nothing",
        "Fn" | "FnPtr" => "a closure",
        "NodeView" => "a part of `node` or of an item",
        "Handle" => "a resource",
        "This" => "a custom resource",
        "DeferredProperty" => "a closure",
        "char" => "a character",
        other => return format!("a value of type {other}"),
    }
    .to_owned()
}
