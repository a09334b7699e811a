//! Users by the programs of the shadow suite: `useradd`, `usermod`, `userdel`, `chpasswd`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toque_contract::resource::{Action as _, Apply, Change, Effect, HostFacts, Provider, Support};
use toque_core::failure::{ErrorContext, Failure};
use toque_machine::accounts;
use toque_machine::accounts::no_account;
use toque_machine::areas::{Area, Areas};
use toque_machine::command::Command;
use toque_machine::content::receive;
use toque_machine::planned::PlannedEffect;
use toque_machine::property::Account;
use toque_machine::system::{FileKind, Query};
use toque_machine::view::View;

use super::{User, UserAction};
use crate::shared::account_ids::{self, LoginDefs};
use crate::shared::optional::{self, read_text};
use crate::shared::parse::shadow;
use crate::shared::trusted_path;
use toque_core::checksum::sha256_hex;

/// `useradd`, `usermod`, `userdel`, `chpasswd`.
#[derive(Debug)]
pub(crate) struct Useradd;

/// Everything that a plan for a user depends on.
#[derive(Debug, Clone)]
pub(crate) struct State {
    current: Option<Current>,
    /// The number of the group that `gid` names.
    gid: Option<u32>,
    /// The attributes of a new user.
    new: NewAccount,
    /// The effects on groups of the removal of the user.
    groups_after_removal: Vec<PlannedEffect>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    uid: Option<u32>,
    gid: Option<u32>,
    comment: String,
    home: String,
    shell: String,
    /// Digests of the hash: with the mark of a locked account, and without. The hash itself stays
    /// where it is.
    password: String,
    unlocked_password: String,
    locked: bool,
    expires: Option<i64>,
    inactive: Option<i64>,
}

#[derive(Debug, Clone, Default)]
struct NewAccount {
    uid: Option<u32>,
    gid: Option<u32>,
    /// A group of the user's name is made along.
    private_group: bool,
    /// A group of the user's name is there already, and becomes the primary one.
    own_group: bool,
    home: PathBuf,
    shell: String,
    home_mode: u32,
    home_exists: bool,
    skeleton: Vec<PlannedEffect>,
}

/// One run of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The program and its arguments.
    Run(Vec<String>),
    /// The hash goes by standard input, where no other user can see it.
    Password { locked: bool },
}

impl Provider for Useradd {
    type Resource = User;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "useradd";
    const REACH: Areas = Areas::of(&[Area::Accounts, Area::Files]);

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        if (host.has_program)("useradd") {
            Support::Preferred
        } else {
            Support::No("there is no `useradd`".to_owned())
        }
    }

    fn inspect(&self, view: &View<'_>, user: &User, action: UserAction) -> Result<State, Failure> {
        let name = &user.username;
        let current = match view.planned(Area::Accounts, &format!("user:{name}")) {
            Some(planned) => serde_json::from_value(planned).unwrap_or_default(),
            None => view.accounts()?.users.get(name).map(|found| read(view, found)).transpose()?,
        };
        if current.is_none()
            && matches!(action, UserAction::Modify | UserAction::Lock | UserAction::Unlock)
        {
            return Err(no_account("user", name).hint("use the action `create` to make it"));
        }
        let gid = match &user.gid {
            Some(gid)
                if matches!(
                    action,
                    UserAction::Create | UserAction::Modify | UserAction::Manage
                ) =>
            {
                group_number(view, gid)?
            }
            _ => None,
        };
        let new = match (action, &current) {
            (UserAction::Create, None) => new_account(view, user, gid)?,
            _ => NewAccount::default(),
        };
        let groups_after_removal = match (action, &current) {
            (UserAction::Remove, Some(current)) => groups_after_removal(view, name, current)?,
            _ => Vec::new(),
        };
        if let (true, Some(current)) = (user.manage_home, &current) {
            let moves = !matches!(action, UserAction::Lock | UserAction::Unlock);
            let to = user.home.as_ref().filter(|home| moves && **home != current.home);
            let from = (action == UserAction::Remove || to.is_some()).then_some(&*current.home);
            let homes = to.map(PathBuf::as_path).into_iter().chain(from.map(Path::new));
            for home in homes.filter(|home| home.is_absolute()) {
                check_home(view, name, home)?;
            }
        }
        Ok(State { current, gid, new, groups_after_removal })
    }

    fn plan(
        &self,
        user: &User,
        action: UserAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let changes = match (action, &state.current) {
            (UserAction::Create, None) => create(user, &state.new),
            (UserAction::Remove, Some(current)) => {
                vec![remove(user, current, &state.groups_after_removal)]
            }
            (UserAction::Create | UserAction::Modify | UserAction::Manage, Some(current)) => {
                modify(user, current, state.gid)
            }
            (UserAction::Unlock, Some(current))
                if current.locked && current.unlocked_password == digest("") =>
            {
                // `usermod -U` would say so too, but end as if it had done it.
                return Err(Failure::new(format!(
                    "cannot unlock user `{}`: it has no password below the lock",
                    user.username
                ))
                .hint("set `password` by the action `create` or `modify`, which unlocks it too"));
            }
            (UserAction::Lock, Some(current)) if !current.locked => vec![lock(user, current, true)],
            (UserAction::Unlock, Some(current)) if current.locked => {
                vec![lock(user, current, false)]
            }
            _ => Vec::new(),
        };
        let with_files = |mut change: Change<Step>| {
            change.provides.extend(account_ids::rewritten(&["passwd", "group"]));
            change.touches(Area::Accounts | Area::Files)
        };
        Ok(changes.into_iter().map(with_files).collect())
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        user: &User,
        action: UserAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let name = &user.username;
        for change in changes {
            let command = match &change.step {
                Step::Run(argv) => Command::new(argv.iter().map(String::as_str)),
                Step::Password { locked } => {
                    let mark = if *locked { "!" } else { "" };
                    let hash = user.password.as_deref().unwrap_or_default();
                    let mut command =
                        Command::new(["chpasswd", "-e"]).input(format!("{name}:{mark}{hash}\n"));
                    command.sensitive = true;
                    command
                }
            };
            apply.run(&command).map_err(|mut failure| {
                failure.message =
                    format!("cannot {} user `{name}`: {}", action.name(), failure.message);
                failure
            })?;
        }
        Ok(Effect::Changed)
    }
}

fn read(view: &View<'_>, found: &accounts::User) -> Result<Current, Failure> {
    let text = read_text(view, Path::new("/etc/shadow"))?.unwrap_or_default();
    let shadow = shadow::parse(&text).remove(&found.name).unwrap_or_default();
    Ok(Current {
        uid: Some(found.uid),
        gid: Some(found.gid),
        comment: found.comment.clone(),
        home: found.home.clone(),
        shell: found.shell.clone(),
        password: digest(&shadow.password),
        unlocked_password: digest(shadow.password.trim_start_matches('!')),
        locked: shadow.locked(),
        expires: shadow.expires,
        inactive: shadow.inactive,
    })
}

/// Returns the digest by which a password hash is compared and kept in a plan.
fn digest(hash: &str) -> String {
    sha256_hex(hash.as_bytes())
}

fn remember(name: &str, current: &Current) -> PlannedEffect {
    let value = serde_json::to_value(current).unwrap_or_default();
    state(&format!("user:{name}"), value)
}

fn state(key: &str, value: Value) -> PlannedEffect {
    PlannedEffect::State { area: Area::Accounts, key: key.to_owned(), value }
}

fn state_of_group(name: &str, gid: Option<u32>, members: &[String]) -> PlannedEffect {
    state(&format!("group:{name}"), json!({ "gid": gid, "members": members }))
}

fn number(planned: &Value, name: &str) -> Option<u32> {
    planned[name].as_u64().and_then(|number| u32::try_from(number).ok())
}

/// The number of a group, which must exist by then; `None` where only the system will choose it.
fn group_number(view: &View<'_>, gid: &Account) -> Result<Option<u32>, Failure> {
    match gid {
        Account::Id(gid) => Ok(Some(*gid)),
        Account::Name(name) => match view.planned(Area::Accounts, &format!("group:{name}")) {
            Some(Value::Null) => Err(no_account("group", name)),
            Some(planned) => Ok(number(&planned, "gid")),
            None => match view.accounts()?.group(view, name)? {
                Some(group) => Ok(Some(group.gid)),
                None => Err(no_account("group", name)),
            },
        },
    }
}

/// A group's number and members.
type LocalGroup = (Option<u32>, Vec<String>);

/// A group of this machine's files, as it would be.
fn local_group(view: &View<'_>, name: &str) -> Result<Option<LocalGroup>, Failure> {
    Ok(match view.planned(Area::Accounts, &format!("group:{name}")) {
        Some(Value::Null) => None,
        Some(planned) => Some((
            number(&planned, "gid"),
            serde_json::from_value(planned["members"].clone()).unwrap_or_default(),
        )),
        None => {
            view.accounts()?.groups.get(name).map(|group| (Some(group.gid), group.members.clone()))
        }
    })
}

fn new_account(view: &View<'_>, user: &User, gid: Option<u32>) -> Result<NewAccount, Failure> {
    let name = &user.username;
    let defaults = LoginDefs::read(view)?;
    let uid = match user.uid {
        Some(uid) => Some(uid),
        None => account_ids::next_uid(view, user.system)?,
    };
    let mut new = NewAccount { uid, gid, home_mode: defaults.home_mode(), ..NewAccount::default() };
    let settings = read_text(view, Path::new("/etc/default/useradd"))?.unwrap_or_default();
    let setting = |key: &str| {
        settings
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(str::to_owned)
    };
    if user.gid.is_none() {
        match local_group(view, name)? {
            Some((gid, _)) if defaults.private_groups() => (new.own_group, new.gid) = (true, gid),
            None if defaults.private_groups() => {
                new.private_group = true;
                new.gid = account_ids::next_gid(view, user.system, uid)?;
            }
            _ => new.gid = setting("GROUP").and_then(|gid| gid.parse().ok()).or(Some(100)),
        }
    }
    let base = setting("HOME").unwrap_or_else(|| "/home".to_owned());
    new.home = user.home.clone().unwrap_or_else(|| Path::new(&base).join(name));
    new.shell = text(user.shell.as_ref())
        .or_else(|| setting("SHELL"))
        .unwrap_or_else(|| "/bin/sh".to_owned());
    if user.manage_home {
        new.home_exists = optional::exists(view, &new.home)?;
        if !new.home_exists {
            check_home(view, name, &new.home)?;
        }
        if let (false, Some(uid), Some(gid)) = (new.home_exists, uid, new.gid) {
            new.skeleton = skeleton(view, Path::new("/etc/skel"), &new.home, uid, gid)?;
        }
    }
    Ok(new)
}

/// Refuses a home whose path another user can redirect: the programs that make, move and remove
/// homes are root, and go wherever the path leads them.
fn check_home(view: &View<'_>, user: &str, home: &Path) -> Result<(), Failure> {
    let above = trusted_path::resolve(view, home.parent().unwrap_or(home), None)?;
    above.fault.map_or(Ok(()), |why| {
        Err(Failure::new(format!(
            "cannot manage the home `{}` of user `{user}`: {why} and could lead `useradd` anywhere by a link",
            home.display()
        ))
        .hint("put it in a folder that only root can write, or leave `manage_home` out and declare it as a `directory`"))
    })
}

/// Returns what a new home is filled with.
fn skeleton(
    view: &View<'_>,
    from: &Path,
    to: &Path,
    uid: u32,
    gid: u32,
) -> Result<Vec<PlannedEffect>, Failure> {
    let mut provides = Vec::new();
    for name in optional::read_dir(view, from)? {
        let (source, path) = (from.join(&name), to.join(&name));
        let Some(found) = optional::lstat(view, &source)? else { continue };
        match found.kind {
            FileKind::File => {
                let content = view.open(&source).and_then(|mut file| receive(&mut *file));
                let content = Some(content.context("read", &source)?);
                provides.push(PlannedEffect::File { path, content, mode: found.mode, uid, gid });
            }
            FileKind::Directory => {
                provides.push(PlannedEffect::Directory {
                    path: path.clone(),
                    mode: found.mode,
                    uid,
                    gid,
                });
                provides.extend(skeleton(view, &source, &path, uid, gid)?);
            }
            FileKind::Link => {
                provides.extend(
                    optional::read_link(view, &source)?.map(|target| PlannedEffect::Link {
                        path,
                        to: target,
                        uid,
                        gid,
                    }),
                );
            }
            FileKind::Special => {}
        }
    }
    Ok(provides)
}

/// Returns the effects on groups of the removal of a user: it leaves them, and its own group goes
/// with it unless that is the primary group of another user too.
fn groups_after_removal(
    view: &View<'_>,
    name: &str,
    current: &Current,
) -> Result<Vec<PlannedEffect>, Failure> {
    let accounts = view.accounts()?;
    let mut names: Vec<&String> = accounts.groups.keys().collect();
    names.sort();
    let mut provides = Vec::new();
    for group in names {
        let Some((gid, members)) = local_group(view, group)? else { continue };
        let left: Vec<String> = members.iter().filter(|member| *member != name).cloned().collect();
        if left.len() < members.len() {
            provides.push(state_of_group(group, gid, &left));
        }
    }
    if let Some((gid, members)) = local_group(view, name)?
        && LoginDefs::read(view)?.private_groups()
        && gid == current.gid
        && members.iter().all(|member| member == name)
        && !accounts.users.values().any(|other| other.name != name && Some(other.gid) == gid)
    {
        provides.push(state(&format!("group:{name}"), Value::Null));
        provides.push(account_ids::freed("gid", gid));
    }
    Ok(provides)
}

fn create(user: &User, new: &NewAccount) -> Vec<Change<Step>> {
    let name = &user.username;
    let mut argv = words(["useradd"]);
    if let Some(uid) = user.uid {
        argv.extend(words(["-u", &uid.to_string()]));
    }
    match (&user.gid, new.own_group) {
        (Some(gid), _) => argv.extend(words(["-g", &gid.to_string()])),
        (None, true) => argv.extend(words(["-g", name])),
        (None, false) => {}
    }
    for (option, value) in [
        ("-c", user.comment.clone()),
        ("-d", text(user.home.as_ref())),
        ("-s", text(user.shell.as_ref())),
    ] {
        argv.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    }
    for (option, wanted) in [("-r", user.system), ("-o", user.non_unique)] {
        argv.extend(wanted.then(|| option.to_owned()));
    }
    if let Some(Ok(day)) = user.expire_day() {
        argv.extend(words(["-e", &day.map_or_else(String::new, |day| day.to_string())]));
    }
    if let Some(days) = user.inactive {
        argv.extend(words(["-f", &days.to_string()]));
    }
    argv.push(if user.manage_home { "-m" } else { "-M" }.to_owned());
    argv.extend(words(["--", name]));
    let mut current = Current {
        uid: new.uid,
        gid: new.gid,
        comment: user.comment.clone().unwrap_or_default(),
        home: new.home.display().to_string(),
        shell: new.shell.clone(),
        password: digest("!"),
        unlocked_password: digest(""),
        locked: true,
        expires: user.expire_day().and_then(Result::ok).flatten(),
        inactive: user.inactive.filter(|days| *days >= 0),
    };
    let with_home = user.manage_home && !new.home_exists;
    let home =
        if with_home { format!(" with home `{}`", new.home.display()) } else { String::new() };
    let mut change = Change::new(format!("create user `{name}`{home}"), Step::Run(argv))
        .provides(remember(name, &current))
        .provides(account_ids::taken("uid", new.uid));
    if new.private_group {
        change = change
            .provides(state_of_group(name, new.gid, &[]))
            .provides(account_ids::taken("gid", new.gid));
    }
    if with_home {
        change = match (new.uid, new.gid) {
            (Some(uid), Some(gid)) => change.provides(PlannedEffect::Directory {
                path: new.home.clone(),
                mode: new.home_mode,
                uid,
                gid,
            }),
            // Whom the home will belong to is the system's choice.
            _ => change.provides(PlannedEffect::Anything(Area::Files.into())),
        };
        change.provides.extend(new.skeleton.iter().cloned());
    }
    let mut changes = vec![change];
    changes.extend(change_password(user, &mut current));
    changes
}

fn modify(user: &User, current: &Current, gid: Option<u32>) -> Vec<Change<Step>> {
    let name = &user.username;
    let mut after = current.clone();
    let mut argv = words(["usermod"]);
    let mut differences = Vec::new();
    let mut set = |option: &str, value: String, what: String| {
        argv.extend([option.to_owned(), value]);
        differences.push(what);
    };
    if let Some(uid) = user.uid.filter(|uid| current.uid != Some(*uid)) {
        set("-u", uid.to_string(), format!("number {uid}"));
        after.uid = Some(uid);
    }
    if let Some(group) = user.gid.as_ref().filter(|_| gid.is_none() || current.gid != gid) {
        set("-g", group.to_string(), format!("group `{group}`"));
        after.gid = gid;
    }
    if let Some(comment) = user.comment.as_ref().filter(|comment| **comment != current.comment) {
        set("-c", comment.clone(), format!("comment \"{comment}\""));
        after.comment.clone_from(comment);
    }
    let trimmed = |path: &str| {
        if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path.to_owned() }
    };
    let home = text(user.home.as_ref()).filter(|home| trimmed(home) != trimmed(&current.home));
    if let Some(home) = &home {
        set("-d", home.clone(), format!("home `{home}`"));
        after.home.clone_from(home);
    }
    if let Some(shell) = text(user.shell.as_ref()).filter(|shell| *shell != current.shell) {
        set("-s", shell.clone(), format!("shell `{shell}`"));
        after.shell = shell;
    }
    if let Some(Ok(day)) = user.expire_day().filter(|day| *day != Ok(current.expires)) {
        let what = user
            .expire_date
            .clone()
            .filter(|_| day.is_some())
            .unwrap_or_else(|| "never".to_owned());
        set("-e", day.map_or_else(String::new, |day| day.to_string()), format!("expiry {what}"));
        after.expires = day;
    }
    if let Some(days) =
        user.inactive.filter(|days| (*days >= 0).then_some(*days) != current.inactive)
    {
        set("-f", days.to_string(), format!("inactive {days}"));
        after.inactive = (days >= 0).then_some(days);
    }
    let mut changes = Vec::new();
    if !differences.is_empty() {
        let moves = user.manage_home && home.is_some();
        for (option, wanted) in [("-o", user.non_unique && after.uid != current.uid), ("-m", moves)]
        {
            argv.extend(wanted.then(|| option.to_owned()));
        }
        argv.extend(words(["--", name]));
        let mut change = Change::new(
            format!("modify user `{name}`: {}", differences.join(", ")),
            Step::Run(argv),
        )
        .provides(remember(name, &after))
        .provides(account_ids::freed("uid", current.uid))
        .provides(account_ids::taken("uid", after.uid));
        // What is below the home changes hands, or moves.
        if after.uid != current.uid || after.gid != current.gid || moves {
            change = change.provides(PlannedEffect::Anything(Area::Files.into()));
        }
        changes.push(change);
    }
    changes.extend(change_password(user, &mut after));
    changes
}

/// A locked account keeps its lock: the hash below it is what is compared and replaced.
fn change_password(user: &User, current: &mut Current) -> Option<Change<Step>> {
    let (name, hash) = (&user.username, user.password.as_ref()?);
    let same = digest(hash) == current.password
        || (current.locked && digest(hash) == current.unlocked_password);
    if same {
        return None;
    }
    // The mark alone, with no hash below, is an account that never had a password.
    let locked =
        current.locked && current.unlocked_password != digest("") && !hash.starts_with('!');
    current.password = digest(&format!("{}{hash}", if locked { "!" } else { "" }));
    current.unlocked_password = digest(hash.trim_start_matches('!'));
    current.locked = locked || hash.starts_with('!');
    Some(
        Change::new(format!("set the password of user `{name}`"), Step::Password { locked })
            .provides(remember(name, current)),
    )
}

fn lock(user: &User, current: &Current, locked: bool) -> Change<Step> {
    let name = &user.username;
    let mut after = current.clone();
    after.locked = locked;
    // The digest of the hash with a mark cannot be made from the digest without; whoever compares
    // looks below the lock then.
    after.password = if locked { String::new() } else { current.unlocked_password.clone() };
    let (verb, option) = if locked { ("lock", "-L") } else { ("unlock", "-U") };
    Change::new(format!("{verb} user `{name}`"), Step::Run(words(["usermod", option, "--", name])))
        .provides(remember(name, &after))
}

fn remove(user: &User, current: &Current, groups: &[PlannedEffect]) -> Change<Step> {
    let name = &user.username;
    let mut argv = words(["userdel"]);
    for (option, wanted) in [("-r", user.manage_home), ("-f", user.force)] {
        argv.extend(wanted.then(|| option.to_owned()));
    }
    argv.extend(words(["--", name]));
    let home =
        if user.manage_home { format!(" with home `{}`", current.home) } else { String::new() };
    let mut change = Change::new(format!("remove user `{name}`{home}"), Step::Run(argv));
    change.provides.push(state(&format!("user:{name}"), Value::Null));
    change.provides.push(account_ids::freed("uid", current.uid));
    change.provides.extend(groups.iter().cloned());
    if user.manage_home {
        change.provides.push(PlannedEffect::Absent { path: current.home.clone().into() });
    }
    change
}

fn text(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
