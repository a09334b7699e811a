//! Users and groups as the machine knows them, looked up by name or number.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use crate::command::{Command, Identity};
use crate::property::is_account_number;
use crate::system::{Metadata, Query};
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;

/// The account files, and (asked one by one) what only `getent` knows: LDAP, SSSD and their like.
#[derive(Debug, Default)]
pub struct Accounts {
    pub users: HashMap<String, User>,
    pub groups: HashMap<String, Group>,
    users_elsewhere: RefCell<HashMap<String, Option<User>>>,
    groups_elsewhere: RefCell<HashMap<String, Option<Group>>>,
}

/// A line of `passwd(5)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub comment: String,
    pub home: String,
    pub shell: String,
}

/// A line of `group(5)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    pub members: Vec<String>,
}

impl Accounts {
    /// Reads `/etc/passwd` and `/etc/group`.
    /// # Errors
    /// When one of them exists and cannot be read.
    pub fn read(system: &dyn Query) -> Result<Self, Failure> {
        let text = |path: &str| {
            let path = Path::new(path);
            let bytes = optional(system.read(path)).context("read", path)?.unwrap_or_default();
            Ok::<_, Failure>(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Self {
            users: text("/etc/passwd")?
                .lines()
                .filter_map(User::parse)
                .map(|user| (user.name.clone(), user))
                .collect(),
            groups: text("/etc/group")?
                .lines()
                .filter_map(Group::parse)
                .map(|group| (group.name.clone(), group))
                .collect(),
            ..Self::default()
        })
    }

    /// A user by name, or by number where no user has that name.
    /// # Errors
    /// When `getent` is there and fails.
    pub fn user(&self, system: &dyn Query, name: &str) -> Result<Option<User>, Failure> {
        if let Some(user) = self.users.get(name) {
            return Ok(Some(user.clone()));
        }
        if let Ok(uid) = name.parse::<u32>() {
            return Ok(self.users.values().find(|user| user.uid == uid).cloned());
        }
        if let Some(known) = self.users_elsewhere.borrow().get(name) {
            return Ok(known.clone());
        }
        let user = getent(system, "passwd", name).and_then(|line| User::parse(&line));
        self.users_elsewhere.borrow_mut().insert(name.to_owned(), user.clone());
        Ok(user)
    }

    /// A group by name, or by number where no group has that name.
    /// # Errors
    /// When `getent` is there and fails.
    pub fn group(&self, system: &dyn Query, name: &str) -> Result<Option<Group>, Failure> {
        if let Some(group) = self.groups.get(name) {
            return Ok(Some(group.clone()));
        }
        if let Ok(gid) = name.parse::<u32>() {
            return Ok(self.groups.values().find(|group| group.gid == gid).cloned());
        }
        if let Some(known) = self.groups_elsewhere.borrow().get(name) {
            return Ok(known.clone());
        }
        let group = getent(system, "group", name).and_then(|line| Group::parse(&line));
        self.groups_elsewhere.borrow_mut().insert(name.to_owned(), group.clone());
        Ok(group)
    }

    /// Who a command runs as, with the user's groups.
    /// # Errors
    /// When the user or the group does not exist, or nothing says which group a number without an
    /// account belongs to.
    pub fn identity(
        &self,
        system: &dyn Query,
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Identity, Failure> {
        let mut identity = Identity::default();
        if let Some(name) = user {
            match self.user(system, name)? {
                Some(user) => {
                    identity.groups = self
                        .groups
                        .values()
                        .filter(|group| group.members.contains(&user.name))
                        .map(|group| group.gid)
                        .collect();
                    identity.groups.push(user.gid);
                    identity.groups.sort_unstable();
                    identity.groups.dedup();
                    identity.uid = Some(user.uid);
                    identity.gid = Some(user.gid);
                    identity.home = Some(user.home.into());
                    identity.name = Some(user.name);
                }
                None => match number(name) {
                    // The group of whoever runs toque, root's, would come with rights that nobody
                    // asked for.
                    Some(_) if group.is_none() => return Err(no_group(name)),
                    Some(uid) => identity.uid = Some(uid),
                    None => return Err(no_account("user", name)),
                },
            }
        }
        if let Some(name) = group {
            identity.gid = match (self.group(system, name)?, number(name)) {
                (Some(group), _) => Some(group.gid),
                (None, Some(gid)) => Some(gid),
                (None, None) => return Err(no_account("group", name)),
            };
        }
        Ok(identity)
    }

    /// Who works in a folder as its owner. The folder's group is his when he is in it: others come
    /// with rights that he does not have.
    /// # Errors
    /// When nothing says which group he belongs to.
    pub fn owner(&self, system: &dyn Query, folder: &Metadata) -> Result<Identity, Failure> {
        let (uid, gid) = (folder.uid.to_string(), folder.gid);
        let known = self.user(system, &uid)?.is_some();
        let group = (!known && gid != 0).then(|| gid.to_string());
        let mut identity = self.identity(system, Some(&uid), group.as_deref())?;
        if identity.groups.is_empty() {
            identity.groups.extend(identity.gid);
        }
        if identity.groups.contains(&gid) {
            identity.gid = Some(gid);
        }
        Ok(identity)
    }
}

/// "there is no user `x`", the same wherever a user or group is looked up.
#[must_use]
pub fn no_account(what: &str, name: &str) -> Failure {
    Failure::new(format!("there is no {what} `{name}` on this machine"))
        .hint(format!("declare `{what}(\"{name}\")` before this resource, or correct the name"))
}

fn no_group(uid: &str) -> Failure {
    Failure::new(format!(
        "no group is known for user {uid}, because there is no account with this number"
    ))
    .hint("give a `group` too, or name a user that has an account")
}

impl User {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim_end().split(':');
        let (name, _password) = (fields.next()?.to_owned(), fields.next()?);
        let (uid, gid) = (number(fields.next()?)?, number(fields.next()?)?);
        let mut text = || fields.next().unwrap_or_default().to_owned();
        Some(Self { name, uid, gid, comment: text(), home: text(), shell: text() })
    }
}

impl Group {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim_end().split(':');
        let (name, _password, gid) =
            (fields.next()?.to_owned(), fields.next()?, number(fields.next()?)?);
        let members = fields
            .next()
            .unwrap_or_default()
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Some(Self { name, gid, members })
    }
}

/// Returns the number of an account.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| is_account_number(u64::from(*id)))
}

/// A machine without `getent` has no accounts beyond its files.
fn getent(system: &dyn Query, database: &str, name: &str) -> Option<String> {
    let output = system.probe(&Command::new(["getent", "--", database, name])).ok()?;
    output.success().then(|| output.stdout())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::FakeSystem;

    #[test]
    fn a_number_without_an_account_never_keeps_the_group_of_root() {
        let fake = FakeSystem::new();
        fake.put_file("/etc/passwd", "alice:x:1000:1001::/home/alice:/bin/sh\n");
        fake.put_file("/etc/group", "alice:x:1001:\nvideo:x:44:alice\n");
        let accounts = Accounts::read(&fake).unwrap();
        let identity = |user, group| accounts.identity(&fake, user, group);
        let failure = identity(Some("4242"), None).unwrap_err();
        assert_eq!(
            failure.message,
            "no group is known for user 4242, because there is no account with this number"
        );
        let ids =
            |user, group| identity(user, group).map(|who| (who.uid, who.gid, who.groups)).unwrap();
        assert_eq!(ids(Some("4242"), Some("4243")), (Some(4242), Some(4243), vec![]));
        assert_eq!(ids(Some("4242"), Some("video")), (Some(4242), Some(44), vec![]));
        assert_eq!(ids(Some("1000"), None), (Some(1000), Some(1001), vec![44, 1001]));
        assert_eq!(ids(Some("alice"), Some("video")), (Some(1000), Some(44), vec![44, 1001]));
        // To the kernel this says that the process stays who it is.
        let none = u32::MAX.to_string();
        assert!(identity(Some(&none), Some("1")).is_err() && identity(None, Some(&none)).is_err());
    }
}
