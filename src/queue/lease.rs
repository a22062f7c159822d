//! A lease: the right to work on one job, as long as it is kept alive.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Queue, failed, millis};
use crate::change::Request;
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;

/// One worker's hold on one job. It is used up by completing or retrying; a
/// lease that is dropped runs out by itself.
#[derive(Debug)]
pub struct Lease {
    queue: Queue,
    session: SessionId,
    fence: u64,
    run: u64,
    request: Request,
}

/// What became of a job that was handed back.
#[derive(Debug)]
pub enum Retried {
    Again,
    /// No retry is left; the lease still holds.
    UsedUp(Box<Lease>),
}

impl Lease {
    pub(super) fn from_row(queue: &Queue, row: &SqliteRow) -> Result<Self, Failure> {
        let broken = || Failure::bug("read a job from the database");
        let number = |name: &str| u64::try_from(row.get::<i64, _>(name)).map_err(|_negative| broken());
        Ok(Self {
            queue: queue.clone(),
            session: row
                .get::<String, _>("id")
                .parse()
                .map_err(|error| broken().because(anyhow::Error::new(error)))?,
            fence: number("fence")?,
            run: number("runs")?,
            request: serde_json::from_str(&row.get::<String, _>("request"))
                .map_err(|error| broken().because(error))?,
        })
    }

    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The fencing token: larger than that of every earlier lease of the job.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// 1 for the first worker that had this job.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Keeps the lease alive until it is lost. Never returns otherwise.
    ///
    /// # Errors
    /// The lease is lost, or the database could not be written in time.
    pub async fn heartbeat(&self) -> Result<std::convert::Infallible, Failure> {
        let every = self.queue.settings.lease / 3;
        loop {
            tokio::time::sleep(every).await;
            let until =
                self.queue.clock.now().as_millisecond().saturating_add(millis(self.queue.settings.lease));
            let kept = sqlx::query(
                "UPDATE jobs SET lease_until = ?3 WHERE id = ?1 AND fence = ?2 AND state = 'leased'",
            )
            .bind(self.session.to_string())
            .bind(self.fence_column())
            .bind(until)
            .execute(&self.queue.pool)
            .await
            .map_err(failed("keep the lease"))?;
            if kept.rows_affected() == 0 {
                return Err(Failure::lease_lost());
            }
        }
    }

    /// Ends the job.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn complete(self, outcome: Outcome) -> Result<(), Failure> {
        let done = sqlx::query(
            "UPDATE jobs SET state = 'done', lease_until = NULL, outcome = ?3, ended_at = ?4
             WHERE id = ?1 AND fence = ?2 AND state = 'leased'",
        )
        .bind(self.session.to_string())
        .bind(self.fence_column())
        .bind(outcome.name())
        .bind(self.queue.clock.now().as_millisecond())
        .execute(&self.queue.pool)
        .await
        .map_err(failed("complete the job"))?;
        if done.rows_affected() == 0 { Err(Failure::lease_lost()) } else { Ok(()) }
    }

    /// Hands the job back for later; the pause doubles with every retry.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn retry(self, pause: Duration) -> Result<Retried, Failure> {
        let handed = sqlx::query(
            "UPDATE jobs SET state = 'ready', lease_until = NULL, retries = retries + 1,
                 not_before = ?3 + ?4 * (1 << min(retries, 10))
             WHERE id = ?1 AND fence = ?2 AND state = 'leased' AND retries < ?5",
        )
        .bind(self.session.to_string())
        .bind(self.fence_column())
        .bind(self.queue.clock.now().as_millisecond())
        .bind(millis(pause))
        .bind(i64::from(self.queue.settings.max_retries))
        .execute(&self.queue.pool)
        .await
        .map_err(failed("hand the job back"))?;
        if handed.rows_affected() > 0 {
            return Ok(Retried::Again);
        }
        match self.queue.live().await?.get(&self.session) {
            Some(fence) if *fence == self.fence => Ok(Retried::UsedUp(Box::new(self))),
            _ => Err(Failure::lease_lost()),
        }
    }

    fn fence_column(&self) -> i64 {
        i64::try_from(self.fence).unwrap_or(i64::MAX)
    }
}
