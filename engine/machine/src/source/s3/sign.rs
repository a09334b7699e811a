//! AWS Signature Version 4 for requests without content and query: what S3 asks of those who read.

use std::fmt::Write;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use toque_core::checksum::sha256_hex;
use toque_core::text::hex;

/// Who signs.
pub(super) struct Key<'a> {
    pub id: &'a str,
    pub secret: &'a str,
    /// Of a temporary key.
    pub token: Option<&'a str>,
    pub region: &'a str,
}

/// The SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The headers for `GET` of an encoded path, `Host` not among them: who sends the request adds it.
pub(super) fn headers(
    key: &Key<'_>,
    host: &str,
    path: &str,
    now: SystemTime,
) -> Vec<(String, String)> {
    let time = time(now);
    let mut headers = vec![("x-amz-content-sha256", EMPTY), ("x-amz-date", time.as_str())];
    headers.extend(key.token.map(|token| ("x-amz-security-token", token)));
    let signed: Vec<(&str, &str)> =
        [("host", host)].into_iter().chain(headers.iter().copied()).collect();
    let authorization = authorization(
        key,
        "s3",
        &Signed { method: "GET", path, query: "", headers: &signed, payload: EMPTY },
        &time,
    );
    let mut headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.push(("authorization".to_owned(), authorization));
    headers
}

/// What of a request is signed.
struct Signed<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    /// Lower-case names in order.
    headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the content.
    payload: &'a str,
}

impl Signed<'_> {
    fn canonical(&self) -> String {
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", folded(value)))
            .collect();
        format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            self.method,
            self.path,
            self.query,
            headers.concat(),
            self.names(),
            self.payload
        )
    }

    fn names(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }
}

/// The value of the header `Authorization`.
fn authorization(key: &Key<'_>, service: &str, request: &Signed<'_>, time: &str) -> String {
    let day = time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{service}/aws4_request", key.region);
    let signature =
        hex(&[day, key.region, service, "aws4_request", &to_sign(request, time, &scope)]
            .iter()
            .fold(format!("AWS4{}", key.secret).into_bytes(), |key, part| {
                mac(&key, part.as_bytes())
            }));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        key.id,
        request.names()
    )
}

fn to_sign(request: &Signed<'_>, time: &str, scope: &str) -> String {
    format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256_hex(request.canonical()))
}

/// A value as it is signed: spaces at its ends count for nothing, and several count as one.
fn folded(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// `20150830T123600Z`.
fn time(now: SystemTime) -> String {
    Timestamp::try_from(now)
        .map(|now| now.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_default()
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        }
        // A key of any length will do.
        Err(_) => Vec::new(),
    }
}

/// Bytes in a URL, as Amazon counts them; a slash stays itself in a path.
pub(super) fn encoded(bytes: &[u8], path: bool) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || path && *byte == b'/';
        // Writing to a string cannot fail.
        let _ =
            if plain { write!(text, "{}", char::from(*byte)) } else { write!(text, "%{byte:02X}") };
        text
    })
}

#[cfg(test)]
mod tests;
