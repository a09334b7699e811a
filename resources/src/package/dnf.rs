//! Packages of Fedora, RHEL 8 and later, and Amazon Linux: rpm's database for what is there, dnf
//! for everything else.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use toque_contract::resource::{Apply, HostFacts, Support};
use toque_core::failure::Failure;
use toque_machine::areas::Area;
use toque_machine::command::Command;
use toque_machine::system::Query;

use super::manager::{PackageManager, Scene, arguments, no_package};
use super::plan::{Found, Step, Target, Verb, recall};
use super::{PackageAction, Request, Wanted};
use crate::shared::parse::rpm::{self, Nevra};

/// `rpm` and `dnf`.
#[derive(Debug, Default)]
pub(crate) struct Dnf;

/// Every installed package, by name.
#[derive(Debug)]
pub(crate) struct Installed(HashMap<String, Vec<Nevra>>);

/// What `dnf versionlock` keeps at its version.
#[derive(Debug)]
struct Locked(HashSet<String>);

/// What was asked of the repositories since they last changed.
#[derive(Debug, Default)]
struct Offers(RefCell<HashMap<String, Vec<Nevra>>>);

impl PackageManager for Dnf {
    const NAME: &'static str = "dnf";
    /// The repositories, and modules, locks and options.
    const CONSULTED: [&'static str; 2] = ["/etc/yum.repos.d", "/etc/dnf"];
    type Installed = Installed;
    type Offers = HashMap<String, Vec<Nevra>>;

    fn supports(host: &HostFacts<'_>) -> Support {
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

    fn read_installed(query: &dyn Query) -> Result<Installed, Failure> {
        let output = query.probe(&Command::new(["rpm", "-qa", "--qf", rpm::RPM_FORMAT]))?;
        if !output.success() {
            return Err(Failure::new("cannot read rpm's database of installed packages")
                .note(output.stderr()));
        }
        let mut packages: HashMap<String, Vec<Nevra>> = HashMap::new();
        for package in rpm::parse(&output.stdout()) {
            packages.entry(package.name.clone()).or_default().push(package);
        }
        Ok(Installed(packages))
    }

    fn find(scene: &Scene<'_, Self>, request: &Request) -> Result<Found, Failure> {
        let Scene { view, installed, action, .. } = *scene;
        let key = match &request.arch {
            Some(arch) => format!("dnf:{}.{arch}", request.name),
            None => format!("dnf:{}", request.name),
        };
        if let Some(found) = recall(view, &key, action) {
            return Ok(Found { name: request.name.clone(), ..found });
        }
        let mut name = request.name.clone();
        if let [base, operator, version] = name.split_whitespace().collect::<Vec<_>>()[..] {
            let satisfied = installed
                .0
                .get(base)
                .into_iter()
                .flatten()
                .find(|package| package.satisfies(operator, version));
            return Ok(Found {
                key,
                installed: satisfied.map(Nevra::evr),
                name,
                ..Found::default()
            });
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
        let there = installed_as(installed, &found, request).map(Nevra::evr);
        Ok(Found { installed: there, ..found })
    }

    fn complete(scene: &Scene<'_, Self>, found: &mut [Found]) -> Result<(), Failure> {
        let view = scene.view;
        match scene.action {
            PackageAction::Reconfig => Err(Failure::new("`dnf` packages have no `reconfig`: their questions are not asked by the package manager")
                .hint("write the configuration file with `file` or `template`")),
            PackageAction::Lock | PackageAction::Unlock => {
                let locked = view.snapshot(Area::Packages, read_locked)?;
                for found in found {
                    found.held = view
                        .planned(Area::Packages, &found.key)
                        .and_then(|planned| planned["held"].as_bool())
                        .unwrap_or_else(|| locked.0.contains(&found.name));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_version(
        scene: &Scene<'_, Self>,
        request: &Request,
        found: &Found,
        version: &str,
    ) -> bool {
        found.installed.as_deref() == Some(version)
            || installed_as(scene.installed, found, request)
                .is_some_and(|there| there.is_version(version))
    }

    fn offers(scene: &Scene<'_, Self>, names: &[&str]) -> Result<Self::Offers, Failure> {
        let Scene { view, wanted, .. } = *scene;
        let anew = wanted.package.flush_cache.is_some_and(|flush| flush.before);
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

    fn target(
        scene: &Scene<'_, Self>,
        offers: &Self::Offers,
        request: &Request,
        found: &Found,
    ) -> Option<(Target, bool)> {
        let all = offers.get(&found.name).map_or(&[][..], Vec::as_slice);
        let fitting = |offer: &&Nevra| {
            request.version.as_ref().is_none_or(|version| offer.is_version(version))
                && request.arch.as_ref().is_none_or(|arch| offer.arch == *arch)
        };
        // With libraries of several architectures on offer, the one that is installed is meant,
        // else the machine's own.
        let native = native_arch(scene.installed);
        let best = all.iter().filter(fitting).max_by(|left, right| {
            left.order(right).then_with(|| {
                (Some(left.arch.as_str()) == native).cmp(&(Some(right.arch.as_str()) == native))
            })
        });
        if let Some(best) = best {
            let order = match installed_as(scene.installed, found, request) {
                Some(there) => best.order(there),
                None => Ordering::Greater,
            };
            // Upgrading never means going back, unless a version says so.
            let order = if request.version.is_none() { order.max(Ordering::Equal) } else { order };
            return Some((
                Target { version: Some(best.evr()), argument: best.full(), order },
                true,
            ));
        }
        // What is installed may have left the repositories since; there is nothing newer then.
        if request.version.is_none() && found.installed.is_some() {
            return None;
        }
        let version = request.version.as_ref().map(|version| format!("-{version}"));
        let arch = request.arch.as_ref().map(|arch| format!(".{arch}"));
        let argument =
            [Some(found.name.clone()), version, arch].into_iter().flatten().collect::<String>();
        Some((
            Target { version: request.version.clone(), argument, order: Ordering::Greater },
            false,
        ))
    }

    fn missing(
        query: &dyn Query,
        name: &str,
        version: Option<&str>,
        offers: &Self::Offers,
    ) -> Failure {
        let all = offers.get(name).map_or(&[][..], Vec::as_slice);
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
        no_package(name, &names.unwrap_or_default())
    }

    fn read_file(
        scene: &Scene<'_, Self>,
        request: &Request,
        found: &Found,
        path: &str,
    ) -> Result<(String, Target), Failure> {
        let output = scene.view.probe(&Command::new([
            "rpm",
            "-qp",
            "--nosignature",
            "--qf",
            rpm::RPM_FORMAT,
            "--",
            path,
        ]))?;
        let Some(package) = output
            .success()
            .then(|| rpm::parse(&output.stdout()))
            .and_then(|found| found.into_iter().next())
        else {
            return Err(
                Failure::new(format!("`{path}` is not an RPM package")).note(output.stderr())
            );
        };
        let order = installed_as(scene.installed, found, request)
            .map_or(Ordering::Greater, |there| package.order(there));
        let target = Target { version: Some(package.evr()), argument: path.to_owned(), order };
        Ok((package.name, target))
    }

    fn refresh(apply: &Apply<'_>, wanted: &Wanted) -> Result<(), Failure> {
        let refresh = wanted.command(["dnf", "-q", "-y", "--refresh", "makecache"]);
        apply.run(&refresh).map(drop).map_err(|failure| {
            failure
                .hint("see that the repositories in /etc/yum.repos.d are right and can be reached")
        })
    }

    fn expect_all(query: &dyn Query, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure> {
        for step in steps
            .iter()
            .filter(|step| step.verb == Verb::Install && !step.argument.starts_with('/'))
        {
            let found = query.probe(&wanted.command([
                "dnf",
                "-q",
                "-y",
                "repoquery",
                "--available",
                "--qf",
                rpm::DNF_FORMAT,
                "--",
                &step.argument,
            ]))?;
            if rpm::parse(&found.stdout()).is_empty() {
                let version =
                    step.argument.strip_prefix(&step.name).and_then(|rest| rest.strip_prefix('-'));
                let offers = ask(query, wanted, &[&step.name], false)?;
                return Err(Self::missing(query, &step.name, version, &offers));
            }
        }
        Ok(())
    }

    fn install(
        apply: &Apply<'_>,
        wanted: &Wanted,
        _downgrade: bool,
        packages: &[&str],
    ) -> Result<(), Failure> {
        dnf(apply, wanted, &["install"], packages)
    }

    fn carry_out(apply: &Apply<'_>, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure> {
        let remove = arguments(steps, &[Verb::Remove, Verb::Purge]);
        if !remove.is_empty() {
            dnf(apply, wanted, &["remove"], &remove)?;
        }
        for (verb, word) in [(Verb::Hold, "add"), (Verb::Release, "delete")] {
            let names = arguments(steps, &[verb]);
            if !names.is_empty() {
                dnf(apply, wanted, &["versionlock", word], &names).map_err(needs_plugin)?;
            }
        }
        if wanted.package.flush_cache.is_some_and(|flush| flush.after) {
            apply.run(&wanted.command(["dnf", "-q", "clean", "expire-cache"]))?;
        }
        Ok(())
    }
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

/// The newest installed package that a request means.
fn installed_as<'a>(
    installed: &'a Installed,
    found: &Found,
    request: &Request,
) -> Option<&'a Nevra> {
    let fits = |package: &&Nevra| request.arch.as_ref().is_none_or(|arch| package.arch == *arch);
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
        let output = query.probe(&wanted.command(argv.iter().chain(more).copied()))?;
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

fn dnf(apply: &Apply<'_>, wanted: &Wanted, verb: &[&str], names: &[&str]) -> Result<(), Failure> {
    let options = wanted.options.iter().map(String::as_str);
    let argv = ["dnf", "-q", "-y"]
        .into_iter()
        .chain(options)
        .chain(verb.iter().copied())
        .chain(["--"])
        .chain(names.iter().copied());
    apply.run(&wanted.command(argv))?;
    Ok(())
}
