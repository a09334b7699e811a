//! Settings: flags win over the repository's `toque.toml`, which wins over the user's, which wins
//! over `/etc/toque/toque.toml`.

mod credentials;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::plain_io;
use toque_core::read_optional::optional;
use toque_core::read_text::read_text;
use toque_data::cookbook::toml_diagnostic;
use toque_language::Limits;
use toque_machine::system::Proxies;
use toque_machine::trust::{Subject, Trust};

use self::credentials::CredentialSettings;
use self::trust::TrustSettings;
pub(crate) use self::trust::trust;

/// The fields of `toque.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The repository of cookbooks, for when none is named and none is around the current folder.
    /// Only in `/etc/toque/toque.toml`.
    pub(crate) repo: Option<PathBuf>,
    /// The name of this node. Default: the host name.
    pub(crate) node_name: Option<String>,
    /// The environment of this node. Default: `_default`.
    pub(crate) environment: Option<String>,
    /// What is run when neither the command line nor the attributes name recipes.
    pub(crate) run_list: Vec<String>,
    /// Where lock, history, backups and owed notifications are kept. Default: `/var/lib/toque`;
    /// without root `$XDG_STATE_HOME/toque`.
    state_dir: Option<PathBuf>,
    /// Where cookbooks are kept that were fetched. Default: `/var/cache/toque`; without root
    /// `$XDG_CACHE_HOME/toque`.
    pub(crate) cache_dir: Option<PathBuf>,
    /// The file with the secret that opens encrypted data bag items. Default:
    /// `/etc/toque/encrypted_data_bag_secret`, else `/etc/chef/encrypted_data_bag_secret`.
    secret_file: Option<PathBuf>,
    /// A file that what is printed is appended to as well. Default: none.
    pub(crate) log: Option<PathBuf>,
    /// Bytes of the largest file of which a copy is kept before it is replaced or removed. Of larger
    /// ones there is a copy only where the file system can share their content. Default: 67108864.
    pub(crate) backup_limit: Option<u64>,
    /// Seconds to wait for another run. Default: without end.
    #[serde(deserialize_with = "seconds_of_wait")]
    pub(crate) lock_timeout: Option<f64>,
    /// Seconds that a server of cookbooks may be silent. In as much time at least 1 KiB a second
    /// must come of what it sends. Default: 60.
    #[serde(deserialize_with = "positive_seconds")]
    pub(crate) fetch_timeout: Option<f64>,
    /// Groups of `Cookfile.toml` that are left out: their cookbooks are neither fetched nor used.
    /// Default: none.
    without_groups: Vec<String>,
    /// What servers of cookbooks want to be shown, by the beginning of their URLs. Not in a
    /// repository's `toque.toml`.
    credentials: BTreeMap<String, CredentialSettings>,
    proxies: ProxySettings,
    limits: LimitSettings,
    trust: TrustSettings,
    /// The users who may decide what is run, by the settings of the machine and by flags.
    #[serde(skip)]
    pub(crate) trusted: Trust,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
struct ProxySettings {
    /// The proxy for `http:` addresses. Default: the variable `http_proxy`.
    http: Option<String>,
    /// The proxy for `https:` addresses. Default: the variable `https_proxy`.
    https: Option<String>,
    /// Hosts that are asked without a proxy, joined by commas. Default: the variable `no_proxy`.
    no_proxy: Option<String>,
}

/// Limits of recipes.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields, default)]
struct LimitSettings {
    /// Seconds that recipes may take to compile. Default: 60.
    #[serde(deserialize_with = "seconds_of_wait")]
    compile_time: Option<f64>,
    /// Steps of the language that a run may take. Default: 100000000.
    operations: Option<u64>,
    /// Resources that may be declared. Default: 1000000.
    resources: Option<usize>,
    /// Calls and includes that may nest. Default: 64.
    depth: Option<usize>,
    /// Custom resources that may be inside one another. Default: 32.
    nesting: Option<usize>,
    /// Bytes of a text and entries of an array or a map. Default: 16777216.
    size: Option<usize>,
    /// Bytes of the custom JSON of a stack, a layer, an app, an instance or a command. Default:
    /// 122880.
    custom_json: Option<usize>,
}

/// Reads a number of seconds that a wait can last.
fn seconds_of_wait<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    match Duration::try_from_secs_f64(number) {
        Ok(_) => Ok(Some(number)),
        Err(_) => {
            Err(serde::de::Error::custom(format!("{number} is no time: give seconds, 0 or more")))
        }
    }
}

/// Reads a number of seconds above 0.
fn positive_seconds<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    match seconds_of_wait(deserializer)? {
        Some(0.0) => {
            Err(serde::de::Error::custom("0 is no time to wait: give more, or leave it out"))
        }
        number => Ok(number),
    }
}

const SYSTEM: &str = "/etc/toque/toque.toml";

/// Returns the file with the user's settings; root has none.
fn user_file() -> Option<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return None;
    }
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
    let folder = path_variable("XDG_CONFIG_HOME").or_else(home)?;
    let path = folder.join("toque/toque.toml");
    // After `su`, `HOME` may still be that of another user.
    let elsewhere = std::fs::metadata(&path)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
    (!elsewhere).then_some(path)
}

impl Settings {
    /// The settings of a repository, which is trusted, over those of the system. Paths in a file are
    /// relative to it.
    pub(crate) fn read(repository: Option<&Path>, trust: &Trust) -> Result<Self, Diagnostic> {
        let mut system = trust::system(&trust::invoking())?;
        system.trusted = trust.clone();
        if let Some(path) = user_file().filter(|path| path.exists()) {
            trust.file(Subject::Settings, &path)?;
            let user = Self::from_file(&path)?;
            user.check_owners(&path)?;
            system = user.over(system);
        }
        let Some(repository) = repository else { return Ok(system) };
        let path = repository.join("toque.toml");
        let settings = Self::from_file(&path)?;
        settings.check_owners(&path)?;
        if !settings.credentials.is_empty() {
            // A repository could otherwise send any file to any server.
            return Err(Diagnostic::error(format!(
                "`{}` has `credentials`, which a repository may not have",
                path.display()
            ))
            .hint(format!(
                "move them to `{}`",
                user_file().as_deref().unwrap_or(Path::new(SYSTEM)).display()
            )));
        }
        Ok(settings.over(system))
    }

    /// A repository that trusted itself, or a user whom a program misuses, would undo the rule.
    fn check_owners(&self, path: &Path) -> Result<(), Diagnostic> {
        if self.trust.owners.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error(format!(
            "`{}` has `[trust]`, which only the settings of the machine may have",
            path.display()
        ))
        .hint(format!("move it to `{SYSTEM}`")))
    }

    fn from_file(path: &Path) -> Result<Self, Diagnostic> {
        let text = optional(read_text(path)).map_err(|error| {
            let (path, why) = (path.display(), plain_io(&error));
            Diagnostic::error(format!("cannot read the settings in `{path}`: {why}"))
        })?;
        let Some(text) = text else { return Ok(Self::default()) };
        // The line of an error may hold a secret, or be the remainder of one.
        let diagnostic = |error| {
            let wrong = toml_diagnostic(path, &text, &error);
            let hide = text.contains("credentials");
            Diagnostic {
                span: wrong.span.map(|span| if hide { span.hidden() } else { span }),
                ..wrong
            }
        };
        let mut settings: Self = toml::from_str(&text).map_err(diagnostic)?;
        let resolve = |path_in: &mut Option<PathBuf>| {
            if let (Some(inner), Some(folder)) = (path_in.as_mut(), path.parent()) {
                *inner = folder.join(&*inner);
            }
        };
        let Self { repo, state_dir, cache_dir, secret_file, log, .. } = &mut settings;
        for path in [repo, state_dir, cache_dir, secret_file, log] {
            resolve(path);
        }
        if let Some(folder) = path.parent() {
            settings
                .credentials
                .values_mut()
                .for_each(|credential| credential.resolve_paths(folder));
        }
        Ok(settings)
    }

    fn over(self, base: Self) -> Self {
        Self {
            repo: self.repo.or(base.repo),
            node_name: self.node_name.or(base.node_name),
            environment: self.environment.or(base.environment),
            run_list: if self.run_list.is_empty() { base.run_list } else { self.run_list },
            state_dir: self.state_dir.or(base.state_dir),
            cache_dir: self.cache_dir.or(base.cache_dir),
            secret_file: self.secret_file.or(base.secret_file),
            log: self.log.or(base.log),
            backup_limit: self.backup_limit.or(base.backup_limit),
            lock_timeout: self.lock_timeout.or(base.lock_timeout),
            fetch_timeout: self.fetch_timeout.or(base.fetch_timeout),
            without_groups: if self.without_groups.is_empty() {
                base.without_groups
            } else {
                self.without_groups
            },
            credentials: base.credentials.into_iter().chain(self.credentials).collect(),
            proxies: ProxySettings {
                http: self.proxies.http.or(base.proxies.http),
                https: self.proxies.https.or(base.proxies.https),
                no_proxy: self.proxies.no_proxy.or(base.proxies.no_proxy),
            },
            limits: LimitSettings {
                compile_time: self.limits.compile_time.or(base.limits.compile_time),
                operations: self.limits.operations.or(base.limits.operations),
                resources: self.limits.resources.or(base.limits.resources),
                depth: self.limits.depth.or(base.limits.depth),
                nesting: self.limits.nesting.or(base.limits.nesting),
                size: self.limits.size.or(base.limits.size),
                custom_json: self.limits.custom_json.or(base.limits.custom_json),
            },
            trust: base.trust,
            trusted: base.trusted,
        }
    }

    /// Returns the limits of recipes.
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        let limits = &self.limits;
        Limits {
            compile_time: limits.compile_time.map_or(default.compile_time, seconds),
            operations: limits.operations.unwrap_or(default.operations),
            resources: limits.resources.unwrap_or(default.resources),
            depth: limits.depth.unwrap_or(default.depth),
            nesting: limits.nesting.unwrap_or(default.nesting),
            size: limits.size.unwrap_or(default.size),
            custom_json: limits.custom_json.unwrap_or(default.custom_json),
        }
    }

    /// Returns the folder of lock, history and backups.
    pub(crate) fn state_dir(&self, flag: Option<&Path>) -> PathBuf {
        let named = flag.or(self.state_dir.as_deref());
        folder(named, "/var/lib/toque", "XDG_STATE_HOME", ".local/state")
    }

    /// Returns the folder of fetched cookbooks, which can be fetched again.
    pub(crate) fn cache_dir(&self, flag: Option<&Path>) -> PathBuf {
        let named = flag.or(self.cache_dir.as_deref());
        folder(named, "/var/cache/toque", "XDG_CACHE_HOME", ".cache")
    }

    /// Returns the groups of `Cookfile.toml` that are left out: those of the flag, else the
    /// settings'.
    pub(crate) fn without_groups(&self, flag: &[String]) -> Vec<String> {
        if flag.is_empty() { self.without_groups.clone() } else { flag.to_vec() }
    }

    /// Returns the files that may hold the secret of encrypted data bag items, in order.
    pub(crate) fn secret_files(&self, flag: Option<&Path>) -> Vec<PathBuf> {
        match flag.or(self.secret_file.as_deref()) {
            Some(named) => vec![absolute(named)],
            None => ["/etc/toque/encrypted_data_bag_secret", "/etc/chef/encrypted_data_bag_secret"]
                .map(PathBuf::from)
                .into(),
        }
    }

    /// Proxies as set, else as the environment has them.
    pub(crate) fn proxies(&self) -> Proxies {
        let environment = |name: &str| {
            let lower = std::env::var(name.to_lowercase()).ok();
            lower
                .or_else(|| std::env::var(name.to_uppercase()).ok())
                .filter(|value| !value.is_empty())
        };
        Proxies {
            http: self.proxies.http.clone().or_else(|| environment("http_proxy")),
            https: self.proxies.https.clone().or_else(|| environment("https_proxy")),
            no_proxy: self.proxies.no_proxy.clone().or_else(|| environment("no_proxy")),
        }
    }
}

/// Converts a number of seconds; an invalid one is 0.
pub(crate) fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

/// Returns a folder: the one that is named, else `system` for root, else `toque` below the folder
/// in a variable or below one in the home folder.
fn folder(named: Option<&Path>, system: &str, variable: &str, in_home: &str) -> PathBuf {
    if let Some(named) = named {
        return absolute(named);
    }
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from(system);
    }
    let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    path_variable(variable).unwrap_or_else(|| home().join(in_home)).join("toque")
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Returns the path in an environment variable; none when it is unset or empty.
pub(crate) fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}
