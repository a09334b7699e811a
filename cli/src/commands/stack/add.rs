//! `toque stack add`: new entries, in the file, where all else stays as it is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toque_core::diagnostic::{Diagnostic, Source};
use toque_core::failure::plain_io;
use toque_core::read_text::read_text;
use toque_data::stack::add;
use toque_data::stack::add::{NewInstance, NewSource, StackText};
use toque_engine::Refused;
use toque_machine::trust::Trust;

use super::document;
use crate::atomic_write::{Expected, atomic_write};
use crate::exit::Exit;
use crate::output;
use crate::repository::Named;

/// Add an instance, a layer or an app to a stack document
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  toque stack add instance --layer web\n  toque stack add layer cache --stack shop.toml"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    entry: Entry,
    /// The stack document; `stack.json` or `stack.toml` of the repository, or of this folder,
    /// unless told
    #[arg(long, value_name = "FILE", global = true)]
    stack: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Entry {
    /// An instance, with the next free host name of the stack's theme unless told
    #[command(
        after_help = "Example:\n  toque stack add instance --layer web\n  toque stack add instance --layer web --layer cache --hostname web9 --private-ip 10.0.0.19 --status online"
    )]
    Instance {
        /// The short name of its layer; may be given several times
        #[arg(long, value_name = "SHORTNAME", required = true)]
        layer: Vec<String>,
        /// Its host name
        #[arg(long, value_name = "NAME")]
        hostname: Option<String>,
        /// Where other instances reach it
        #[arg(long, value_name = "ADDRESS")]
        private_ip: Option<IpAddr>,
        /// What it is doing, such as `stopped`; it is online unless told
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
    },
    /// A layer, in which no event runs anything yet
    #[command(after_help = "Example:\n  toque stack add layer cache --name 'The cache'")]
    Layer {
        /// Its short name
        shortname: String,
        /// Its name; the short name unless told
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// An app
    #[command(
        after_help = "Example:\n  toque stack add app site --url https://git.example.com/site.git --revision v3\n  toque stack add app docs --type archive --url https://files.example.com/docs.tar.gz"
    )]
    App {
        /// Its short name
        shortname: String,
        /// Its name; the short name unless told
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What its source is
        #[arg(long = "type", value_enum, default_value_t = SourceType::Git, requires = "url")]
        kind: SourceType,
        /// Where its source is
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// A branch, a tag or a commit
        #[arg(long, value_name = "REVISION", requires = "url")]
        revision: Option<String>,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum SourceType {
    Git,
    Archive,
    S3,
}

impl SourceType {
    /// Returns the name in a stack document.
    fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Archive => "archive",
            Self::S3 => "s3",
        }
    }
}

pub(crate) fn run(args: &Args, trust: &Trust) -> Result<Exit, Refused> {
    let path = document(args.stack.as_deref(), Named { repo: None, trust })?;
    let stack = read(&path)?;
    let (list, entry, what) = match &args.entry {
        Entry::Instance { layer, hostname, private_ip, status } => {
            let (hostname, status) = (hostname.as_deref(), status.as_deref());
            let entry = add::instance(
                &stack,
                &NewInstance { layers: layer, hostname, private_ip: *private_ip, status },
            )?;
            let layers =
                layer.iter().map(|layer| format!("`{layer}`")).collect::<Vec<_>>().join(", ");
            let of = if layer.len() == 1 { "the layer" } else { "the layers" };
            let what = format!(
                "the instance `{}` of {of} {layers}",
                entry["hostname"].as_str().unwrap_or_default()
            );
            ("instances", entry, what)
        }
        Entry::Layer { shortname, name } => (
            "layers",
            add::layer(&stack, shortname, name.as_deref())?,
            format!("the layer `{shortname}`"),
        ),
        Entry::App { shortname, name, kind, url, revision } => {
            let source = url.as_deref().map(|url| NewSource {
                kind: kind.name(),
                url,
                revision: revision.as_deref(),
            });
            (
                "apps",
                add::app(&stack, shortname, name.as_deref(), source.as_ref())?,
                format!("the app `{shortname}`"),
            )
        }
    };
    let text = stack.with(list, &entry)?;
    atomic_write(&path, &stack.name, &text, &Expected::Text(&stack.text))?;
    output::print(&format!("added {what} to `{}`", stack.name));
    Ok(Exit::Success)
}

fn read(path: &Path) -> Result<StackText, Diagnostic> {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.strip_prefix(here).unwrap_or(path).display().to_string();
    let text = read_text(path).map_err(|error| {
        Diagnostic::error(format!("cannot read the stack document `{shown}`: {}", plain_io(&error)))
    })?;
    StackText::parse(Source { name: shown, path: Some(path.to_owned()), text })
}
