//! Documents from servers and from the disk.

mod local;
mod rights;

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, Timeout};

pub use self::local::{PathOwner, path_owner};
use super::{HostSystem, Query, Request, Response};
use crate::content::{Content, Received, receive};
use toque_core::cancel::CancelToken;
use toque_core::failure::{ErrorContext, Failure, FailureKind};
use toque_core::text::size;
use toque_core::url::{
    Origin, percent_decoded, resolve_reference, split_userinfo, without_secrets,
};

/// Bytes a second. Whoever sends less all through a request's timeout would not come to an end in
/// days.
const SLOWEST: u128 = 1 << 10;
/// How long to wait for a connection; a server that is there answers at once.
const CONNECT: Duration = Duration::from_secs(30);
/// How many times a server may answer that the document is somewhere else.
const REDIRECTS: usize = 10;
/// Answers that name another URL to ask.
const MOVED: [u16; 5] = [301, 302, 303, 307, 308];
/// Headers of a request that hold no secret, so that any server may get them: what is accepted, and
/// which state of the document is known. Without the second, a document that lies at another server
/// would be fetched again by each run.
const SHARED: [&str; 4] = ["accept", "accept-language", "if-none-match", "if-modified-since"];
/// The pauses before the second and third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// Where distributions keep the certificates that the machine trusts. Toque's own list is for
/// machines without one.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Servers through which others are reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// For `http:` URLs, such as `http://user:password@proxy.example.com:3128`.
    pub http: Option<String>,
    /// For `https:` URLs.
    pub https: Option<String>,
    /// What is reached directly: names, `.domains` and `*`, separated by commas.
    pub no_proxy: Option<String>,
}

/// What connects, kept so that connections are used again; by the proxy's URL and whether
/// certificates are verified. Clones share it.
#[derive(Clone, Default)]
pub struct Agents(Arc<Mutex<HashMap<(Option<String>, bool), Agent>>>);

pub(super) fn fetch(host: &HostSystem, request: &Request) -> Result<Response, Failure> {
    if let Some(path) = file_path(&request.url) {
        return read_locally(host, &path?);
    }
    let client = Client { proxies: host.proxies.clone(), agents: host.agents.clone() };
    // A proxy that cannot be used is told before a thread is started.
    client.agent(request)?;
    let (request, stop) = (request.clone(), host.stop.clone());
    let shown = without_secrets(&request.url);
    let (sender, receiver) = channel();
    // On a thread of its own, so that a forced stop need not wait for the server.
    std::thread::Builder::new()
        .spawn(move || {
            // Nobody listens any more when the run was stopped.
            let _ = sender.send(client.ask(request, &stop));
        })
        .map_err(|error| {
            Failure::new(format!("cannot fetch `{shown}`: no thread could be started: {error}"))
        })?;
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if host.stop.forced() => {
                return Err(Failure {
                    interrupted: true,
                    ..Failure::new(format!("fetching `{shown}` was stopped with the run"))
                });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(format!("cannot fetch `{shown}`: the client failed")));
            }
        }
    }
}

/// The path of a `file:` URL.
pub(crate) fn file_path(url: &str) -> Option<Result<PathBuf, Failure>> {
    let rest = url.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    Some(if path.starts_with('/') {
        Ok(PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(
            percent_decoded(path),
        )))
    } else {
        Err(Failure::new(format!(
            "cannot fetch `{}`: it names a file of another machine",
            without_secrets(url)
        ))
        .hint("write `file:///` and the whole path"))
    })
}

/// The `file:` URL of a path.
pub(crate) fn file_url(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut url = "file://".to_owned();
    for byte in std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()) {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// The answer for a `file:` URL of this machine, read with the rights of the user who decides where
/// the path leads.
fn read_locally(host: &HostSystem, path: &Path) -> Result<Response, Failure> {
    let Some(owner) = path_owner(host, &[path], false)? else { return read(host, path) };
    let (uid, owns) = (owner.uid, owner.owns.display());
    if host.effective_uid() != 0 {
        return Err(Failure::new(format!(
            "cannot read `{}`: user {uid} owns `{owns}`, and could lead it to what only you may read",
            path.display()
        ))
        .hint("copy it to a folder of your own, or run toque as root, which reads it as that user"));
    }
    let work = || read(&HostSystem::new(), path);
    rights::with_rights_of(host, uid, owner.metadata.gid, work).map_err(|failure| {
        let why = format!("it is read as user {uid}, who owns `{owns}`");
        Failure { hint: None, ..failure }
            .note(why)
            .hint("let that user read it, or keep it in folders of root's")
    })
}

/// The answer for a `file:` URL.
pub fn read(system: &dyn Query, path: &Path) -> Result<Response, Failure> {
    match system.open(path).and_then(|mut file| receive(&mut *file)) {
        Ok(body) => Ok(Response {
            status: 200,
            headers: vec![("content-length".to_owned(), body.len().to_string())],
            body,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Response { status: 404, headers: Vec::new(), body: Content::from("") })
        }
        Err(error) => Err(error).context("read", path),
    }
}

/// What is needed to ask servers.
struct Client {
    proxies: Proxies,
    agents: Agents,
}

impl Client {
    /// Asks for a document, and where it is said to be. What a request holds for its server is not
    /// sent to another one, and not again when that one leads back.
    fn ask(&self, mut request: Request, stop: &CancelToken) -> Result<Response, Failure> {
        let asked = without_secrets(&request.url);
        for _ in 0..=REDIRECTS {
            let response = ask_again(&self.agent(&request)?, &request, stop)?;
            let to = response.header("location").filter(|_| MOVED.contains(&response.status));
            let Some(to) = to else { return Ok(response) };
            let to = resolve_reference(&request.url, to);
            follow(&mut request, &to)
                .map_err(|failure| failure.note(format!("`{asked}` leads there")))?;
        }
        Err(Failure::new(format!("cannot fetch `{asked}`: the server redirects in a circle"))
            .hint("ask for the URL that has the document, or correct the server's settings"))
    }

    fn agent(&self, request: &Request) -> Result<Agent, Failure> {
        let secure = request.url.starts_with("https:");
        let proxy = if secure { self.proxies.https.clone() } else { self.proxies.http.clone() };
        let key = (proxy, request.verify);
        let mut agents = self.agents.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let proxy = match &key.0 {
            Some(url) => {
                Some(proxy_of(url, self.proxies.no_proxy.as_deref()).map_err(|error| {
                    let shown = without_secrets(url);
                    Failure::new(format!("cannot use the proxy `{shown}`: {error}"))
                        .hint("write it as `http://host:port` in the settings")
                })?)
            }
            None => None,
        };
        let tls = TlsConfig::builder()
            .root_certs(trusted())
            .disable_verification(!request.verify)
            .build();
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            // They are followed here, where it is known which headers are for which server.
            .max_redirects(0)
            // Set in any case: the default would read the environment.
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(concat!("toque/", env!("CARGO_PKG_VERSION")))
            // What is fetched must have the checksum of what the server holds.
            .accept_encoding("identity")
            .build()
            .into();
        agents.insert(key, agent.clone());
        Ok(agent)
    }
}

/// Turns a request to the URL `to`, and takes what that server must not learn out of it.
fn follow(request: &mut Request, to: &str) -> Result<(), Failure> {
    // Who redirects says nothing about passwords.
    let (userinfo, url) = split_userinfo(&request.url)
        .map_or_else(|| (None, request.url.clone()), |(info, url)| (Some(info), url));
    let to = split_userinfo(to).map_or_else(|| to.to_owned(), |(_, plain)| plain);
    let (Some(from), Some(origin)) = (Origin::of(&url), Origin::of(&to)) else {
        return Err(not_http(&to));
    };
    if !matches!(origin.scheme.as_str(), "http" | "https") {
        return Err(not_http(&to));
    }
    request.url = to;
    if !from.may_share_with(&origin) {
        request.headers.retain(|(name, _)| SHARED.contains(&name.to_ascii_lowercase().as_str()));
    } else if let Some(userinfo) = userinfo
        && let Some((scheme, rest)) = request.url.split_once("://")
    {
        request.url = format!("{scheme}://{userinfo}@{rest}");
    }
    Ok(())
}

fn not_http(url: &str) -> Failure {
    Failure::new(format!(
        "cannot fetch `{}`: a server may lead only to `http:` and `https:`",
        without_secrets(url)
    ))
    .hint("ask for the URL that has the document, or correct the server's settings")
}

fn proxy_of(url: &str, no_proxy: Option<&str>) -> Result<Proxy, ureq::Error> {
    let given = Proxy::new(url)?;
    let mut proxy = Proxy::builder(given.protocol()).host(given.host()).port(given.port());
    if let Some(name) = given.username() {
        proxy = proxy.username(name);
    }
    if let Some(password) = given.password() {
        proxy = proxy.password(password);
    }
    for direct in
        no_proxy.unwrap_or_default().split(',').map(str::trim).filter(|direct| !direct.is_empty())
    {
        proxy = proxy.no_proxy(direct);
    }
    proxy.build()
}

/// The certificates that this machine trusts.
fn trusted() -> RootCerts {
    let bundle = BUNDLES.iter().find_map(|path| std::fs::read(path).ok());
    let certificates: Vec<Certificate<'static>> = parse_pem(&bundle.unwrap_or_default())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        RootCerts::WebPki
    } else {
        RootCerts::new_with_certs(&certificates)
    }
}

/// Asks up to three times, as long as the answer looks like a passing fault.
fn ask_again(agent: &Agent, request: &Request, stop: &CancelToken) -> Result<Response, Failure> {
    let mut pauses = PAUSES.iter();
    loop {
        let answer = ask(agent, request);
        let passing = match &answer {
            Ok(response) => response.status >= 500,
            Err(error) => may_pass(error),
        };
        match pauses.next() {
            Some(pause) if passing && !stop.requested() => {
                stop.wait(*pause);
            }
            _ => {
                return answer
                    .map_err(|error| no_answer(request, proxy_for(agent, &request.url), &error));
            }
        }
    }
}

fn ask(agent: &Agent, request: &Request) -> Result<Response, ureq::Error> {
    let (userinfo, url) = match split_userinfo(&request.url) {
        Some((userinfo, url)) => (Some(userinfo), url),
        None => (None, request.url.clone()),
    };
    let mut call = agent
        .get(&url)
        .config()
        .timeout_connect(Some(request.timeout.min(CONNECT)))
        .timeout_resolve(Some(request.timeout.min(CONNECT)))
        .timeout_recv_response(Some(request.timeout))
        .timeout_per_read(Some(request.timeout))
        .build();
    let named = |name: &str| request.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    if let Some(userinfo) = userinfo.filter(|_| !named("authorization")) {
        call = call.header(
            "authorization",
            format!("Basic {}", BASE64_STANDARD.encode(percent_decoded(&userinfo))),
        );
    }
    for (name, value) in &request.headers {
        call = call.header(name, value);
    }
    let mut response = call.call()?;
    let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(header).collect();
    let body = read_body(response.body_mut(), request)?;
    Ok(Response { status: response.status().as_u16(), headers, body })
}

/// A large document may take long, as long as it keeps coming at a useful speed.
fn read_body(body: &mut Body, request: &Request) -> Result<Content, ureq::Error> {
    let mut reader = body.with_config().limit(u64::MAX).reader();
    let (mut read, mut chunk) = (Received::default(), vec![0; 64 << 10]);
    let (mut since, mut before) = (Instant::now(), 0);
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(read.finish()),
            Ok(count) => read.add(&chunk[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        if read.size() > request.largest {
            return Err(ureq::Error::BodyExceedsLimit(request.largest));
        }
        if since.elapsed() >= request.timeout {
            if u128::from(read.size() - before) * 1000 < SLOWEST * request.timeout.as_millis() {
                return Err(TOO_SLOW);
            }
            (since, before) = (Instant::now(), read.size());
        }
    }
}

/// No limit of its own is set for bodies, so that it cannot be another.
const TOO_SLOW: ureq::Error = ureq::Error::Timeout(Timeout::RecvBody);

/// Whether the same request could succeed a moment later.
fn may_pass(error: &ureq::Error) -> bool {
    use ureq::Error;
    match error {
        Error::Io(error) => {
            !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        }
        Error::Timeout(at) => matches!(at, Timeout::Connect | Timeout::Resolve),
        Error::HostNotFound | Error::ConnectionFailed | Error::Protocol(_) => true,
        _ => false,
    }
}

/// The proxy that a URL is asked through, as messages may show it.
fn proxy_for(agent: &Agent, url: &str) -> Option<String> {
    let proxy = agent.config().proxy()?;
    let direct = url.parse().is_ok_and(|url| proxy.is_no_proxy(&url));
    (!direct).then(|| format!("{}:{}", proxy.host(), proxy.port()))
}

fn no_answer(request: &Request, proxy: Option<String>, error: &ureq::Error) -> Failure {
    use ureq::Error;
    let url = without_secrets(&request.url);
    let host = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default()
        .to_owned();
    let (cause, hint) = match error {
        Error::HostNotFound => (format!("there is no host `{host}`"), Some(NAMES)),
        Error::Io(error) if error.to_string().contains("failed to lookup address") => {
            (format!("the name `{host}` cannot be resolved"), Some(NAMES))
        }
        Error::Timeout(Timeout::RecvBody) => (
            "it comes more slowly than 1 KiB a second".to_owned(),
            Some(
                "try again when the server and the network have less to do, or fetch it from another server",
            ),
        ),
        Error::Timeout(at) => (
            format!("no answer in time ({at})"),
            Some("check that the server can be reached, or raise the timeout"),
        ),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused && proxy.is_some() => {
            (
                format!("the proxy `{}` refused the connection", proxy.unwrap_or_default()),
                Some(
                    "check that it runs, and `proxies` in the settings or the variables `http_proxy` and `https_proxy`",
                ),
            )
        }
        Error::ConnectProxyFailed(why) => (
            format!("the proxy `{}` does not lead there: {why}", proxy.unwrap_or_default()),
            Some("check what it allows, or name the host in `no_proxy`"),
        ),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => (
            format!("`{host}` refused the connection"),
            Some("check that the server runs, and the port"),
        ),
        Error::Io(error) if ENDED.contains(&error.kind()) => (
            format!("`{host}` ended the connection before all of it had come"),
            Some("try again; the server's log may say why"),
        ),
        Error::Io(error) if error.to_string().contains("certificate") => {
            (plain(error), Some(AUTHORITY))
        }
        Error::Io(error) => (plain(error), None),
        Error::BadUri(_) | Error::Http(_) => (
            "that is not a URL that can be asked for".to_owned(),
            Some("write `https://host/path`"),
        ),
        Error::BodyExceedsLimit(limit) => {
            (format!("the document is larger than {}", size(*limit)), None)
        }
        Error::TooManyRedirects => ("the server redirects in a circle".to_owned(), None),
        Error::Tls(_) | Error::Rustls(_) => (error.to_string(), Some(AUTHORITY)),
        other => (other.to_string(), None),
    };
    let kind = match error {
        Error::Timeout(at) if *at != Timeout::RecvBody => FailureKind::Timeout,
        _ => FailureKind::Other,
    };
    let failure = Failure::new(format!("cannot fetch `{url}`: {cause}")).of_kind(kind);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// How it looks when the other side hangs up.
const ENDED: [io::ErrorKind; 4] = [
    io::ErrorKind::UnexpectedEof,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::BrokenPipe,
];
const NAMES: &str = "check the name, and that this machine can resolve names";
const AUTHORITY: &str =
    "if the server's certificate is your own, add its authority to those this machine trusts";

fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
