//! Users and groups of the account files.

use serde_json::{Map, Value, json};

use super::facts;
use crate::accounts::Accounts;
use crate::system::Query;

pub(super) fn read(query: &dyn Query) -> Map<String, Value> {
    let accounts = Accounts::read(query).unwrap_or_default();
    let mut users: Vec<_> = accounts.users.values().collect();
    users.sort_by(|a, b| (a.uid, &a.name).cmp(&(b.uid, &b.name)));
    let mut groups: Vec<_> = accounts.groups.values().collect();
    groups.sort_by(|a, b| (a.gid, &a.name).cmp(&(b.gid, &b.name)));
    let current =
        users.iter().find(|user| user.uid == query.effective_uid()).map(|user| json!(user.name));
    let root = groups.iter().find(|group| group.gid == 0).map(|group| json!(group.name));
    let passwd: Map<String, Value> = users
        .into_iter()
        .map(|user| {
            let about = json!({
                "dir": user.home, "gid": user.gid, "uid": user.uid, "shell": user.shell, "gecos": user.comment,
            });
            (user.name.clone(), about)
        })
        .collect();
    let group: Map<String, Value> = groups
        .into_iter()
        .map(|group| (group.name.clone(), json!({ "gid": group.gid, "members": group.members })))
        .collect();
    facts([
        ("etc", Some(json!({ "passwd": passwd, "group": group }))),
        ("current_user", current),
        ("root_group", root),
    ])
}
