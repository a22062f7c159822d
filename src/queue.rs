//! Durable jobs under leases.
//!
//! A delivery and its job are committed in one transaction before anybody is
//! told that they were received. A job is held by a lease that has to be kept
//! alive; every later write carries the lease's fencing token, so that a
//! worker that was taken for dead cannot write. The queue does not know what
//! a job does.

mod errand;
mod intake;
mod jobs;
mod lease;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row as _;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::change::Request;
use crate::clock::Clock;
use crate::db::Pool;
use crate::delivery::{Delivery, Order, Receipt};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use intake::Incoming;

pub use errand::{Errand, ErrandLease, Lane, Started};
pub use jobs::Job;
pub use lease::{Lease, Retried, Stop, Word};

/// Deliveries that wait for the writer; more are refused, and GitHub can send
/// them again.
const WAITING: usize = 1024;
/// How long a worker sleeps when nothing wakes it: leases run out silently.
const POLL: Duration = Duration::from_millis(500);

/// Takes one job: the one that is asked for, or one whose lease has run out,
/// or the oldest one of the repository with the fewest live leases. It steps
/// from repository to repository, so what waits in one is not read for the
/// others.
const TAKE: &str = "
    WITH RECURSIVE
        waiting (repository) AS (
            SELECT min(repository) FROM jobs WHERE state = 'ready'
            UNION ALL
            SELECT (SELECT min(repository) FROM jobs WHERE state = 'ready' AND repository > waiting.repository)
            FROM waiting WHERE repository IS NOT NULL),
        first (id, live, since) AS (
            SELECT (SELECT id FROM jobs
                    WHERE state = 'ready' AND jobs.repository = waiting.repository AND not_before <= ?1
                    ORDER BY not_before, id LIMIT 1),
                   (SELECT count(*) FROM jobs
                    WHERE state = 'leased' AND jobs.repository = waiting.repository AND lease_until > ?1),
                   (SELECT min(not_before) FROM jobs
                    WHERE state = 'ready' AND jobs.repository = waiting.repository)
            FROM waiting WHERE repository IS NOT NULL)
    UPDATE jobs SET state = 'leased', fence = fence + 1, runs = runs + 1, lease_until = ?1 + ?2
    WHERE id = iif(?3 IS NOT NULL,
        (SELECT id FROM jobs
         WHERE id = ?3 AND (state = 'ready' OR (state = 'leased' AND lease_until <= ?1))),
        coalesce(
            (SELECT id FROM jobs WHERE state = 'leased' AND lease_until <= ?1 ORDER BY lease_until, id LIMIT 1),
            (SELECT id FROM first WHERE id IS NOT NULL ORDER BY live, since, id LIMIT 1)))
    RETURNING id, fence, runs, request, cancel, cancel_word, stopping";

/// How leases behave.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub lease: Duration,
    /// Retries after passing trouble; a dead worker's job is not counted.
    pub max_retries: u32,
}

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    pool: Pool,
    clock: Clock,
    settings: Settings,
    incoming: mpsc::Sender<Incoming>,
    /// A job may be ready.
    ready: Arc<Notify>,
    /// An errand may be ready.
    errands: Arc<Notify>,
    /// A session was asked to stop.
    stops: Arc<Notify>,
    writer: Arc<Mutex<JoinSet<()>>>,
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> Failure {
    move |error| Failure::transient(Outcome::InternalError, what).because(error)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Queue {
    /// Starts the writer.
    #[must_use]
    pub fn open(pool: Pool, clock: Clock, settings: Settings) -> Self {
        let (incoming, receiver) = mpsc::channel(WAITING);
        let [ready, errands, stops] = std::array::from_fn(|_| Arc::new(Notify::new()));
        let wake = intake::Wake {
            ready: Arc::clone(&ready),
            errands: Arc::clone(&errands),
            stops: Arc::clone(&stops),
        };
        let mut writer = JoinSet::new();
        writer.spawn(intake::write(pool.clone(), clock, receiver, wake));
        let writer = Arc::new(Mutex::new(writer));
        Self { pool, clock, settings, incoming, ready, errands, stops, writer }
    }

    /// Keeps a delivery, and what it asks for, on disk.
    ///
    /// # Errors
    /// Too many are waiting, or the disk cannot be written: nothing is kept.
    pub async fn accept(&self, delivery: Delivery, decision: &str, order: Order) -> Result<Receipt, Failure> {
        let (done, receipt) = oneshot::channel();
        let incoming = Incoming { delivery, decision: decision.to_owned(), order, done };
        let full = || Failure::transient(Outcome::InternalError, "keep the delivery: too many are waiting");
        self.incoming.try_send(incoming).map_err(|_full| full())?;
        receipt.await.map_err(|_gone| full())?
    }

    /// Adds a job that no delivery asked for.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn submit(&self, request: &Request) -> Result<SessionId, Failure> {
        let mut connection = self.pool.acquire().await.map_err(failed("add a job"))?;
        let session =
            intake::add_job(&mut connection, self.clock, None, request).await.map_err(failed("add a job"))?;
        self.ready.notify_one();
        Ok(session)
    }

    /// Takes the next job: one that is ready, or whose lease has run out.
    /// The repository with the fewest live leases comes first, then age.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn lease(&self) -> Result<Option<Lease>, Failure> {
        self.take(None).await
    }

    /// Takes one job by its id, also one that waits for its next try.
    ///
    /// # Errors
    /// The database cannot be written, or another worker holds the job.
    pub async fn lease_one(&self, session: SessionId) -> Result<Lease, Failure> {
        self.take(Some(session)).await?.ok_or_else(Failure::lease_lost)
    }

    async fn take(&self, session: Option<SessionId>) -> Result<Option<Lease>, Failure> {
        let now = self.clock.now().as_millisecond();
        let row = sqlx::query(TAKE)
            .bind(now)
            .bind(millis(self.settings.lease))
            .bind(session.map(|session| session.to_string()))
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("lease a job"))?;
        row.map(|row| Lease::from_row(self, &row)).transpose()
    }

    /// Waits until a job may be ready. Whoever is woken for nothing waits
    /// again; a wake-up that came just before is not lost.
    pub async fn wait(&self) {
        // Nobody waits longer than this, so a missed wake-up costs little.
        tokio::time::timeout(POLL, self.ready.notified()).await.ok();
    }

    /// Every live lease's newest fencing token.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn live(&self) -> Result<HashMap<SessionId, u64>, Failure> {
        let now = self.clock.now().as_millisecond();
        let rows = sqlx::query("SELECT id, fence FROM jobs WHERE state = 'leased' AND lease_until > ?1")
            .bind(now)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("read the live leases"))?;
        let live = rows.iter().filter_map(|row| {
            let session = row.get::<String, _>("id").parse().ok()?;
            Some((session, u64::try_from(row.get::<i64, _>("fence")).ok()?))
        });
        Ok(live.collect())
    }

    /// Stops the writer. A delivery that was not answered yet was not kept,
    /// and GitHub shows it as failed.
    pub async fn close(&self) {
        let mut writer = self.writer.lock().await;
        writer.abort_all();
        while writer.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests;
