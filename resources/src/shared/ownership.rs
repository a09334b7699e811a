//! Who owns a path and who may do what with it: declared names become numbers, and what differs is
//! found and put in words.

use std::path::{Path, PathBuf};

use serde_json::Value;
use toque_contract::resource::Apply;
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::accounts::no_account;
use toque_machine::areas::Area;
use toque_machine::planned::PlannedEffect;
use toque_machine::property::{Account, Mode};
use toque_machine::system::{FileKind, Metadata, Ownership, Query};
use toque_machine::view::View;

/// Owner, group and mode as a recipe declares them. What is not declared is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    pub owner: Option<Account>,
    pub group: Option<Account>,
    pub mode: Option<Mode>,
}

impl Declared {
    /// The numbers behind the names.
    /// # Errors
    /// When a user or group exists neither on the machine nor in the plan.
    pub(crate) fn resolve(&self, view: &View<'_>) -> Result<Ownership, Failure> {
        Ok(Ownership {
            uid: self.owner.as_ref().map(|owner| uid(view, owner)).transpose()?,
            gid: self.group.as_ref().map(|group| gid(view, group)).transpose()?,
            mode: self.mode.map(|mode| mode.0),
        })
    }

    /// Returns what something new is given, such as `mode 0644, owner www-data`, after the text
    /// `before`; nothing where nothing is declared.
    pub(crate) fn words(&self, before: &str) -> String {
        let mode = self.mode.map(|mode| format!("mode {mode}"));
        let owner = self.owner.as_ref().map(|owner| format!("owner {owner}"));
        let group = self.group.as_ref().map(|group| format!("group {group}"));
        let words: Vec<String> = mode.into_iter().chain(owner).chain(group).collect();
        if words.is_empty() { String::new() } else { format!("{before}{}", words.join(", ")) }
    }
}

fn uid(view: &View<'_>, account: &Account) -> Result<u32, Failure> {
    let name = match account {
        Account::Id(id) => return Ok(*id),
        Account::Name(name) => name,
    };
    if let Some(planned) = view.planned(Area::Accounts, &format!("user:{name}")) {
        return planned_id(&planned, "uid", name).ok_or_else(|| no_account("user", name));
    }
    let accounts = view.accounts()?;
    match accounts.users.get(name) {
        Some(user) => Ok(user.uid),
        None => {
            accounts.user(view, name)?.map(|user| user.uid).ok_or_else(|| no_account("user", name))
        }
    }
}

fn gid(view: &View<'_>, account: &Account) -> Result<u32, Failure> {
    let name = match account {
        Account::Id(id) => return Ok(*id),
        Account::Name(name) => name,
    };
    if let Some(planned) = view.planned(Area::Accounts, &format!("group:{name}")) {
        return planned_id(&planned, "gid", name).ok_or_else(|| no_account("group", name));
    }
    let accounts = view.accounts()?;
    match accounts.groups.get(name) {
        Some(group) => Ok(group.gid),
        None => accounts
            .group(view, name)?
            .map(|group| group.gid)
            .ok_or_else(|| no_account("group", name)),
    }
}

/// The number of an account that only the plan has. Where the machine will choose it, a number that
/// no real account has stands for it, the same one whenever the name is asked for. `None`: the plan
/// removes the account.
fn planned_id(planned: &Value, key: &str, name: &str) -> Option<u32> {
    if planned.is_null() {
        return None;
    }
    let known = planned.get(key).and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
    // FNV-1a, into the top sixteenth of the range, less its end where 65534's 32-bit kin live.
    let stand_in = || {
        name.bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    };
    Some(known.unwrap_or_else(|| 0xf000_0000 | (stand_in() & 0x0eff_ffff)))
}

/// Whoever toque's own new files belong to.
pub(crate) fn own_ids(view: &View<'_>) -> Result<(u32, u32), Failure> {
    let uid = view.effective_uid();
    if uid == 0 {
        return Ok((0, 0));
    }
    let gid =
        view.accounts()?.users.values().find(|user| user.uid == uid).map_or(uid, |user| user.gid);
    Ok((uid, gid))
}

/// The names of a path's owner and group, looked up only where they are about to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub owner: Option<String>,
    pub group: Option<String>,
}

impl Names {
    /// # Errors
    /// When the account files cannot be read.
    pub(crate) fn of(
        view: &View<'_>,
        found: &Metadata,
        wanted: &Ownership,
    ) -> Result<Self, Failure> {
        let mut names = Self::default();
        if wanted.uid.is_some_and(|uid| uid != found.uid) {
            let accounts = view.accounts()?;
            let user = accounts.users.values().find(|user| user.uid == found.uid);
            names.owner =
                Some(user.map_or_else(|| found.uid.to_string(), |user| user.name.clone()));
        }
        if wanted.gid.is_some_and(|gid| gid != found.gid) {
            let accounts = view.accounts()?;
            let group = accounts.groups.values().find(|group| group.gid == found.gid);
            names.group =
                Some(group.map_or_else(|| found.gid.to_string(), |group| group.name.clone()));
        }
        Ok(names)
    }
}

/// What has to change about a path that stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub path: PathBuf,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mode: Option<u32>,
}

impl Attributes {
    /// The difference between what is there and what is wanted; `None` when there is none.
    pub(crate) fn difference(path: &Path, found: &Metadata, wanted: &Ownership) -> Option<Self> {
        let uid = wanted.uid.filter(|uid| *uid != found.uid);
        let gid = wanted.gid.filter(|gid| *gid != found.gid);
        let mode = final_mode(found, wanted);
        // The kernel takes setuid and setgid away when a file's owner changes, so they are set
        // again, or seen to be gone.
        let again = (uid.is_some() || gid.is_some()) && (mode | found.mode) & 0o6000 != 0;
        let mode = (mode != found.mode || again).then_some(mode);
        let any = uid.is_some() || gid.is_some() || mode.is_some();
        any.then(|| Self { path: path.to_owned(), uid, gid, mode })
    }

    /// Returns the effect on the path, whose present attributes are `found`.
    pub(crate) fn effect(&self, found: &Metadata) -> PlannedEffect {
        PlannedEffect::Attributes {
            path: self.path.clone(),
            mode: self.mode.unwrap_or(found.mode),
            uid: self.uid.unwrap_or(found.uid),
            gid: self.gid.unwrap_or(found.gid),
            touched: false,
        }
    }

    /// # Errors
    /// When the owner, group or mode cannot be changed.
    pub(crate) fn apply(&self, apply: &Apply<'_>) -> Result<(), Failure> {
        if self.uid.is_some() || self.gid.is_some() {
            apply
                .system
                .set_owner(&self.path, self.uid, self.gid)
                .context("change the owner of", &self.path)?;
        }
        if let Some(mode) = self.mode {
            apply.system.set_mode(&self.path, mode).context("change the mode of", &self.path)?;
        }
        Ok(())
    }
}

/// The mode a path ends with. Where none is declared it keeps its own; a file whose owner changes
/// loses setuid and setgid, as by the kernel, so that a program never runs with the rights of
/// someone who did not ask for it.
pub(crate) fn final_mode(found: &Metadata, wanted: &Ownership) -> u32 {
    let new_owner = wanted.uid.is_some_and(|uid| uid != found.uid)
        || wanted.gid.is_some_and(|gid| gid != found.gid);
    match wanted.mode {
        Some(mode) => mode,
        None if new_owner && found.kind == FileKind::File => {
            let setgid = if found.mode & 0o010 != 0 { 0o2000 } else { 0 };
            found.mode & !(0o4000 | setgid)
        }
        None => found.mode,
    }
}

/// `mode 0600 to 0644`, `owner root to daemon`: what changes about a path that is there.
pub(crate) fn difference_words(
    declared: &Declared,
    found: &Metadata,
    wanted: &Ownership,
    names: &Names,
) -> Vec<String> {
    let mut words = Vec::new();
    let mode = final_mode(found, wanted);
    if mode != found.mode {
        words.push(format!("mode {:04o} to {mode:04o}", found.mode));
    }
    if let (Some(from), Some(to)) = (&names.owner, &declared.owner) {
        words.push(format!("owner {from} to {to}"));
    }
    if let (Some(from), Some(to)) = (&names.group, &declared.group) {
        words.push(format!("group {from} to {to}"));
    }
    words
}
