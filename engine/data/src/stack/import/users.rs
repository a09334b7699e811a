//! Who may come onto the machines: OpsWorks had profiles, which say who somebody is, and for each
//! stack permissions.

use serde_json::{Map, Value, json};

use super::Import;
use super::input::{Entry, Given, PERMISSIONS, USER_PROFILES, USERS};
use super::kept_fields::kept;
use toque_core::diagnostic::Diagnostic;

const USER: &[&str] = &[
    "username",
    "iam_user_arn",
    "unix_user_id",
    "remote_access",
    "administrator_privileges",
    "ssh_public_key",
];

/// The section of users: those with a permission for the stack.
pub(super) fn users(given: &Given, import: &mut Import) -> Result<Value, Diagnostic> {
    let known = given.of_stack(&USERS)?;
    if !known.is_empty() {
        return Ok(known
            .into_iter()
            .map(|entry| Value::Object(kept(entry, USER, &[], import)))
            .collect());
    }
    let mut users = Vec::new();
    let mut unused: Vec<&str> = given
        .all(&USER_PROFILES)
        .iter()
        .filter_map(|profile| profile.text("iam_user_arn"))
        .collect();
    for permission in given.of_stack(&PERMISSIONS)? {
        let arn = permission.needed("iam_user_arn")?;
        unused.retain(|other| *other != arn);
        let Some(profile) = given.find(&USER_PROFILES, arn) else {
            let wrong = format!("a permission is that of `{arn}`, of whom no profile was given");
            let hint = "give what `aws opsworks describe-user-profiles` prints too";
            return Err(Diagnostic::error(wrong).at(permission.at(&["iam_user_arn"])).hint(hint));
        };
        users.push(user(profile, permission, import)?);
    }
    if !unused.is_empty() {
        let hint = if given.has(&PERMISSIONS) {
            "they have no permission for this stack"
        } else {
            "give what `aws opsworks describe-permissions` prints of the stack too"
        };
        let names = unused.iter().map(|arn| format!("`{arn}`")).collect::<Vec<_>>().join(", ");
        import
            .warnings
            .push(Diagnostic::warning(format!("these users are left out: {names}")).hint(hint));
    }
    if !users.is_empty() {
        import.warnings.push(
            Diagnostic::warning("OpsWorks does not tell the `unix_user_id` of users")
                .hint("where files on machines belong to them, add those that `id -u` tells there; OpsWorks took 2000 to 4000"),
        );
    }
    Ok(Value::Array(users))
}

fn user(profile: &Entry, permission: &Entry, import: &mut Import) -> Result<Value, Diagnostic> {
    let mut entry = profile.clone();
    let named = match profile.text("ssh_username") {
        Some(name) => name.to_owned(),
        None => profile.needed("name")?.to_owned(),
    };
    let flag = |key: &str| json!(permission.fields.get(key) == Some(&json!(true)));
    entry.fields.extend([
        // As OpsWorks did: `my.name` is `myname`.
        (
            "username".to_owned(),
            json!(named.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c), "")),
        ),
        ("remote_access".to_owned(), flag("allow_ssh")),
        ("administrator_privileges".to_owned(), flag("allow_sudo")),
    ]);
    let _: Map<String, Value> =
        kept(permission, &[], &["iam_user_arn", "allow_ssh", "allow_sudo"], import);
    Ok(Value::Object(kept(&entry, USER, &["ssh_username", "name"], import)))
}
