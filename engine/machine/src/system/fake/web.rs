//! The servers that the fake machine can reach.

use super::FakeSystem;
use crate::content::Content;
use crate::system::fetch::{file_path, read};
use crate::system::{Request, Response};
use toque_core::failure::Failure;
use toque_core::url::without_secrets;

impl FakeSystem {
    /// The document; 404 from a server that has others; no answer from a server that has none.
    pub(super) fn answer(&self, request: &Request) -> Result<Response, Failure> {
        self.state.borrow_mut().requests.push(request.clone());
        if let Some(path) = file_path(&request.url) {
            return read(self, &path?);
        }
        let state = self.state.borrow();
        if let Some(response) = state.documents.get(&request.url) {
            let unchanged = response.status == 200 && still_fresh(request, response);
            return Ok(if unchanged {
                Response { status: 304, headers: response.headers.clone(), body: Content::from("") }
            } else {
                response.clone()
            });
        }
        if state.documents.keys().any(|url| origin(url) == origin(&request.url)) {
            return Ok(Response {
                status: 404,
                headers: Vec::new(),
                body: Content::from("not found\n"),
            });
        }
        let url = without_secrets(&request.url);
        let host = origin(&url).rsplit('/').next().unwrap_or_default();
        Err(Failure::new(format!("cannot fetch `{url}`: there is no host `{host}`"))
            .hint("check the name, and that this machine can resolve names"))
    }
}

/// Whether the request names the state that the document is in.
fn still_fresh(request: &Request, response: &Response) -> bool {
    let asked = |name: &str| {
        request
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    match (asked("if-none-match"), asked("if-modified-since")) {
        (Some(tags), _) => response
            .header("etag")
            .is_some_and(|etag| tags.split(',').any(|tag| tag.trim() == etag)),
        (None, Some(date)) => response.header("last-modified") == Some(date),
        (None, None) => false,
    }
}

/// Scheme and host of a URL.
fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    url[from..].find('/').map_or(url, |end| &url[..from + end])
}
