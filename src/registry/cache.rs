//! What the registry said before, on disk.
//!
//! Artefacts never change, so they are kept for good under the hash of their
//! content, which is checked whenever one is read. Listings change: they are
//! fresh for a few minutes and then asked about again. What is not there is
//! remembered too, for a while: build tools ask for much that is not. A cache
//! that cannot be written only costs time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::fs;
use tokio::sync::OwnedMutexGuard;
use tokio_util::bytes::Bytes;

use super::upstream::Stated;
use crate::clock::Clock;
use crate::ids::SessionId;

/// How long a listing is taken as it is.
pub(super) const FRESH: Duration = Duration::from_secs(300);

/// How long a missing file of a release is not asked for again. A release is
/// published at once, so one that lacks a file seldom gets it later.
pub(super) const ABSENT: Duration = Duration::from_secs(3600);
/// Stands in a note where a hash would.
const NOTHING: &str = "absent";

type Flights = Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>;

#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    flights: Flights,
    clock: Clock,
}

/// What stands beside a listing or an artefact.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    sha256: String,
    #[serde(flatten)]
    stated: Stated,
    /// Seconds since 1970.
    at: i64,
}

/// A listing from the cache.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) body: Bytes,
    pub(super) stated: Stated,
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

    pub(super) async fn artefact(&self, key: &str) -> Option<(Bytes, Stated)> {
        let note = self.note(key).await?;
        let body = self.content(&note).await?;
        Some((body, note.stated))
    }

    /// Had the registry none, within `window`?
    pub(super) async fn is_absent(&self, key: &str, window: Duration) -> bool {
        self.note(key).await.is_some_and(|note| note.sha256 == NOTHING && self.age(&note) < window)
    }

    pub(super) async fn listing(&self, key: &str) -> Option<Kept> {
        let note = self.note(key).await?;
        let body = self.content(&note).await?;
        let fresh = self.age(&note) < FRESH;
        Some(Kept { body, stated: note.stated, fresh })
    }

    pub(super) async fn keep(&self, key: &str, body: &Bytes, stated: &Stated) {
        let sha256 = hex::encode(Sha256::digest(body));
        let kept = async {
            write_whole(&self.content_path(&sha256), body).await?;
            self.write_note(key, sha256, stated.clone()).await
        };
        warn(kept.await);
    }

    pub(super) async fn keep_absence(&self, key: &str) {
        warn(self.write_note(key, NOTHING.to_owned(), Stated::default()).await);
    }

    /// What was kept turned out to be wrong.
    pub(super) async fn forget(&self, key: &str) {
        warn(fs::remove_file(self.note_path(key)).await);
    }

    fn note_path(&self, key: &str) -> PathBuf {
        self.dir.join("notes").join(hex::encode(Sha256::digest(key)))
    }

    fn content_path(&self, sha256: &str) -> PathBuf {
        self.dir.join("content").join(sha256)
    }

    fn age(&self, note: &Note) -> Duration {
        let seconds = self.clock.now().as_second().saturating_sub(note.at);
        // A note from the future is not to be trusted.
        u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs)
    }

    async fn note(&self, key: &str) -> Option<Note> {
        serde_json::from_slice(&fs::read(self.note_path(key)).await.ok()?).ok()
    }

    /// `None` also when the content is not what its note says.
    async fn content(&self, note: &Note) -> Option<Bytes> {
        let body = fs::read(self.content_path(&note.sha256)).await.ok()?;
        (hex::encode(Sha256::digest(&body)) == note.sha256).then(|| Bytes::from(body))
    }

    async fn write_note(&self, key: &str, sha256: String, stated: Stated) -> std::io::Result<()> {
        let note = Note { sha256, stated, at: self.clock.now().as_second() };
        write_whole(&self.note_path(key), &serde_json::to_vec(&note)?).await
    }
}

fn warn(kept: std::io::Result<()>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "could not keep a package in the cache");
    }
}

/// Readers see the old file or the new one, never half of one.
async fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.new", SessionId::generate()));
    fs::write(&temporary, bytes).await?;
    fs::rename(&temporary, path).await
}
