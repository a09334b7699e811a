//! What is shown to servers that do not let everybody in.

use std::fmt;

/// What one server wants. Where it is kept, whoever runs toque knows: never the repository.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// For registries and archives, as `Authorization: Bearer …`; for git over https the password.
    pub token: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// For git over ssh: a private key without a passphrase, as text.
    pub ssh_key: Option<String>,
}

/// Whether what is kept for `server`, the beginning of a URL, is for `url`: scheme, user, host and
/// port are the same to the letter, and the path begins with the same folders.
#[must_use]
pub fn is_for(server: &str, url: &str) -> bool {
    let (Some((scheme, place, folder)), Some((of, at, path))) = (parts(server), parts(url)) else {
        return false;
    };
    let (mut folders, mut path) = (folders(folder), folders(path));
    scheme == of
        && place == at
        && !path.clone().any(|part| part == "..")
        && folders.all(|folder| path.next() == Some(folder))
}

/// Scheme, user with host and port, and path: of a URL, or of `user@host:path`.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, place, path) = match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            (scheme, &rest[..end], &rest[end..])
        }
        None => {
            let (place, path) = url.split_once(':').unwrap_or((url, ""));
            ("ssh", place, path)
        }
    };
    (!place.is_empty()).then_some((scheme, place, path))
}

fn folders(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.split('/').filter(|part| !part.is_empty())
}

/// Without what must not be repeated.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::is_for;

    #[test]
    fn for_whom_it_is() {
        for (server, url, is) in [
            ("https://example.com", "https://example.com", true),
            ("https://example.com", "https://example.com/universe", true),
            ("https://example.com/", "https://example.com/universe", true),
            ("https://example.com", "https://example.community/universe", false),
            ("https://example.com", "https://example.com.evil/universe", false),
            ("https://example.com", "https://example.com@evil/universe", false),
            ("https://example.com", "https://example.com:word@evil.com/universe", false),
            ("https://example.com", "https://example.com\\@evil.com/universe", false),
            ("https://example.com", "https://evil.com#https://example.com", false),
            ("https://example.com", "https://example.com:8443/universe", false),
            ("https://example.com:8443", "https://example.com:8443/universe", true),
            ("https://example.com/team", "https://example.com/team/web.git?x", true),
            ("https://example.com/team", "https://example.com/team/../other", false),
            ("git@example.com:team", "git@example.com:team/web.git", true),
            ("git@example.com:team", "git@example.com:teams/web.git", false),
            ("ssh://git@example.com", "ssh://git@example.com/web.git", true),
            ("ssh://git@example.com", "ssh://example.com/web.git", false),
            ("https://example.com/team", "https://example.com/teams", false),
            ("https://example.com", "http://example.com/universe", false),
            ("git@example.com", "git@example.com:team/web.git", true),
            ("", "https://example.com", false),
        ] {
            assert_eq!(is_for(server, url), is, "{server} {url}");
        }
    }
}
