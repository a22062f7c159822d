//! The page that makes the GitHub App: GitHub's manifest flow.
//!
//! Whoever can open the page has the token that the console printed. GitHub
//! sends the browser back with a code; it is taken only with a `state` that
//! was given out once, to this browser, within the hour. Without that, a link
//! with a stranger's code would install the stranger's App here. The page
//! asks for no password, and shows no secret: they go into files.

mod manifest;
mod page;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use crate::failure::Failure;
use crate::secret::Secret;

pub use manifest::{Asked, Wanted, wanted};

/// GitHub gives the whole flow an hour.
const LIFE: Duration = Duration::from_hours(1);
/// Flows that were begun and not ended; more than any person needs.
const OPEN: usize = 100;
/// The cookie that binds a `state` to one browser.
const COOKIE: &str = "chaperone_setup";

/// The App that GitHub made, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The App's page; `/installations/new` below it installs it.
    pub html_url: String,
    pub name: String,
}

/// Who changes GitHub's code for the App's credentials, and keeps them.
pub trait Register: Send + Sync {
    /// A code works once; `asked` is what its manifest was made of.
    fn register(&self, code: String, asked: Asked) -> BoxFuture<'_, Result<Registered, Failure>>;
}

/// Sixteen random bytes as hexadecimal digits, for a token or a `state`.
///
/// # Errors
/// The operating system gives none.
pub fn random() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::bug("get random bytes").because(anyhow::anyhow!("{error}")))?;
    Ok(hex::encode(bytes))
}

/// What the page needs.
#[derive(Clone)]
pub struct Setup(Arc<Inner>);

struct Inner {
    token: Secret,
    /// Root of this page's own address, as the browser reaches it.
    own: String,
    /// Root of GitHub's pages.
    web_url: String,
    /// What the form says at first.
    suggested: Asked,
    /// By `state`.
    open: Mutex<HashMap<String, Begun>>,
    register: Arc<dyn Register>,
}

/// A manifest on its way to GitHub.
struct Begun {
    /// The browser's.
    cookie: String,
    at: Instant,
    asked: Asked,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setup({})", self.0.own)
    }
}

/// Where things are, for [`Setup::new`].
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Root of this page's own address, as the browser reaches it.
    pub own: String,
    /// Root of GitHub's pages.
    pub web_url: String,
}

impl Setup {
    /// `token` is what opens the page; `suggested` is what the form says at
    /// first.
    #[must_use]
    pub fn new(token: Secret, addresses: Addresses, suggested: Asked, register: Arc<dyn Register>) -> Self {
        let Addresses { own, web_url } = addresses;
        Self(Arc::new(Inner { token, own, web_url, suggested, open: Mutex::default(), register }))
    }

    /// The address that the console prints.
    #[must_use]
    pub fn link(&self) -> String {
        format!("{}/setup?token={}", self.0.own, self.0.token.expose())
    }

    /// The routes of the page.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/setup", get(form).post(confirm))
            .route("/setup/callback", get(callback))
            .layer(middleware::from_fn_with_state(self.clone(), guard))
            .with_state(self.clone())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Begun>> {
        match self.0.open.lock() {
            Ok(open) => open,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// A `state` for one browser, good for one answer of GitHub's.
    fn give_out(&self, cookie: &str, asked: &Asked) -> Result<String, Failure> {
        let state = random()?;
        let mut open = self.open();
        open.retain(|_, begun| begun.at.elapsed() < LIFE);
        if open.len() >= OPEN {
            return Err(Failure::bug("begin: too many were begun within the hour"));
        }
        let begun = Begun { cookie: cookie.to_owned(), at: Instant::now(), asked: asked.clone() };
        open.insert(state.clone(), begun);
        Ok(state)
    }

    /// Takes a `state` back. It was given to the browser with this cookie,
    /// within the hour, and not taken back before.
    fn take_back(&self, state: &str, cookie: Option<&str>) -> Option<Asked> {
        let begun = self.open().remove(state)?;
        let same = cookie.is_some_and(|cookie| is_same(cookie, &begun.cookie));
        (same && begun.at.elapsed() < LIFE).then_some(begun.asked)
    }
}

/// Compared in constant time, by the digests under one key.
fn is_same(given: &str, wanted: &str) -> bool {
    let digest = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(COOKIE.as_bytes()).ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    };
    match (digest(given), digest(wanted)) {
        (Some(given), Some(wanted)) => given.verify(&wanted.finalize().into_bytes()).is_ok(),
        _ => false,
    }
}

/// The route below which GitHub sends people after an installation. It needs
/// no token, and tells nothing but what to do next.
pub fn after_installation() -> Router {
    Router::new().route("/setup/installed", get(async || page::installed()))
}

async fn guard(State(setup): State<Setup>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {}; frame-ancestors 'none'",
        setup.0.web_url
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address holds the token.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn cookie_of(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, page::refused(why)).into_response()
}

fn failed(failure: &Failure) -> Response {
    tracing::error!(%failure, "set-up");
    refused(StatusCode::BAD_GATEWAY, &format!("Could not {}.", failure.public()))
}

#[derive(Deserialize)]
struct Opened {
    #[serde(default)]
    token: String,
}

async fn form(State(setup): State<Setup>, Query(Opened { token }): Query<Opened>) -> Response {
    if !is_same(&token, setup.0.token.expose()) {
        return refused(StatusCode::FORBIDDEN, "This page opens with the address that the console printed.");
    }
    page::form(&setup.0.suggested, &token, None).into_response()
}

#[derive(Deserialize)]
struct Filled {
    #[serde(default)]
    token: String,
    #[serde(flatten)]
    asked: Asked,
}

async fn confirm(State(setup): State<Setup>, Form(Filled { token, asked }): Form<Filled>) -> Response {
    if !is_same(&token, setup.0.token.expose()) {
        return refused(StatusCode::FORBIDDEN, "This page opens with the address that the console printed.");
    }
    let asked = asked.trimmed();
    if let Err(why) = asked.check() {
        return (StatusCode::UNPROCESSABLE_ENTITY, page::form(&asked, &token, Some(&why))).into_response();
    }
    let begun = random().and_then(|cookie| {
        let state = setup.give_out(&cookie, &asked)?;
        Ok((cookie, state, manifest::of(&asked, &setup.0.own)?))
    });
    let (cookie, state, manifest) = match begun {
        Ok(begun) => begun,
        Err(failure) => return failed(&failure),
    };
    let action = asked.action(&setup.0.web_url, &state);
    let mut response = page::confirm(&action, &manifest).into_response();
    // Lax: GitHub's redirect is a navigation, and has to bring it.
    let cookie = format!("{COOKIE}={cookie}; Path=/setup; HttpOnly; SameSite=Lax; Max-Age=3600");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Deserialize)]
struct Returned {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

async fn callback(
    State(setup): State<Setup>,
    headers: HeaderMap,
    Query(Returned { code, state }): Query<Returned>,
) -> Response {
    let Some(asked) = setup.take_back(&state, cookie_of(&headers).as_deref()) else {
        let why = "This answer does not belong to a set-up that was begun in this browser within the hour. \
                   Open the address that the console printed, and begin again.";
        return refused(StatusCode::FORBIDDEN, why);
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=200).contains(&code.len()) || !code.bytes().all(plain) {
        return refused(StatusCode::BAD_REQUEST, "GitHub's answer has no code.");
    }
    match setup.0.register.register(code, asked).await {
        Ok(registered) => page::registered(&registered).into_response(),
        Err(failure) => failed(&failure),
    }
}

#[cfg(test)]
mod tests;
