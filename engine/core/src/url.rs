//! Parts of URLs.

/// A URL as messages may show it: no password, no query (which often holds a token).
pub fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match split_userinfo(url) {
        Some((_, plain)) => plain,
        None => url.to_owned(),
    }
}

/// Decodes `%41`; what is no such code stays.
pub fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded =
            after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = decoded.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes
}

/// `user:password` and the URL without it.
pub fn split_userinfo(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    Some((rest[..at].to_owned(), format!("{scheme}://{}", &rest[at + 1..])))
}

/// Scheme, host and port of a URL: the server that answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub scheme: String,
    pub host: String,
    pub port: String,
}

impl Origin {
    /// Returns none for a URL without a host.
    pub fn of(url: &str) -> Option<Self> {
        let plain = split_userinfo(url).map_or_else(|| url.to_owned(), |(_, plain)| plain);
        let (scheme, rest) = plain.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
        // The colons of an address of IPv6 stand in brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, ""),
        };
        let port = match (port, scheme.as_str()) {
            ("", "http") => "80",
            ("", "https") => "443",
            (port, _) => port,
        };
        let (host, port) = (host.to_ascii_lowercase(), port.to_owned());
        Some(Self { scheme, host, port }).filter(|origin| !origin.host.is_empty())
    }

    /// Returns true if what was meant for this server may be sent to `other`: the same one, or the
    /// same host by TLS, each at its usual port.
    pub fn may_share_with(&self, other: &Self) -> bool {
        let usual = |origin: &Self, scheme: &str, port: &str| {
            origin.scheme == scheme && origin.port == port
        };
        let secured = usual(self, "http", "80") && usual(other, "https", "443");
        self == other || (secured && self.host == other.host)
    }
}

/// The URL that `reference`, the `Location` of an answer, means beside `base`. What a URL cannot
/// hold is encoded, as servers often forget to.
pub fn resolve_reference(base: &str, reference: &str) -> String {
    let mut plain = String::new();
    for byte in reference.trim().split('#').next().unwrap_or_default().bytes() {
        if byte.is_ascii_graphic() {
            plain.push(char::from(byte));
        } else {
            plain.push_str(&format!("%{byte:02X}"));
        }
    }
    let base = base.split('#').next().unwrap_or_default();
    let Some((scheme, rest)) = base.split_once("://") else { return plain };
    let first = plain.find([':', '/', '?']).map(|at| &plain[at..=at]);
    if plain.is_empty() {
        return base.to_owned();
    } else if first == Some(":") {
        return plain;
    } else if plain.starts_with("//") {
        return format!("{scheme}:{plain}");
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = path.split('?').next().unwrap_or_default();
    let path = match &plain {
        absolute if absolute.starts_with('/') => absolute.clone(),
        query if query.starts_with('?') => format!("{path}{query}"),
        relative => {
            format!("{}/{relative}", path.rsplit_once('/').map_or("", |(folder, _)| folder))
        }
    };
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    format!("{scheme}://{authority}{}{query}", without_dots(path))
}

/// A path without its parts `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        parts.push("");
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_meant_beside_the_url() {
        let base = "https://h:8443/a/b?c=d#e";
        for (reference, is) in [
            ("http://other/x?y#z", "http://other/x?y"),
            ("//other/x", "https://other/x"),
            ("/x?y=../z", "https://h:8443/x?y=../z"),
            ("x", "https://h:8443/a/x"),
            ("./x/../y", "https://h:8443/a/y"),
            ("../../../x", "https://h:8443/x"),
            ("..", "https://h:8443/"),
            ("?x", "https://h:8443/a/b?x"),
            ("", "https://h:8443/a/b?c=d"),
            ("/an ü", "https://h:8443/an%20%C3%BC"),
            ("x?u=http://y", "https://h:8443/a/x?u=http://y"),
            ("file:///etc/shadow", "file:///etc/shadow"),
        ] {
            assert_eq!(resolve_reference(base, reference), is, "{reference}");
        }
        assert_eq!(resolve_reference("http://h", "x"), "http://h/x");
        assert_eq!(resolve_reference("http://h?x", "?y"), "http://h/?y");
    }

    #[test]
    fn a_server_is_scheme_host_and_port() {
        let shares =
            |a: &str, b: &str| Origin::of(a).unwrap().may_share_with(&Origin::of(b).unwrap());
        for (a, b, is) in [
            ("http://h/a", "HTTP://H:80/b", true),
            ("https://u:p@h/a", "https://h:443", true),
            ("http://h/a", "https://h/a", true),
            ("https://h/a", "http://h/a", false),
            ("http://h:8080/a", "https://h/a", false),
            ("http://h/a", "https://h:8443/a", false),
            ("https://h/a", "https://h:8443/a", false),
            ("https://h/a", "https://h.other/a", false),
            ("https://h/a", "https://h@other/a", false),
            ("https://h/a", "https://other?@h/a", false),
            ("https://[::1]/a", "https://[::1]:443/a", true),
            ("https://[::1]/a", "https://[::2]/a", false),
        ] {
            assert_eq!(shares(a, b), is, "{a} and {b}");
        }
        assert_eq!((Origin::of("file:///x"), Origin::of("x")), (None, None));
    }
}
