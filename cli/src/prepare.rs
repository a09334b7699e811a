//! The options of a run, from flags and settings.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use toque_contract::registry::Registry;
use toque_core::cancel::CancelToken;
use toque_core::diagnostic;
use toque_core::diagnostic::Diagnostic;
use toque_core::json::Document;
use toque_core::redaction::Redactor;
use toque_data::stack::Event;
use toque_engine::{Options, Refused, Usual};
use toque_machine::system::{HostSystem, Query, Request};
use toque_machine::trust::Trust;

use crate::repository::{self, Named, find_repository};
use crate::settings::{Settings, seconds};
use crate::signals::stop_on_signals;
use crate::stack_command::{self, EventFlags};
use crate::{fetching, input, output, run_list};

/// The flags of commands that compile recipes of a repository.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// Recipes and roles to run, in order: `web`, `web::tls`, `recipe[web@1.2.0]`, `role[base]`;
    /// also joined by commas
    #[arg(value_name = "RUN_LIST")]
    run_list: Vec<String>,
    /// The repository of cookbooks; the nearest folder above with `Cookfile.toml` or `cookbooks/`
    /// unless told
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    #[command(flatten)]
    event: EventFlags,
    #[command(flatten)]
    node: Node,
}

/// The flags of commands that make up a node.
#[derive(clap::Args)]
pub(crate) struct Node {
    /// Attributes as a JSON object, which may name `run_list` and `chef_environment` too: a file, a
    /// URL, or `-` for standard input
    #[arg(short = 'j', long, value_name = "FILE|URL|-")]
    attributes: Option<String>,
    /// The environment that this node is in; `_default` unless told
    #[arg(short = 'E', long, value_name = "NAME")]
    environment: Option<String>,
    /// The name of this node, and of its file in `nodes/`; the host name unless told
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// The file with the secret that opens encrypted data bag items
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Where lock, history and backups are kept
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where cookbooks are kept that were fetched
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

/// The flags of commands that change the machine.
#[derive(clap::Args)]
pub(crate) struct Running {
    /// How many seconds to wait for another run; without end unless told
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    lock_timeout: Option<f64>,
    /// After a failure, keep delayed notifications for the next run instead of delivering them
    #[arg(long)]
    hold_notifications_on_failure: bool,
    /// How many seconds what is in progress may go on after a signal
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = parse_seconds)]
    stop_timeout: f64,
}

/// Parses a number of seconds that a wait can last.
fn parse_seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map(|_| number).map_err(|error| error.to_string())
}

/// A run, made of flags and settings.
pub(crate) struct Prepared {
    pub(crate) options: Options,
    pub(crate) system: Rc<HostSystem>,
    pub(crate) registry: Rc<Registry>,
    pub(crate) settings: Settings,
}

/// The part of a repository that a run is about.
pub(crate) struct Selection<'a> {
    pub(crate) repo: Option<&'a Path>,
    pub(crate) run_list: &'a [String],
    pub(crate) event: &'a EventFlags,
    /// The event of the stack where the flags name none.
    pub(crate) default_event: Option<Event>,
    /// Refuses the run when there is no repository.
    pub(crate) repository_required: bool,
}

impl Source {
    /// Prepares a run of recipes of a repository.
    pub(crate) fn prepare(
        &self,
        running: Option<&Running>,
        default_event: Option<Event>,
        trust: &Trust,
    ) -> Result<Prepared, Refused> {
        let selection = Selection {
            repo: self.repo.as_deref(),
            run_list: &self.run_list,
            event: &self.event,
            default_event,
            repository_required: true,
        };
        prepare(&self.node, running, Some(&selection), trust)
    }
}

/// Reads settings and attributes, and readies the machine. There is no selection where no
/// repository is needed.
pub(crate) fn prepare(
    node: &Node,
    running: Option<&Running>,
    selection: Option<&Selection<'_>>,
    trust: &Trust,
) -> Result<Prepared, Refused> {
    let system_settings = Settings::read(None, trust)?;
    let repo = selection.and_then(|selection| selection.repo);
    let cookbooks = repo.map(|repo| repository::archive(repo, trust)).transpose()?.flatten();
    let repository = match selection {
        Some(selection) if cookbooks.is_none() => {
            let from = selection.event.folder();
            let found = find_repository(Named { repo, trust }, from.as_deref())?;
            if let (None, Some(usual)) = (&found, &system_settings.repo) {
                repository::trusted(usual, trust)?;
            }
            found.or(system_settings.repo)
        }
        _ => None,
    };
    let mut settings = Settings::read(repository.as_deref(), trust)?;
    if let Some(dir) = &node.cache_dir {
        settings.cache_dir = Some(dir.clone());
    }
    let stop = CancelToken::new(seconds(running.map_or(30.0, |running| running.stop_timeout)));
    // Recipes and facts may run programs, which a signal must not leave behind.
    stop_on_signals(&stop)?;
    let redactor = Rc::<Redactor>::default();
    let hiding = Rc::clone(&redactor);
    let live: Box<dyn Fn(&str)> = Box::new(move |line| {
        output::message(&format!("  | {}", hiding.redact(line).as_deref().unwrap_or(line)));
    });
    let mut system = HostSystem::new();
    (system.stop, system.proxies, system.live) = (stop.clone(), settings.proxies(), Some(live));
    let attributes = match &node.attributes {
        Some(place) => Some(Rc::new(read_attributes(place, &system, trust)?)),
        None => None,
    };
    let limits = settings.limits();
    let name = node.node.clone().or_else(|| settings.node_name.clone()).unwrap_or_else(host_name);
    let command = selection
        .map(|selection| {
            let default_event = selection.default_event;
            let (event, limits) = (selection.event, &limits);
            stack_command::read(event, default_event, &name, limits, &redactor, trust)
        })
        .transpose()?
        .flatten();
    let named = selection.map_or(&[][..], |selection| selection.run_list);
    if let Some(command) = &command
        && !named.is_empty()
    {
        return Err(Diagnostic::error(format!(
            "a run list was named, and `{}` has recipes of its own",
            command.event
        ))
        .hint("leave it out, or run it with `--event execute_recipes --recipe …`")
        .into());
    }
    let own = command.as_ref().is_some_and(|command| command.stack.cookbooks_source.is_some());
    let repository = if own && repo.is_none() { None } else { repository };
    if selection.is_some_and(|selection| selection.repository_required)
        && repository.is_none()
        && cookbooks.is_none()
        && !own
    {
        return Err(Diagnostic::error("there is no repository of cookbooks here")
            .hint("run toque below a folder with `cookbooks/`, or name one with `--repo`; `toque apply` runs a single recipe")
            .into());
    }
    let options = Options {
        find_locked: Some(fetching::find_locked(&settings, &stop)),
        repository,
        cookbooks,
        run_list: run_list::split(named)?,
        attributes,
        node_name: match (&command, &node.node) {
            (Some(command), None) => command.instance.clone(),
            _ => name,
        },
        command,
        environment: node.environment.clone(),
        usual: Usual {
            run_list: run_list::parse(settings.run_list.iter().map(String::as_str))?,
            environment: settings.environment.clone(),
        },
        secret_files: settings.secret_files(node.secret_file.as_deref()),
        redactor,
        state_dir: Some(settings.state_dir(node.state_dir.as_deref())),
        backup_limit: settings.backup_limit.unwrap_or(Options::default().backup_limit),
        trust: trust.clone(),
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
    let registry = Rc::new(toque_resources::standard());
    Ok(Prepared { options, system: Rc::new(system), registry, settings })
}

/// Reads JSON from a file, a URL, or standard input.
fn read_attributes(
    place: &str,
    system: &HostSystem,
    trust: &Trust,
) -> Result<Document, Diagnostic> {
    let name = if place == "-" { "standard input" } else { place };
    let text = if place.starts_with("http://") || place.starts_with("https://") {
        fetch(place, system)
    } else {
        input::check(Path::new(place), trust)?;
        input::read(Path::new(place))
    };
    let text = text.map_err(|cause| {
        Diagnostic::error(format!("cannot read the attributes from {name}: {cause}"))
    })?;
    Document::parse(diagnostic::Source { name: name.to_owned(), path: None, text })
}

/// Fetches a text. The error is the cause alone.
fn fetch(url: &str, system: &HostSystem) -> Result<String, String> {
    let request = Request {
        url: url.to_owned(),
        headers: Vec::new(),
        timeout: Duration::from_secs(60),
        largest: Request::LARGEST,
        verify: true,
    };
    let response = system.fetch(&request).map_err(|failure| failure.message)?;
    if response.status != 200 {
        return Err(format!("the server answered {}", response.status));
    }
    let body = response.body.read().map_err(|error| error.to_string())?;
    String::from_utf8(body).map_err(|error| error.to_string())
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// Returns the mask of this process. Reading it sets it, so it is set back.
pub(crate) fn umask() -> u32 {
    let mask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    nix::sys::stat::umask(mask);
    mask.bits()
}
