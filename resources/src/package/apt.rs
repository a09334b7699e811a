//! Packages of Debian and its family: dpkg's database read directly, apt for everything that
//! changes it.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;

use toque_contract::resource::{Apply, HostFacts, Support};
use toque_core::failure::Failure;
use toque_machine::areas::Area;
use toque_machine::command::Command;
use toque_machine::system::Query;
use toque_machine::view::View;

use super::manager::{PackageManager, Scene, arguments, no_package};
use super::plan::{Found, Step, Target, Verb, recall};
use super::{PackageAction, Request, Wanted};
use crate::shared::apt_lists;
use crate::shared::optional::read_text;
use crate::shared::parse::apt_policy::{self, Policy};
use crate::shared::parse::dpkg_status::{self, Packages};
use crate::shared::parse::{debconf, debian_version};

/// `apt-get`, `apt-cache` and `apt-mark`.
#[derive(Debug, Default)]
pub(crate) struct Apt;

/// What was asked of the package lists since they last changed, by release and name; `None` for a
/// name that apt does not know.
#[derive(Debug, Default)]
struct Lists(RefCell<HashMap<Asked, Option<Policy>>>);

/// A release, where one was given, and a name.
type Asked = (Option<String>, String);

impl PackageManager for Apt {
    const NAME: &'static str = "apt";
    /// The sources, pins and options, and the lists themselves.
    const CONSULTED: [&'static str; 2] = ["/etc/apt", "/var/lib/apt"];
    type Installed = Packages;
    type Offers = HashMap<String, Option<Policy>>;

    fn supports(host: &HostFacts<'_>) -> Support {
        match (host.platform_family, (host.has_program)("apt-get")) {
            ("debian", true) => Support::Preferred,
            (_, true) => Support::Usable,
            (_, false) => Support::No("there is no `apt-get`".to_owned()),
        }
    }

    /// Reads dpkg's database. A machine without one has no packages.
    fn read_installed(query: &dyn Query) -> Result<Packages, Failure> {
        let text = read_text(query, Path::new("/var/lib/dpkg/status"))?;
        Ok(text.map_or_else(Packages::default, |text| Packages::parse(&text)))
    }

    fn find(scene: &Scene<'_, Self>, request: &Request) -> Result<Found, Failure> {
        Ok(find(scene, &request.name))
    }

    fn complete(scene: &Scene<'_, Self>, found: &mut [Found]) -> Result<(), Failure> {
        resolve_virtual(scene, found)?;
        if let (PackageAction::Reconfig, Some(response)) = (scene.action, &scene.wanted.response) {
            let unanswered = unanswered(scene.view, response)?;
            found.iter_mut().for_each(|found| found.unanswered = unanswered);
        }
        Ok(())
    }

    fn is_version(_: &Scene<'_, Self>, _: &Request, found: &Found, version: &str) -> bool {
        found.installed.as_deref() == Some(version)
    }

    fn offers(scene: &Scene<'_, Self>, names: &[&str]) -> Result<Self::Offers, Failure> {
        policies(scene, names)
    }

    fn target(
        _: &Scene<'_, Self>,
        offers: &Self::Offers,
        request: &Request,
        found: &Found,
    ) -> Option<(Target, bool)> {
        let policy = offers.get(&found.name).cloned().flatten().unwrap_or_default();
        let offered = match &request.version {
            Some(version) => policy.versions.contains(version).then(|| version.clone()),
            None => policy.candidate,
        };
        let listed = offered.is_some();
        let version = offered.or_else(|| request.version.clone());
        let order = match (&version, &found.installed) {
            (Some(version), Some(installed)) => debian_version::compare(version, installed),
            _ => Ordering::Greater,
        };
        let argument = match (&request.version, found.installed.is_some(), &version) {
            (Some(version), ..) | (None, true, Some(version)) => {
                format!("{}={version}", found.name)
            }
            (None, ..) => found.name.clone(),
        };
        Some((Target { version, argument, order }, listed))
    }

    fn missing(
        query: &dyn Query,
        name: &str,
        version: Option<&str>,
        offers: &Self::Offers,
    ) -> Failure {
        let policy = offers.get(name).and_then(Option::as_ref);
        let versions = policy.map_or(&[][..], |policy| &policy.versions);
        if let Some(version) = version.filter(|_| !versions.is_empty()) {
            return Failure::new(format!(
                "package `{name}` has no version {version} in the lists of this machine"
            ))
            .hint(format!("it is offered as {}", versions.join(", ")));
        }
        let prefix: String = name.chars().take(1).collect();
        let names = query
            .probe(&Command::new(["apt-cache", "pkgnames", "--", &prefix]))
            .map(|output| output.stdout());
        no_package(name, &names.unwrap_or_default())
    }

    fn read_file(
        scene: &Scene<'_, Self>,
        _: &Request,
        found: &Found,
        path: &str,
    ) -> Result<(String, Target), Failure> {
        let output = scene.view.probe(&Command::new([
            "dpkg-deb",
            "--show",
            "--showformat=${Package}\t${Version}",
            "--",
            path,
        ]))?;
        let text = output.stdout();
        let Some((name, version)) = text.split_once('\t').filter(|_| output.success()) else {
            return Err(
                Failure::new(format!("`{path}` is not a Debian package")).note(output.stderr())
            );
        };
        let order = found
            .installed
            .as_deref()
            .map_or(Ordering::Greater, |installed| debian_version::compare(version, installed));
        let (version, argument) = (Some(version.to_owned()), path.to_owned());
        Ok((name.to_owned(), Target { version, argument, order }))
    }

    fn refresh(apply: &Apply<'_>, wanted: &Wanted) -> Result<(), Failure> {
        apt_lists::refresh(apply, wanted.timeout(), &wanted.package.environment)
    }

    fn expect_all(query: &dyn Query, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure> {
        let installs: Vec<&Step> =
            steps.iter().copied().filter(|step| step.verb == Verb::Install).collect();
        let names: Vec<&str> = installs.iter().map(|step| step.name.as_str()).collect();
        let policies = ask(query, wanted.package.default_release.as_deref(), &names)?;
        let offers: Self::Offers =
            policies.into_iter().map(|(name, policy)| (name, Some(policy))).collect();
        for step in installs {
            let policy = offers.get(&step.name).cloned().flatten().unwrap_or_default();
            let version =
                step.argument.strip_prefix(&step.name).and_then(|rest| rest.strip_prefix('='));
            let offered = version.map_or(policy.candidate.is_some(), |version| {
                policy.versions.iter().any(|offered| offered == version)
            });
            // A virtual package that is only now known is resolved by apt itself, which refuses
            // when several provide it.
            let provided = || {
                let output =
                    query.probe(&Command::new(["apt-cache", "showpkg", "--", &step.name]))?;
                Ok(!apt_policy::reverse_provides(&output.stdout()).is_empty())
            };
            if !offered && (version.is_some() || !provided()?) {
                return Err(Self::missing(query, &step.name, version, &offers));
            }
        }
        Ok(())
    }

    fn install(
        apply: &Apply<'_>,
        wanted: &Wanted,
        downgrade: bool,
        packages: &[&str],
    ) -> Result<(), Failure> {
        if let Some(response) = &wanted.response {
            answer(apply, wanted, response)?;
        }
        apt_get(apply, wanted, "install", downgrade, packages)
    }

    fn carry_out(apply: &Apply<'_>, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure> {
        for (verb, word) in [(Verb::Remove, "remove"), (Verb::Purge, "purge")] {
            let names = arguments(steps, &[verb]);
            if !names.is_empty() {
                apt_get(apply, wanted, word, false, &names)?;
            }
        }
        for (verb, argv) in [
            (Verb::Reconfigure, &["dpkg-reconfigure", "--frontend=noninteractive"][..]),
            (Verb::Hold, &["apt-mark", "-qq", "hold"][..]),
            (Verb::Release, &["apt-mark", "-qq", "unhold"][..]),
        ] {
            let names = arguments(steps, &[verb]);
            if names.is_empty() {
                continue;
            }
            if let (Verb::Reconfigure, Some(response)) = (verb, &wanted.response) {
                answer(apply, wanted, response)?;
            }
            run(apply, &command(wanted, argv.iter().copied().chain(["--"]).chain(names)))?;
        }
        Ok(())
    }
}

/// A name that no package has may be provided by others. If only one could, that one is meant.
fn resolve_virtual(scene: &Scene<'_, Apt>, found: &mut [Found]) -> Result<(), Failure> {
    let installed = scene.installed;
    let brings = matches!(scene.action, PackageAction::Install | PackageAction::Upgrade);
    for found in found {
        let suspicious =
            found.installed.is_none() && (brings || installed.provided.contains_key(&found.name));
        if !suspicious || installed.by_name.contains_key(&found.name) && !brings {
            continue;
        }
        // Known to apt, but without a version of its own: that is what a virtual package looks
        // like.
        let policy = policies(scene, &[&found.name])?.remove(&found.name).flatten();
        if policy.is_none_or(|policy| !policy.versions.is_empty()) {
            continue;
        }
        let output =
            scene.view.probe(&Command::new(["apt-cache", "showpkg", "--", &found.name]))?;
        let providers = apt_policy::reverse_provides(&output.stdout());
        match providers.as_slice() {
            [] => {}
            [only] => *found = find(scene, only),
            several => {
                let failure = Failure::new(format!(
                    "package `{}` is virtual, and several provide it",
                    found.name
                ));
                return Err(failure.note(several.join(", ")).hint("name the one that is wanted"));
            }
        }
    }
    Ok(())
}

fn find(scene: &Scene<'_, Apt>, name: &str) -> Found {
    let key = format!("apt:{name}");
    let found = recall(scene.view, &key, scene.action).unwrap_or_else(|| {
        let Some(package) = scene.installed.by_name.get(name) else {
            return Found { key, leftovers: Some(false), ..Found::default() };
        };
        let there = match package.state {
            dpkg_status::State::Installed => true,
            // Half done is not installed, so that an install completes it; but it can be removed.
            dpkg_status::State::Broken => {
                matches!(scene.action, PackageAction::Remove | PackageAction::Purge)
            }
            dpkg_status::State::ConfigFiles | dpkg_status::State::Absent => false,
        };
        Found {
            installed: there.then(|| package.version.clone()),
            held: package.held,
            leftovers: Some(package.state == dpkg_status::State::ConfigFiles),
            key,
            ..Found::default()
        }
    });
    Found { name: name.to_owned(), ..found }
}

/// What the lists offer of these packages; what was asked before is not asked again.
fn policies(
    scene: &Scene<'_, Apt>,
    names: &[&str],
) -> Result<HashMap<String, Option<Policy>>, Failure> {
    let view = scene.view;
    let release = scene.wanted.package.default_release.as_deref();
    let lists = view.snapshot(Area::Packages, |_| Ok(Lists::default()))?;
    let mut known = lists.0.borrow_mut();
    let key = |name: &str| (release.map(str::to_owned), name.to_owned());
    let unknown: Vec<&str> =
        names.iter().copied().filter(|name| !known.contains_key(&key(name))).collect();
    if !unknown.is_empty() {
        let mut answers = ask(view, release, &unknown)?;
        for name in unknown {
            known.insert(key(name), answers.remove(name));
        }
    }
    Ok(names
        .iter()
        .map(|name| ((*name).to_owned(), known.get(&key(name)).cloned().flatten()))
        .collect())
}

fn ask(
    query: &dyn Query,
    release: Option<&str>,
    names: &[&str],
) -> Result<HashMap<String, Policy>, Failure> {
    let release = release.map(|release| format!("APT::Default-Release={release}"));
    let options = release.iter().flat_map(|release| ["-o", release.as_str()]);
    let output = query.probe(&Command::new(
        ["apt-cache"]
            .into_iter()
            .chain(options)
            .chain(["policy", "--"])
            .chain(names.iter().copied()),
    ))?;
    if !output.success() {
        return Err(
            Failure::new("cannot look up packages in the lists of apt").note(output.stderr())
        );
    }
    Ok(apt_policy::parse(&output.stdout()))
}

fn command<'a>(wanted: &Wanted, argv: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = wanted.command(argv);
    command.environment.entry("DEBIAN_FRONTEND".to_owned()).or_insert("noninteractive".to_owned());
    command
}

fn apt_get(
    apply: &Apply<'_>,
    wanted: &Wanted,
    verb: &str,
    downgrade: bool,
    names: &[&str],
) -> Result<(), Failure> {
    // dpkg's default is to keep a changed file: together with it, `--force-confnew` would do
    // nothing.
    let files: &[&str] = if wanted.package.overwrite_config_files {
        &["-o", "Dpkg::Options::=--force-confnew"]
    } else {
        &["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    };
    let lock = format!("DPkg::Lock::Timeout={}", apt_lists::LOCK_TIMEOUT.as_secs());
    let release = wanted
        .package
        .default_release
        .as_ref()
        .map(|release| format!("APT::Default-Release={release}"));
    let mut argv = vec!["apt-get", "-q", "-y", "-o", &lock];
    argv.extend(files);
    argv.extend(release.iter().flat_map(|release| ["-o", release.as_str()]));
    if downgrade {
        argv.push("--allow-downgrades");
    }
    argv.extend(wanted.options.iter().map(String::as_str));
    argv.extend([verb, "--"]);
    argv.extend(names);
    run(apply, &command(wanted, argv))
}

/// The answers go by standard input: some of them are passwords.
fn answer(apply: &Apply<'_>, wanted: &Wanted, response: &str) -> Result<(), Failure> {
    let mut command = command(wanted, ["debconf-set-selections"]).input(response);
    command.sensitive = true;
    apply.run(&command).map_err(|failure| {
        failure.hint("each line is `package question type answer`; see debconf-set-selections(1)")
    })?;
    Ok(())
}

/// Whether an answer of the response file is not the one that debconf holds.
fn unanswered(view: &View<'_>, response: &str) -> Result<bool, Failure> {
    let mut databases = String::new();
    for path in ["/var/cache/debconf/config.dat", "/var/cache/debconf/passwords.dat"] {
        if let Some(text) = read_text(view, Path::new(path))? {
            databases += &text;
            databases += "\n\n";
        }
    }
    let answers = debconf::answers(&databases);
    Ok(debconf::selections(response)
        .any(|selection| answers.get(selection.question) != Some(&selection.value)))
}

/// Runs a command of apt or dpkg. Its failures that people meet most have a hint of their own.
fn run(apply: &Apply<'_>, command: &Command) -> Result<(), Failure> {
    let output = apply.output(command)?;
    if output.success() {
        return Ok(());
    }
    let failure = output.failure(command, apply.sensitive);
    let printed = format!("{}\n{}", output.stderr(), output.stdout());
    let hint = HINTS.iter().find(|(text, _)| printed.contains(text));
    Err(match hint {
        Some((_, hint)) => failure.hint(*hint),
        None => failure,
    })
}

/// Texts that apt and dpkg print, and what to do about them.
const HINTS: [(&str, &str); 6] = [
    (
        "dpkg was interrupted",
        "an earlier installation was interrupted: run `dpkg --configure -a`, then converge again",
    ),
    ("Unmet dependencies", UNMET),
    ("unmet dependencies", UNMET),
    (
        "Could not get lock",
        "another program is using the package database: let it end, then converge again",
    ),
    ("Failed to fetch", OLD_LISTS),
    ("Unable to fetch", OLD_LISTS),
];
const UNMET: &str =
    "packages do not fit together: `apt-get -f install` shows what apt would do about it";
const OLD_LISTS: &str = "the package lists may be too old: declare `apt_update` before this resource; or the network is down";
