//! What the registry said before, on disk.
//!
//! Tarballs never change, so they are kept for good under the hash of their
//! content, which is checked whenever one is read. Listings change: they are
//! fresh for a few minutes and then asked about again. A cache that cannot be
//! written only costs time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::fs;
use tokio::sync::OwnedMutexGuard;
use tokio_util::bytes::Bytes;

use crate::clock::Clock;
use crate::ids::SessionId;

/// How long a listing is taken as it is.
const FRESH: Duration = Duration::from_secs(300);

type Flights = Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>;

#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    flights: Flights,
    clock: Clock,
}

/// What stands beside a listing or a tarball.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    sha256: String,
    etag: Option<String>,
    /// Seconds since 1970.
    at: i64,
}

/// A listing from the cache.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) body: Bytes,
    pub(super) etag: Option<String>,
    pub(super) fresh: bool,
}

impl Cache {
    pub(super) fn open(dir: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir.join("notes"))?;
        std::fs::create_dir_all(dir.join("content"))?;
        Ok(Self { dir, flights: Mutex::default(), clock: Clock })
    }

    /// Waits for whoever is fetching the same thing.
    pub(super) async fn flight(&self, key: &str) -> OwnedMutexGuard<()> {
        let flight = {
            let mut flights = match self.flights.lock() {
                Ok(flights) => flights,
                Err(poisoned) => poisoned.into_inner(),
            };
            flights.retain(|_, flight| Arc::strong_count(flight) > 1);
            Arc::clone(flights.entry(key.to_owned()).or_default())
        };
        flight.lock_owned().await
    }

    pub(super) async fn tarball(&self, key: &str) -> Option<Bytes> {
        self.read(key).await.map(|(_note, body)| body)
    }

    pub(super) async fn listing(&self, key: &str) -> Option<Kept> {
        let (note, body) = self.read(key).await?;
        let age = self.clock.now().as_second().saturating_sub(note.at);
        let fresh = u64::try_from(age).is_ok_and(|age| age < FRESH.as_secs());
        Some(Kept { body, etag: note.etag, fresh })
    }

    pub(super) async fn keep_tarball(&self, key: &str, body: &Bytes) {
        self.keep(key, body, None).await;
    }

    pub(super) async fn keep_listing(&self, key: &str, body: &Bytes, etag: Option<&str>) {
        self.keep(key, body, etag.map(str::to_owned)).await;
    }

    fn note_path(&self, key: &str) -> PathBuf {
        self.dir.join("notes").join(hex::encode(Sha256::digest(key)))
    }

    fn content_path(&self, sha256: &str) -> PathBuf {
        self.dir.join("content").join(sha256)
    }

    /// `None` also when the content is not what its note says.
    async fn read(&self, key: &str) -> Option<(Note, Bytes)> {
        let note: Note = serde_json::from_slice(&fs::read(self.note_path(key)).await.ok()?).ok()?;
        let body = fs::read(self.content_path(&note.sha256)).await.ok()?;
        (hex::encode(Sha256::digest(&body)) == note.sha256).then(|| (note, Bytes::from(body)))
    }

    async fn keep(&self, key: &str, body: &Bytes, etag: Option<String>) {
        let sha256 = hex::encode(Sha256::digest(body));
        let note = Note { sha256: sha256.clone(), etag, at: self.clock.now().as_second() };
        let kept = async {
            write_whole(&self.content_path(&sha256), body).await?;
            write_whole(&self.note_path(key), &serde_json::to_vec(&note)?).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "could not keep a package in the cache");
        }
    }
}

/// Readers see the old file or the new one, never half of one.
async fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.new", SessionId::generate()));
    fs::write(&temporary, bytes).await?;
    fs::rename(&temporary, path).await
}
