//! The package gateway: how a container without a network gets packages.
//!
//! A reverse proxy for npm's registry and for one Maven repository, behind a
//! Unix socket. It answers GET and HEAD of a few shapes of path and nothing
//! else: there is no tunnel, no upload, no redirect, and no name of another
//! host that could be asked for. Credentials are added on this side. Every
//! artefact that goes into a container is counted and logged with its hash.

mod age;
mod cache;
mod documents;
mod door;
mod here;
mod maven;
mod route;
mod upstream;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::change::Ecosystem;
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
    /// How long a registry may be silent.
    pub pause: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            answer_bytes: 128 << 20,
            door_bytes: 2 << 30,
            door_requests: 20_000,
            pause: Duration::from_secs(30),
        }
    }
}

/// How a registry knows this installation.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A bearer token.
    Token(Secret),
    /// `user:password`.
    Basic(Secret),
}

/// One registry.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its root, from the configuration or the package manager's own.
    pub url: String,
    pub credentials: Option<Credentials>,
}

/// Which registries, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shared by all sessions.
    pub cache: PathBuf,
    /// An empty `url` is learned later: [`Registry::learn`].
    pub npm: Source,
    /// As above.
    pub maven: Source,
    /// Versions younger than this are left out of listings.
    pub min_age: Option<Duration>,
    pub caps: Caps,
}

/// Which versions a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ages {
    /// Not the young ones, when the settings say what is young.
    Settled,
    /// All: a security fix does not wait.
    All,
}

/// The gateway to the registries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    gateway: Arc<Gateway>,
    min_age: Option<Duration>,
}

#[derive(Debug)]
struct Gateway {
    npm: Remote,
    maven: Remote,
    cache: Cache,
    caps: Caps,
}

/// A registry whose address may still be unknown.
#[derive(Debug)]
struct Remote {
    credentials: Option<Credentials>,
    upstream: OnceLock<Upstream>,
}

impl Remote {
    fn new(source: Source, caps: Caps) -> Result<Self, Failure> {
        let remote = Self { credentials: source.credentials, upstream: OnceLock::new() };
        if !source.url.is_empty() {
            remote.learn(source.url, caps)?;
        }
        Ok(remote)
    }

    fn learn(&self, url: String, caps: Caps) -> Result<(), Failure> {
        let source = Source { url, credentials: self.credentials.clone() };
        let upstream = Upstream::new(&source, &caps)
            .map_err(|error| Failure::bug("use the registry's address").because(error))?;
        // Whoever was first learned the same.
        self.upstream.get_or_init(|| upstream);
        Ok(())
    }

    fn get(&self) -> Result<&Upstream, Refusal> {
        self.upstream.get().ok_or_else(|| Refusal::Unreachable("no such registry is known".to_owned()))
    }
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
    /// An address is not one, or the cache cannot be made.
    pub fn new(settings: Settings) -> Result<Self, Failure> {
        let Settings { cache, npm, maven, min_age, caps } = settings;
        let cache =
            Cache::open(cache).map_err(|error| Failure::bug("make the package cache").because(error))?;
        let (npm, maven) = (Remote::new(npm, caps)?, Remote::new(maven, caps)?);
        Ok(Self { gateway: Arc::new(Gateway { npm, maven, cache, caps }), min_age })
    }

    /// The same gateway for somebody who waits longer until a release has
    /// settled; nobody waits for less than the settings say.
    #[must_use]
    pub fn settled_for(&self, own: Option<Duration>) -> Self {
        Self { gateway: Arc::clone(&self.gateway), min_age: self.min_age.max(own) }
    }

    /// The least age of a version that is shown.
    fn least_age(&self, ages: Ages) -> Option<Duration> {
        self.min_age.filter(|_| ages == Ages::Settled)
    }

    /// Is the address of this ecosystem's registry known?
    #[must_use]
    pub fn knows(&self, ecosystem: Ecosystem) -> bool {
        self.gateway.remote(ecosystem).upstream.get().is_some()
    }

    /// Takes the address of a registry that the settings do not name.
    ///
    /// # Errors
    /// It is not an address.
    pub fn learn(&self, ecosystem: Ecosystem, url: String) -> Result<(), Failure> {
        self.gateway.remote(ecosystem).learn(url, self.gateway.caps)
    }

    /// Asks the registry for its root: whatever is there, it has to answer
    /// and let us in.
    ///
    /// # Errors
    /// It is not reached, or refuses the credentials.
    pub async fn reach(&self, ecosystem: Ecosystem) -> Result<(), Failure> {
        let asked = async {
            let upstream = self.gateway.remote(ecosystem).get()?;
            upstream.get(upstream.at(""), None, None).await
        };
        match asked.await {
            // A root that shows nothing, or something large or elsewhere, is
            // an answer.
            Ok(_) | Err(Refusal::NotFound) => Ok(()),
            Err(Refusal::Refused(why)) if !why.contains("(401)") && !why.contains("(403)") => Ok(()),
            Err(refusal) => Err(refusal.failure("anything")),
        }
    }

    /// How often the registries were asked anything: what the cache answers
    /// does not count.
    #[must_use]
    pub fn upstream_requests(&self) -> u64 {
        [&self.gateway.npm, &self.gateway.maven]
            .iter()
            .filter_map(|remote| remote.upstream.get())
            .map(Upstream::asked)
            .sum()
    }

    /// A door for one container, shut at first. `dir` is made, and holds
    /// nothing but the socket.
    ///
    /// # Errors
    /// The directory or the socket cannot be made.
    pub fn door(&self, dir: PathBuf, ages: Ages) -> Result<Door, Failure> {
        Door::make(Arc::clone(&self.gateway), dir, self.least_age(ages)).map_err(|error| {
            Failure::transient(Outcome::InternalError, "make a door to the gateway").because(error)
        })
    }
}

impl Refusal {
    /// For the room that wanted to read `what`.
    fn failure(self, what: &str) -> Failure {
        match self {
            Self::NotFound => Failure::user(Outcome::FetchFailed, format!("find {what} in the registry")),
            // Asking again does not help: a person has to let us in.
            Self::Refused(why) => Failure::user(Outcome::FetchFailed, format!("read {what}: {why}")),
            Self::Unreachable(why) => Failure::transient(Outcome::FetchFailed, format!("read {what}: {why}")),
        }
    }
}

impl Gateway {
    fn remote(&self, ecosystem: Ecosystem) -> &Remote {
        match ecosystem {
            Ecosystem::Npm => &self.npm,
            Ecosystem::Maven => &self.maven,
        }
    }

    /// Answers a route from the cache or the registry. One request at a time
    /// asks the registry for the same thing.
    /// Versions younger than `min_age` are not shown.
    async fn get(&self, route: &Route, short: bool, min_age: Option<Duration>) -> Result<Fetched, Refusal> {
        match route {
            Route::Tarball(path) => self.artefact(self.npm.get()?, self.npm.get()?.tarball(path)).await,
            Route::Listing(name) => {
                let upstream = self.npm.get()?;
                // Ages are in the long listing only.
                let short = short && min_age.is_none();
                let accept = if short { "application/vnd.npm.install-v1+json" } else { "application/json" };
                let fetched = self.listing(upstream, upstream.listing(name), Some(accept)).await?;
                match min_age {
                    None => Ok(fetched),
                    Some(age) => age::hide_young(fetched, age),
                }
            }
            Route::MavenFile(path) => self.maven_file(path).await,
            Route::MavenListing(path) => self.maven_listing(path, min_age).await,
        }
    }

    /// What never changes once it is there.
    async fn artefact(&self, upstream: &Upstream, url: reqwest::Url) -> Result<Fetched, Refusal> {
        let key = url.as_str().to_owned();
        let _flight = self.cache.flight(&key).await;
        if let Some((body, stated)) = self.cache.artefact(&key).await {
            return Ok(Fetched::from_cache(url, body, stated));
        }
        if self.cache.is_absent(&key, cache::ABSENT).await {
            return Err(Refusal::NotFound);
        }
        let fetched = self.unless_absent(&key, upstream.get(url, None, None).await).await?;
        self.cache.keep(&key, &fetched.body, &fetched.stated).await;
        Ok(fetched)
    }

    /// What may be another one in a few minutes.
    async fn listing(
        &self,
        upstream: &Upstream,
        url: reqwest::Url,
        accept: Option<&str>,
    ) -> Result<Fetched, Refusal> {
        let key = format!("{} {}", url.as_str(), accept.unwrap_or_default());
        let _flight = self.cache.flight(&key).await;
        let kept = self.cache.listing(&key).await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.fresh) {
            return Ok(Fetched::from_cache(url, kept.body.clone(), kept.stated.clone()));
        }
        if self.cache.is_absent(&key, cache::FRESH).await {
            return Err(Refusal::NotFound);
        }
        let etag = kept.as_ref().and_then(|kept| kept.stated.etag.as_deref());
        let mut fetched = self.unless_absent(&key, upstream.get(url, accept, etag).await).await?;
        if fetched.not_modified
            && let Some(kept) = kept
        {
            fetched = Fetched { body: kept.body, from_cache: true, stated: kept.stated, ..fetched };
        }
        self.cache.keep(&key, &fetched.body, &fetched.stated).await;
        Ok(fetched)
    }

    /// Remembers that there was nothing.
    async fn unless_absent(&self, key: &str, answer: Result<Fetched, Refusal>) -> Result<Fetched, Refusal> {
        if let Err(Refusal::NotFound) = answer {
            self.cache.keep_absence(key).await;
        }
        answer
    }
}

#[cfg(test)]
mod tests;
