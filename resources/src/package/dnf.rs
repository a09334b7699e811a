//! Packages of Fedora, RHEL 8 and later, and Amazon Linux: rpm's database for what is there, dnf
//! for everything else.

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
use crate::shared::parse::rpm::{self, Nevra};

/// `rpm` and `dnf`.
#[derive(Debug, Default)]
pub struct Dnf {
    refreshed: Refreshed,
}

/// Every installed package, by name.
#[derive(Debug)]
struct Installed(HashMap<String, Vec<Nevra>>);

/// Where dnf finds its repositories, modules, locks and options: they decide what is on offer.
const CONSULTED: [&str; 2] = ["/etc/yum.repos.d", "/etc/dnf"];

/// What `dnf versionlock` keeps at its version.
#[derive(Debug)]
struct Locked(HashSet<String>);

/// What was asked of the repositories since they last changed.
#[derive(Debug, Default)]
struct Offers(RefCell<HashMap<String, Vec<Nevra>>>);

impl Provider for Dnf {
    type Resource = Package;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "dnf";
    const REACH: Areas = super::ANYTHING;
    const JOINS: bool = true;

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        let major =
            host.platform_version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let own = match host.platform_family {
            // Amazon Linux 2 and RHEL 7 have yum.
            "rhel" | "amazon" => major.is_none_or(|major| major >= 8),
            "fedora" => true,
            _ => false,
        };
        match (own, (host.has_program)("dnf")) {
            (true, true) => Support::Preferred,
            (false, true) => Support::Usable,
            (_, false) => Support::No("there is no `dnf`".to_owned()),
        }
    }

    fn inspect(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: PackageAction,
    ) -> Result<State, Failure> {
        if action == PackageAction::Reconfig {
            return Err(Failure::new("`dnf` packages have no `reconfig`: their questions are not asked by the package manager")
                .hint("write the configuration file with `file` or `template`"));
        }
        let installed = view.snapshot(Area::Packages, read_installed)?;
        let mut state = State::default();
        for wish in &wanted.wishes {
            state.found.push(find(view, &installed, wish, action)?);
        }
        match action {
            PackageAction::Install | PackageAction::Upgrade => match &wanted.package.source {
                Some(path) => {
                    for (found, wish) in state.found.iter_mut().zip(&wanted.wishes) {
                        found.target = Some(package_file(view, path, wish, found, &installed)?);
                    }
                }
                None => self.find_targets(view, wanted, action, &installed, &mut state)?,
            },
            PackageAction::Lock | PackageAction::Unlock => {
                let locked = view.snapshot(Area::Packages, read_locked)?;
                for found in &mut state.found {
                    found.held = view
                        .planned(Area::Packages, &found.key)
                        .and_then(|planned| planned["held"].as_bool())
                        .unwrap_or_else(|| locked.0.contains(&found.name));
                }
            }
            _ => {}
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

impl Dnf {
    fn find_targets(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: PackageAction,
        installed: &Installed,
        state: &mut State,
    ) -> Result<(), Failure> {
        let there = |found: &Found, wish: &Wish| installed_as(installed, found, wish).cloned();
        let needs_offer = |wish: &Wish, found: &Found| match (&wish.version, &found.installed) {
            (Some(version), Some(evr)) => {
                evr != version && !there(found, wish).is_some_and(|there| there.is_version(version))
            }
            (None, Some(_)) => action == PackageAction::Upgrade,
            (_, None) => true,
        };
        let asked: Vec<&str> = wanted
            .wishes
            .iter()
            .zip(&state.found)
            .filter(|(wish, found)| needs_offer(wish, found))
            .map(|(_, found)| found.name.as_str())
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let before = wanted.package.flush_cache.is_some_and(|flush| flush.before);
        let offers = offers(view, wanted, &asked, before)?;
        let lists_pending = view.planned(Area::Packages, &super::lists_key(Self::NAME)).is_some();
        for (wish, found) in wanted.wishes.iter().zip(&mut state.found) {
            if !needs_offer(wish, found) {
                continue;
            }
            if found.installed.is_some() {
                CONSULTED.iter().for_each(|folder| view.looked_below(Path::new(folder)));
                if lists_pending {
                    view.looked_at_everything();
                }
            }
            let all = offers.get(&found.name).map_or(&[][..], Vec::as_slice);
            let fitting = |offer: &&Nevra| {
                wish.version.as_ref().is_none_or(|version| offer.is_version(version))
                    && wish.arch.as_ref().is_none_or(|arch| offer.arch == *arch)
            };
            // With libraries of several architectures on offer, the one that is installed is meant,
            // else the machine's own.
            let native = native_arch(installed);
            let best = all.iter().filter(fitting).max_by(|left, right| {
                left.order(right).then_with(|| {
                    (Some(left.arch.as_str()) == native).cmp(&(Some(right.arch.as_str()) == native))
                })
            });
            match best {
                Some(best) => {
                    let order = match there(found, wish) {
                        Some(there) => best.order(&there),
                        None => Ordering::Greater,
                    };
                    // Upgrading never means going back, unless a version says so.
                    let order = if wish.version.is_none() && order == Ordering::Less {
                        Ordering::Equal
                    } else {
                        order
                    };
                    found.target =
                        Some(Target { version: Some(best.evr()), argument: best.full(), order });
                }
                // What is installed may have left the repositories since; there is nothing newer
                // then.
                None if wish.version.is_none() && found.installed.is_some() => {}
                None => {
                    if !lists_pending {
                        if self.refreshed.recently(view.now()) {
                            return Err(missing(view, &found.name, wish.version.as_deref(), all));
                        }
                        state.refresh = true;
                    }
                    let argument = match (&wish.version, &wish.arch) {
                        (Some(version), Some(arch)) => format!("{}-{version}.{arch}", found.name),
                        (Some(version), None) => format!("{}-{version}", found.name),
                        (None, Some(arch)) => format!("{}.{arch}", found.name),
                        (None, None) => found.name.clone(),
                    };
                    found.target = Some(Target {
                        version: wish.version.clone(),
                        argument,
                        order: Ordering::Greater,
                    });
                }
            }
        }
        Ok(())
    }

    fn carry_out(
        &self,
        apply: &mut Apply<'_>,
        wanted: &Wanted,
        steps: &[&Step],
    ) -> Result<(), Failure> {
        let has = |verb| steps.iter().any(|step| step.verb == verb);
        if has(Verb::Refresh) && !self.refreshed.recently(apply.system.now()) {
            let refresh = command(wanted, ["dnf", "-q", "-y", "--refresh", "makecache"]);
            apply.run(&refresh).map_err(|failure| {
                failure.hint(
                    "see that the repositories in /etc/yum.repos.d are right and can be reached",
                )
            })?;
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
            dnf(apply, wanted, &["install"], &install)?;
        }
        let remove = super::arguments(steps, &[Verb::Remove, Verb::Purge]);
        if !remove.is_empty() {
            dnf(apply, wanted, &["remove"], &remove)?;
        }
        for (verb, word) in [(Verb::Hold, "add"), (Verb::Release, "delete")] {
            let names = super::arguments(steps, &[verb]);
            if !names.is_empty() {
                dnf(apply, wanted, &["versionlock", word], &names).map_err(needs_plugin)?;
            }
        }
        if wanted.package.flush_cache.is_some_and(|flush| flush.after) {
            apply.run(&command(wanted, ["dnf", "-q", "clean", "expire-cache"]))?;
        }
        Ok(())
    }
}

fn read_installed(query: &dyn Query) -> Result<Installed, Failure> {
    let output = query.probe(&Command::new(["rpm", "-qa", "--qf", rpm::RPM_FORMAT]))?;
    if !output.success() {
        return Err(
            Failure::new("cannot read rpm's database of installed packages").note(output.stderr())
        );
    }
    let mut packages: HashMap<String, Vec<Nevra>> = HashMap::new();
    for package in rpm::parse(&output.stdout()) {
        packages.entry(package.name.clone()).or_default().push(package);
    }
    Ok(Installed(packages))
}

fn read_locked(query: &dyn Query) -> Result<Locked, Failure> {
    let output = query.probe(&Command::new(["dnf", "-q", "versionlock", "list"]))?;
    if !output.success() {
        return Err(needs_plugin(
            Failure::new("cannot ask `dnf` which packages are locked").note(output.stderr()),
        ));
    }
    Ok(Locked(rpm::locked(&output.stdout()).into_iter().collect()))
}

fn needs_plugin(failure: Failure) -> Failure {
    failure.hint("locking is done by dnf's plugin `versionlock`: declare its package (`python3-dnf-plugin-versionlock`) before")
}

fn find(
    view: &View<'_>,
    installed: &Installed,
    wish: &Wish,
    action: PackageAction,
) -> Result<Found, Failure> {
    let key = match &wish.arch {
        Some(arch) => format!("dnf:{}.{arch}", wish.name),
        None => format!("dnf:{}", wish.name),
    };
    if let Some(found) = super::recall(view, &key, action) {
        return Ok(Found { name: wish.name.clone(), ..found });
    }
    let mut name = wish.name.clone();
    if let [base, operator, version] = name.split_whitespace().collect::<Vec<_>>()[..] {
        let satisfied = installed
            .0
            .get(base)
            .into_iter()
            .flatten()
            .find(|package| package.satisfies(operator, version));
        return Ok(Found { key, installed: satisfied.map(Nevra::evr), name, ..Found::default() });
    }
    if !is_plain(&name) && !installed.0.contains_key(&name) {
        let output = view.probe(&Command::new([
            "rpm",
            "-q",
            "--whatprovides",
            "--qf",
            rpm::RPM_FORMAT,
            "--",
            &name,
        ]))?;
        if let Some(provider) = output
            .success()
            .then(|| rpm::parse(&output.stdout()))
            .and_then(|found| found.into_iter().next())
        {
            name = provider.name;
        }
    }
    let found = Found { name, key, ..Found::default() };
    let there = installed_as(installed, &found, wish).map(Nevra::evr);
    Ok(Found { installed: there, ..found })
}

/// The newest installed package that a wish means.
fn installed_as<'a>(installed: &'a Installed, found: &Found, wish: &Wish) -> Option<&'a Nevra> {
    let fits = |package: &&Nevra| wish.arch.as_ref().is_none_or(|arch| package.arch == *arch);
    installed.0.get(&found.name)?.iter().filter(fits).max_by(|left, right| left.order(right))
}

/// The architecture that most installed packages are of.
fn native_arch(installed: &Installed) -> Option<&str> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for package in installed.0.values().flatten().filter(|package| package.arch != "noarch") {
        *count.entry(&package.arch).or_default() += 1;
    }
    count.into_iter().max_by_key(|(arch, count)| (*count, *arch)).map(|(arch, _)| arch)
}

fn package_file(
    view: &View<'_>,
    path: &Path,
    wish: &Wish,
    found: &Found,
    installed: &Installed,
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
        "rpm",
        "-qp",
        "--nosignature",
        "--qf",
        rpm::RPM_FORMAT,
        "--",
        &argument,
    ]))?;
    let Some(package) = output
        .success()
        .then(|| rpm::parse(&output.stdout()))
        .and_then(|found| found.into_iter().next())
    else {
        return Err(
            Failure::new(format!("`{argument}` is not an RPM package")).note(output.stderr())
        );
    };
    if package.name != wish.name {
        return Err(Failure::new(format!(
            "`{argument}` holds package `{}`, not `{}`",
            package.name, wish.name
        )));
    }
    let order = installed_as(installed, found, wish)
        .map_or(Ordering::Greater, |there| package.order(there));
    Ok(Target { version: Some(package.evr()), argument, order })
}

/// What the repositories offer of these packages; what was asked before is not asked again.
fn offers(
    view: &View<'_>,
    wanted: &Wanted,
    names: &[&str],
    anew: bool,
) -> Result<HashMap<String, Vec<Nevra>>, Failure> {
    let held = view.snapshot(Area::Packages, |_| Ok(Offers::default()))?;
    let mut known = held.0.borrow_mut();
    let unknown: Vec<&str> =
        names.iter().copied().filter(|name| anew || !known.contains_key(*name)).collect();
    if !unknown.is_empty() {
        known.extend(ask(view, wanted, &unknown, anew)?);
    }
    Ok(names
        .iter()
        .map(|name| ((*name).to_owned(), known.get(*name).cloned().unwrap_or_default()))
        .collect())
}

fn ask(
    query: &dyn Query,
    wanted: &Wanted,
    names: &[&str],
    anew: bool,
) -> Result<HashMap<String, Vec<Nevra>>, Failure> {
    let mut argv = vec!["dnf", "-q", "-y"];
    argv.extend(anew.then_some("--refresh"));
    // The other options belong to `install`.
    let concerns_lookup = |option: &&str| {
        ["repo", "module", "setopt", "releasever", "exclude"]
            .iter()
            .any(|word| option.contains(word))
    };
    argv.extend(wanted.options.iter().map(String::as_str).filter(concerns_lookup));
    argv.extend(["repoquery", "--available", "--qf", rpm::DNF_FORMAT]);
    let list = |more: &[&str]| {
        let output = query.probe(&command(wanted, argv.iter().chain(more).copied()))?;
        if output.success() {
            return Ok(rpm::parse(&output.stdout()));
        }
        Err(Failure::new("cannot look up packages in the repositories of dnf")
            .note(output.stderr())
            .hint("see that the repositories in /etc/yum.repos.d are right and can be reached"))
    };
    let mut offers: HashMap<String, Vec<Nevra>> =
        names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    let (plain, capabilities): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| is_plain(name));
    if !plain.is_empty() {
        for package in list(&[&["--"], plain.as_slice()].concat())? {
            if let Some(list) = offers.get_mut(&package.name) {
                list.push(package);
            }
        }
    }
    for capability in capabilities {
        offers.insert(capability.to_owned(), list(&["--whatprovides", capability])?);
    }
    Ok(offers)
}

/// Whether a name is a package's, rather than a path, a capability (`perl(Foo)`) or a comparison
/// (`foo >= 1.2`).
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

fn expect_all(query: &dyn Query, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure> {
    for step in
        steps.iter().filter(|step| step.verb == Verb::Install && !step.argument.starts_with('/'))
    {
        let found = query.probe(&command(
            wanted,
            [
                "dnf",
                "-q",
                "-y",
                "repoquery",
                "--available",
                "--qf",
                rpm::DNF_FORMAT,
                "--",
                &step.argument,
            ],
        ))?;
        if rpm::parse(&found.stdout()).is_empty() {
            let version =
                step.argument.strip_prefix(&step.name).and_then(|rest| rest.strip_prefix('-'));
            let all = ask(query, wanted, &[&step.name], false)?;
            return Err(missing(
                query,
                &step.name,
                version,
                all.get(&step.name).map_or(&[], Vec::as_slice),
            ));
        }
    }
    Ok(())
}

fn missing(query: &dyn Query, name: &str, version: Option<&str>, all: &[Nevra]) -> Failure {
    if let Some(version) = version.filter(|_| !all.is_empty()) {
        let mut versions: Vec<String> = all.iter().map(Nevra::evr).collect();
        versions.dedup();
        return Failure::new(format!(
            "package `{name}` has no version {version} in the repositories of this machine"
        ))
        .hint(format!("it is offered as {}", versions.join(", ")));
    }
    let prefix: String = name.chars().take(1).collect();
    let argv = ["dnf", "-q", "repoquery", "--available", "--qf", "%{name}\n", "--"]
        .map(str::to_owned)
        .into_iter();
    let names = query
        .probe(&Command::new(argv.chain([format!("{prefix}*")])))
        .map(|output| output.stdout());
    super::no_package(name, &names.unwrap_or_default())
}

fn command<'a>(wanted: &Wanted, argv: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(argv).timeout(wanted.timeout());
    command.environment.extend(wanted.package.environment.clone());
    command
}

fn dnf(apply: &Apply<'_>, wanted: &Wanted, verb: &[&str], names: &[&str]) -> Result<(), Failure> {
    let options = wanted.options.iter().map(String::as_str);
    let argv = ["dnf", "-q", "-y"]
        .into_iter()
        .chain(options)
        .chain(verb.iter().copied())
        .chain(["--"])
        .chain(names.iter().copied());
    apply.run(&command(wanted, argv))?;
    Ok(())
}
