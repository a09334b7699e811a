//! Responses of servers, kept so that they need not be sent again.

use serde::{Deserialize, Serialize};
use toque_core::failure::{ErrorContext, Failure};
use toque_core::read_optional::optional;
use toque_machine::system::Response;

use super::{Cache, RESPONSES};
use toque_core::checksum::sha256_hex;

/// How many seconds a document must be old to be known by its time.
const YOUNG: i64 = 5;

/// A document, and how its server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CachedResponse {
    pub body: Vec<u8>,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// The first line of the file; the document comes after it.
#[derive(Serialize, Deserialize)]
struct Head {
    sha256: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl CachedResponse {
    #[must_use]
    pub(crate) fn of(response: &Response, body: Vec<u8>) -> Self {
        let time = |name| jiff::fmt::rfc2822::parse(response.header(name)?).ok();
        // Most servers tell a document by its time in seconds: within one it may become another
        // that looks the same.
        let young = match (time("last-modified"), time("date")) {
            (Some(changed), Some(now)) => now.duration_since(&changed).as_secs() < YOUNG,
            _ => false,
        };
        let header = |name| response.header(name).filter(|_| !young).map(str::to_owned);
        Self { etag: header("etag"), last_modified: header("last-modified"), body }
    }

    /// Returns headers with which a server is asked whether the document is still the same.
    #[must_use]
    pub(crate) fn revalidation_headers(&self) -> Vec<(String, String)> {
        let headers = [("If-None-Match", &self.etag), ("If-Modified-Since", &self.last_modified)];
        headers
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect()
    }
}

impl Cache {
    /// Returns the last response for `url`.
    /// # Errors
    /// When it is there and cannot be read. What is damaged counts as not there.
    pub(crate) fn response(&self, url: &str) -> Result<Option<CachedResponse>, Failure> {
        let path = self.folder.join(RESPONSES).join(sha256_hex(url));
        let content = optional(std::fs::read(&path)).context("read", &path)?;
        let Some(content) = content else { return Ok(None) };
        let mut parts = content.splitn(2, |byte| *byte == b'\n');
        let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let head: Option<Head> = serde_json::from_slice(head).ok();
        let head = head.filter(|head| head.sha256 == sha256_hex(body));
        Ok(head.map(|Head { etag, last_modified, .. }| CachedResponse {
            body: body.to_vec(),
            etag,
            last_modified,
        }))
    }

    /// Keeps the response for `url`.
    /// # Errors
    /// When it cannot be written; then what was kept before still is.
    pub(crate) fn keep_response(
        &self,
        url: &str,
        response: &CachedResponse,
    ) -> Result<(), Failure> {
        let CachedResponse { body, etag, last_modified } = response.clone();
        let head = Head { sha256: sha256_hex(&body), etag, last_modified };
        let mut content = serde_json::to_vec(&head).unwrap_or_default();
        content.push(b'\n');
        content.extend(body);
        self.write(&self.folder.join(RESPONSES), &sha256_hex(url), &content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_young_is_asked_for_again() {
        for (seconds, headers) in [(10, 0), (14, 0), (15, 2), (40, 2)] {
            let header = |name: &str, value: String| (name.to_owned(), value);
            let headers_given = vec![
                header("date", format!("Sat, 21 Nov 2026 20:47:{seconds:02} GMT")),
                header("last-modified", "Sat, 21 Nov 2026 20:47:10 GMT".to_owned()),
                header("etag", "\"6740-1\"".to_owned()),
            ];
            let response = CachedResponse::of(
                &Response { status: 200, headers: headers_given, body: "".into() },
                Vec::new(),
            );
            assert_eq!(response.revalidation_headers().len(), headers, "{seconds}");
        }
    }
}
