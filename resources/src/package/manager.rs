//! The provider of packages; package managers say how the machine is read and changed.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::marker::PhantomData;
use std::path::Path;
use std::time::{Duration, SystemTime};

use toque_contract::resource;
use toque_contract::resource::{Apply, Change, Effect, HostFacts, Item, Support};
use toque_core::diagnostic::did_you_mean;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::areas::{Area, Areas};
use toque_machine::system::Query;
use toque_machine::view::View;

use super::plan::{self, ANYTHING, Found, State, Step, Target, Verb};
use super::{Package, PackageAction, Request, Wanted};

/// A package manager.
pub(crate) trait PackageManager: Default + 'static {
    const NAME: &'static str;
    /// The folders whose files decide which versions are on offer.
    const CONSULTED: [&'static str; 2];
    /// The database of installed packages.
    type Installed: 'static;
    /// The versions on offer.
    type Offers;

    fn supports(host: &HostFacts<'_>) -> Support;

    fn read_installed(query: &dyn Query) -> Result<Self::Installed, Failure>;

    /// Returns the state of a package, as it is or as the plan would have left it.
    fn find(scene: &Scene<'_, Self>, request: &Request) -> Result<Found, Failure>;

    /// Adds to the packages found the rest that an action depends on.
    fn complete(scene: &Scene<'_, Self>, found: &mut [Found]) -> Result<(), Failure>;

    /// Returns true if the package is installed in this version.
    fn is_version(scene: &Scene<'_, Self>, request: &Request, found: &Found, version: &str)
    -> bool;

    /// Looks packages up in the lists.
    fn offers(scene: &Scene<'_, Self>, names: &[&str]) -> Result<Self::Offers, Failure>;

    /// Returns the version to install, and whether the lists have it; `None` where they have
    /// nothing newer than what is installed.
    fn target(
        scene: &Scene<'_, Self>,
        offers: &Self::Offers,
        request: &Request,
        found: &Found,
    ) -> Option<(Target, bool)>;

    /// Returns the failure that no list has a package, or not in this version.
    fn missing(
        query: &dyn Query,
        name: &str,
        version: Option<&str>,
        offers: &Self::Offers,
    ) -> Failure;

    /// Reads a package file: the package's name, and what it would install.
    fn read_file(
        scene: &Scene<'_, Self>,
        request: &Request,
        found: &Found,
        path: &str,
    ) -> Result<(String, Target), Failure>;

    fn refresh(apply: &Apply<'_>, wanted: &Wanted) -> Result<(), Failure>;

    /// Checks after a refresh that the lists have the packages that are to be installed.
    fn expect_all(query: &dyn Query, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure>;

    fn install(
        apply: &Apply<'_>,
        wanted: &Wanted,
        downgrade: bool,
        packages: &[&str],
    ) -> Result<(), Failure>;

    /// Does all but refresh and install: one command for each verb, with all packages that need it.
    fn carry_out(apply: &Apply<'_>, wanted: &Wanted, steps: &[&Step]) -> Result<(), Failure>;
}

/// The circumstances of one inspection.
pub(crate) struct Scene<'a, M: PackageManager> {
    pub view: &'a View<'a>,
    pub installed: &'a M::Installed,
    pub wanted: &'a Wanted,
    pub action: PackageAction,
}

/// Packages by a package manager.
#[derive(Debug, Default)]
pub(crate) struct Provider<M> {
    refreshed: Refreshed,
    manager: PhantomData<M>,
}

impl<M: PackageManager> resource::Provider for Provider<M> {
    type Resource = Package;
    type State = State;
    type Step = Step;
    const NAME: &'static str = M::NAME;
    const REACH: Areas = ANYTHING;
    const JOINS: bool = true;

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        M::supports(host)
    }

    fn inspect(
        &self,
        view: &View<'_>,
        wanted: &Wanted,
        action: PackageAction,
    ) -> Result<State, Failure> {
        let installed = &*view.snapshot(Area::Packages, M::read_installed)?;
        let scene = &Scene { view, installed, wanted, action };
        let found = wanted.requests.iter().map(|request| M::find(scene, request));
        let mut state = State { found: found.collect::<Result<_, _>>()?, refresh: false };
        let installs = matches!(action, PackageAction::Install | PackageAction::Upgrade);
        if let (true, Some(path)) = (installs, &wanted.package.source) {
            for (request, found) in wanted.requests.iter().zip(&mut state.found) {
                found.target = Some(package_file::<M>(scene, request, found, path)?);
            }
            return Ok(state);
        }
        M::complete(scene, &mut state.found)?;
        if installs {
            self.find_targets(scene, &mut state)?;
        }
        Ok(state)
    }

    fn plan(
        &self,
        wanted: &Wanted,
        action: PackageAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        plan::plan(M::NAME, wanted, action, state)
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

    /// Returns the key for resources whose installs may share a transaction: they differ in names
    /// and versions alone.
    fn batch(
        &self,
        wanted: &Wanted,
        action: PackageAction,
        changes: &[Change<Step>],
    ) -> Option<String> {
        let package = &wanted.package;
        let plain = action == PackageAction::Install
            && package.source.is_none()
            && package.response_file.is_none()
            && package.flush_cache.is_none()
            && changes
                .iter()
                .all(|change| matches!(change.step.verb, Verb::Refresh | Verb::Install));
        plain.then(|| {
            format!(
                "{:?} {:?} {:?} {} {:?}",
                wanted.options,
                package.default_release,
                package.environment,
                package.overwrite_config_files,
                package.timeout
            )
        })
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
        Ok(effects(items.iter().map(|(_, _, changes)| *changes)))
    }
}

impl<M: PackageManager> Provider<M> {
    fn find_targets(&self, scene: &Scene<'_, M>, state: &mut State) -> Result<(), Failure> {
        let Scene { view, wanted, action, .. } = *scene;
        let needs_lists =
            |request: &Request, found: &Found| match (&request.version, &found.installed) {
                (Some(version), Some(_)) => !M::is_version(scene, request, found, version),
                (None, Some(_)) => action == PackageAction::Upgrade,
                (_, None) => true,
            };
        let pairs = wanted.requests.iter().zip(&mut state.found);
        let mut asked: Vec<(&Request, &mut Found)> =
            pairs.filter(|(request, found)| needs_lists(request, found)).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = asked.iter().map(|(_, found)| found.name.as_str()).collect();
        let offers = M::offers(scene, &names)?;
        // The lists would be other ones by then; what is missing may well be there, and what is
        // newest may not be.
        let lists_pending = view.planned(Area::Packages, &plan::lists_key(M::NAME)).is_some();
        for (request, found) in &mut asked {
            if found.installed.is_some() {
                M::CONSULTED
                    .iter()
                    .for_each(|folder| view.depends_on_files_below(Path::new(folder)));
                if lists_pending {
                    view.depends_on_everything();
                }
            }
            let Some((target, listed)) = M::target(scene, &offers, request, found) else {
                continue;
            };
            if !listed && !lists_pending {
                if self.refreshed.recently(view.now()) {
                    return Err(M::missing(view, &found.name, request.version.as_deref(), &offers));
                }
                state.refresh = true;
            }
            found.target = Some(target);
        }
        Ok(())
    }

    fn carry_out(
        &self,
        apply: &Apply<'_>,
        wanted: &Wanted,
        steps: &[&Step],
    ) -> Result<(), Failure> {
        let has = |verb| steps.iter().any(|step| step.verb == verb);
        if has(Verb::Refresh) && !self.refreshed.recently(apply.system.now()) {
            M::refresh(apply, wanted)?;
            self.refreshed.set(apply.system.now());
        }
        let mut seen = HashSet::new();
        let mut packages = arguments(steps, &[Verb::Install, Verb::Downgrade]);
        packages.retain(|package| seen.insert(*package));
        if !packages.is_empty() {
            if has(Verb::Refresh) {
                M::expect_all(apply.system.as_query(), wanted, steps)?;
            }
            M::install(apply, wanted, has(Verb::Downgrade), &packages)?;
        }
        M::carry_out(apply, wanted, steps)
    }
}

/// Returns the target that a package file is.
fn package_file<M: PackageManager>(
    scene: &Scene<'_, M>,
    request: &Request,
    found: &Found,
    path: &Path,
) -> Result<Target, Failure> {
    let argument = path.display().to_string();
    let file = scene.view.stat(path).context("install from", path).map_err(|failure| {
        if failure.hint.is_some() {
            return failure;
        }
        failure.hint("correct `source`, or bring the file there before, with a `remote_file`")
    })?;
    // A file that an earlier resource of this plan would bring is on no real device, and what is in
    // it cannot be told yet.
    if file.device == u64::MAX {
        scene.view.depends_on_everything();
        return Ok(Target { version: None, argument, order: Ordering::Greater });
    }
    let (name, target) = M::read_file(scene, request, found, &argument)?;
    if name != request.name {
        return Err(Failure::new(format!(
            "`{argument}` holds package `{name}`, not `{}`",
            request.name
        )));
    }
    Ok(target)
}

/// Returns the failure that no list has a package, with the nearest name that the lists have.
pub(crate) fn no_package(name: &str, known: &str) -> Failure {
    let failure = Failure::new(format!("no package `{name}` in the lists of this machine"));
    failure.hint(did_you_mean(name, known.lines().map(str::trim)).unwrap_or_else(|| {
        "correct the name, or declare the repository that has it before this resource".to_owned()
    }))
}

/// The package lists are asked for once in a run: whatever is still missing afterwards is missing
/// for good.
#[derive(Debug, Default)]
struct Refreshed(Cell<Option<SystemTime>>);

impl Refreshed {
    /// A process may converge many times; after this, a run is taken for another one.
    const SAME_RUN: Duration = Duration::from_secs(600);

    fn recently(&self, now: SystemTime) -> bool {
        self.0
            .get()
            .is_some_and(|then| now.duration_since(then).is_ok_and(|age| age < Self::SAME_RUN))
    }

    fn set(&self, now: SystemTime) {
        self.0.set(Some(now));
    }
}

/// Returns for each resource of a transaction whether it brought a package that none before it
/// asked for.
fn effects<'a>(items: impl Iterator<Item = &'a [Change<Step>]>) -> Vec<Effect> {
    let mut seen = HashSet::new();
    items
        .map(|changes| {
            let packages =
                changes.iter().map(|change| &change.step).filter(|step| step.verb != Verb::Refresh);
            // All are noted, not only the first that is new.
            let news = packages.filter(|step| seen.insert(&step.name)).count();
            if news > 0 { Effect::Changed } else { Effect::Unchanged }
        })
        .collect()
}

/// Returns the arguments of all steps of some verbs, in order.
pub(crate) fn arguments<'a>(steps: &[&'a Step], verbs: &[Verb]) -> Vec<&'a str> {
    steps
        .iter()
        .filter(|step| verbs.contains(&step.verb))
        .map(|step| step.argument.as_str())
        .collect()
}
