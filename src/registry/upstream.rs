//! The one registry behind the gateway.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tokio_util::bytes::{Bytes, BytesMut};

use super::Refusal;
use crate::secret::Secret;

/// For one answer as a whole, and for a pause within it.
const TIMEOUT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(30);
/// One try more: a registry's hiccup should not end a session.
const TRIES: u32 = 2;

#[derive(Debug)]
pub(super) struct Upstream {
    client: Client,
    root: Url,
    cap: u64,
}

/// An answer, with where it came from.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    pub(super) url: Url,
    pub(super) body: Bytes,
    pub(super) etag: Option<String>,
    pub(super) from_cache: bool,
    pub(super) not_modified: bool,
}

impl Fetched {
    pub(super) fn from_cache(url: Url, body: Bytes) -> Self {
        Self { url, body, etag: None, from_cache: true, not_modified: false }
    }

    pub(super) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.body))
    }
}

impl Upstream {
    pub(super) fn new(root: &str, auth: Option<Secret>, cap: u64) -> anyhow::Result<Self> {
        let with_slash = if root.ends_with('/') { root.to_owned() } else { format!("{root}/") };
        let root = Url::parse(&with_slash).context("could not read the registry's address")?;
        anyhow::ensure!(matches!(root.scheme(), "http" | "https"), "a registry's address starts with http");
        let mut headers = HeaderMap::new();
        // What is cached and hashed is the artefact, not its transfer form.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(token) = auth {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                .context("could not use the registry's token")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .user_agent(concat!("chaperone/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(PAUSE)
            .timeout(TIMEOUT)
            .build()
            .context("could not make the registry's client")?;
        Ok(Self { client, root, cap })
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

    fn at(&self, path: &str) -> Url {
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
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        match status {
            StatusCode::OK | StatusCode::NOT_MODIFIED => {}
            StatusCode::NOT_FOUND => return Err(Refusal::NotFound),
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Refusal::Unreachable(format!("the registry answered {status}")));
            }
            // A redirect leads off the list, whatever it says.
            _ => return Err(Refusal::Refused(format!("the registry answered {status}"))),
        }
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&error))? {
            body.extend_from_slice(&piece);
            if u64::try_from(body.len()).unwrap_or(u64::MAX) > self.cap {
                return Err(Refusal::Refused(format!("the answer has more than {} bytes", self.cap)));
            }
        }
        let not_modified = status == StatusCode::NOT_MODIFIED;
        Ok(Fetched { url: url.clone(), body: body.freeze(), etag, from_cache: false, not_modified })
    }
}

fn unreachable(error: &reqwest::Error) -> Refusal {
    Refusal::Unreachable(format!("{:#}", anyhow::Error::msg(error.to_string())))
}
