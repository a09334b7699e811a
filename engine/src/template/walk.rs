//! What a parsed template names, and the check that is put before everything it prints.

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, PathSeg, Template};

/// Names that Handlebars and toque define: an expression that begins with one is a call, not a value.
pub const HELPERS: [&str; 20] = [
    "eq", "ne", "lt", "gt", "and", "or", "not", "default", "join", "json", "yaml", "toml", "quote", "shell", "indent", "upper",
    "lower", "replace", "lookup", "len",
];

/// Collects the names of partials and the first keys read from `node`, and turns each `{{x}}` into `{{print x}}`, which refuses
/// what cannot be printed.
pub fn prepare(template: &mut Template, partials: &mut Vec<String>, node_keys: &mut Vec<String>) {
    for element in &mut template.elements {
        match element {
            TemplateElement::HtmlExpression(expression) | TemplateElement::Expression(expression) => {
                helper(expression, partials, node_keys);
                print_checked(expression);
            }
            TemplateElement::HelperBlock(block) => helper(block, partials, node_keys),
            TemplateElement::PartialExpression(partial) | TemplateElement::PartialBlock(partial) => {
                if let Some(name) = name_of(&partial.name)
                    && !name.starts_with('@')
                {
                    partials.push(name);
                }
                for parameter in partial.params.iter().chain(partial.hash.values()) {
                    parameter_keys(parameter, node_keys);
                }
                if let Some(inner) = &mut partial.template {
                    prepare(inner, partials, node_keys);
                }
            }
            TemplateElement::DecoratorBlock(decorator) | TemplateElement::DecoratorExpression(decorator) => {
                if let Some(inner) = &mut decorator.template {
                    prepare(inner, partials, node_keys);
                }
            }
            _ => {}
        }
    }
}

fn helper(helper: &mut HelperTemplate, partials: &mut Vec<String>, node_keys: &mut Vec<String>) {
    parameter_keys(&helper.name, node_keys);
    for parameter in helper.params.iter().chain(helper.hash.values()) {
        parameter_keys(parameter, node_keys);
    }
    for inner in helper.template.iter_mut().chain(helper.inverse.iter_mut()) {
        prepare(inner, partials, node_keys);
    }
}

/// `{{x.y}}` becomes `{{print x.y}}`; `{{join list ","}}` stays.
fn print_checked(expression: &mut HelperTemplate) {
    let call = !expression.params.is_empty() || !expression.hash.is_empty();
    let named = name_of(&expression.name).is_some_and(|name| HELPERS.contains(&name.as_str()));
    if !call && !named {
        let value = match &expression.name {
            Parameter::Name(name) => match Path::parse(name) {
                Ok(path) => Parameter::Path(path),
                Err(_) => return,
            },
            other => other.clone(),
        };
        expression.params.push(value);
        expression.name = Parameter::Name("print".to_owned());
    }
}

fn name_of(parameter: &Parameter) -> Option<String> {
    match parameter {
        Parameter::Name(name) => Some(name.clone()),
        Parameter::Path(Path::Relative((_, raw)) | Path::Local((_, _, raw))) => Some(raw.clone()),
        Parameter::Literal(serde_json::Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// `node.platform`, `../node.platform`, `@root.node.platform`: the key after `node`. `node` alone is read whole by nobody.
fn parameter_keys(parameter: &Parameter, node_keys: &mut Vec<String>) {
    match parameter {
        Parameter::Path(Path::Relative((segments, _))) => {
            let names: Vec<&str> = segments
                .iter()
                .filter_map(|segment| if let PathSeg::Named(name) = segment { Some(name.as_str()) } else { None })
                .collect();
            if let Some(at) = names.iter().position(|name| *name == "node")
                && let Some(key) = names.get(at + 1)
            {
                node_keys.push((*key).to_owned());
            }
        }
        Parameter::Path(Path::Local((_, _, raw))) | Parameter::Name(raw) => {
            if let Some(rest) = raw.split("node.").nth(1)
                && let Some(key) = rest.split(['.', '[', ']', '/']).find(|key| !key.is_empty())
            {
                node_keys.push(key.to_owned());
            }
        }
        Parameter::Subexpression(inner) => {
            let mut element = inner.element.as_ref().clone();
            if let TemplateElement::Expression(expression) | TemplateElement::HtmlExpression(expression) = &mut element {
                helper(expression, &mut Vec::new(), node_keys);
            }
        }
        _ => {}
    }
}
