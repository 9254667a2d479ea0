//! Fetches one document, from the web or from a file. An address and what was remembered of it come in; bytes go out, or
//! word that nothing changed. Every address is checked before it is connected to, after every redirect too; time and
//! size are limited. It never follows a redirect into a private network, to a file, or from https to http.

use std::{error::Error, sync::Arc, time::Duration};

use reqwest::{
    Client, Response, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    },
    redirect,
};
use tokio::io::AsyncReadExt;
use url::Url;

use super::{
    CollectError, Policy,
    network::{ClosedHost, Gate, Networks},
};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// The longest that a small document may take: somebody waits for an answer of ours meanwhile.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A longer validator is not kept, in bytes.
const MAX_VALIDATOR: usize = 1_000;

/// What we can read, best first.
const ACCEPTED: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, \
                        application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1";

/// What a server gave us to ask "anything new?" with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    /// `ETag` (RFC 9110 §8.8.3).
    pub(super) etag: Option<String>,
    /// `Last-Modified` (RFC 9110 §8.8.2).
    pub(super) last_modified: Option<String>,
}

/// What was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The document, or that it did not change.
    pub(super) answer: Answer,
    /// Where to look next time: where we began, or where permanent redirects led from there.
    pub(super) home: Url,
    /// What to ask with next time, there and nowhere else.
    pub(super) validators: Validators,
    /// What else the answer said of itself.
    pub(super) headers: HeaderMap,
}

/// What a server answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// As it was.
    NotModified,
    /// A document.
    Body {
        /// Unpacked.
        bytes: Vec<u8>,
        /// As the server named it.
        content_type: Option<String>,
        /// Where it was in the end.
        url: Url,
    },
}

/// The HTTP client and its limits.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    client: Client,
    /// Why no https address can be fetched: this machine has no root certificates.
    no_https: Option<String>,
    networks: Networks,
    /// How long one look may take.
    pub(super) timeout: Duration,
    /// How much it may bring, in bytes.
    pub(super) max_bytes: usize,
}

impl Fetcher {
    /// Sets the client up.
    pub(super) fn new(policy: Policy) -> Result<Self, CollectError> {
        // Whoever came first has installed the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let networks = Networks::new(policy.private_networks);
        let builder = || {
            Client::builder()
                .user_agent(policy.user_agent.clone())
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .dns_resolver(Arc::new(Gate(networks.clone())))
        };
        let (client, no_https) = match builder().build() {
            Ok(client) => (client, None),
            // Without root certificates feeds in files and on plain http can still be read.
            Err(error) => match builder().tls_certs_only([]).build() {
                Ok(client) => (client, Some(innermost(&error))),
                Err(error) => return Err(CollectError::Setup(innermost(&error))),
            },
        };
        Ok(Self { client, no_https, networks, timeout: policy.timeout, max_bytes: policy.max_bytes })
    }

    /// The same, for a part of a look that may bring no more than so many bytes.
    pub(super) fn taking(&self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self.clone() }
    }

    /// Fetches an http(s) address, all within the time limit.
    pub(super) async fn web(&self, start: &Url, validators: &Validators) -> Result<Fetched, CollectError> {
        tokio::time::timeout(self.timeout, self.follow(start, validators))
            .await
            .map_err(|_| CollectError::TimedOut { host: host_of(start), limit: self.timeout })?
    }

    /// Fetches a small document from one address, following no redirect.
    pub(super) async fn document(&self, url: &Url, limit: usize) -> Result<Vec<u8>, CollectError> {
        let timeout = self.timeout.min(DOCUMENT_TIMEOUT);
        let small = Self { max_bytes: self.max_bytes.min(limit), timeout, ..self.clone() };
        let nothing = Validators::default();
        let fetched = tokio::time::timeout(timeout, async {
            let response = small.ask(url, &nothing).await?;
            small.receive(response, url.clone(), url.clone(), &nothing).await
        });
        match fetched.await.map_err(|_| CollectError::TimedOut { host: host_of(url), limit: timeout })??.answer {
            Answer::Body { bytes, .. } => Ok(bytes),
            Answer::NotModified => Err(CollectError::Status(StatusCode::NOT_MODIFIED.as_u16())),
        }
    }

    /// Posts a form, and posts it again where redirects lead that want it so (307, 308). Of the answer only the status
    /// counts.
    pub(super) async fn post_form(&self, start: &Url, form: &str) -> Result<(), CollectError> {
        let timeout = self.timeout.min(DOCUMENT_TIMEOUT);
        let posting = async {
            let mut url = start.clone();
            for _ in 0..=MAX_REDIRECTS {
                self.check(&url)?;
                let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                let response = request.body(form.to_owned()).send().await.map_err(|error| unreachable(&error, &url))?;
                match response.status().as_u16() {
                    200..=299 => return Ok(()),
                    307 | 308 => match redirect_target(&response, &url)? {
                        Some(target) => url = target,
                        None => return Err(CollectError::Status(response.status().as_u16())),
                    },
                    status => return Err(CollectError::Status(status)),
                }
            }
            Err(CollectError::Redirect { host: host_of(start), reason: "too many times" })
        };
        let late = |_| CollectError::TimedOut { host: host_of(start), limit: timeout };
        tokio::time::timeout(timeout, posting).await.map_err(late)?
    }

    /// Posts JSON with these headers to one address, following no redirect. Of the answer only the status counts.
    pub(super) async fn post_json(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(), CollectError> {
        let posting = async {
            self.check(url)?;
            let mut request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let response = request.send().await.map_err(|error| unreachable(&error, url))?;
            let status = response.status();
            if status.is_success() { Ok(()) } else { Err(CollectError::Status(status.as_u16())) }
        };
        let late = |_| CollectError::TimedOut { host: host_of(url), limit: self.timeout };
        tokio::time::timeout(self.timeout, posting).await.map_err(late)?
    }

    /// Whether an address may be asked at all, as far as it shows by itself; names are checked when they are resolved.
    fn check(&self, url: &Url) -> Result<(), CollectError> {
        if let (Some(reason), "https") = (&self.no_https, url.scheme()) {
            return Err(CollectError::Setup(reason.clone()));
        }
        self.networks.check_literal(url).map_err(|ClosedHost { host }| CollectError::Forbidden { host })
    }

    /// Asks, and asks again where redirects lead.
    async fn follow(&self, start: &Url, validators: &Validators) -> Result<Fetched, CollectError> {
        let mut url = start.clone();
        url.set_fragment(None);
        let mut home = url.clone();
        let mut is_permanent = true;
        for hop in 0..=MAX_REDIRECTS {
            // Validators belong to the address they came from.
            let asked_with = if hop == 0 { validators } else { &Validators::default() };
            let response = self.ask(&url, asked_with).await?;
            let status = response.status();
            let Some(target) = redirect_target(&response, &url)? else {
                return self.receive(response, url, home, asked_with).await;
            };
            url = target;
            is_permanent &= matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
            if is_permanent {
                home = url.clone();
            }
        }
        Err(CollectError::Redirect { host: host_of(start), reason: "too many times" })
    }

    /// One request to one checked address.
    async fn ask(&self, url: &Url, validators: &Validators) -> Result<Response, CollectError> {
        self.check(url)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        // A cache on the way must not keep news from us.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        for (name, value) in [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)] {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        self.client.get(url.clone()).headers(headers).send().await.map_err(|error| unreachable(&error, url))
    }

    /// Takes in an answer that is no redirect.
    async fn receive(
        &self,
        response: Response,
        url: Url,
        home: Url,
        asked_with: &Validators,
    ) -> Result<Fetched, CollectError> {
        let headers = response.headers();
        if headers.get("cf-mitigated").is_some_and(|value| value == "challenge") {
            return Err(CollectError::Challenged { host: host_of(&url) });
        }
        // The next look begins at `home`; what another address gave us is of no use there.
        let given = if url == home { validators_in(headers) } else { Validators::default() };
        match response.status() {
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {
                let content_type = text_of(headers, CONTENT_TYPE);
                let headers = headers.clone();
                let bytes = self.body(response, &url).await?;
                Ok(Fetched { answer: Answer::Body { bytes, content_type, url }, home, validators: given, headers })
            }
            StatusCode::NOT_MODIFIED if *asked_with != Validators::default() => {
                let validators = Validators {
                    etag: given.etag.or_else(|| asked_with.etag.clone()),
                    last_modified: given.last_modified.or_else(|| asked_with.last_modified.clone()),
                };
                Ok(Fetched { answer: Answer::NotModified, home, validators, headers: HeaderMap::new() })
            }
            status => Err(CollectError::Status(status.as_u16())),
        }
    }

    /// Reads a body, counting what comes out of the unpacking.
    async fn body(&self, mut response: Response, url: &Url) -> Result<Vec<u8>, CollectError> {
        let too_large = CollectError::TooLarge { limit: self.max_bytes };
        if response
            .content_length()
            .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > self.max_bytes))
        {
            return Err(too_large);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error, url))? {
            if bytes.len() + chunk.len() > self.max_bytes {
                return Err(too_large);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Reads a feed from a file of this machine: a plain file, within the size limit.
    pub(super) async fn file(&self, url: &Url) -> Result<Fetched, CollectError> {
        let path = url.to_file_path().map_err(|()| CollectError::Address)?;
        let failed = |reason: String| CollectError::File { path: path.display().to_string(), reason };
        // A pipe or a device could be read for ever, or block when it is opened.
        let kind = tokio::fs::metadata(&path).await.map_err(|error| failed(error.to_string()))?;
        if !kind.is_file() {
            return Err(failed("it is not a plain file".to_owned()));
        }
        let file = tokio::fs::File::open(&path).await.map_err(|error| failed(error.to_string()))?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(self.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut bytes).await.map_err(|error| failed(error.to_string()))?;
        if bytes.len() > self.max_bytes {
            return Err(CollectError::TooLarge { limit: self.max_bytes });
        }
        let answer = Answer::Body { bytes, content_type: None, url: url.clone() };
        Ok(Fetched { answer, home: url.clone(), validators: Validators::default(), headers: HeaderMap::new() })
    }
}

/// Where a redirect leads, when the answer is one and may be followed.
fn redirect_target(response: &Response, from: &Url) -> Result<Option<Url>, CollectError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = text_of(response.headers(), LOCATION) else { return Ok(None) };
    followed(from, &location).map(Some).map_err(|reason| CollectError::Redirect { host: host_of(from), reason })
}

/// The address that a `Location` means, or why it is not followed.
fn followed(from: &Url, location: &str) -> Result<Url, &'static str> {
    let mut target = from.join(location).map_err(|_| "to an address that makes no sense")?;
    target.set_fragment(None);
    match (from.scheme(), target.scheme()) {
        ("https", "http") => Err("to an unencrypted address"),
        (_, "http" | "https") => Ok(target),
        _ => Err("to an address that is not on the web"),
    }
}

fn validators_in(headers: &HeaderMap) -> Validators {
    let kept = |name| text_of(headers, name).filter(|value| value.len() <= MAX_VALIDATOR);
    Validators { etag: kept(ETAG), last_modified: kept(LAST_MODIFIED) }
}

/// A header's value when it is plain text.
fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Host and port: enough to know who is meant, and nothing secret.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A failure of the network, told apart from a refusal by [`Gate`].
fn unreachable(error: &reqwest::Error, url: &Url) -> CollectError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(ClosedHost { host }) = inner.downcast_ref() {
            return CollectError::Forbidden { host: host.clone() };
        }
        cause = inner.source();
    }
    CollectError::Unreachable { host: host_of(url), reason: innermost(error) }
}

/// What an error says at bottom; the layers above only repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if cause.is::<reqwest::Error>() { "the request failed".to_owned() } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{followed, host_of};
    use url::Url;

    #[test]
    fn a_redirect_never_leaves_the_web_or_gives_encryption_up() {
        let follow = |from: &str, location: &str| {
            followed(&from.parse().expect("url"), location).map(String::from).map_err(|reason| reason.len() > 10)
        };
        assert_eq!(follow("https://a.example/x/", "../y#z"), Ok("https://a.example/y".into()));
        assert_eq!(follow("http://a.example/", "https://b.example/"), Ok("https://b.example/".into()));
        assert_eq!(follow("https://a.example/", "//b.example/"), Ok("https://b.example/".into()));
        for location in ["http://a.example/", "file:///etc/passwd", "javascript:x", "ftp://a.example/", "https://"] {
            assert_eq!(follow("https://a.example/", location), Err(true), "{location}");
        }
    }

    #[test]
    fn what_errors_show_of_an_address_is_no_secret() {
        let url: Url = "https://user:pass@a.example:8443/feed?key=1".parse().expect("url");
        assert_eq!(host_of(&url), "a.example:8443");
    }
}
