//! Errands: what a delivery asks for that is no session. A sign that it was
//! seen, a look at who asks, an answer.
//!
//! They are stored with their delivery and held by leases as jobs are, but by
//! nobody who works on sessions: twenty sessions never hold up a sign. Those
//! of one delivery are worked one after the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::{Queue, failed, intake, millis};
use crate::change::Request;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::wish::{Gone, Sender, Wish};

/// One thing to do for a delivery. Kept as JSON: fields are added with a
/// default and never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// The sign that a request was seen, while its session waits.
    Seen { session: SessionId, request: Box<Request> },
    /// The sign that a wish was seen, while it is looked up.
    Noted(Box<Wish>),
    /// To look a wish up: an answer, a session, or the end of one.
    Answer(Box<Wish>),
    /// A person did what stops the session of a subject, if it is theirs to
    /// stop.
    Stop { subject: String, why: String, by: Sender },
    /// A session was asked to stop. If no worker has it, nobody else ends it.
    Settle { session: SessionId },
    /// Repositories are out of reach: what was theirs is forgotten.
    Forget(Gone),
}

/// Which errands a clerk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Signs only: there is always a hand free for them.
    Signs,
    /// All, signs first.
    All,
}

impl Errand {
    fn lane(&self) -> i64 {
        match self {
            Self::Seen { .. } | Self::Noted(_) => 0,
            Self::Answer(_) | Self::Stop { .. } | Self::Settle { .. } | Self::Forget(_) => 1,
        }
    }
}

/// One clerk's hold on one errand. It is used up by completing, starting or
/// retrying; one that is dropped runs out by itself.
#[derive(Debug)]
pub struct ErrandLease {
    queue: Queue,
    id: i64,
    fence: i64,
    errand: Errand,
}

/// What became of a request that an errand came to.
#[derive(Debug)]
pub enum Started {
    /// Its job waits for a worker, and the errand is done.
    Queued(SessionId),
    /// Another session has the subject; the errand still holds.
    Busy(SessionId, Box<ErrandLease>),
}

/// Rows of one statement: some errands of one delivery can be very many.
const ROWS: usize = 128;

/// Adds errands in their order.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    clock: Clock,
    errands: &[(Option<&Delivery>, Errand)],
) -> Result<(), sqlx::Error> {
    let now = clock.now().as_millisecond();
    for some in errands.chunks(ROWS) {
        let mut rows = Vec::with_capacity(some.len());
        for (delivery, errand) in some {
            let what = serde_json::to_string(errand).map_err(|error| sqlx::Error::Encode(error.into()))?;
            rows.push((delivery.map(|delivery| delivery.guid.as_str()), errand.lane(), what));
        }
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO errands (delivery, lane, what, state, created_at, not_before) ",
        );
        insert.push_values(&rows, |mut row, (delivery, lane, what)| {
            row.push_bind(*delivery)
                .push_bind(*lane)
                .push_bind(what.as_str())
                .push_bind("ready")
                .push_bind(now)
                .push_bind(now);
        });
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

impl Queue {
    /// Takes the next errand of the lane: one that is ready, or whose lease
    /// has run out. Never one that has an earlier one of its delivery before
    /// it: the sign comes before the answer.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn errand(&self, lane: Lane) -> Result<Option<ErrandLease>, Failure> {
        let lanes: &[i64] = match lane {
            Lane::Signs => &[0],
            Lane::All => &[0, 1],
        };
        for lane in lanes {
            while let Some(row) = self.take_errand(*lane).await? {
                match self.errand_of(&row) {
                    Ok(lease) => return Ok(Some(lease)),
                    Err(error) => self.set_aside(row.get("id"), &error).await?,
                }
            }
        }
        Ok(None)
    }

    async fn take_errand(&self, lane: i64) -> Result<Option<SqliteRow>, Failure> {
        sqlx::query(
            "UPDATE errands SET state = 'leased', fence = fence + 1, lease_until = ?1 + ?2
             WHERE id = coalesce(
                 (SELECT id FROM errands
                  WHERE state = 'leased' AND lane = ?3 AND lease_until <= ?1
                  ORDER BY not_before, id LIMIT 1),
                 (SELECT id FROM errands AS errand
                  WHERE state = 'ready' AND lane = ?3 AND not_before <= ?1
                    AND NOT EXISTS (
                        SELECT 1 FROM errands AS earlier
                        WHERE earlier.delivery = errand.delivery AND earlier.state <> 'done'
                          AND earlier.id < errand.id)
                  ORDER BY not_before, id LIMIT 1))
             RETURNING id, fence, what",
        )
        .bind(self.clock.now().as_millisecond())
        .bind(millis(self.settings.lease))
        .bind(lane)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("lease an errand"))
    }

    fn errand_of(&self, row: &SqliteRow) -> serde_json::Result<ErrandLease> {
        Ok(ErrandLease {
            queue: self.clone(),
            id: row.get("id"),
            fence: row.get("fence"),
            errand: serde_json::from_str(row.get("what"))?,
        })
    }

    /// An errand that cannot be read must not come up for ever.
    async fn set_aside(&self, id: i64, error: &serde_json::Error) -> Result<(), Failure> {
        tracing::error!(id, %error, "an errand cannot be read; it is set aside");
        sqlx::query("UPDATE errands SET state = 'done', outcome = 'unreadable', ended_at = ?2 WHERE id = ?1")
            .bind(id)
            .bind(self.clock.now().as_millisecond())
            .execute(&self.pool)
            .await
            .map_err(failed("set an errand aside"))?;
        Ok(())
    }

    /// Waits until an errand may be ready.
    pub async fn wait_for_errand(&self) {
        tokio::time::timeout(super::POLL, self.errands.notified()).await.ok();
    }
}

impl ErrandLease {
    #[must_use]
    pub fn errand(&self) -> &Errand {
        &self.errand
    }

    /// Keeps the lease alive until it is lost. Never returns otherwise.
    ///
    /// # Errors
    /// The lease is lost, or the database could not be written in time.
    pub async fn heartbeat(&self) -> Result<std::convert::Infallible, Failure> {
        loop {
            tokio::time::sleep(self.queue.settings.lease / 3).await;
            let until = self.now().saturating_add(millis(self.queue.settings.lease));
            let kept = sqlx::query(
                "UPDATE errands SET lease_until = ?3 WHERE id = ?1 AND fence = ?2 AND state = 'leased'",
            )
            .bind(self.id)
            .bind(self.fence)
            .bind(until)
            .execute(&self.queue.pool)
            .await
            .map_err(failed("keep the lease"))?;
            if kept.rows_affected() == 0 {
                return Err(Failure::lease_lost());
            }
        }
    }

    /// Ends the errand; `outcome` is for the operator.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn complete(self, outcome: &str) -> Result<(), Failure> {
        let what = "complete the errand";
        let mut connection = self.queue.pool.acquire().await.map_err(failed(what))?;
        if !self.done(&mut connection, outcome).await.map_err(failed(what))? {
            return Err(Failure::lease_lost());
        }
        // The next one of its delivery may have waited for this.
        self.queue.errands.notify_one();
        Ok(())
    }

    /// Ends the errand with a job for `request`, in one transaction: whatever
    /// happens, there is one job. A session of the same subject, or of one of
    /// `others`, comes first.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn start(self, request: &Request, others: &[String]) -> Result<Started, Failure> {
        let what = "add the job of an errand";
        let mut transaction = self.queue.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed(what))?;
        let own = request.subject.key();
        for subject in std::iter::once(&own).chain(others) {
            if let Some(busy) = intake::session_of(&mut transaction, subject).await.map_err(failed(what))? {
                drop(transaction);
                return Ok(Started::Busy(busy, Box::new(self)));
            }
        }
        if !self.done(&mut transaction, "a session").await.map_err(failed(what))? {
            return Err(Failure::lease_lost());
        }
        let session =
            intake::add_job(&mut transaction, self.queue.clock, None, request).await.map_err(failed(what))?;
        transaction.commit().await.map_err(failed(what))?;
        self.queue.ready.notify_one();
        self.queue.errands.notify_one();
        Ok(Started::Queued(session))
    }

    /// Hands the errand back for later; the pause doubles with every retry.
    /// The lease comes back when no retry is left.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn retry(self, pause: Duration) -> Result<Option<Self>, Failure> {
        let handed = sqlx::query(
            "UPDATE errands SET state = iif(retries < ?5, 'ready', state), retries = retries + 1,
                 not_before = ?3 + ?4 * (1 << min(retries, 10))
             WHERE id = ?1 AND fence = ?2 AND state = 'leased' RETURNING state",
        )
        .bind(self.id)
        .bind(self.fence)
        .bind(self.now())
        .bind(millis(pause))
        .bind(i64::from(self.queue.settings.max_retries))
        .fetch_optional(&self.queue.pool)
        .await
        .map_err(failed("hand the errand back"))?;
        let row = handed.ok_or_else(Failure::lease_lost)?;
        Ok((row.get::<&str, _>("state") == "leased").then_some(self))
    }

    async fn done(&self, connection: &mut SqliteConnection, outcome: &str) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE errands SET state = 'done', lease_until = NULL, outcome = ?3, ended_at = ?4
             WHERE id = ?1 AND fence = ?2 AND state = 'leased'",
        )
        .bind(self.id)
        .bind(self.fence)
        .bind(outcome)
        .bind(self.now())
        .execute(connection)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    fn now(&self) -> i64 {
        self.queue.clock.now().as_millisecond()
    }
}
