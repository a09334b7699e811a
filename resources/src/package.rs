//! Software from the platform's package manager. What is to be done is the same everywhere; the
//! providers say what is there and how it is changed.

mod apt;
mod dnf;
mod manager;
mod plan;

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toque_contract::actions;
use toque_contract::resource::{Resource, Scope, TemplateSource};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_core::property_error::PropertyError;
use toque_machine::command::Command;
use toque_machine::property::{OneOrMany, Seconds};

/// The provider for Debian and its family.
pub(crate) type Apt = manager::Provider<apt::Apt>;
/// The provider for Fedora, RHEL and Amazon Linux.
pub(crate) type Dnf = manager::Provider<dnf::Dnf>;

use crate::shared::defaults;
use crate::shared::words::words;

/// Installs, upgrades and removes packages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    /// The package, or an array of packages; only those that need a change are handed to the
    /// package manager, in one command.
    pub package_name: OneOrMany<String>,
    /// The version to install, upgrade to, or remove; for several packages an array in their order,
    /// with `()` where any will do.
    pub version: Option<OneOrMany<Option<String>>>,
    /// Further options of the package manager: a line that is split as a shell would, or an array.
    pub options: Option<OneOrMany<String>>,
    /// The path of a package file (`.deb`, `.rpm`) to install from, for a single package.
    pub source: Option<PathBuf>,
    /// Seconds that each command of the package manager may take. Default: 900.
    pub timeout: Option<Seconds>,
    /// Environment variables of the package manager.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub environment: IndexMap<String, String>,
    /// Whether an older version may replace a newer one. Without it, a newer version is left as it
    /// is. Default: true.
    #[serde(default = "defaults::yes")]
    pub allow_downgrade: bool,
    /// The release to install from, such as `bookworm-backports`. Only `apt`.
    pub default_release: Option<String>,
    /// Whether configuration files that were changed by hand are replaced by the package's.
    /// Default: false. Only `apt`.
    #[serde(default)]
    pub overwrite_config_files: bool,
    /// Answers for `debconf`, given before an install and by `reconfig`: a file of the cookbook, or
    /// a template when it ends in `.hbs`. Only `apt`.
    pub response_file: Option<String>,
    /// Variables of a `response_file` that is a template.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub response_file_variables: serde_json::Map<String, Value>,
    /// The architecture; for several packages an array in their order. Only `dnf`.
    pub arch: Option<OneOrMany<String>>,
    /// `#{ before: true }` asks the repositories anew before candidates are looked up, `#{ after:
    /// true }` makes whoever comes next ask them. Only `dnf`.
    pub flush_cache: Option<FlushCache>,
}

/// When what is known of the repositories is thrown away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct FlushCache {
    #[serde(default)]
    pub before: bool,
    #[serde(default)]
    pub after: bool,
}

actions! {
    pub enum PackageAction {
        Install = "install", "Make sure that it is installed, in the version that is asked for";
        Upgrade = "upgrade", "Install it, or bring it to the newest version that is offered";
        Remove = "remove", "Remove it, and keep its configuration files";
        Purge = "purge", "Remove it with its configuration files";
        Reconfig = "reconfig", "Give the answers of `response_file` to an installed package where they differ";
        Lock = "lock", "Keep it at its version";
        Unlock = "unlock", "Let it be upgraded again";
    }
}

/// The desired packages, their names and versions paired.
#[derive(Debug)]
pub(crate) struct Wanted {
    package: Package,
    requests: Vec<Request>,
    options: Vec<String>,
    response: Option<String>,
}

/// One package that is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    name: String,
    version: Option<String>,
    arch: Option<String>,
}

impl Wanted {
    /// Returns a command of the package manager.
    fn command<'a>(&self, argv: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(argv).timeout(self.timeout());
        command.environment.clone_from(&self.package.environment);
        command
    }

    fn timeout(&self) -> Duration {
        self.package.timeout.map_or(toque_machine::command::DEFAULT_TIMEOUT, Seconds::duration)
    }
}

impl Resource for Package {
    const KIND: &'static str = "package";
    const IDENTITY: &'static str = "package_name";
    type Action = PackageAction;
    type Desired = Wanted;

    fn check(&self, actions: &[PackageAction]) -> Result<(), PropertyError> {
        let names = self.package_name.as_slice();
        if names.is_empty()
            || names
                .iter()
                .any(|name| name.is_empty() || name.starts_with('-') || name.contains('\n'))
        {
            return Err(PropertyError::new(
                "package_name",
                "a package's name cannot be empty or begin with `-`",
            ));
        }
        let pairs = |property: &str, given: Option<usize>| match given {
            Some(given) if given != names.len() => Err(PropertyError::named(
                property,
                format!(
                    "`{property}` has {given} values for {} packages; they go together one by one",
                    names.len()
                ),
            )
            .hint("give one for each package")),
            _ => Ok(()),
        };
        pairs("version", self.version.as_ref().map(|version| version.as_slice().len()))?;
        pairs("arch", self.arch.as_ref().map(|arch| arch.as_slice().len()))?;
        if self.source.is_some() && names.len() > 1 {
            return Err(PropertyError::named(
                "source",
                "`source` is one package file, but several packages are named",
            ));
        }
        if self.source.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(PropertyError::named("source", "`source` must be an absolute path"));
        }
        if actions.contains(&PackageAction::Reconfig) && self.response_file.is_none() {
            return Err(PropertyError::named(
                "response_file",
                "the action `reconfig` needs `response_file`: the answers to give",
            ));
        }
        Ok(())
    }

    fn aliases(&self) -> Vec<String> {
        match &self.package_name {
            OneOrMany::One(_) => Vec::new(),
            OneOrMany::Many(names) => names.clone(),
        }
    }

    fn resolve(self, scope: &dyn Scope) -> Result<Wanted, Diagnostic> {
        let response = match &self.response_file {
            None => None,
            Some(name) if name.ends_with(".hbs") => Some(scope.render(&TemplateSource {
                sources: vec![name.clone()],
                cookbook: None,
                local: false,
                variables: self.response_file_variables.clone(),
            })?),
            Some(name) => {
                let content = scope.cookbook_file(std::slice::from_ref(name), None)?;
                let bytes = content.read().map_err(|error| {
                    Diagnostic::error(format!("cannot read `{name}`: {}", plain_io(&error)))
                })?;
                Some(
                    String::from_utf8(bytes)
                        .map_err(|_| Diagnostic::error(format!("`{name}` is not UTF-8 text")))?,
                )
            }
        };
        let versions = self.version.as_ref().map_or(&[][..], OneOrMany::as_slice);
        let archs = self.arch.as_ref().map_or(&[][..], OneOrMany::as_slice);
        let requests =
            self.package_name.as_slice().iter().enumerate().map(|(index, name)| Request {
                name: name.clone(),
                version: versions.get(index).cloned().flatten(),
                arch: archs.get(index).cloned(),
            });
        let options = words(self.options.as_ref());
        Ok(Wanted { requests: requests.collect(), options, response, package: self })
    }
}
