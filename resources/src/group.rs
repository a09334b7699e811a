//! Groups and their members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toque_contract::actions;
use toque_contract::resource::{
    Action as _, Apply, Change, Effect, HostFacts, Provider, Resource, Scope, Support,
};
use toque_core::diagnostic::Diagnostic;
use toque_core::failure::Failure;
use toque_core::property_error::PropertyError;
use toque_machine::accounts::no_account;
use toque_machine::areas::{Area, Areas};
use toque_machine::command::Command;
use toque_machine::planned::PlannedEffect;
use toque_machine::property::OneOrMany;
use toque_machine::view::View;

use crate::shared::{account_ids, defaults};

/// A group of this machine's own account files.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    /// The group.
    pub group_name: String,
    /// Its number. Default: chosen by the system, and left as it is.
    #[serde(default, deserialize_with = "toque_machine::property::account_number")]
    pub gid: Option<u32>,
    /// Users that belong to it. They are added; with `append: false` they are all that belong to
    /// it.
    pub members: Option<OneOrMany<String>>,
    /// Users that must not belong to it.
    pub excluded_members: Option<OneOrMany<String>>,
    /// Whether members that are not named are left alone. Default: true.
    #[serde(default = "defaults::yes")]
    pub append: bool,
    /// Whether a new group takes its number from those of system groups. Default: false.
    #[serde(default)]
    pub system: bool,
    /// Whether the number may be another group's too. Default: false.
    #[serde(default)]
    pub non_unique: bool,
}

actions! {
    pub enum GroupAction {
        Create = "create", "Make sure that it exists, with this number and these members";
        Remove = "remove", "Remove it";
        Modify = "modify", "Change a group that must exist";
        Manage = "manage", "Change it where it exists";
    }
}

impl Group {
    fn members(&self) -> &[String] {
        self.members.as_ref().map_or(&[], OneOrMany::as_slice)
    }

    fn excluded(&self) -> &[String] {
        self.excluded_members.as_ref().map_or(&[], OneOrMany::as_slice)
    }
}

impl Resource for Group {
    const KIND: &'static str = "group";
    const IDENTITY: &'static str = "group_name";
    type Action = GroupAction;
    type Desired = Self;

    fn check(&self, _actions: &[GroupAction]) -> Result<(), PropertyError> {
        account_ids::check_name("group_name", &self.group_name)?;
        if let Some(both) = self.members().iter().find(|name| self.excluded().contains(name)) {
            return Err(PropertyError::named(
                "excluded_members",
                format!("`{both}` is in `members` and in `excluded_members`"),
            ));
        }
        Ok(())
    }

    fn resolve(self, _scope: &dyn Scope) -> Result<Self, Diagnostic> {
        Ok(self)
    }
}

/// The programs of the shadow suite: `groupadd`, `groupmod`, `groupdel`, `gpasswd`.
#[derive(Debug)]
pub(crate) struct Groupadd;

/// A group as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    current: Option<Current>,
    /// The number that a new group would get, as far as it can be predicted.
    next: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Current {
    gid: Option<u32>,
    members: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Add { gid: Option<u32> },
    Remove,
    Number(u32),
    Join(String),
    Leave(String),
}

impl Provider for Groupadd {
    type Resource = Group;
    type State = State;
    type Step = Step;
    const NAME: &'static str = "groupadd";
    const REACH: Areas = Areas::of(&[Area::Accounts, Area::Files]);

    fn supports(&self, host: &HostFacts<'_>) -> Support {
        match (host.has_program)("groupadd") {
            true => Support::Preferred,
            false => Support::No("there is no `groupadd`".to_owned()),
        }
    }

    fn inspect(
        &self,
        view: &View<'_>,
        group: &Group,
        action: GroupAction,
    ) -> Result<State, Failure> {
        let name = &group.group_name;
        let accounts = view.accounts()?;
        let current = match view.planned(Area::Accounts, &format!("group:{name}")) {
            Some(planned) => serde_json::from_value(planned).unwrap_or_default(),
            None => accounts
                .groups
                .get(name)
                .map(|group| Current { gid: Some(group.gid), members: group.members.clone() }),
        };
        if action == GroupAction::Modify && current.is_none() {
            return Err(no_account("group", name).hint("use the action `create` to make it"));
        }
        if action != GroupAction::Remove && (current.is_some() || action == GroupAction::Create) {
            let there = current.as_ref().map_or(&[][..], |current| &current.members);
            for member in group.members().iter().filter(|member| !there.contains(member)) {
                let known = match view.planned(Area::Accounts, &format!("user:{member}")) {
                    Some(planned) => !planned.is_null(),
                    None => accounts.user(view, member)?.is_some_and(|user| user.name == *member),
                };
                if !known {
                    return Err(no_account("user", member));
                }
            }
        }
        let next = if current.is_none() && group.gid.is_none() && action == GroupAction::Create {
            account_ids::next_gid(view, group.system, None)?
        } else {
            None
        };
        Ok(State { current, next })
    }

    fn plan(
        &self,
        group: &Group,
        action: GroupAction,
        state: &State,
    ) -> Result<Vec<Change<Step>>, Failure> {
        let name = &group.group_name;
        let key = format!("group:{name}");
        let provide =
            |value: Value| PlannedEffect::State { area: Area::Accounts, key: key.clone(), value };
        let with_files = |mut change: Change<Step>| {
            change.provides.extend(account_ids::rewritten(&["group"]));
            change.touches(Area::Accounts | Area::Files)
        };
        if action == GroupAction::Remove {
            let gone = |current: &Current| {
                let gone = Change::new(format!("remove group `{name}`"), Step::Remove)
                    .provides(provide(Value::Null));
                with_files(gone.provides(account_ids::freed("gid", current.gid)))
            };
            return Ok(state.current.iter().map(gone).collect());
        }
        let mut changes = Vec::new();
        let (mut gid, mut members) = match &state.current {
            Some(current) => (current.gid, current.members.clone()),
            None if action == GroupAction::Create => {
                let number =
                    group.gid.map_or_else(String::new, |gid| format!(" with number {gid}"));
                let gid = group.gid.or(state.next);
                changes.push(
                    Change::new(
                        format!("create group `{name}`{number}"),
                        Step::Add { gid: group.gid },
                    )
                    .provides(provide(json!({ "gid": gid, "members": [] })))
                    .provides(account_ids::taken("gid", gid)),
                );
                (gid, Vec::new())
            }
            // `manage` leaves alone what is not there; `modify` has failed before.
            None => return Ok(Vec::new()),
        };
        if let Some(wanted) = group.gid.filter(|wanted| gid != Some(*wanted)) {
            let what = format!(
                "change the number of group `{name}` from {} to {wanted}",
                gid.map_or("?".to_owned(), |gid| gid.to_string())
            );
            let old = gid.replace(wanted);
            changes.push(
                Change::new(what, Step::Number(wanted))
                    .provides(provide(json!({ "gid": gid, "members": members })))
                    .provides(account_ids::freed("gid", old))
                    .provides(account_ids::taken("gid", gid)),
            );
        }
        let mut joining: Vec<&String> = Vec::new();
        for member in group.members() {
            if !members.contains(member) && !joining.contains(&member) {
                joining.push(member);
            }
        }
        let leaves = |member: &&String| {
            group.excluded().contains(member)
                || (!group.append && !group.members().contains(member))
        };
        let leaving: Vec<String> = members.iter().filter(leaves).cloned().collect();
        for member in joining {
            members.push(member.clone());
            changes.push(
                Change::new(
                    format!("add `{member}` to group `{name}`"),
                    Step::Join(member.clone()),
                )
                .provides(provide(json!({ "gid": gid, "members": members }))),
            );
        }
        for member in leaving {
            members.retain(|there| *there != member);
            changes.push(
                Change::new(format!("remove `{member}` from group `{name}`"), Step::Leave(member))
                    .provides(provide(json!({ "gid": gid, "members": members }))),
            );
        }
        Ok(changes.into_iter().map(with_files).collect())
    }

    fn apply(
        &self,
        apply: &mut Apply<'_>,
        group: &Group,
        action: GroupAction,
        changes: &[Change<Step>],
    ) -> Result<Effect, Failure> {
        let name = group.group_name.as_str();
        for change in changes {
            let mut argv: Vec<String> = Vec::new();
            let mut add = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
            match &change.step {
                Step::Add { gid } => {
                    add(&["groupadd"]);
                    if let Some(gid) = gid {
                        add(&["-g", &gid.to_string()]);
                    }
                    if group.system {
                        add(&["-r"]);
                    }
                    if group.non_unique {
                        add(&["-o"]);
                    }
                    add(&["--", name]);
                }
                Step::Number(gid) => {
                    add(&["groupmod", "-g", &gid.to_string()]);
                    if group.non_unique {
                        add(&["-o"]);
                    }
                    add(&["--", name]);
                }
                Step::Remove => add(&["groupdel", "--", name]),
                Step::Join(member) => add(&["gpasswd", "-a", member, "--", name]),
                Step::Leave(member) => add(&["gpasswd", "-d", member, "--", name]),
            }
            apply.run(&Command::new(argv)).map_err(|mut failure| {
                failure.message =
                    format!("cannot {} group `{name}`: {}", action.name(), failure.message);
                failure
            })?;
        }
        Ok(Effect::Changed)
    }
}
