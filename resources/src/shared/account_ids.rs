//! Ids of users and groups: those that `useradd` and `groupadd` would take next, so that a plan
//! knows the owner of a planned home.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::areas::Area;
use toque_machine::planned::PlannedEffect;
use toque_machine::view::View;

use super::optional::read_text;
use super::parse::shadow;

/// The settings of the shadow suite for new accounts, from `/etc/login.defs`.
#[derive(Debug, Clone)]
pub(crate) struct LoginDefs {
    text: String,
}

impl LoginDefs {
    pub(crate) fn read(view: &View<'_>) -> Result<Self, Failure> {
        let text = read_text(view, Path::new("/etc/login.defs"))?;
        Ok(Self { text: text.unwrap_or_default() })
    }

    fn number(&self, name: &str, default: u32) -> u32 {
        shadow::login_defs(&self.text)
            .get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// Returns true if a new user gets a group of the same name, and loses it when removed.
    pub(crate) fn private_groups(&self) -> bool {
        shadow::login_defs(&self.text)
            .get("USERGROUPS_ENAB")
            .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    /// The mode of a new home.
    pub(crate) fn home_mode(&self) -> u32 {
        let defs = shadow::login_defs(&self.text);
        let octal =
            |name: &str| defs.get(name).and_then(|value| u32::from_str_radix(value, 8).ok());
        octal("HOME_MODE").unwrap_or_else(|| 0o777 & !octal("UMASK").unwrap_or(0o022))
    }

    /// The first and last number of a kind: `UID` or `GID`.
    fn range(&self, kind: &str, system: bool) -> (u32, u32) {
        let min = self.number(&format!("{kind}_MIN"), 1000);
        if system {
            (
                self.number(&format!("SYS_{kind}_MIN"), 101),
                self.number(&format!("SYS_{kind}_MAX"), min.saturating_sub(1)),
            )
        } else {
            (min, self.number(&format!("{kind}_MAX"), 60000))
        }
    }
}

/// Returns the id of the next user; `None` where it cannot be predicted.
pub(crate) fn next_uid(view: &View<'_>, system: bool) -> Result<Option<u32>, Failure> {
    let used = view.accounts()?.users.values().map(|user| user.uid).collect();
    let range = LoginDefs::read(view)?.range("UID", system);
    Ok(planned(view, "uid", used).and_then(|used| next(&used, range, system)))
}

/// Returns the id of the next group; that of its user, when it is a private group and the id is
/// free.
pub(crate) fn next_gid(
    view: &View<'_>,
    system: bool,
    uid: Option<u32>,
) -> Result<Option<u32>, Failure> {
    let used = view.accounts()?.groups.values().map(|group| group.gid).collect();
    let range = LoginDefs::read(view)?.range("GID", system);
    let free = |used: &BTreeSet<u32>| {
        uid.filter(|uid| (range.0..=range.1).contains(uid) && !used.contains(uid))
    };
    Ok(planned(view, "gid", used)
        .and_then(|used| free(&used).or_else(|| next(&used, range, system))))
}

/// Returns the effect that account files are rewritten, for recipes that read them.
pub(crate) fn rewritten(files: &[&str]) -> impl Iterator<Item = PlannedEffect> {
    files.iter().map(|file| PlannedEffect::Rewritten { path: Path::new("/etc").join(file) })
}

/// Returns the effect that an id is no longer free.
pub(crate) fn taken(kind: &str, number: Option<u32>) -> PlannedEffect {
    state(kind, number, true)
}

/// Returns the effect that an id is free again.
pub(crate) fn freed(kind: &str, number: Option<u32>) -> PlannedEffect {
    state(kind, number, false)
}

fn state(kind: &str, number: Option<u32>, taken: bool) -> PlannedEffect {
    let key = number.map_or_else(|| format!("{kind}:"), |number| format!("{kind}:{number}"));
    PlannedEffect::State { area: Area::Accounts, key, value: Value::Bool(taken) }
}

/// Returns the ids in use after the earlier resources of the plan; `None` when one of them gets an
/// id that is not known yet.
fn planned(view: &View<'_>, kind: &str, mut used: BTreeSet<u32>) -> Option<BTreeSet<u32>> {
    for (number, taken) in view.planned_below(Area::Accounts, &format!("{kind}:")) {
        let number = number.parse().ok()?;
        if taken == Value::Bool(true) {
            used.insert(number);
        } else {
            used.remove(&number);
        }
    }
    Some(used)
}

/// Returns the next free id. Ordinary ids grow from the highest in use, those of the system shrink
/// from the lowest; past the end, gaps are filled.
fn next(used: &BTreeSet<u32>, (min, max): (u32, u32), system: bool) -> Option<u32> {
    let mut taken = used.range(min..=max).copied();
    let mut ahead: Box<dyn Iterator<Item = u32>> = if system {
        let first = taken.next().map_or(max, |lowest| lowest.saturating_sub(1));
        Box::new((min..=first).rev().chain((min..=max).rev()))
    } else {
        let first = taken.next_back().map_or(min, |highest| highest.saturating_add(1));
        Box::new((first..=max).chain(min..=max))
    };
    ahead.find(|number| !used.contains(number))
}

/// Checks that the account files can hold a name.
pub(crate) fn check_name(property: &str, name: &str) -> Result<(), PropertyError> {
    let wrong = name.is_empty()
        || name.starts_with('-')
        || name.contains([':', ',', '\n', '/'])
        || name.contains(char::is_whitespace);
    if wrong {
        return Err(PropertyError::new(
            property,
            format!("`{name}` cannot be the name of an account"),
        )
        .hint("use letters, digits, `_`, `.` and `-`, and begin with a letter"));
    }
    Ok(())
}
