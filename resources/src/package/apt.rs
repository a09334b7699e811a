//! Packages of Debian and its family: dpkg's database read directly, apt for everything that
//! changes it.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use toque_engine::command::Command;
use toque_engine::failure::{Attempting, Failure};
use toque_engine::resource::{Apply, Change, Effect, HostFacts, Item, Provider, Support};
use toque_engine::snapshots::{Area, Areas};
use toque_engine::system::Query;
use toque_engine::view::View;

use super::{
    Found, Package, PackageAction, Refreshed, State, Step, Target, Verb, Wanted, Wish, missing_file,
};
use crate::shared::apt_lists;
use crate::shared::parse::apt_policy::{self, Policy};
use crate::shared::parse::dpkg_status::{self, Packages};
use crate::shared::parse::{debconf, debian_version};

/// `apt-get`, `apt-cache` and `apt-mark`.
#[derive(Debug, Default)]
pub struct Apt {
    refreshed: Refreshed,
}

/// Where apt finds its sources, pins and options, and keeps its lists: they decide which version is
/// the candidate.
const CONSULTED: [&str; 2] = ["/etc/apt", "/var/lib/apt"];

/// What was asked of the package lists since they last changed, by release and name; `None` for a
/// name that apt does not know.
#[derive(Debug, Default)]
struct Lists(RefCell<HashMap<Asked, Option<Policy>>>);

/// A release, where one was given, and a name.
type Asked = (Option<String>, String);

impl Provider for Apt {
    type Resource = Package;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "apt";
    const REACH: Areas = super::ANYTHING;
    const JOINS: bool = true;

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        match (host.platform_family, (host.has_program)("apt-get")) {
            ("debian", true) => Support::Preferred,
            (_, true) => Support::Usable,
            (_, false) => Support::No("there is no `apt-get`".to_owned()),
        }
    }

    fn inspect(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: PackageAction,
    ) -> Result<State, Failure> {
        let installed = view.snapshot(Area::Packages, read_status)?;
        let mut state = State {
            found: wanted
                .wishes
                .iter()
                .map(|wish| find(view, &installed, &wish.name, action))
                .collect(),
            refresh: false,
        };
        if let Some(path) = &wanted.package.source
            && matches!(action, PackageAction::Install | PackageAction::Upgrade)
        {
            for (found, wish) in state.found.iter_mut().zip(&wanted.wishes) {
                found.target = Some(package_file(view, path, wish, found)?);
            }
            return Ok(state);
        }
        self.resolve_virtual(view, wanted, action, &installed, &mut state)?;
        if matches!(action, PackageAction::Install | PackageAction::Upgrade) {
            self.find_targets(view, wanted, action, &mut state)?;
        }
        if let (PackageAction::Reconfig, Some(response)) = (action, &wanted.response) {
            let unanswered = unanswered(view, response)?;
            state.found.iter_mut().for_each(|found| found.unanswered = unanswered);
        }
        Ok(state)
    }

    fn plan(
        &self,
        wanted: &Wanted,
        action: PackageAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        super::plan(Self::NAME, wanted, action, state)
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted,
        _action: PackageAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let steps: Vec<&Step> = changes.iter().map(|change| &change.step).collect();
        self.carry_out(apply, wanted, &steps)?;
        Ok(Effect::Changed)
    }

    fn batch(
        &self,
        wanted: &Wanted,
        action: PackageAction,
        changes: &[Change<Step>],
    ) -> Option<String> {
        super::batch(wanted, action, changes)
    }

    fn apply_together(
        &self,
        apply: &mut Apply<'_>,
        items: &[Item<'_, Self>],
    ) -> Result<Vec<Effect>, Failure> {
        let Some((wanted, ..)) = items.first() else { return Ok(Vec::new()) };
        let steps: Vec<&Step> = items
            .iter()
            .flat_map(|(_, _, changes)| changes.iter().map(|change| &change.step))
            .collect();
        self.carry_out(apply, wanted, &steps)?;
        Ok(super::effects(items.iter().map(|(_, _, changes)| *changes)))
    }
}

impl Apt {
    /// A name that no package has may be provided by others. If only one could, that one is meant.
    fn resolve_virtual(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: PackageAction,
        installed: &Packages,
        state: &mut State,
    ) -> Result<(), Failure> {
        let brings = matches!(action, PackageAction::Install | PackageAction::Upgrade);
        let release = wanted.package.default_release.as_deref();
        for found in &mut state.found {
            let suspicious = found.installed.is_none()
                && (brings || installed.provided.contains_key(&found.name));
            if !suspicious || installed.by_name.contains_key(&found.name) && !brings {
                continue;
            }
            // Known to apt, but without a version of its own: that is what a virtual package looks
            // like.
            if policy(view, release, &found.name)?.is_none_or(|policy| !policy.versions.is_empty())
            {
                continue;
            }
            let output = view.probe(&Command::new(["apt-cache", "showpkg", "--", &found.name]))?;
            let providers = apt_policy::reverse_provides(&output.stdout());
            match providers.as_slice() {
                [] => {}
                [only] => *found = find(view, installed, only, action),
                several => {
                    let failure = Failure::new(format!(
                        "package `{}` is virtual, and several provide it",
                        found.name
                    ));
                    return Err(failure
                        .note(several.join(", "))
                        .hint("name the one that is wanted"));
                }
            }
        }
        Ok(())
    }

    fn find_targets(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: PackageAction,
        state: &mut State,
    ) -> Result<(), Failure> {
        let release = wanted.package.default_release.as_deref();
        let needs_lists = |wish: &Wish, found: &Found| match (&wish.version, &found.installed) {
            (Some(version), Some(installed)) => version != installed,
            (None, Some(_)) => action == PackageAction::Upgrade,
            (_, None) => true,
        };
        let asked: Vec<&str> = wanted
            .wishes
            .iter()
            .zip(&state.found)
            .filter(|(wish, found)| needs_lists(wish, found))
            .map(|(_, found)| found.name.as_str())
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let policies = policies(view, release, &asked)?;
        // The lists would be other ones by then; what is missing may well be there, and what is
        // newest may not be.
        let lists_pending = view.planned(Area::Packages, &super::lists_key(Self::NAME)).is_some();
        for (wish, found) in wanted.wishes.iter().zip(&mut state.found) {
            if !needs_lists(wish, found) {
                continue;
            }
            if found.installed.is_some() {
                CONSULTED.iter().for_each(|folder| view.looked_below(Path::new(folder)));
                if lists_pending {
                    view.looked_at_everything();
                }
            }
            let policy = policies.get(&found.name).cloned().flatten().unwrap_or_default();
            let version = match &wish.version {
                Some(version) => policy.versions.contains(version).then(|| version.clone()),
                None => policy.candidate.clone(),
            };
            if version.is_none() && !lists_pending {
                if self.refreshed.recently(view.now()) {
                    return Err(missing(view, &found.name, wish.version.as_deref(), &policy));
                }
                state.refresh = true;
            }
            let version = version.or_else(|| wish.version.clone());
            let order = match (&version, &found.installed) {
                (Some(version), Some(installed)) => debian_version::compare(version, installed),
                _ => Ordering::Greater,
            };
            let argument = match (&wish.version, found.installed.is_some(), &version) {
                (Some(version), ..) | (None, true, Some(version)) => {
                    format!("{}={version}", found.name)
                }
                (None, ..) => found.name.clone(),
            };
            found.target = Some(Target { version, argument, order });
        }
        Ok(())
    }

    /// One command for each thing to do, with all packages that need it.
    fn carry_out(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted,
        steps: &[&Step],
    ) -> Result<(), Failure> {
        let has = |verb| steps.iter().any(|step| step.verb == verb);
        if has(Verb::Refresh) && !self.refreshed.recently(apply.system.now()) {
            apt_lists::refresh(apply, wanted.timeout(), &wanted.package.environment)?;
            self.refreshed.set(apply.system.now());
        }
        let mut seen = HashSet::new();
        let install: Vec<&str> = super::arguments(steps, &[Verb::Install, Verb::Downgrade])
            .into_iter()
            .filter(|name| seen.insert(*name))
            .collect();
        if !install.is_empty() {
            if has(Verb::Refresh) {
                expect_all(apply.system.as_query(), wanted, steps)?;
            }
            if let Some(response) = &wanted.response {
                answer(apply, wanted, response)?;
            }
            apt_get(apply, wanted, "install", has(Verb::Downgrade), &install)?;
        }
        for (verb, word) in [(Verb::Remove, "remove"), (Verb::Purge, "purge")] {
            let names = super::arguments(steps, &[verb]);
            if !names.is_empty() {
                apt_get(apply, wanted, word, false, &names)?;
            }
        }
        for (verb, argv) in [
            (Verb::Reconfigure, &["dpkg-reconfigure", "--frontend=noninteractive"][..]),
            (Verb::Hold, &["apt-mark", "-qq", "hold"][..]),
            (Verb::Release, &["apt-mark", "-qq", "unhold"][..]),
        ] {
            let names = super::arguments(steps, &[verb]);
            if names.is_empty() {
                continue;
            }
            if let (Verb::Reconfigure, Some(response)) = (verb, &wanted.response) {
                answer(apply, wanted, response)?;
            }
            apply
                .run(&command(wanted, argv.iter().copied().chain(["--"]).chain(names)))
                .map_err(explain)?;
        }
        Ok(())
    }
}

/// dpkg's database. A machine without one has no packages.
fn read_status(query: &dyn Query) -> Result<Packages, Failure> {
    let path = Path::new("/var/lib/dpkg/status");
    match query.read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Packages::default()),
        other => other
            .attempting("read", path)
            .map(|bytes| Packages::parse(&String::from_utf8_lossy(&bytes))),
    }
}

fn find(view: &View<'_>, installed: &Packages, name: &str, action: PackageAction) -> Found {
    let key = format!("apt:{name}");
    let found = super::recall(view, &key, action).unwrap_or_else(|| {
        let Some(package) = installed.by_name.get(name) else {
            return Found { key, leftovers: Some(false), ..Found::default() };
        };
        let there = match package.state {
            dpkg_status::State::Installed => true,
            // Half done is not installed, so that an install completes it; but it can be removed.
            dpkg_status::State::Broken => {
                matches!(action, PackageAction::Remove | PackageAction::Purge)
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

/// What a `.deb` file would install.
fn package_file(
    view: &View<'_>,
    path: &Path,
    wish: &Wish,
    found: &Found,
) -> Result<Target, Failure> {
    let argument = path.display().to_string();
    let file = view.stat(path).attempting("install from", path).map_err(missing_file)?;
    // A file that an earlier resource of this plan would bring is on no real device, and what is in
    // it cannot be told yet.
    if file.device == u64::MAX {
        view.looked_at_everything();
        return Ok(Target { version: None, argument, order: Ordering::Greater });
    }
    let output = view.probe(&Command::new([
        "dpkg-deb",
        "--show",
        "--showformat=${Package}\t${Version}",
        "--",
        &argument,
    ]))?;
    let text = output.stdout();
    let Some((name, version)) = text.split_once('\t').filter(|_| output.success()) else {
        return Err(
            Failure::new(format!("`{argument}` is not a Debian package")).note(output.stderr())
        );
    };
    if name != wish.name {
        return Err(Failure::new(format!(
            "`{argument}` holds package `{name}`, not `{}`",
            wish.name
        )));
    }
    let order = found
        .installed
        .as_deref()
        .map_or(Ordering::Greater, |installed| debian_version::compare(version, installed));
    Ok(Target { version: Some(version.to_owned()), argument, order })
}

fn policy(view: &View<'_>, release: Option<&str>, name: &str) -> Result<Option<Policy>, Failure> {
    Ok(policies(view, release, &[name])?.remove(name).flatten())
}

/// What the lists offer of these packages; what was asked before is not asked again.
fn policies(
    view: &View<'_>,
    release: Option<&str>,
    names: &[&str],
) -> Result<HashMap<String, Option<Policy>>, Failure> {
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

/// After a refresh, what was in no list must be in one.
fn expect_all(query: &dyn Query, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure> {
    let installs: Vec<&Step> =
        steps.iter().copied().filter(|step| step.verb == Verb::Install).collect();
    let names: Vec<&str> = installs.iter().map(|step| step.name.as_str()).collect();
    let policies = ask(query, wanted.package.default_release.as_deref(), &names)?;
    for step in installs {
        let policy = policies.get(&step.name).cloned().unwrap_or_default();
        let version =
            step.argument.strip_prefix(&step.name).and_then(|rest| rest.strip_prefix('='));
        let offered = version.map_or(policy.candidate.is_some(), |version| {
            policy.versions.iter().any(|offered| offered == version)
        });
        // A virtual package that is only now known is resolved by apt itself, which refuses when
        // several provide it.
        let provided = || {
            let output = query.probe(&Command::new(["apt-cache", "showpkg", "--", &step.name]))?;
            Ok(!apt_policy::reverse_provides(&output.stdout()).is_empty())
        };
        if !offered && (version.is_some() || !provided()?) {
            return Err(missing(query, &step.name, version, &policy));
        }
    }
    Ok(())
}

fn missing(query: &dyn Query, name: &str, version: Option<&str>, policy: &Policy) -> Failure {
    if let Some(version) = version.filter(|_| !policy.versions.is_empty()) {
        return Failure::new(format!(
            "package `{name}` has no version {version} in the lists of this machine"
        ))
        .hint(format!("it is offered as {}", policy.versions.join(", ")));
    }
    let prefix: String = name.chars().take(1).collect();
    let names = query
        .probe(&Command::new(["apt-cache", "pkgnames", "--", &prefix]))
        .map(|output| output.stdout());
    super::no_package(name, &names.unwrap_or_default())
}

fn command<'a>(wanted: &Wanted, argv: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command =
        Command::new(argv).timeout(wanted.timeout()).env("DEBIAN_FRONTEND", "noninteractive");
    command.environment.extend(wanted.package.environment.clone());
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
    apply.run(&command(wanted, argv)).map_err(explain)?;
    Ok(())
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
    for name in ["/var/cache/debconf/config.dat", "/var/cache/debconf/passwords.dat"] {
        let path = Path::new(name);
        match view.read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => {
                databases += &String::from_utf8_lossy(&other.attempting("read", path)?);
                databases += "\n\n";
            }
        }
    }
    let answers = debconf::answers(&databases);
    Ok(debconf::selections(response)
        .any(|selection| answers.get(selection.question) != Some(&selection.value)))
}

/// What to do about the failures of apt that people meet most.
fn explain(failure: Failure) -> Failure {
    let hint = {
        let said = |text: &str| failure.notes.iter().any(|note| note.contains(text));
        if said("dpkg was interrupted") {
            Some(
                "an earlier installation was interrupted: run `dpkg --configure -a`, then converge again",
            )
        } else if said("Unmet dependencies") || said("unmet dependencies") {
            Some(
                "packages do not fit together: `apt-get -f install` shows what apt would do about it",
            )
        } else if said("Could not get lock") {
            Some("another program is using the package database: let it end, then converge again")
        } else if said("Failed to fetch") || said("Unable to fetch") {
            Some(
                "the package lists may be too old: declare `apt_update` before this resource; or the network is down",
            )
        } else {
            None
        }
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
