//! Where a repository is, as git is told: without a password, and of no form that would run a
//! program.

use std::path::PathBuf;

use toque_core::property_error::PropertyError;
use toque_core::url::{percent_decoded, split_userinfo, without_secrets};

/// The address of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// What git is given: a URL, `user@host:path` or an absolute path.
    pub url: String,
    pub place: Place,
    /// From the URL, where it had them.
    pub user: Option<String>,
    pub password: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A folder of this machine.
    Local(PathBuf),
    /// `scheme://host:port`, for which the password is.
    Http(String),
    Ssh,
    /// The protocol of `git daemon`, which knows no passwords.
    Daemon,
}

impl Address {
    /// # Errors
    /// Why git is not given this.
    pub(super) fn parse(url: &str) -> Result<Self, PropertyError> {
        let refuse = |why: String| Err(PropertyError::new("url", why).hint(FORMS));
        let plain =
            |url: &str, place| Ok(Self { url: url.to_owned(), place, user: None, password: None });
        if url.starts_with('-') || url.chars().any(char::is_control) {
            return refuse(format!(
                "`{}` is no address of a git repository",
                without_secrets(url).escape_default()
            ));
        }
        if url.starts_with('/') {
            return plain(url, Place::Local(url.into()));
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            // git would run a program of this name: `ext::sh -c …`.
            if url.contains("::") {
                return refuse(format!(
                    "`{}` names a program, not a git repository",
                    url.split("::").next().unwrap_or_default()
                ));
            }
            return match url.split_once(':') {
                Some(("file" | "http" | "https" | "ssh" | "git", _)) => {
                    refuse("the URL has no `//` after the colon".to_owned())
                }
                // `user:password@host:path`.
                Some((user, rest)) if !user.contains(['@', '/']) && has_host(rest) => {
                    refuse(NO_PASSWORD.to_owned())
                }
                Some((host, path))
                    if !host.is_empty() && !host.contains('/') && !path.is_empty() =>
                {
                    plain(url, Place::Ssh)
                }
                _ => refuse(format!(
                    "`{}` is no address of a git repository",
                    without_secrets(url).escape_default()
                )),
            };
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if !path.starts_with('/') {
                    return refuse(format!(
                        "`{}` names a folder of another machine",
                        without_secrets(url)
                    ));
                }
                // git takes the path as it stands.
                plain(path, Place::Local(path.into()))
            }
            scheme @ ("http" | "https") => {
                let (userinfo, url) = split_userinfo(url)
                    .map_or((None, url.to_owned()), |(info, url)| (Some(info), url));
                let host = url
                    .split("://")
                    .nth(1)
                    .unwrap_or_default()
                    .split(['/', '?', '#'])
                    .next()
                    .unwrap_or_default();
                if host.is_empty() {
                    return refuse("the URL names no host".to_owned());
                }
                if url.contains(['?', '#']) {
                    // A token there would be seen in the arguments of git.
                    return Err(PropertyError::new(
                        "url",
                        format!(
                            "`{}` has a query, which git repositories do not have",
                            without_secrets(&url)
                        ),
                    )
                    .hint("leave it out; give a token as `password`"));
                }
                let place = Place::Http(format!("{scheme}://{host}"));
                let decoded =
                    |text: &str| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
                let (user, password) = match userinfo
                    .as_deref()
                    .map(|info| info.split_once(':').unwrap_or((info, "")))
                {
                    Some((user, password)) => (
                        Some(decoded(user)),
                        Some(decoded(password)).filter(|text| !text.is_empty()),
                    ),
                    None => (None, None),
                };
                Ok(Self { url, place, user, password })
            }
            "ssh" | "git+ssh" | "ssh+git" | "git"
                if split_userinfo(url).is_some_and(|(info, _)| info.contains(':')) =>
            {
                refuse(NO_PASSWORD.to_owned())
            }
            "ssh" | "git+ssh" | "ssh+git" => plain(url, Place::Ssh),
            "git" => plain(url, Place::Daemon),
            other => refuse(format!("git repositories are not fetched by `{other}:`")),
        }
    }

    /// The address that a submodule's `url` means in a repository of this address.
    pub(super) fn relative(&self, url: &str) -> String {
        if !url.starts_with("./") && !url.starts_with("../") {
            return url.to_owned();
        }
        let (mut base, mut rest) = (self.url.trim_end_matches('/'), url);
        loop {
            if let Some(after) = rest.strip_prefix("../") {
                let cut = base.rfind(['/', ':']).unwrap_or(0);
                // The colon of `host:path` stays, the slash goes.
                (base, rest) = (&base[..cut + usize::from(base[cut..].starts_with(':'))], after);
            } else if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else {
                let between = if base.ends_with(':') { "" } else { "/" };
                return format!("{base}{between}{rest}");
            }
        }
    }
}

/// Whether it is `…@host:path`.
fn has_host(text: &str) -> bool {
    text.split_once('@').is_some_and(|(before, after)| !before.contains('/') && after.contains(':'))
}

/// `ssh` takes none from git, and it would be seen in its arguments.
const NO_PASSWORD: &str = "the URL has a password, which only `https:` can use";

const FORMS: &str = "write `https://host/path`, `ssh://user@host/path`, `user@host:path`, `git://host/path` or an absolute path";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let address = |url: &str| Address::parse(url).unwrap();
        for (url, given, place) in [
            ("/srv/git/site.git", "/srv/git/site.git", Place::Local("/srv/git/site.git".into())),
            ("file:///srv/git/a%20b", "/srv/git/a%20b", Place::Local("/srv/git/a%20b".into())),
            ("file://localhost/srv/git", "/srv/git", Place::Local("/srv/git".into())),
            (
                "https://example.com/a.git",
                "https://example.com/a.git",
                Place::Http("https://example.com".into()),
            ),
            (
                "HTTP://example.com:81/a",
                "HTTP://example.com:81/a",
                Place::Http("http://example.com:81".into()),
            ),
            ("git@example.com:a/b.git", "git@example.com:a/b.git", Place::Ssh),
            ("host:a", "host:a", Place::Ssh),
            ("ssh://git@example.com:22/a", "ssh://git@example.com:22/a", Place::Ssh),
            ("git://example.com/a", "git://example.com/a", Place::Daemon),
        ] {
            let address = address(url);
            assert_eq!((address.url.as_str(), address.place), (given, place), "{url}");
            assert_eq!((address.user, address.password), (None, None), "{url}");
        }
        let secret = address("https://u%40x:p%3aq@example.com/a.git");
        assert_eq!(
            (secret.user.as_deref(), secret.password.as_deref()),
            (Some("u@x"), Some("p:q"))
        );
        assert_eq!(secret.url, "https://example.com/a.git");
        assert_eq!(address("https://token@example.com/a").password, None);
    }

    #[test]
    fn what_git_is_not_given() {
        for url in [
            "",
            "--upload-pack=touch /x",
            "ext::sh -c id",
            "fd::3",
            "a/b",
            "../a",
            "https:///a",
            "ftp://example.com/a",
            "file://host/a",
            "file:a",
            "svn://example.com/a",
            "/a\nb",
            "a:",
            ":a",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.property == "url" && error.hint.is_some(), "{url}: {error:?}");
        }
    }

    #[test]
    fn passwords_come_neither_to_git_nor_to_people() {
        for url in [
            "ssh://u:hunter2@example.com/a",
            "git://u:hunter2@example.com/a",
            "u:hunter2@example.com:a",
            "https://example.com/a?private_token=hunter2",
            "https://example.com/a#hunter2",
            "https://u:hunter2@example.com/a\n",
            "ftp://u:hunter2@example.com/a",
            "file://u:hunter2@example.com/a",
            "https:u:hunter2@example.com/a",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{url}: {error:?}");
        }
        Address::parse("host:a/b@c:d").unwrap();
    }

    #[test]
    fn addresses_of_submodules() {
        for (base, url, resolved) in [
            ("https://example.com/a/b.git", "../c.git", "https://example.com/a/c.git"),
            ("https://example.com/a/b.git/", "../../c.git", "https://example.com/c.git"),
            ("https://example.com/a/b.git", "./c.git", "https://example.com/a/b.git/c.git"),
            ("git@example.com:a/b.git", "../c.git", "git@example.com:a/c.git"),
            ("git@example.com:b.git", "../c.git", "git@example.com:c.git"),
            ("/srv/git/a", "../b", "/srv/git/b"),
            ("/srv/git/a", "https://example.com/b", "https://example.com/b"),
        ] {
            assert_eq!(Address::parse(base).unwrap().relative(url), resolved, "{base} {url}");
        }
    }
}
