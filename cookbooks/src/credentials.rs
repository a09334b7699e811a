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

/// Whether what is kept for `server`, the beginning of a URL, is for `url`: it ends where a part of the URL ends, so that what is for
/// `https://example.com` is not told to `https://example.community`.
#[must_use]
pub fn is_for(server: &str, url: &str) -> bool {
    let rest = url.strip_prefix(server.trim_end_matches('/'));
    !server.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '?', '#']))
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
            ("https://example.com/team", "https://example.com/teams", false),
            ("https://example.com", "http://example.com/universe", false),
            ("git@example.com", "git@example.com:team/web.git", true),
            ("", "https://example.com", false),
        ] {
            assert_eq!(is_for(server, url), is, "{server} {url}");
        }
    }
}
