//! One registry behind the gateway. It is asked to read, with the credentials
//! of this installation, and a redirect is not followed: it leads off the list.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use base64::Engine as _;
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio_util::bytes::{Bytes, BytesMut};

use super::{Caps, Credentials, Refusal, Source};

/// One answer as a whole may take so many pauses.
const PAUSES: u32 = 4;
/// One try more: a registry's hiccup should not end a session.
const TRIES: u32 = 2;
/// How Maven repositories state a file's SHA-1 beside it; Maven then does not
/// ask for the checksum's own file.
pub(super) const SHA1: &str = "x-checksum-sha1";

#[derive(Debug)]
pub(super) struct Upstream {
    client: Client,
    root: Url,
    cap: u64,
    asked: AtomicU64,
}

/// What the registry said about a body.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stated {
    pub(super) etag: Option<String>,
    /// It has been compared with the body.
    pub(super) sha1: Option<String>,
    /// Seconds since 1970.
    pub(super) modified: Option<i64>,
}

/// An answer, with where it came from.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    pub(super) url: Url,
    pub(super) body: Bytes,
    pub(super) stated: Stated,
    pub(super) from_cache: bool,
    pub(super) not_modified: bool,
}

impl Fetched {
    pub(super) fn from_cache(url: Url, body: Bytes, stated: Stated) -> Self {
        Self { url, body, stated, from_cache: true, not_modified: false }
    }

    pub(super) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.body))
    }
}

impl Upstream {
    pub(super) fn new(source: &Source, caps: &Caps) -> anyhow::Result<Self> {
        let root = source.url.trim_end_matches('/');
        let root = Url::parse(&format!("{root}/")).context("could not read the registry's address")?;
        anyhow::ensure!(matches!(root.scheme(), "http" | "https"), "a registry's address starts with http");
        let mut headers = HeaderMap::new();
        // What is cached and hashed is the artefact, not its transfer form.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(credentials) = &source.credentials {
            headers.insert(AUTHORIZATION, authorization(credentials)?);
        }
        let client = Client::builder()
            .user_agent(concat!("chaperone/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(caps.pause / 2)
            .read_timeout(caps.pause)
            .timeout(caps.pause.saturating_mul(PAUSES))
            .build()
            .context("could not make the registry's client")?;
        Ok(Self { client, root, cap: caps.answer_bytes, asked: AtomicU64::new(0) })
    }

    /// The registry's root address.
    pub(super) fn root(&self) -> &str {
        self.root.as_str()
    }

    /// A scope's slash is escaped, as npm does it.
    pub(super) fn listing(&self, name: &str) -> Url {
        self.at(&name.replace('/', "%2f"))
    }

    /// A tarball's path comes from the listing, where it already has the
    /// root's own path in front.
    pub(super) fn tarball(&self, path: &str) -> Url {
        let prefix = self.root.path().trim_start_matches('/');
        self.at(path.strip_prefix(prefix).unwrap_or(path))
    }

    /// How often the registry was asked anything.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// An address below the root.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{path}", self.root.path()));
        url
    }

    pub(super) async fn get(
        &self,
        url: Url,
        accept: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Fetched, Refusal> {
        let mut tries = 1;
        loop {
            match self.get_once(&url, accept, etag).await {
                Err(Refusal::Unreachable(_)) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn get_once(
        &self,
        url: &Url,
        accept: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Fetched, Refusal> {
        let mut request = self.client.get(url.clone());
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        match status {
            StatusCode::OK | StatusCode::NOT_MODIFIED => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(Refusal::NotFound),
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Refusal::Unreachable(format!("the registry answered {}", status.as_u16())));
            }
            // A redirect leads off the list, whatever it says.
            _ => return Err(Refusal::Refused(format!("the registry refused ({})", status.as_u16()))),
        }
        let mut stated = stated(response.headers());
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&error))? {
            body.extend_from_slice(&piece);
            if u64::try_from(body.len()).unwrap_or(u64::MAX) > self.cap {
                return Err(Refusal::Refused(format!("the answer has more than {} bytes", self.cap)));
            }
        }
        let not_modified = status == StatusCode::NOT_MODIFIED;
        if not_modified {
            stated.sha1 = None;
        } else if stated.sha1.as_ref().is_some_and(|sha1| *sha1 != hex::encode(Sha1::digest(&body))) {
            return Err(Refusal::Refused("the answer is not what its checksum says".to_owned()));
        }
        Ok(Fetched { url: url.clone(), body: body.freeze(), stated, from_cache: false, not_modified })
    }
}

fn authorization(credentials: &Credentials) -> anyhow::Result<HeaderValue> {
    let text = match credentials {
        Credentials::Token(token) => format!("Bearer {}", token.expose()),
        Credentials::Basic(pair) => {
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.expose()))
        }
    };
    let mut value = HeaderValue::from_str(&text).context("could not use the registry's credentials")?;
    value.set_sensitive(true);
    Ok(value)
}

fn stated(headers: &HeaderMap) -> Stated {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let modified = text(LAST_MODIFIED.as_str())
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map(|zoned| Timestamp::from(zoned).as_second());
    let sha1 = text(SHA1).filter(|sha1| sha1.len() == 40).map(str::to_ascii_lowercase);
    Stated { etag: text(ETAG.as_str()).map(str::to_owned), sha1, modified }
}

/// For a person; the error itself can name what is the operator's only.
fn unreachable(error: &reqwest::Error) -> Refusal {
    tracing::info!(%error, "a registry was not reached");
    let why = if error.is_timeout() { "did not answer in time" } else { "could not be reached" };
    Refusal::Unreachable(format!("the registry {why}"))
}
