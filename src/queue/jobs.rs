//! Jobs looked up by what they are about, and asked to stop.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Errand, Queue, Word, errand, failed, intake};
use crate::change::Request;
use crate::failure::Failure;
use crate::ids::{DeliveryId, SessionId};

/// A job as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub session: SessionId,
    pub request: Request,
    /// It is not done, and nobody has decided that it stops.
    pub is_open: bool,
    /// No worker had it yet.
    pub is_new: bool,
}

/// A query for jobs: what every one of them reads, and which ones it wants.
macro_rules! jobs {
    ($which:literal) => {
        concat!(
            "SELECT id, request, state <> 'done' AND NOT stopping AS open, runs = 0 AS new FROM jobs ",
            $which
        )
    };
}

impl Job {
    /// `None` for what an older or newer version wrote.
    fn from_row(row: &SqliteRow) -> Option<Self> {
        Some(Self {
            session: row.get::<String, _>("id").parse().ok()?,
            request: serde_json::from_str(row.get("request")).ok()?,
            is_open: row.get("open"),
            is_new: row.get("new"),
        })
    }
}

impl Queue {
    /// # Errors
    /// The database cannot be read.
    pub async fn job(&self, session: SessionId) -> Result<Option<Job>, Failure> {
        self.find(jobs!("WHERE id = ?1"), &session.to_string()).await
    }

    /// The open job of a subject, or else the newest one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn job_of(&self, subject: &str) -> Result<Option<Job>, Failure> {
        self.find(jobs!("WHERE subject = ?1 ORDER BY open DESC, id DESC LIMIT 1"), subject).await
    }

    async fn find(&self, query: &'static str, key: &str) -> Result<Option<Job>, Failure> {
        let row =
            sqlx::query(query).bind(key).fetch_optional(&self.pool).await.map_err(failed("find a job"))?;
        Ok(row.as_ref().and_then(Job::from_row))
    }

    /// Jobs that are not done, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_jobs(&self, limit: u32) -> Result<Vec<Job>, Failure> {
        let rows = sqlx::query(jobs!("WHERE state <> 'done' ORDER BY id LIMIT ?1"))
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the open jobs"))?;
        Ok(rows.iter().filter_map(Job::from_row).collect())
    }

    /// Was this delivery ever stored?
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn is_stored(&self, guid: &DeliveryId) -> Result<bool, Failure> {
        let row = sqlx::query("SELECT 1 FROM deliveries WHERE guid = ?1")
            .bind(guid.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("find a delivery"))?;
        Ok(row.is_some())
    }

    /// Asks the open session of a subject to stop, and returns it. Its worker
    /// hears of it at once; when no worker has it, the clerk ends it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn cancel(&self, subject: &str, why: &str, word: Word) -> Result<Option<SessionId>, Failure> {
        let what = "ask a session to stop";
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed(what))?;
        let session =
            intake::set_cancel(&mut transaction, subject, Some((why, word))).await.map_err(failed(what))?;
        if let Some(session) = session {
            let settle = [(None, Errand::Settle { session })];
            errand::add(&mut transaction, self.clock, &settle).await.map_err(failed(what))?;
        }
        transaction.commit().await.map_err(failed(what))?;
        self.stops.notify_waiters();
        self.errands.notify_one();
        Ok(session)
    }
}
