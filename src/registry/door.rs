//! One container's door to the gateway: a socket that is answered only while
//! the engine holds it open.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::here;
use super::route::Route;
use super::upstream::{Fetched, SHA1};
use super::{Gateway, Refusal, maven};
use crate::failure::Failure;

/// What went through a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// The registry's own address of it.
    pub url: String,
    pub sha256: String,
    pub bytes: u64,
    pub from_cache: bool,
}

/// A door. Dropping it takes its socket away.
#[derive(Debug)]
pub struct Door {
    dir: PathBuf,
    state: Arc<Doorway>,
    /// The accept loop; aborted when the door is dropped.
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Doorway {
    gateway: Arc<Gateway>,
    min_age: Option<Duration>,
    open: AtomicBool,
    requests: AtomicU64,
    bytes: AtomicU64,
    artefacts: Mutex<Vec<Artefact>>,
    /// The first request that the registry refused, or did not answer.
    trouble: Mutex<Option<Failure>>,
}

impl Door {
    pub(super) fn make(
        gateway: Arc<Gateway>,
        dir: PathBuf,
        min_age: Option<Duration>,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&dir).context("could not make the door's directory")?;
        let socket = dir.join("gateway.sock");
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("could not listen on {}", socket.display()))?;
        // The container's users are nobody here, and the directory leads to
        // nothing else.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755))?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666))?;
        let state = Arc::new(Doorway {
            gateway,
            min_age,
            open: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            artefacts: Mutex::default(),
            trouble: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "a door stopped answering");
            }
        });
        Ok(Self { dir, state, _serving: serving })
    }

    /// The directory to mount.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// From now on requests are answered.
    pub fn open(&self) {
        self.state.open.store(true, Ordering::SeqCst);
    }

    /// From now on nothing is answered: not a new request on an old
    /// connection, and not one whose answer is still on its way from the
    /// registry.
    pub fn close(&self) {
        self.state.open.store(false, Ordering::SeqCst);
    }

    /// What the registry refused first, or did not answer, since the last
    /// call: the reason when an installation failed.
    #[must_use]
    pub fn trouble(&self) -> Option<Failure> {
        match self.state.trouble.lock() {
            Ok(mut trouble) => trouble.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        }
    }

    /// What was handed in since the last call.
    #[must_use]
    pub fn artefacts(&self) -> Vec<Artefact> {
        match self.state.artefacts.lock() {
            Ok(mut artefacts) => std::mem::take(&mut *artefacts),
            Err(poisoned) => std::mem::take(&mut *poisoned.into_inner()),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
        // A directory that stays is removed with the data directory.
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// Every request of a container comes through here.
async fn answer(State(door): State<Arc<Doorway>>, request: Request) -> Response {
    if !door.open.load(Ordering::SeqCst) {
        return said(StatusCode::SERVICE_UNAVAILABLE, "the door is closed");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return said(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
    }
    let path = request.uri().path();
    let (path, here) = here::asked(path).map_or((path, false), |path| (path, true));
    let route = Route::parse(path).filter(|_| request.uri().query().is_none());
    let Some(route) = route else {
        return said(StatusCode::NOT_FOUND, "not a package");
    };
    if door.requests.fetch_add(1, Ordering::Relaxed) >= door.gateway.caps.door_requests {
        return said(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    }
    let short = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/vnd.npm.install-v1+json"));
    let mut result = door.gateway.get(&route, short, door.min_age).await;
    if here && matches!(route, Route::Listing(_)) {
        result = result.and_then(here::point);
    }
    if !door.open.load(Ordering::SeqCst) {
        return said(StatusCode::SERVICE_UNAVAILABLE, "the door is closed");
    }
    match result {
        Ok(fetched) => door.hand_in(&route, short, fetched),
        Err(refusal) => door.refuse(path, refusal),
    }
}

impl Doorway {
    fn hand_in(&self, route: &Route, short: bool, fetched: Fetched) -> Response {
        let bytes = u64::try_from(fetched.body.len()).unwrap_or(u64::MAX);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > self.gateway.caps.door_bytes
        {
            return said(StatusCode::TOO_MANY_REQUESTS, "too many bytes");
        }
        let kind = match route {
            Route::Listing(_) if short => "application/vnd.npm.install-v1+json",
            Route::Listing(_) => "application/json",
            _ => "application/octet-stream",
        };
        let (taken_in, is_maven) = match route {
            Route::Tarball(_) => (true, false),
            Route::Listing(_) => (false, false),
            Route::MavenFile(path) => (maven::is_artefact(path), true),
            Route::MavenListing(path) => {
                (!path.contains("/maven-metadata.xml") && maven::is_artefact(path), true)
            }
        };
        if taken_in {
            self.log(&fetched, bytes);
        }
        let sha1 = is_maven.then(|| HeaderValue::from_str(&maven::sha1(&fetched.body)));
        let mut response = Response::new(Body::from(fetched.body));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(Ok(sha1)) = sha1 {
            response.headers_mut().insert(SHA1, sha1);
        }
        response
    }

    fn refuse(&self, path: &str, refusal: Refusal) -> Response {
        let response = match &refusal {
            // Asking again does not help, and package managers know that.
            Refusal::Refused(why) => said(StatusCode::FORBIDDEN, why),
            Refusal::Unreachable(why) => said(StatusCode::BAD_GATEWAY, why),
            Refusal::NotFound => return said(StatusCode::NOT_FOUND, "no such package"),
        };
        let mut trouble = match self.trouble.lock() {
            Ok(trouble) => trouble,
            Err(poisoned) => poisoned.into_inner(),
        };
        trouble.get_or_insert_with(|| refusal.failure(path));
        response
    }

    fn log(&self, fetched: &Fetched, bytes: u64) {
        let artefact = Artefact {
            url: fetched.url.to_string(),
            sha256: fetched.sha256(),
            bytes,
            from_cache: fetched.from_cache,
        };
        match self.artefacts.lock() {
            Ok(mut artefacts) => artefacts.push(artefact),
            Err(poisoned) => poisoned.into_inner().push(artefact),
        }
    }
}

fn said(status: StatusCode, text: &str) -> Response {
    (status, text.to_owned()).into_response()
}
