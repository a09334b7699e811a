//! The provider of kinds that fill a directory from a source: `git` and `archive_file`.

use std::marker::PhantomData;
use std::path::PathBuf;

use serde_json::json;
use toque_contract::resource;
use toque_contract::resource::{Apply, Change, Effect, Resource};
use toque_core::failure::{ErrorContext, Failure};
use toque_core::property_error::PropertyError;
use toque_machine::areas::{Area, Areas};
use toque_machine::planned::PlannedEffect;
use toque_machine::source::{Checkout, ResolvedSource, Source};
use toque_machine::system::{Metadata, Ownership, Query};
use toque_machine::view::View;

use super::ownership::Declared;
use super::path;
use super::target_directory::{self, StagingDirectory, StagingPlace, TargetState};

/// A kind whose resources fill a directory from a source.
pub(crate) trait FromSource: Resource<Desired = Desired<Self>> {
    /// The property that names the owner of the content.
    const OWNER: &'static str;

    /// Decides about a directory that has something in it.
    fn filled(
        view: &View<'_>,
        desired: &Desired<Self>,
        action: Self::Action,
    ) -> Result<Filled, Failure>;

    /// Returns the planned change in words, unless a filled directory must not be updated.
    fn describe(
        desired: &Desired<Self>,
        action: Self::Action,
        state: &State,
        found: &ResolvedSource,
    ) -> Result<String, Failure>;

    /// Returns true if a new directory is a git repository itself.
    fn keeps_git(_action: Self::Action) -> bool {
        false
    }

    /// Brings a filled directory to the revision.
    fn update(apply: &Apply<'_>, desired: &Desired<Self>, update: &Update) -> Result<(), Failure>;

    /// Returns the field under which the revision is remembered, where that is needed.
    fn memory_field(action: Self::Action) -> Option<&'static str>;
}

/// The treatment of a directory that has something in it, with its revision where that is known.
#[derive(Debug)]
pub(crate) enum Filled {
    Keep,
    Update(Option<String>),
    Replace(Option<String>),
}

/// The content that a directory must have.
#[derive(Debug)]
pub(crate) struct Desired<R> {
    pub path: PathBuf,
    pub source: Source,
    pub declared: Declared,
    pub resource: R,
}

/// The state of the directory and of the source.
#[derive(Debug)]
pub(crate) struct State {
    pub target: TargetState,
    pub owner: Ownership,
    /// The filled directory, where it is updated.
    pub folder: Option<Metadata>,
    /// The revision of the content that is there.
    pub present: Option<String>,
    /// The revision of the source, and the place for its content; `None` where nothing is done.
    pub found: Option<(ResolvedSource, StagingPlace)>,
}

/// The revision of content that is not complete.
const UNFINISHED: &str = "";

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Step {
    Fill { found: ResolvedSource, owner: Ownership, place: StagingPlace, instead_of: TargetState },
    Update(Update),
}

/// An update of a filled directory.
#[derive(Debug)]
pub(crate) struct Update {
    pub found: ResolvedSource,
    pub folder: Metadata,
    pub place: StagingPlace,
}

/// Fills directories from sources.
pub(crate) struct Provider<R>(PhantomData<R>);

impl<R> Provider<R> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: FromSource> resource::Provider for Provider<R> {
    type Resource = R;
    type State = State;
    type Step = Step;
    const NAME: &'static str = R::KIND;
    const REACH: Areas = Areas::of(&[Area::Files]);

    fn inspect(
        &self,
        view: &View<'_>,
        desired: &Desired<R>,
        action: R::Action,
    ) -> Result<State, Failure> {
        let path = &desired.path;
        let target = target_directory::inspect(view, path)?;
        let owner = desired.declared.resolve(view)?;
        let mut state = State { target, owner, folder: None, present: None, found: None };
        if target == TargetState::Filled {
            match R::filled(view, desired, action)? {
                Filled::Keep => return Ok(state),
                Filled::Update(revision) => {
                    state.present = revision;
                    state.folder = Some(view.lstat(path).context("look at", path)?);
                }
                Filled::Replace(revision) => state.present = revision,
            }
        }
        let found = desired.source.resolve(view)?;
        // An updated directory stays its owner's.
        let uid = state.folder.map_or(owner.uid, |folder| Some(folder.uid));
        let place = target_directory::staging_place(view, path, uid, R::OWNER)?;
        state.found = Some((found, place));
        Ok(state)
    }

    fn plan(
        &self,
        desired: &Desired<R>,
        action: R::Action,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let Some((found, place)) = state.found.clone() else { return Ok(Vec::new()) };
        if state.present.as_ref() == Some(&found.revision.id) {
            return Ok(Vec::new());
        }
        let what = R::describe(desired, action, state, &found)?;
        let step = match state.folder {
            Some(folder) => Step::Update(Update { found, folder, place }),
            None => Step::Fill { found, owner: state.owner, place, instead_of: state.target },
        };
        let change = Change::new(what, step)
            .provides(PlannedEffect::Anything(Area::Files.into()))
            .touches(Area::Files);
        Ok(vec![change])
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        desired: &Desired<R>,
        action: R::Action,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let remember = |apply: &Apply<'_>, revision: &str| match R::memory_field(action) {
            Some(field) => apply.services.remember(&key(desired), &json!({ field: revision })),
            None => Ok(()),
        };
        for change in changes {
            let found = match &change.step {
                Step::Fill { found, owner, place, instead_of } => {
                    let staging = StagingDirectory::new(apply, &desired.path, place, owner)?;
                    staging.install(apply, *instead_of, |staging| {
                        let keep_git = R::keeps_git(action);
                        let new = check_out(apply, &desired.source, found, staging, keep_git)?;
                        if let Some(mode) = owner.mode {
                            apply.system.set_mode(&new, mode).context("set the mode of", &new)?;
                        }
                        // If the run is killed, the content is this resource's, of no revision.
                        remember(apply, UNFINISHED)
                    })?;
                    found
                }
                Step::Update(update) => {
                    remember(apply, UNFINISHED)?;
                    R::update(apply, desired, update)?;
                    &update.found
                }
            };
            remember(apply, &found.revision.id)?;
            if let Some((key, value)) = &found.memory {
                apply.services.remember(key, value)?;
            }
        }
        Ok(Effect::Changed)
    }
}

/// Puts the content into the staging directory, whose path it returns.
pub(crate) fn check_out(
    apply: &Apply<'_>,
    source: &Source,
    found: &ResolvedSource,
    staging: &StagingDirectory<'_>,
    keep_git: bool,
) -> Result<PathBuf, Failure> {
    let new = staging.path();
    let how = Checkout { cache: None, uid: staging.uid, gid: staging.gid, keep_git };
    source.check_out(apply.system, apply.view, found, &new, &how)?;
    Ok(new)
}

/// Returns the revision that a resource of this kind put into the directory last.
pub(crate) fn remembered<R: FromSource>(
    view: &View<'_>,
    desired: &Desired<R>,
    action: R::Action,
) -> Option<String> {
    let known = view.remembered(&key(desired))?;
    known[R::memory_field(action)?].as_str().map(str::to_owned)
}

fn key<R: Resource>(desired: &Desired<R>) -> String {
    format!("{}:{}", R::KIND, desired.path.display())
}

/// Checks the properties that say where the content comes from and goes to.
/// `url` is the one that has the source's address.
pub(crate) fn check(
    destination: &str,
    source: &Source,
    url: &str,
    content: &str,
) -> Result<(), PropertyError> {
    path::check("destination", destination)?;
    if path::plain(destination).parent().is_none() {
        let message = format!("`/` is no folder for {content}");
        return Err(PropertyError::new("destination", message));
    }
    source.check().map_err(|error| match error.property.as_str() {
        "url" => PropertyError { property: url.to_owned(), ..error },
        _ => error,
    })
}
