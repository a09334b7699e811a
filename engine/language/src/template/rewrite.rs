//! What a parsed template names, and what is put around it: a check before everything it prints, a
//! step in each round of a loop, which may end the render, a trace around each partial, and the call of a library's function where a helper is named that is
//! not built in.

use std::collections::HashMap;

use handlebars::template::{HelperTemplate, Parameter, Subexpression, TemplateElement};
use handlebars::{Path, PathSeg, Template};
use serde_json::Value;

use super::helpers::{CALL, ENTER, LEAVE, PRINT, STEP};
use super::trace::At;
use toque_core::diagnostic::Diagnostic;

/// Names that Handlebars and toque define: an expression that begins with one is a call, not a
/// value.
pub const HELPERS: [&str; 22] = [
    "eq", "ne", "lt", "gt", "lte", "gte", "and", "or", "not", "default", "join", "json", "yaml",
    "toml", "quote", "shell", "indent", "upper", "lower", "replace", "lookup", "len",
];

/// Blocks that Handlebars defines.
pub const BLOCKS: [&str; 5] = ["if", "unless", "each", "with", "raw"];

/// Helpers that take what is absent: to name an attribute there is to ask for it.
const ASKING: [&str; 11] =
    ["if", "unless", "with", "default", "and", "or", "not", "eq", "ne", "json", "yaml"];

/// Helpers whose value may be a map, which nothing prints by itself.
const UNPRINTED: [&str; 2] = ["default", "lookup"];

/// What a template names, and how deep it is nested.
#[derive(Default)]
pub(super) struct Named {
    pub reads: Vec<Read>,
    pub calls: Vec<Call>,
    /// Blocks and expressions that are inside one another where there are most.
    pub deepest: usize,
    /// The first place that is nested deeper than `DEEPEST`. Nothing inside it was looked at.
    pub too_deep: Option<At>,
    level: usize,
}

impl Named {
    /// Looks at what is inside of something, unless that is too deep.
    fn inside<T>(&mut self, at: At, look: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.level == DEEPEST {
            self.too_deep.get_or_insert(at);
            return None;
        }
        self.level += 1;
        self.deepest = self.deepest.max(self.level);
        let looked = look(self);
        self.level -= 1;
        Some(looked)
    }
}

/// Blocks, partials and expressions that may be inside one another: rendering recurses.
pub(super) const DEEPEST: usize = 100;

/// Drops a template of any depth, which would otherwise recurse.
pub(super) fn dismantle(template: Template) {
    let mut left = vec![template];
    while let Some(mut template) = left.pop() {
        for element in std::mem::take(&mut template.elements) {
            match element {
                TemplateElement::HelperBlock(mut block) => {
                    left.extend(block.template.take().into_iter().chain(block.inverse.take()));
                }
                TemplateElement::PartialExpression(mut other)
                | TemplateElement::PartialBlock(mut other)
                | TemplateElement::DecoratorExpression(mut other)
                | TemplateElement::DecoratorBlock(mut other) => left.extend(other.template.take()),
                _ => {}
            }
        }
    }
}

/// An attribute that is read.
pub(super) struct Read {
    /// The keys after `node`, as far as they are written out.
    pub path: Vec<String>,
    pub at: At,
    /// It may be absent.
    pub asked: bool,
    /// The path begins with `node`, and is not a key of that name in something else.
    pub sure: bool,
}

/// A helper that is not built in.
pub(super) struct Call {
    pub name: String,
    pub arguments: usize,
    pub at: At,
    /// It is written as a block, which no function is.
    pub block: bool,
    /// Arguments by name, which no function takes.
    pub hash: bool,
}

/// Finds what a template names, and turns each `{{x}}` into `{{print x}}`, which refuses what
/// cannot be printed. `partial` is asked for the name by which a partial is registered.
/// # Errors
/// What `partial` refuses.
pub(super) fn prepare(
    template: &mut Template,
    named: &mut Named,
    partial: &mut dyn FnMut(&str, At) -> Result<String, Diagnostic>,
) -> Result<(), Diagnostic> {
    let name = template.name.clone().unwrap_or_default();
    prepare_from(template, &name, (1, 1), named, partial)
}

/// `name` is that of the whole template, and `within` is where this part of it stands when it does
/// not tell by itself.
fn prepare_from(
    template: &mut Template,
    name: &str,
    within: At,
    named: &mut Named,
    partial: &mut dyn FnMut(&str, At) -> Result<String, Diagnostic>,
) -> Result<(), Diagnostic> {
    let elements = std::mem::take(&mut template.elements);
    let mapping = std::mem::take(&mut template.mapping);
    for (index, mut element) in elements.into_iter().enumerate() {
        let place = mapping.get(index);
        let at = place.map_or(within, |place| (place.0, place.1));
        let mut traced = false;
        match &mut element {
            TemplateElement::HtmlExpression(expression)
            | TemplateElement::Expression(expression) => {
                arguments(expression, at, named);
                print_checked(expression, at, named);
            }
            TemplateElement::HelperBlock(block) => {
                arguments(block, at, named);
                if let Some(helper) = name_of(&block.name)
                    && !BLOCKS.contains(&helper.as_str())
                    && !HELPERS.contains(&helper.as_str())
                {
                    named.calls.push(call_of(helper, block, at, true));
                }
                let repeated = name_of(&block.name).is_some_and(|name| name == "each");
                named
                    .inside(at, |named| {
                        for inner in block.template.iter_mut().chain(block.inverse.iter_mut()) {
                            prepare_from(inner, name, at, named, partial)?;
                        }
                        Ok::<_, Diagnostic>(())
                    })
                    .transpose()?;
                if let (Some(inner), Some(place), true) = (&mut block.template, place, repeated) {
                    inner.elements.insert(0, internal(STEP, Vec::new()));
                    inner.mapping.insert(0, place.clone());
                }
            }
            TemplateElement::PartialExpression(included)
            | TemplateElement::PartialBlock(included) => {
                if let Some(wanted) = name_of(&included.name)
                    && !wanted.starts_with('@')
                {
                    included.name = Parameter::Name(partial(&wanted, at)?);
                    traced = true;
                }
                for parameter in included.params.iter_mut().chain(included.hash.values_mut()) {
                    argument(parameter, at, named, false);
                }
                if let Some(inner) = &mut included.template {
                    named
                        .inside(at, |named| prepare_from(inner, name, at, named, partial))
                        .transpose()?;
                }
            }
            TemplateElement::DecoratorBlock(decorator)
            | TemplateElement::DecoratorExpression(decorator) => {
                if let Some(inner) = &mut decorator.template {
                    named
                        .inside(at, |named| prepare_from(inner, name, at, named, partial))
                        .transpose()?;
                }
            }
            _ => {}
        }
        let mut push = |element| {
            template.elements.push(element);
            template.mapping.extend(place.cloned());
        };
        if traced {
            push(internal(ENTER, vec![Value::from(name), at.0.into(), at.1.into()]));
            push(element);
            push(internal(LEAVE, Vec::new()));
        } else {
            push(element);
        }
    }
    Ok(())
}

/// An expression of toque's own.
fn internal(name: &str, arguments: Vec<Value>) -> TemplateElement {
    let arguments = arguments.into_iter().map(Parameter::Literal).collect();
    *Subexpression::new(Parameter::Name(name.to_owned()), arguments, HashMap::new()).element
}

/// Looks through the arguments of a helper.
fn arguments(helper: &mut HelperTemplate, at: At, named: &mut Named) {
    let asked = name_of(&helper.name).is_some_and(|name| ASKING.contains(&name.as_str()));
    for parameter in helper.params.iter_mut().chain(helper.hash.values_mut()) {
        argument(parameter, at, named, asked);
    }
}

fn argument(parameter: &mut Parameter, at: At, named: &mut Named, asked: bool) {
    if let Parameter::Subexpression(inner) = parameter {
        if let TemplateElement::Expression(expression)
        | TemplateElement::HtmlExpression(expression) = inner.element.as_mut()
        {
            named.inside(at, |named| arguments(expression, at, named));
            if let Some(name) = name_of(&expression.name)
                && !HELPERS.contains(&name.as_str())
                && !BLOCKS.contains(&name.as_str())
            {
                named.calls.push(call_of(name.clone(), expression, at, false));
                expression.params.insert(0, Parameter::Literal(Value::String(name)));
                expression.name = Parameter::Name(CALL.to_owned());
            }
        }
    } else {
        read(parameter, at, named, asked);
    }
}

fn call_of(name: String, helper: &HelperTemplate, at: At, block: bool) -> Call {
    Call { name, arguments: helper.params.len(), at, block, hash: !helper.hash.is_empty() }
}

/// `{{x.y}}` becomes `{{print x.y}}`, and `{{f x}}` becomes `{{print (call "f" x)}}`; `{{join list
/// ","}}` stays.
fn print_checked(expression: &mut HelperTemplate, at: At, named: &mut Named) {
    let name = name_of(&expression.name);
    let helper = name.as_deref().is_some_and(|name| HELPERS.contains(&name));
    if expression.params.is_empty() && expression.hash.is_empty() && !helper {
        let value = match &expression.name {
            Parameter::Name(name) => match Path::parse(name) {
                Ok(path) => Parameter::Path(path),
                Err(_) => return,
            },
            other => other.clone(),
        };
        expression.params.push(value);
        argument(&mut expression.params[0], at, named, false);
    } else {
        let Some(name) = name else { return };
        if BLOCKS.contains(&name.as_str()) || (helper && !UNPRINTED.contains(&name.as_str())) {
            return;
        }
        let (mut arguments, hash) =
            (std::mem::take(&mut expression.params), std::mem::take(&mut expression.hash));
        if !helper {
            named.calls.push(Call {
                name: name.clone(),
                arguments: arguments.len(),
                at,
                block: false,
                hash: !hash.is_empty(),
            });
            arguments.insert(0, Parameter::Literal(Value::String(name.clone())));
        }
        let inner = Parameter::Name(if helper { name } else { CALL.to_owned() });
        expression
            .params
            .push(Parameter::Subexpression(Subexpression::new(inner, arguments, hash)));
    }
    expression.name = Parameter::Name(PRINT.to_owned());
}

fn name_of(parameter: &Parameter) -> Option<String> {
    match parameter {
        Parameter::Name(name) => Some(name.clone()),
        Parameter::Path(Path::Relative((_, raw)) | Path::Local((_, _, raw))) => Some(raw.clone()),
        Parameter::Literal(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// `node.platform`, `../node.platform`, `@root.node.platform`: the keys after `node`. `node` alone
/// is read whole by nobody.
fn read(parameter: &Parameter, at: At, named: &mut Named, asked: bool) {
    let mut sure = false;
    let path: Vec<String> = match parameter {
        Parameter::Path(Path::Relative((segments, _))) => {
            let names: Vec<&str> = segments
                .iter()
                .filter_map(|segment| {
                    if let PathSeg::Named(name) = segment { Some(name.as_str()) } else { None }
                })
                .collect();
            sure = names.first() == Some(&"node");
            let after =
                names.iter().position(|name| *name == "node").map_or(names.len(), |at| at + 1);
            names[after..].iter().map(|name| (*name).to_owned()).collect()
        }
        Parameter::Path(Path::Local((_, _, raw))) | Parameter::Name(raw) => {
            let after = raw.split_once("node.").map_or("", |(_, after)| after);
            after
                .split(['.', '[', ']', '/'])
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect()
        }
        _ => return,
    };
    if !path.is_empty() {
        named.reads.push(Read { path, at, asked, sure });
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCKS, HELPERS};

    #[test]
    fn the_guide_lists_helpers_and_blocks() {
        let guide = include_str!("../../../../docs/src/guide/templates.md");
        for name in HELPERS {
            assert!(
                guide.contains(&format!("`{name} ")),
                "docs/src/guide/templates.md does not list the helper `{name}`"
            );
        }
        for name in BLOCKS {
            assert!(
                guide.contains(&format!("{{{{#{name}")),
                "docs/src/guide/templates.md does not list the block `{name}`"
            );
        }
    }
}
