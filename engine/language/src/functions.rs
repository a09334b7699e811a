//! The functions of the language: attributes, flow, platforms, commands, formats.

use std::path::Path;
use std::rc::Rc;

use base64::Engine as _;
use indexmap::IndexMap;
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Fallible, final_by_now, refused, throw, throw_text};
use crate::interpreter::{CallContext, Interpreter, Phase};
use crate::node_view::path_of;
use crate::property_checks::check_line;
use crate::script_values::from_json;
use crate::value::{shown, to_json};
use crate::{custom_resource, script, source_positions};
use toque_contract::event::Event;
use toque_contract::log_level::LogLevel;
use toque_core::checksum::sha256_hex;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::name::RecipeName;
use toque_core::text::shell_quote;
use toque_core::version::{Constraint, Version};
use toque_core::{formats, serde_errors};
use toque_data::attributes::{Level, Origin, shown_path};
use toque_machine::command::End;
use toque_machine::property::{Account, CommandLine, OneOrMany, Seconds};
use toque_machine::system::Query;

pub(crate) fn register(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    attributes(engine, interpreter);
    flow(engine, interpreter);
    platforms(engine, interpreter);
    machine(engine, interpreter);
    formats(engine, interpreter);
    for (name, level) in
        [("log_debug", LogLevel::Debug), ("log_info", LogLevel::Info), ("log_warn", LogLevel::Warn)]
    {
        let s = Rc::clone(interpreter);
        engine.register_fn(name, move |message: Dynamic| log(&s, level, &shown(&message)));
    }
}

/// A line in the run's output.
pub(crate) fn log(interpreter: &Interpreter, level: LogLevel, message: &str) {
    interpreter.event(&Event::Log { level, message });
}

fn attributes(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    for (name, level) in [
        ("default", Level::Default),
        ("force_default", Level::ForceDefault),
        ("normal", Level::Normal),
        ("override", Level::Override),
        ("force_override", Level::ForceOverride),
    ] {
        let s = Rc::clone(interpreter);
        engine.register_fn(name, move |context: CallContext<'_>, path: Dynamic, value: Dynamic| -> Fallible<()> {
            final_by_now(&context, &s, "an attribute cannot be set")?;
            let path = path_of(&context, &s, path)?;
            if value.is_fnptr() {
                let wrong = Diagnostic::error(format!("the attribute `{}` cannot be a closure", shown_path(&path)))
                    .hint("give it the value itself; a property of a resource may be a closure that reads `node`");
                return Err(throw(&context, &s, wrong));
            }
            let value = to_json(value)
                .map_err(|message| throw_text(&context, &s, format!("the attribute `{}`: {message}", shown_path(&path))))?;
            if let ([key], false) = (&path[..], value.is_object())
                && s.node.is_fact(key)
            {
                let hidden = Diagnostic::error(format!("`{key}` is a fact of the machine, which wins over every attribute"));
                return Err(throw(&context, &s, hidden.hint("give the attribute another name; facts cannot be set")));
            }
            let origin = Rc::new(Origin::Call(s.here(&context)));
            let set = s.node.attributes.borrow_mut().set(level, &path, value, &origin);
            set.map_err(|wrong| throw(&context, &s, wrong))
        });
    }
}

fn flow(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "include_recipe",
        move |context: CallContext<'_>, name: ImmutableString| -> Fallible<bool> {
            final_by_now(&context, &s, "a recipe cannot be included")?;
            let own = s.own_cookbook();
            let name = RecipeName::parse(&name, own.as_deref())
                .map_err(|message| throw_text(&context, &s, message))?;
            if let Some(own) = own.filter(|own| *own != name.cookbook) {
                let declared = s.inputs.cookbooks.get(&own).is_none_or(|cookbook| {
                    cookbook.manifest.dependencies.contains_key(&name.cookbook)
                });
                if !declared {
                    let wrong = script::undeclared(&own, &name);
                    return Err(throw(&context, &s, wrong));
                }
            }
            script::include(context.engine(), &s, &name).or_else(|diagnostic| {
                let here = s.here(&context);
                let diagnostic = match here {
                    Some(span) if diagnostic.span.is_some() => {
                        diagnostic.frame(span, format!("`{name}` was included here"))
                    }
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                };
                s.go_on_after(diagnostic)
                    .map(|()| true)
                    .map_err(|diagnostic| throw(&context, &s, diagnostic))
            })
        },
    );
}

fn platforms(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    for (function, fact) in [("platform", "platform"), ("platform_family", "platform_family")] {
        let is = |s: &Interpreter, names: &[ImmutableString]| {
            let mine = s.node.text(fact, &s.view);
            names.iter().any(|name| **name == *mine)
        };
        let s = Rc::clone(interpreter);
        engine.register_fn(function, move |a: ImmutableString| is(&s, &[a]));
        let s = Rc::clone(interpreter);
        engine.register_fn(function, move |a: ImmutableString, b: ImmutableString| is(&s, &[a, b]));
        let s = Rc::clone(interpreter);
        engine.register_fn(
            function,
            move |a: ImmutableString, b: ImmutableString, c: ImmutableString| is(&s, &[a, b, c]),
        );
        let s = Rc::clone(interpreter);
        engine.register_fn(
            function,
            move |a: ImmutableString,
                  b: ImmutableString,
                  c: ImmutableString,
                  d: ImmutableString| { is(&s, &[a, b, c, d]) },
        );
    }
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "value_for_platform_family",
        move |context: CallContext<'_>, map: Map| -> Fallible<Dynamic> {
            let family = s.node.text("platform_family", &s.view);
            map.get(family.as_str())
                .or_else(|| map.get("default"))
                .cloned()
                .ok_or_else(|| throw(&context, &s, no_match("family", &family, &map)))
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "value_for_platform",
        move |context: CallContext<'_>, map: Map| -> Fallible<Dynamic> {
            let platform = s.node.text("platform", &s.view);
            let version = s.node.text("platform_version", &s.view);
            let for_platform = match map.get(platform.as_str()).cloned() {
                Some(value) => match value.try_cast_result::<Map>() {
                    Ok(versions) => by_version(&versions, &version)
                        .map_err(|message| throw_text(&context, &s, message))?,
                    Err(value) => Some(value),
                },
                None => None,
            };
            let found = for_platform.or_else(|| map.get("default").cloned());
            found.ok_or_else(|| {
                throw(&context, &s, no_match("platform", &format!("{platform} {version}"), &map))
            })
        },
    );
}

/// The exact version, else the one constraint that accepts it, else `default`.
fn by_version(versions: &Map, version: &str) -> Result<Option<Dynamic>, String> {
    if let Some(value) = versions.get(version) {
        return Ok(Some(value.clone()));
    }
    let mut matching = Vec::new();
    if let Ok(version) = version.parse::<Version>() {
        for (text, value) in versions.iter().filter(|(text, _)| *text != "default") {
            if text.parse::<Constraint>().is_ok_and(|constraint| constraint.accepts(&version)) {
                matching.push((text, value));
            }
        }
    }
    match matching[..] {
        [] => Ok(versions.get("default").cloned()),
        [(_, value)] => Ok(Some(value.clone())),
        _ => {
            let texts: Vec<_> = matching.iter().map(|(text, _)| format!("`{text}`")).collect();
            Err(format!("several constraints accept version {version}: {}", texts.join(", ")))
        }
    }
}

fn no_match(what: &str, mine: &str, map: &Map) -> Diagnostic {
    let known: Vec<_> = map.keys().map(|key| format!("`{key}`")).collect();
    Diagnostic::error(format!("no value is given for this machine's {what}, `{mine}`"))
        .note(format!("given are {}", known.join(", ")))
        .hint("add it, or a `default`")
}

/// What `shell_out` takes beside the command.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ShellOut {
    user: Option<Account>,
    group: Option<Account>,
    cwd: Option<String>,
    environment: IndexMap<String, String>,
    timeout: Option<Seconds>,
    input: Option<String>,
    returns: Option<OneOrMany<i32>>,
    sensitive: bool,
}

fn machine(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let s = Rc::clone(interpreter);
    engine.register_fn("file_exists", move |path: ImmutableString| {
        s.may_ask() && s.view.exists(Path::new(&*path))
    });
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "read_file",
        move |context: CallContext<'_>, path: ImmutableString| -> Fallible<String> {
            if !s.may_ask() {
                return Ok(String::new());
            }
            let bytes = s.view.read(Path::new(&*path)).map_err(|error| {
                failed(&context, &s, Failure::io("read", Path::new(&*path), &error))
            })?;
            String::from_utf8(bytes).map_err(|_| {
                throw_text(&context, &s, format!("cannot read `{path}`: it is not UTF-8 text"))
            })
        },
    );
    let s = Rc::clone(interpreter);
    engine.register_fn("shell_out", move |context: CallContext<'_>, command: Dynamic| {
        shell_out(&context, &s, command, Map::new())
    });
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "shell_out",
        move |context: CallContext<'_>, command: Dynamic, options: Map| {
            shell_out(&context, &s, command, options)
        },
    );
}

fn shell_out(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    command: Dynamic,
    options: Map,
) -> Fallible<Map> {
    let group = interpreter.progress.inside.borrow().last().map(|inside| inside.container);
    if interpreter.progress.phase.get() < Phase::Converge
        && group.is_some_and(|container| custom_resource::is_group(interpreter, container))
    {
        let early = Diagnostic::error(
            "`shell_out` in a `converge_if_changed` would run while recipes compile, and in every plan",
        );
        return Err(throw(
            context,
            interpreter,
            early.hint("declare an `execute`, or a `block` that runs it"),
        ));
    }
    let line: CommandLine = read(context, interpreter, command, "the command of `shell_out`")?;
    check_line(&interpreter.inputs.redactor, &line, "")
        .map_err(|error| throw(context, interpreter, error.about("shell_out")))?;
    let options: ShellOut =
        read(context, interpreter, Dynamic::from_map(options), "the options of `shell_out`")?;
    let answer = |stdout: String, stderr: String, status: i64| {
        Map::from_iter([
            ("stdout".into(), stdout.into()),
            ("stderr".into(), stderr.into()),
            ("status".into(), status.into()),
        ])
    };
    if !interpreter.may_ask() {
        return Ok(answer(String::new(), String::new(), 0));
    }
    interpreter.view.depends_on_everything();
    let mut command = line.command();
    command.cwd = Some(options.cwd.unwrap_or_else(|| "/".to_owned()).into());
    command.umask = Some(interpreter.inputs.umask);
    command.environment = options.environment;
    command.input = options.input.map(String::into_bytes);
    command.sensitive = options.sensitive;
    if let Some(timeout) = options.timeout {
        command.timeout = timeout.duration();
    }
    let run = || -> Result<_, Failure> {
        if options.user.is_some() || options.group.is_some() {
            let name = |account: &Option<Account>| account.as_ref().map(Account::to_string);
            let (user, group) = (name(&options.user), name(&options.group));
            command.identity = Some(interpreter.view.accounts()?.identity(
                &interpreter.view,
                user.as_deref(),
                group.as_deref(),
            )?);
        }
        interpreter.view.probe(&command).map(|output| (command, output))
    };
    let (command, output) = run().map_err(|failure| failed(context, interpreter, failure))?;
    let allowed = options.returns.as_ref().map_or(&[0][..], OneOrMany::as_slice);
    match output.end {
        End::Exited(status) if allowed.contains(&status) => {
            Ok(answer(output.stdout(), output.stderr(), status.into()))
        }
        _ => Err(failed(context, interpreter, output.failure(&command, options.sensitive))),
    }
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    value: Dynamic,
    what: &str,
) -> Fallible<T> {
    let json = to_json(value)
        .map_err(|message| throw_text(context, interpreter, format!("{what}: {message}")))?;
    serde_errors::read(json).map_err(|error| {
        let at = source_positions::property(context, interpreter, &error.property);
        let wrong = error.about(what).at(at);
        throw(context, interpreter, wrong)
    })
}

/// A failure of the machine as an error of the recipe.
fn failed(
    context: &CallContext<'_>,
    interpreter: &Interpreter,
    failure: Failure,
) -> Box<rhai::EvalAltResult> {
    throw(context, interpreter, Diagnostic::from(failure))
}

fn formats(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let write: [(&str, fn(&Value) -> Result<String, String>); 3] = [
        ("to_json", formats::to_json),
        ("to_yaml", formats::to_yaml),
        ("to_toml", formats::to_toml),
    ];
    for (name, write) in write {
        let s = Rc::clone(interpreter);
        engine.register_fn(
            name,
            move |context: CallContext<'_>, value: Dynamic| -> Fallible<String> {
                to_json(value)
                    .and_then(|json| write(&json))
                    .map_err(|message| throw_text(&context, &s, format!("{name}: {message}")))
            },
        );
    }
    // Rhai has one of its own for maps, which takes them as they are.
    let s = Rc::clone(interpreter);
    engine.register_fn("to_json", move |context: CallContext<'_>, map: Map| -> Fallible<String> {
        let json = to_json(Dynamic::from_map(map)).and_then(|json| formats::to_json(&json));
        json.map_err(|message| throw_text(&context, &s, format!("to_json: {message}")))
    });
    let parse: [(&str, fn(&str) -> Result<Value, String>); 3] = [
        ("parse_json", formats::parse_json),
        ("parse_yaml", formats::parse_yaml),
        ("parse_toml", formats::parse_toml),
    ];
    for (name, parse) in parse {
        let s = Rc::clone(interpreter);
        engine.register_fn(
            name,
            move |context: CallContext<'_>, text: ImmutableString| -> Fallible<Dynamic> {
                parse(&text)
                    .map(|value| from_json(&value))
                    .map_err(|message| throw_text(&context, &s, message))
            },
        );
    }
    // Rhai's own changes the variable and returns nothing, which is an empty property for whoever
    // does not know.
    engine.register_fn("trim", |text: &mut ImmutableString| {
        *text = text.trim().into();
        text.clone()
    });
    // Rhai's own never ends when there is nothing to add.
    let s = Rc::clone(interpreter);
    engine.register_fn(
        "pad",
        move |context: CallContext<'_>,
              text: &mut ImmutableString,
              length: i64,
              with: ImmutableString|
              -> Fallible<()> {
            let missing = usize::try_from(length).unwrap_or(0).saturating_sub(text.chars().count());
            if missing > 0 && with.is_empty() {
                return Err(throw_text(
                    &context,
                    &s,
                    "there is nothing to pad the text with: it is empty".to_owned(),
                ));
            }
            if missing > s.inputs.limits.size {
                return Err(EvalAltResult::ErrorDataTooLarge(
                    "Length of string".to_owned(),
                    context.call_position(),
                )
                .into());
            }
            text.make_mut().extend(with.chars().cycle().take(missing));
            Ok(())
        },
    );
    engine.register_fn("shell_quote", |text: ImmutableString| shell_quote(&text));
    engine.register_fn("sha256", |text: ImmutableString| sha256_hex(text.as_bytes()));
    engine.register_fn("base64", |text: ImmutableString| {
        base64::engine::general_purpose::STANDARD.encode(text.as_bytes())
    });
    forbid(engine, interpreter);
}

/// Functions of Rhai that recipes do not have.
fn forbid(engine: &mut Engine, interpreter: &Rc<Interpreter>) {
    let refuse = |context: &CallContext<'_>, s: &Interpreter, name: &str| -> Fallible<()> {
        let why = refused(name).unwrap_or_default();
        Err(throw(
            context,
            s,
            Diagnostic::error(format!("there is no function `{name}`")).hint(why),
        ))
    };
    let s = Rc::clone(interpreter);
    engine.register_fn("sleep", move |context: CallContext<'_>, _: i64| {
        refuse(&context, &s, "sleep")
    });
    let s = Rc::clone(interpreter);
    engine.register_fn("sleep", move |context: CallContext<'_>, _: f64| {
        refuse(&context, &s, "sleep")
    });
    let s = Rc::clone(interpreter);
    engine.register_fn("timestamp", move |context: CallContext<'_>| {
        refuse(&context, &s, "timestamp")
    });
}
