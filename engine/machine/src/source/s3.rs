//! Objects in S3, or in what speaks its language: where they are, and how a request for one is
//! signed.

mod sign;

use std::time::SystemTime;

use self::sign::{Key, encoded};
use super::Source;
use toque_core::property_error::PropertyError;
use toque_core::url::{percent_decoded, without_secrets};

/// Where an object is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    scheme: String,
    /// With the port, where the URL had one.
    host: String,
    /// From `/`, encoded as it is asked for.
    path: String,
    region: String,
}

const USUAL_REGION: &str = "us-east-1";
const FORMS: &str = "write `https://s3.amazonaws.com/bucket/key`, `https://bucket.s3.region.amazonaws.com/key`, `s3://bucket/key`, \
                     or `https://host/bucket/key` for another server";

impl Object {
    /// # Errors
    /// When the URL names no object.
    pub(super) fn of(source: &Source) -> Result<Self, PropertyError> {
        let shown = without_secrets(&source.url);
        let refuse =
            |why: &str| Err(PropertyError::new("url", format!("`{shown}` {why}")).hint(FORMS));
        let Some((scheme, rest)) = source.url.split_once("://") else {
            return refuse("is no URL of an object in S3");
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || host.contains('@') {
            return refuse("is no URL of an object in S3");
        }
        let scheme = scheme.to_ascii_lowercase();
        // Documents have keys as they are, and encoded.
        let path = encoded(&percent_decoded(path), true);
        let region = |told: Option<String>| {
            source.region.clone().or(told).unwrap_or_else(|| USUAL_REGION.to_owned())
        };
        let whole = |parts: usize| {
            path.split('/').filter(|part| !part.is_empty()).count() >= parts && !path.ends_with('/')
        };
        match scheme.as_str() {
            "s3" => {
                if !whole(1) {
                    return refuse("names a bucket without an object");
                }
                let region = region(None);
                let host_of = match region.as_str() {
                    USUAL_REGION => "s3.amazonaws.com".to_owned(),
                    region => format!("s3.{region}.amazonaws.com"),
                };
                Ok(Self {
                    scheme: "https".to_owned(),
                    host: host_of,
                    path: format!("/{host}/{path}"),
                    region,
                })
            }
            "http" | "https" => {
                let place = place(host);
                let parts = if matches!(place, Some((true, _))) { 1 } else { 2 };
                if !whole(parts) {
                    return refuse("names no bucket and object");
                }
                let region = region(place.and_then(|(_, region)| region));
                Ok(Self { scheme, host: host.to_owned(), path: format!("/{path}"), region })
            }
            _ => refuse("is no URL of an object in S3"),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.path)
    }

    /// What goes with the request at this time. Without a key it is not signed: some objects are
    /// for everybody.
    pub(super) fn headers(&self, source: &Source, now: SystemTime) -> Vec<(String, String)> {
        let (Some(id), Some(secret)) = (&source.user, &source.password) else { return Vec::new() };
        let key = Key { id, secret, token: source.session_token.as_deref(), region: &self.region };
        sign::headers(&key, &self.host.to_ascii_lowercase(), &self.path, now)
    }
}

/// What a host of Amazon says: whether it names the bucket, and the region. `None` for other
/// servers, whose paths begin with the bucket.
fn place(host: &str) -> Option<(bool, Option<String>)> {
    let host = host.to_ascii_lowercase();
    let name =
        host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let labels: Vec<&str> = name.split('.').collect();
    // `s3`, and `s3-eu-west-1` of old.
    let at = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    let region = match (labels[at].strip_prefix("s3-"), &labels[at + 1..]) {
        (Some(region), []) => Some(region),
        (None, ["dualstack", region] | [region]) => Some(*region),
        _ => None,
    };
    Some((at > 0, region.map(str::to_owned)))
}

/// What an answer of S3 says is wrong: `AccessDenied: Access Denied`.
pub(super) fn said(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.chars().filter(|c| !c.is_control()).collect::<String>())
    };
    Some(match (element("Code")?, element("Message")) {
        (code, Some(message)) => format!("{code}: {message}"),
        (code, None) => code,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(url: &str, region: Option<&str>) -> Result<Object, PropertyError> {
        let source: Source =
            serde_json::from_value(json!({ "type": "s3", "url": url, "region": region })).unwrap();
        Object::of(&source)
    }

    #[test]
    fn forms() {
        for (url, region, asked, signed_for) in [
            (
                "https://s3.amazonaws.com/bucket/a/b.zip",
                None,
                "https://s3.amazonaws.com/bucket/a/b.zip",
                "us-east-1",
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/bucket/b.zip",
                None,
                "https://s3.eu-west-1.amazonaws.com/bucket/b.zip",
                "eu-west-1",
            ),
            (
                "https://s3-eu-west-1.amazonaws.com/bucket/b.zip",
                None,
                "https://s3-eu-west-1.amazonaws.com/bucket/b.zip",
                "eu-west-1",
            ),
            (
                "https://bucket.s3.eu-west-1.amazonaws.com/b.zip",
                None,
                "https://bucket.s3.eu-west-1.amazonaws.com/b.zip",
                "eu-west-1",
            ),
            (
                "https://bucket.s3.amazonaws.com/b.zip",
                None,
                "https://bucket.s3.amazonaws.com/b.zip",
                "us-east-1",
            ),
            (
                "https://my.bucket.s3-us-west-2.amazonaws.com/b",
                None,
                "https://my.bucket.s3-us-west-2.amazonaws.com/b",
                "us-west-2",
            ),
            (
                "https://b.s3.dualstack.eu-central-1.amazonaws.com/k",
                None,
                "https://b.s3.dualstack.eu-central-1.amazonaws.com/k",
                "eu-central-1",
            ),
            (
                "https://s3.cn-north-1.amazonaws.com.cn/b/k",
                None,
                "https://s3.cn-north-1.amazonaws.com.cn/b/k",
                "cn-north-1",
            ),
            (
                "https://bucket.s3.amazonaws.com/b.zip",
                Some("eu-west-3"),
                "https://bucket.s3.amazonaws.com/b.zip",
                "eu-west-3",
            ),
            ("s3://bucket/a/b.zip", None, "https://s3.amazonaws.com/bucket/a/b.zip", "us-east-1"),
            (
                "s3://bucket/a/b.zip",
                Some("eu-west-1"),
                "https://s3.eu-west-1.amazonaws.com/bucket/a/b.zip",
                "eu-west-1",
            ),
            (
                "http://127.0.0.1:9000/bucket/key",
                None,
                "http://127.0.0.1:9000/bucket/key",
                "us-east-1",
            ),
            (
                "https://minio.example.com/bucket/a b+c%2Fd.zip",
                None,
                "https://minio.example.com/bucket/a%20b%2Bc/d.zip",
                "us-east-1",
            ),
        ] {
            let object = object(url, region).unwrap_or_else(|error| panic!("{url}: {error:?}"));
            assert_eq!(
                (object.url().as_str(), object.region.as_str()),
                (asked, signed_for),
                "{url}"
            );
        }
    }

    #[test]
    fn what_names_no_object() {
        for url in [
            "bucket/key",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "https://s3.amazonaws.com/bucket",
            "https://bucket.s3.amazonaws.com/",
            "http://127.0.0.1:9000/bucket/",
            "ftp://a/b/c",
            "https://u:p@s3.amazonaws.com/b/k",
        ] {
            let error = object(url, None).unwrap_err();
            assert!(error.property == "url" && !error.message.contains("u:p"), "{url}: {error:?}");
        }
    }

    #[test]
    fn what_a_server_says() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>It is not there.</Message></Error>";
        assert_eq!(said(body).as_deref(), Some("NoSuchKey: It is not there."));
        assert_eq!(said(b"<html>"), None);
    }
}
