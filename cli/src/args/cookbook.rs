//! What `toque cookbook` takes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::Format;

#[derive(ClapArgs)]
pub struct CookbookArgs {
    #[command(subcommand)]
    pub what: CookbookWhat,
    /// The repository; the nearest folder above with `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR", global = true)]
    pub repo: Option<PathBuf>,
}

/// What every command that fetches takes.
#[derive(ClapArgs, Default)]
pub struct Fetching {
    /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Ask no server: what is not on this machine is an error
    #[arg(long)]
    pub offline: bool,
    /// A group of Cookfile.toml that is left out; those of the settings unless told
    #[arg(long, value_name = "GROUP")]
    pub without: Vec<String>,
}

/// What is added, and from where.
#[derive(ClapArgs)]
pub struct Add {
    pub name: String,
    /// Which versions of the sources will do, such as `~> 2.1`; unless told, those compatible with
    /// the newest that goes with the rest
    #[arg(conflicts_with_all = ["path", "git", "archive"])]
    pub constraint: Option<String>,
    /// The folder that it is in
    #[arg(long, value_name = "DIR", conflicts_with_all = ["git", "archive"])]
    pub path: Option<PathBuf>,
    /// The git repository that it is in
    #[arg(long, value_name = "URL", conflicts_with = "archive")]
    pub git: Option<String>,
    #[arg(long, value_name = "NAME", requires = "git", conflicts_with_all = ["tag", "revision"])]
    pub branch: Option<String>,
    #[arg(long, value_name = "NAME", requires = "git", conflicts_with = "revision")]
    pub tag: Option<String>,
    /// A commit
    #[arg(long, value_name = "REVISION", requires = "git")]
    pub revision: Option<String>,
    /// The folder in the git repository
    #[arg(long, value_name = "DIR", requires = "git")]
    pub rel: Option<PathBuf>,
    /// The archive that it is in: a URL or a path
    #[arg(long, value_name = "LOCATION")]
    pub archive: Option<String>,
    /// The SHA-256 that the archive must have
    #[arg(long, value_name = "DIGITS", requires = "archive")]
    pub sha256: Option<String>,
    /// The group that asks for it
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    #[command(flatten)]
    pub fetching: Fetching,
}

/// What is looked at.
#[derive(ClapArgs)]
pub struct Verify {
    /// Look at everything that is kept, whichever repository uses it
    #[arg(long)]
    pub all: bool,
    /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// A group of Cookfile.toml that is left out; those of the settings unless told
    #[arg(long, value_name = "GROUP", conflicts_with = "all")]
    pub without: Vec<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Subcommand)]
pub enum CookbookWhat {
    /// Make a cookbook that converges and has a test
    #[command(after_help = "Example:\n  toque cookbook new web")]
    New { name: String },
    /// Add a cookbook to Cookfile.toml, or change what it says of one, and install it
    #[command(
        after_help = "Example:\n  toque cookbook add nginx\n  toque cookbook add nginx '>= 2.1, < 4'\n  toque cookbook add redis --git https://git.example.com/redis.git --tag v1.4.0\n  toque cookbook add probe --group test"
    )]
    Add(Box<Add>),
    /// Remove cookbooks from Cookfile.toml, and what nobody needs any more from Cookfile.lock
    #[command(
        after_help = "Example:\n  toque cookbook remove nginx\n  toque cookbook remove probe --group test"
    )]
    Remove {
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// The group to remove them from; from wherever they stand unless told
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Fetch what Cookfile.lock names, and choose what it does not say
    #[command(after_help = "Example:\n  toque cookbook install\n  toque cookbook install --locked")]
    Install {
        /// Fail when Cookfile.lock would change
        #[arg(long)]
        locked: bool,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Choose newer versions: of these cookbooks and what they force, or of all
    #[command(
        after_help = "Example:\n  toque cookbook update\n  toque cookbook update nginx redis"
    )]
    Update {
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Show which cookbooks have newer versions
    #[command(after_help = "Example:\n  toque cookbook outdated")]
    Outdated {
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Show what depends on what
    #[command(after_help = "Example:\n  toque cookbook tree")]
    Tree,
    /// Show who needs a cookbook
    #[command(after_help = "Example:\n  toque cookbook why nginx")]
    Why { name: String },
    /// Show what a cookbook of Cookfile.lock is, where it is from, and what is in it
    #[command(
        after_help = "Example:\n  toque cookbook show nginx\n  toque cookbook show nginx --format json"
    )]
    Show {
        name: String,
        /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
        #[arg(long, value_name = "DIR")]
        cache_dir: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Look whether every cookbook on this machine is what was locked, changing nothing
    #[command(
        after_help = "Example:\n  toque cookbook verify\n  toque cookbook verify --all --format json"
    )]
    Verify(Verify),
    /// Remove what was fetched and no lockfile needs any more
    #[command(after_help = "Example:\n  toque cookbook gc --dry-run\n  toque cookbook gc")]
    Gc {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        /// The folder in which cookbooks are kept that were fetched; the user's cache unless told
        #[arg(long, value_name = "DIR")]
        cache_dir: Option<PathBuf>,
    },
    /// List the cookbooks of Cookfile.lock
    #[command(after_help = "Example:\n  toque cookbook list\n  toque cookbook list --format json")]
    List {
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Put the cookbooks of Cookfile.lock into a folder, to be kept with the repository or used as
    /// its `cookbooks/`
    #[command(after_help = "Example:\n  toque cookbook vendor vendor/cookbooks")]
    Vendor {
        /// A folder that is not there yet, is empty, or was made by this command and not changed
        /// since
        dir: PathBuf,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Pack the repository as a run needs it, or one cookbook, into an archive: the same bytes each
    /// time
    #[command(
        after_help = "Example:\n  toque cookbook package site.tar.zst\n  toque cookbook package /srv/registry nginx"
    )]
    Package {
        /// What is written: its name ends in `.tar.zst` or `.tar.gz`. With NAME also a folder, in
        /// which it becomes `NAME-VERSION.tar.zst`
        file: PathBuf,
        /// The cookbook that is packed alone, for a registry
        name: Option<String>,
        #[command(flatten)]
        fetching: Fetching,
    },
    /// Make a folder of packaged cookbooks a registry, which any web server can serve
    #[command(after_help = "Example:\n  toque cookbook index /srv/registry")]
    Index {
        /// Where the archives are, at any depth; gets the list, `universe`
        dir: PathBuf,
        /// Where the archives are found, if not beside the list
        #[arg(long, value_name = "BASE")]
        url: Option<String>,
    },
}
