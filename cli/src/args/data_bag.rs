//! What `toque data-bag` takes.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::Format;

#[derive(ClapArgs)]
pub struct DataBag {
    #[command(subcommand)]
    pub what: DataBagWhat,
    /// The repository; the nearest folder above with `Cookfile.toml` or `cookbooks/` unless told
    #[arg(long, value_name = "DIR", global = true)]
    pub repo: Option<PathBuf>,
    /// The file with the secret that encrypts and opens values
    #[arg(long, value_name = "FILE", global = true)]
    pub secret_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum DataBagWhat {
    /// The data bags, the items of one, or an item
    #[command(
        after_help = "Example:\n  toque data-bag show\n  toque data-bag show db\n  toque data-bag show db main --reveal --format json"
    )]
    Show {
        /// The data bag; all are listed without one
        bag: Option<String>,
        /// The item, by its id
        item: Option<String>,
        /// Show encrypted values as what they are decrypted to
        #[arg(long, requires = "item")]
        reveal: bool,
        #[command(flatten)]
        form: Form,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Encrypt the values of an item, in its file
    #[command(
        after_help = "Example:\n  toque data-bag encrypt db main\n  toque data-bag encrypt db main --key password --key token"
    )]
    Encrypt {
        /// The data bag
        bag: String,
        /// The item, by its id
        item: String,
        /// Encrypt only this one; may be given several times
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
    },
    /// Decrypt the values of an item, in its file
    #[command(after_help = "Example:\n  toque data-bag decrypt db main --key hosts")]
    Decrypt {
        /// The data bag
        bag: String,
        /// The item, by its id
        item: String,
        /// Decrypt only this one; may be given several times
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Edit an item in `$VISUAL` or `$EDITOR`, its plain text kept off the disk; only what changed
    /// is encrypted anew
    #[command(
        after_help = "Example:\n  toque data-bag edit db main\n  toque data-bag edit db spare --new"
    )]
    Edit {
        /// The data bag
        bag: String,
        /// The item, by its id
        item: String,
        /// Make an item that is not there yet, with all its values encrypted
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Encrypt everything anew, under another secret
    #[command(
        after_help = "Example:\n  toque data-bag rotate --new-secret-file new_secret\n  toque data-bag rotate db main --new-secret-file new_secret"
    )]
    Rotate {
        /// The data bag; all of them without one
        bag: Option<String>,
        /// The item; all of the bag without one
        item: Option<String>,
        /// The file with the secret to come
        #[arg(long, value_name = "FILE")]
        new_secret_file: PathBuf,
        #[command(flatten)]
        form: Form,
    },
}

/// How an item was encrypted, where that does not show.
#[derive(ClapArgs, Clone, Copy)]
pub struct Form {
    /// Take every text of the item but its id for an encrypted value of version 0, which looks like
    /// any other text
    #[arg(long, requires = "item")]
    pub version_0: bool,
}
