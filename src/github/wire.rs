//! One exchange with GitHub's API: what every request carries, redirects,
//! pages, and answers that are known already.
//!
//! A redirect is followed on the same host only, and then with the same
//! method, body and token: a repository that was renamed answers like that.
//! Of the address of a list's next page only the query is taken. So nothing
//! that an answer says can send a token elsewhere.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK, LOCATION,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;

use crate::secret::Secret;
use crate::text;

/// The version of the API that all of this is written for; every supported
/// Enterprise Server has it.
const VERSION: &str = "2022-11-28";
/// Redirects followed in a row.
const REDIRECTS: u32 = 3;
/// An answer that is longer than this many bytes is refused.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;

/// One request.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// With its query.
    pub(super) path: &'a str,
    pub(super) body: Option<&'a Value>,
    pub(super) bearer: Option<&'a Secret>,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: &'a str, bearer: &'a Secret) -> Self {
        Self { method: Method::GET, path, body: None, bearer: Some(bearer) }
    }
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: HeaderMap,
    /// The query of the next page of a list.
    pub(super) next: Option<String>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// GitHub's time.
    pub(super) fn date(&self) -> Option<Timestamp> {
        let date = self.headers.get(DATE)?.to_str().ok()?;
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
    }

    /// What GitHub says about it, made plain.
    pub(super) fn message(&self) -> String {
        let said = self.body.get("message").and_then(Value::as_str).unwrap_or_default();
        let errors = self.body.get("errors").and_then(Value::as_array);
        let mut all = said.to_owned();
        for error in errors.into_iter().flatten() {
            let told = error.as_str().or_else(|| error.get("message")?.as_str()).unwrap_or_default();
            all = format!("{all} {told}");
        }
        text::head(text::plain(&all).trim(), 300)
    }
}

/// The way to one GitHub.
#[derive(Debug)]
pub(super) struct Wire {
    client: Client,
    /// Without a slash at the end.
    root: String,
    known: Mutex<Known>,
}

impl Wire {
    /// # Errors
    /// The address is not one, or the client cannot be made.
    pub(super) fn new(base_url: &str) -> anyhow::Result<Self> {
        let root = base_url.trim_end_matches('/').to_owned();
        let address = Url::parse(&root).context("could not read the address of GitHub's API")?;
        ensure!(address.has_host(), "could not read the address of GitHub's API: it has no host");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        headers.insert("x-github-api-version", HeaderValue::from_static(VERSION));
        let client = Client::builder()
            .user_agent(concat!("chaperone/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .build()
            .context("could not make GitHub's client")?;
        Ok(Self { client, root, known: Mutex::default() })
    }

    /// Sends it once; an answer of any status is an answer.
    ///
    /// # Errors
    /// GitHub cannot be reached, or answers what nobody can read.
    pub(super) async fn send(&self, call: &Call<'_>) -> anyhow::Result<Answer> {
        let asked = Url::parse(&format!("{}{}", self.root, call.path))
            .context("could not make an address of GitHub's API")?;
        let mut address = asked.clone();
        let known = if call.method == Method::GET { self.known().find(&asked) } else { None };
        for _ in 0..=REDIRECTS {
            let response = self.ask(call, &address, known.as_ref()).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 307 | 308) {
                return self.read(call, &asked, known, response).await;
            }
            address = elsewhere(&address, &response)?;
        }
        anyhow::bail!("GitHub sends from one address to the next without an end")
    }

    async fn ask(&self, call: &Call<'_>, address: &Url, known: Option<&Fresh>) -> anyhow::Result<Response> {
        let mut request = self.client.request(call.method.clone(), address.clone());
        if let Some(bearer) = call.bearer {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", bearer.expose())).map_err(|_not_ascii| {
                    anyhow::anyhow!("a token of GitHub's has other than plain characters")
                })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known.etag.clone());
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        request.send().await.context("could not reach GitHub")
    }

    async fn read(
        &self,
        call: &Call<'_>,
        asked: &Url,
        known: Option<Fresh>,
        mut response: Response,
    ) -> anyhow::Result<Answer> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        if let (304, Some(Fresh { body, next, .. })) = (status, known) {
            return Ok(Answer { status: 200, body: (*body).clone(), headers, next });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.context("could not read GitHub's answer")? {
            ensure!(bytes.len() + chunk.len() <= LONGEST_ANSWER, "GitHub's answer is too long");
            bytes.extend_from_slice(&chunk);
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let next = headers.get(LINK).and_then(|link| next_page(link.to_str().ok()?));
        if call.method == Method::GET
            && status == 200
            && bytes.len() <= Known::LONGEST
            && let Some(etag) = headers.get(ETAG)
        {
            let fresh = Fresh { etag: etag.clone(), body: Arc::new(body.clone()), next: next.clone() };
            self.known().keep(asked, fresh);
        }
        Ok(Answer { status, body, headers, next })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a redirect leads.
fn elsewhere(from: &Url, response: &Response) -> anyhow::Result<Url> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.context("GitHub sends elsewhere without saying where")?;
    let to = from.join(location).context("GitHub sends to what is no address")?;
    ensure!(to.origin() == from.origin(), "GitHub sends to another host");
    Ok(to)
}

/// The query of the address that a `Link` header calls the next one.
fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    Some(address.split_once('?')?.1.to_owned())
}

/// Answers that GitHub marked, the latest last. It says whether one still
/// holds before it is used, and such a question is free.
#[derive(Debug, Default)]
struct Known(VecDeque<(Url, Fresh)>);

#[derive(Debug, Clone)]
struct Fresh {
    etag: HeaderValue,
    body: Arc<Value>,
    next: Option<String>,
}

impl Known {
    /// Answers kept.
    const MOST: usize = 128;
    /// A longer one, in bytes, is not kept.
    const LONGEST: usize = 256 * 1024;

    fn find(&self, address: &Url) -> Option<Fresh> {
        self.0.iter().find(|(known, _)| known == address).map(|(_, fresh)| fresh.clone())
    }

    fn keep(&mut self, address: &Url, fresh: Fresh) {
        self.0.retain(|(known, _)| known != address);
        if self.0.len() >= Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back((address.clone(), fresh));
    }
}

/// A part of a path, or a value of a query: everything but plain letters,
/// digits and `-._~` as percent signs and hexadecimal digits.
pub(super) fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A name with slashes in it, such as a branch, as parts of a path.
pub(super) fn escape_path(text: &str) -> String {
    text.split('/').map(escape).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
