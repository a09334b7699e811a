//! The commands, one file each, and what they share: making up a run from flags and settings.

pub mod apply;
pub mod check;
pub mod command;
pub mod completions;
pub mod converge;
pub mod cookbook;
pub mod data_bag;
pub mod definitions;
mod event;
pub mod explain;
pub mod facts;
mod file;
pub mod graph;
pub mod plan;
mod repository;
pub mod resource;
pub mod runs;
pub mod search;
pub mod stack;

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use toque_engine::diagnostic::{Diagnostic, Source};
use toque_engine::event::Sink;
use toque_engine::failure::plain_io;
use toque_engine::json::Document;
use toque_engine::masks::Masks;
use toque_engine::report::{Outcome, Report};
use toque_engine::run::{Options, Refused, Usual};
use toque_engine::run_list::{HINT, Item};
use toque_engine::stack::Event;
use toque_engine::stop::Stop;
use toque_engine::system::{HostSystem, Query, Request};

use crate::args::{self, Format, Node, OfStack, Reporting, Running};
use crate::output;
use crate::output::progress::Progress;
use crate::output::text::{Detail, Text};
use crate::settings::{Settings, find_repository, seconds};

/// How the process ends. The numbers are part of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    Success,
    /// Converge began and failed.
    Failed,
    /// Nothing was touched.
    Refused,
    Stopped,
    /// A plan found changes, and the exit code was to say so.
    Pending,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Refused => 2,
            Self::Stopped => 3,
            Self::Pending => 4,
        }
    }

    /// Every one with what it says.
    pub const ALL: [(Self, &str); 5] = [
        (Self::Success, "success"),
        (Self::Failed, "converge began and failed"),
        (
            Self::Refused,
            "nothing was touched: usage, configuration, a recipe that does not compile, a plan that foresees a failure",
        ),
        (Self::Stopped, "stopped by a signal"),
        (Self::Pending, "a plan found changes and was asked to say so with --detailed-exit-code"),
    ];

    /// All of them, as help shows them.
    pub fn help() -> String {
        let line = |(exit, said): (Self, &str)| format!("\n  {}  {said}", exit.code());
        format!("Exit codes:{}", Self::ALL.map(line).concat())
    }
}

/// What flags and settings make of a run.
pub struct Prepared {
    pub options: Options,
    pub system: Rc<HostSystem>,
    pub settings: Settings,
}

/// What a run is of, where it is of a repository.
pub struct Of<'a> {
    pub repo: Option<&'a Path>,
    pub run_list: &'a [String],
    pub stack: &'a OfStack,
    /// The event of the stack where none is named.
    pub usual: Option<Event>,
    /// Whether nothing can be done without one.
    pub needed: bool,
}

/// [`prepare`] for what compiles recipes of a repository.
pub fn prepare_source(
    source: &args::Source,
    running: Option<&Running>,
    usual: Option<Event>,
) -> Result<Prepared, Refused> {
    let of = Of {
        repo: source.repo.as_deref(),
        run_list: &source.run_list,
        stack: &source.stack,
        usual,
        needed: true,
    };
    prepare(&source.node, running, Some(&of))
}

/// Reads settings and attributes, and readies the machine. `of` is none for what needs no
/// repository.
pub fn prepare(
    node: &Node,
    running: Option<&Running>,
    of: Option<&Of<'_>>,
) -> Result<Prepared, Refused> {
    let system_settings = Settings::read(None)?;
    let cookbooks = of.and_then(|of| of.repo).map(repository::archive).transpose()?.flatten();
    let repository = match of {
        Some(of) if cookbooks.is_none() => {
            find_repository(of.repo, event::folder(of.stack).as_deref())?.or(system_settings.repo)
        }
        _ => None,
    };
    let mut settings = Settings::read(repository.as_deref())?;
    if let Some(dir) = &node.cache_dir {
        settings.cache_dir = Some(dir.clone());
    }
    let stop = Stop::new(seconds(running.map_or(30.0, |running| running.stop_timeout)));
    // Recipes and facts may run commands, which must not be left behind, whatever is made of them.
    heed_signals(&stop);
    let masks = Rc::<Masks>::default();
    let hiding = Rc::clone(&masks);
    let live: Box<dyn Fn(&str)> = Box::new(move |line| {
        output::message(&format!("  | {}", hiding.hide(line).as_deref().unwrap_or(line)));
    });
    let mut system = HostSystem::new();
    (system.stop, system.proxies, system.live) = (stop.clone(), settings.proxies(), Some(live));
    let attributes = match &node.attributes {
        Some(place) => Some(Rc::new(read_attributes(place, &system)?)),
        None => None,
    };
    let limits = settings.limits();
    let name = node.node.clone().or_else(|| settings.node_name.clone()).unwrap_or_else(host_name);
    let command = of
        .map(|of| event::command(of.stack, of.usual, &name, &limits, &masks))
        .transpose()?
        .flatten();
    if let (Some(of), Some(command)) = (of, &command)
        && !of.run_list.is_empty()
    {
        return Err(Diagnostic::error(format!(
            "a run list was named, and `{}` has recipes of its own",
            command.event
        ))
        .hint("leave it out, or run it with `--event execute_recipes --recipe …`")
        .into());
    }
    let asked = of.map_or(&[][..], |of| of.run_list).iter().flat_map(|item| item.split(','));
    let own = command.as_ref().is_some_and(|command| command.cookbooks_source().is_some());
    let repository = if own && of.is_some_and(|of| of.repo.is_none()) { None } else { repository };
    if of.is_some_and(|of| of.needed) && repository.is_none() && cookbooks.is_none() && !own {
        return Err(Diagnostic::error("there is no repository of cookbooks here")
            .hint("run toque below a folder with `cookbooks/`, or name one with `--repo`; `toque apply` runs a single recipe")
            .into());
    }
    let options = Options {
        find_locked: Some(cookbook::find_locked(&settings, &stop)),
        repository,
        cookbooks,
        run_list: run_list(asked.filter(|item| !item.trim().is_empty()))?,
        attributes,
        node_name: match (&command, &node.node) {
            (Some(command), None) => command.instance.clone(),
            _ => name,
        },
        command,
        environment: node.environment.clone(),
        usual: Usual {
            run_list: run_list(settings.run_list.iter().map(String::as_str))?,
            environment: settings.environment.clone(),
        },
        secret_files: settings.secret_files(node.secret_file.as_deref()),
        masks,
        state_dir: Some(settings.state_dir(node.state_dir.as_deref())),
        lock_timeout: running
            .and_then(|running| running.lock_timeout)
            .or(settings.lock_timeout)
            .map(seconds),
        hold_notifications_on_failure: running
            .is_some_and(|running| running.hold_notifications_on_failure),
        limits,
        umask: umask(),
        stop,
        ..Options::default()
    };
    Ok(Prepared { options, system: Rc::new(system), settings })
}

/// SIGINT, SIGTERM and the SIGHUP of a lost terminal ask the run to stop; it does so after what is
/// in progress.
pub fn heed_signals(stop: &Stop) {
    let stop = stop.clone();
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if !stop.requested() {
                    output::message(
                        "told to stop: what is in progress is finished first; once more ends it",
                    );
                }
                stop.request();
            }
        });
    }
}

/// Who listens to a run.
pub fn listener(reporting: &Reporting, settings: &Settings) -> Result<Box<dyn Sink>, Refused> {
    let detail = match (reporting.quiet, reporting.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Usual,
    };
    if let Some(path) = &reporting.report {
        // Better to know before the machine is changed.
        let opened = std::fs::File::options().write(true).create(true).truncate(false).open(path);
        opened.map_err(|error| {
            Diagnostic::error(format!(
                "cannot write the report to `{}`: {}",
                path.display(),
                plain_io(&error)
            ))
        })?;
    }
    let log = match &settings.log {
        Some(path) => Some(
            std::fs::File::options()
                .append(true)
                .create(true)
                // It holds diffs of files that not everybody may read.
                .mode(0o600)
                .open(path)
                .map_err(|error| {
                    Diagnostic::error(format!(
                        "cannot open the log `{}`: {}",
                        path.display(),
                        plain_io(&error)
                    ))
                })?,
        ),
        None => None,
    };
    Ok(Box::new(Text {
        detail,
        progress: Progress::new(!reporting.quiet),
        silent: reporting.format == Format::Json,
        log,
    }))
}

/// Writes the report where it was asked for, and tells how the process ends.
pub fn finish(report: &Report, reporting: &Reporting) -> Result<Exit, Refused> {
    let json = || serde_json::to_string_pretty(report).unwrap_or_default();
    if reporting.format == Format::Json {
        output::print(&json());
    }
    if let Some(path) = &reporting.report
        && let Err(error) = std::fs::write(path, json() + "\n")
    {
        output::message(&format!(
            "error: cannot write the report to `{}`: {}",
            path.display(),
            plain_io(&error)
        ));
        return Ok(if report.outcome == Outcome::Success { Exit::Failed } else { exit_of(report) });
    }
    Ok(exit_of(report))
}

fn exit_of(report: &Report) -> Exit {
    match report.outcome {
        Outcome::Success => Exit::Success,
        Outcome::Failed => Exit::Failed,
        Outcome::Stopped => Exit::Stopped,
    }
}

fn run_list<'a>(items: impl Iterator<Item = &'a str>) -> Result<Vec<Item>, Diagnostic> {
    items
        .map(|item| Item::parse(item).map_err(|wrong| Diagnostic::error(wrong).hint(HINT)))
        .collect()
}

/// JSON from a file, a URL, or standard input.
fn read_attributes(place: &str, system: &HostSystem) -> Result<Document, Diagnostic> {
    let what = if place == "-" { "standard input" } else { place };
    let text = if place == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| plain_io(&error)).map(|_| text)
    } else if place.starts_with("http://") || place.starts_with("https://") {
        let request = Request {
            url: place.to_owned(),
            headers: Vec::new(),
            timeout: std::time::Duration::from_secs(60),
            largest: Request::LARGEST,
            verify: true,
        };
        match system.fetch(&request) {
            Ok(response) if response.status == 200 => {
                String::from_utf8(response.body).map_err(|error| error.to_string())
            }
            Ok(response) => Err(format!("the server answered {}", response.status)),
            Err(failure) => Err(failure.message),
        }
    } else {
        std::fs::read_to_string(place).map_err(|error| plain_io(&error))
    };
    let text = text.map_err(|cause| {
        Diagnostic::error(format!("cannot read the attributes from {what}: {cause}"))
    })?;
    Document::parse(Source { name: what.to_owned(), path: None, text })
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// The mask that this process was given; asking sets it, so it is set back.
fn umask() -> u32 {
    let mask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    nix::sys::stat::umask(mask);
    mask.bits()
}

/// A source of one recipe.
pub fn recipe_source(file: Option<&PathBuf>, code: Option<&str>) -> Result<Source, Diagnostic> {
    match (file, code) {
        (Some(path), None) if path.as_os_str() == "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| {
                Diagnostic::error(format!(
                    "cannot read the recipe from standard input: {}",
                    plain_io(&error)
                ))
            })?;
            Ok(Source { name: "standard input".to_owned(), path: None, text })
        }
        (_, Some(code)) => Ok(Source { name: "-e".to_owned(), path: None, text: code.to_owned() }),
        (Some(path), None) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Diagnostic::error(format!(
                    "cannot read the recipe `{}`: {}",
                    path.display(),
                    plain_io(&error)
                ))
            })?;
            Ok(Source { name: path.display().to_string(), path: Some(path.clone()), text })
        }
        (None, None) => Err(Diagnostic::error("name a recipe file, or give the recipe with `-e`")),
    }
}
