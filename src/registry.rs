//! The package gateway: how a container without a network gets packages.
//!
//! A reverse proxy for one registry behind a Unix socket. It answers GET and
//! HEAD of two shapes of path, listings and tarballs, and nothing else: there
//! is no tunnel, no upload, no redirect, and no name of another host that
//! could be asked for. Credentials are added on this side. Every artefact that
//! goes into a container is counted and logged with its hash.

mod age;
mod cache;
mod door;
mod route;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::secret::Secret;
use cache::Cache;
use route::Route;
use upstream::{Fetched, Upstream};

pub use door::{Artefact, Door};

/// What a session may take, at most.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Bytes of one answer.
    pub answer_bytes: u64,
    /// Bytes that one door hands in.
    pub door_bytes: u64,
    /// Requests that one door answers.
    pub door_requests: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { answer_bytes: 128 << 20, door_bytes: 2 << 30, door_requests: 20_000 }
    }
}

/// Which registry, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shared by all sessions.
    pub cache: PathBuf,
    /// The registry's root, from npm's own configuration.
    pub upstream: String,
    /// A bearer token for the registry.
    pub auth: Option<Secret>,
    /// Versions younger than this are left out of listings.
    pub min_age: Option<Duration>,
    pub caps: Caps,
}

/// The gateway to one registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Gateway>);

#[derive(Debug)]
struct Gateway {
    upstream: Upstream,
    cache: Cache,
    min_age: Option<Duration>,
    caps: Caps,
}

/// Why a request gets no package.
#[derive(Debug)]
enum Refusal {
    /// The registry has no such thing.
    NotFound,
    /// The registry said no, redirected, or sent too much.
    Refused(String),
    /// The registry was not reached.
    Unreachable(String),
}

impl Registry {
    /// # Errors
    /// The address is not one, or the cache cannot be made.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let upstream = Upstream::new(&settings.upstream, settings.auth, settings.caps.answer_bytes)
            .map_err(|error| Failure::bug("use the registry's address").because(error))?;
        let cache = Cache::open(settings.cache)
            .map_err(|error| Failure::bug("make the package cache").because(error))?;
        Ok(Self(Arc::new(Gateway { upstream, cache, min_age: settings.min_age, caps: settings.caps })))
    }

    /// A door for one container, shut at first. `dir` is made, and holds
    /// nothing but the socket.
    ///
    /// # Errors
    /// The directory or the socket cannot be made.
    pub fn door(&self, dir: PathBuf) -> Result<Door, Failure> {
        Door::make(Arc::clone(&self.0), dir).map_err(|error| {
            Failure::transient(Outcome::InternalError, "make a door to the gateway").because(error)
        })
    }

    /// The listing of a package, from the same cache that containers use.
    ///
    /// # Errors
    /// There is no such package, or the registry cannot be reached.
    pub async fn packument(&self, name: &str) -> Result<Value, Failure> {
        let missing =
            || Failure::user(Outcome::NoSafeVersion, format!("find the package {name} in the registry"));
        let route = Route::listing(name).ok_or_else(missing)?;
        let fetched = self.0.get(&route, true).await.map_err(|refusal| match refusal {
            Refusal::NotFound => missing(),
            Refusal::Refused(why) | Refusal::Unreachable(why) => {
                Failure::transient(Outcome::FetchFailed, format!("read the listing of {name}"))
                    .because(anyhow::anyhow!(why))
            }
        })?;
        serde_json::from_slice(&fetched.body).map_err(|error| {
            Failure::transient(Outcome::FetchFailed, format!("understand the listing of {name}"))
                .because(error)
        })
    }
}

impl Gateway {
    /// Answers a route from the cache or the registry. One request at a time
    /// asks the registry for the same thing.
    async fn get(&self, route: &Route, short: bool) -> Result<Fetched, Refusal> {
        match route {
            Route::Tarball(path) => self.tarball(path).await,
            Route::Listing(path) => {
                // Ages are in the long listing only.
                let short = short && self.min_age.is_none();
                let fetched = self.listing(path, short).await?;
                match self.min_age {
                    None => Ok(fetched),
                    Some(age) => age::hide_young(fetched, age),
                }
            }
        }
    }

    async fn tarball(&self, path: &str) -> Result<Fetched, Refusal> {
        let url = self.upstream.tarball(path);
        let key = url.as_str().to_owned();
        let _flight = self.cache.flight(&key).await;
        if let Some(body) = self.cache.tarball(&key).await {
            return Ok(Fetched::from_cache(url, body));
        }
        let fetched = self.upstream.get(url, None, None).await?;
        self.cache.keep_tarball(&key, &fetched.body).await;
        Ok(fetched)
    }

    async fn listing(&self, path: &str, short: bool) -> Result<Fetched, Refusal> {
        let url = self.upstream.listing(path);
        let key = format!("{} {short}", url.as_str());
        let _flight = self.cache.flight(&key).await;
        let kept = self.cache.listing(&key).await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.fresh) {
            return Ok(Fetched::from_cache(url, kept.body.clone()));
        }
        let accept = if short { "application/vnd.npm.install-v1+json" } else { "application/json" };
        let etag = kept.as_ref().and_then(|kept| kept.etag.as_deref());
        let mut fetched = self.upstream.get(url, Some(accept), etag).await?;
        if fetched.not_modified
            && let Some(kept) = kept
        {
            fetched = Fetched { body: kept.body, from_cache: true, etag: kept.etag, ..fetched };
        }
        self.cache.keep_listing(&key, &fetched.body, fetched.etag.as_deref()).await;
        Ok(fetched)
    }
}

#[cfg(test)]
mod tests;
