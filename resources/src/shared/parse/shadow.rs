//! Lines of `shadow(5)` and settings of `login.defs(5)`.

use std::collections::HashMap;

/// A user's password and its dates. It is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shadow {
    /// The hash; a `!` before it locks the account.
    pub password: String,
    /// Days after expiry of the password until the account is shut.
    pub inactive: Option<i64>,
    /// The day since 1970 on which the account expires.
    pub expires: Option<i64>,
}

impl Shadow {
    #[must_use]
    pub fn locked(&self) -> bool {
        self.password.starts_with('!')
    }
}

/// Every line, by user.
#[must_use]
pub fn parse(text: &str) -> HashMap<String, Shadow> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, password, _changed, _min, _max, _warn, inactive, expires, ..] =
                fields.as_slice()
            else {
                return None;
            };
            let shadow = Shadow {
                password: (*password).to_owned(),
                inactive: inactive.parse().ok().filter(|days| *days >= 0),
                expires: expires.parse().ok().filter(|day| *day >= 0),
            };
            Some(((*name).to_owned(), shadow))
        })
        .collect()
}

/// What `login.defs` sets, as `useradd` and `groupadd` read it.
#[must_use]
pub fn login_defs(text: &str) -> HashMap<&str, &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .map(|(name, value)| (name, value.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_shadow() {
        let text =
            "root:*:20000:0:99999:7:::\nalice:!$6$salt$hash:20001:0:99999:7:30:20454:\nbroken\n";
        let read = parse(text);
        assert_eq!(read.len(), 2);
        assert!(read["alice"].locked() && !read["root"].locked());
        assert_eq!((read["alice"].inactive, read["alice"].expires), (Some(30), Some(20454)));
        assert_eq!((read["root"].inactive, read["root"].expires), (None, None));
    }

    #[test]
    fn reads_login_defs() {
        let read = login_defs(
            "# a comment\nUID_MIN\t\t\t 1000\nUSERGROUPS_ENAB yes\n#SYS_UID_MIN 101\nHOME_MODE 0700\n",
        );
        assert_eq!(
            (read.get("UID_MIN"), read.get("USERGROUPS_ENAB"), read.get("SYS_UID_MIN")),
            (Some(&"1000"), Some(&"yes"), None)
        );
    }
}
