//! A lease: the right to work on one job, as long as it is kept alive.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Queue, failed, intake, millis};
use crate::change::Request;
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;

/// On whose word a session is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Something happened: whether anything is left to do is looked up.
    Fact,
    /// A person with the right to say so.
    Person,
    /// Its repository is out of reach, so nobody can be told.
    Gone,
}

impl Word {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Person => "person",
            Self::Gone => "gone",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "person" => Self::Person,
            "gone" => Self::Gone,
            _ => Self::Fact,
        }
    }
}

/// The wish that a session stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// One line, for people.
    pub why: String,
    pub word: Word,
}

impl Stop {
    fn from_row(row: &SqliteRow) -> Option<Self> {
        let why: Option<String> = row.get("cancel");
        Some(Self { why: why?, word: Word::from_name(row.get("cancel_word")) })
    }
}

/// One worker's hold on one job. It is used up by completing or retrying; a
/// lease that is dropped runs out by itself.
#[derive(Debug)]
pub struct Lease {
    queue: Queue,
    session: SessionId,
    fence: u64,
    run: u64,
    request: Request,
    cancel: Option<Stop>,
    stopping: bool,
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
            cancel: Stop::from_row(row),
            stopping: row.get("stopping"),
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

    /// Why the session was asked to stop, when the job was taken.
    #[must_use]
    pub fn cancel(&self) -> Option<&Stop> {
        self.cancel.as_ref()
    }

    /// An earlier worker decided that the session stops.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Between two heartbeats.
    #[must_use]
    pub fn beat(&self) -> Duration {
        self.queue.settings.lease / 3
    }

    /// Keeps the lease alive until it is lost. Never returns otherwise.
    ///
    /// # Errors
    /// The lease is lost, or the database could not be written in time.
    pub async fn heartbeat(&self) -> Result<std::convert::Infallible, Failure> {
        loop {
            tokio::time::sleep(self.beat()).await;
            self.keep().await?;
        }
    }

    /// Keeps the lease alive until somebody asks that the session stops, and
    /// returns who and why. It hears of that at once.
    ///
    /// # Errors
    /// The lease is lost, or the database could not be written in time.
    pub async fn until_asked_to_stop(&self) -> Result<Stop, Failure> {
        loop {
            let asked = self.queue.stops.notified();
            tokio::pin!(asked);
            // From here on nothing that is said is missed.
            asked.as_mut().enable();
            if let Some(stop) = self.keep().await? {
                return Ok(stop);
            }
            tokio::time::timeout(self.beat(), asked).await.ok();
        }
    }

    /// Makes the lease as long as it was at first, and looks whether the
    /// session is asked to stop.
    async fn keep(&self) -> Result<Option<Stop>, Failure> {
        let until = self.queue.clock.now().as_millisecond().saturating_add(millis(self.queue.settings.lease));
        let kept = sqlx::query(
            "UPDATE jobs SET lease_until = ?3 WHERE id = ?1 AND fence = ?2 AND state = 'leased'
             RETURNING cancel, cancel_word",
        )
        .bind(self.session.to_string())
        .bind(self.fence_column())
        .bind(until)
        .fetch_optional(&self.queue.pool)
        .await
        .map_err(failed("keep the lease"))?;
        Ok(Stop::from_row(&kept.ok_or_else(Failure::lease_lost)?))
    }

    /// Decides that the session stops: from here on its subject is free for
    /// another one. `false` when the wish was taken back meanwhile.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn stop(&self) -> Result<bool, Failure> {
        let stopped =
            sqlx::query("UPDATE jobs SET stopping = 1 WHERE id = ?1 AND fence = ?2 AND cancel IS NOT NULL")
                .bind(self.session.to_string())
                .bind(self.fence_column())
                .execute(&self.queue.pool)
                .await
                .map_err(failed("stop the job"))?;
        Ok(stopped.rows_affected() > 0)
    }

    /// Decides that the session goes on in spite of this wish; one that was
    /// said since then stays.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn go_on(&self, why: &str) -> Result<(), Failure> {
        sqlx::query("UPDATE jobs SET cancel = NULL WHERE id = ?1 AND fence = ?2 AND cancel = ?3")
            .bind(self.session.to_string())
            .bind(self.fence_column())
            .bind(why)
            .execute(&self.queue.pool)
            .await
            .map_err(failed("go on with the job"))?;
        Ok(())
    }

    /// Ends the job. What it left to do becomes the next job of its subject,
    /// in the same transaction; its session is returned.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn complete(
        self,
        outcome: Outcome,
        left: Option<Request>,
    ) -> Result<Option<SessionId>, Failure> {
        let what = "complete the job";
        let mut transaction = self.queue.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed(what))?;
        let done = sqlx::query(
            "UPDATE jobs SET state = 'done', lease_until = NULL, outcome = ?3, ended_at = ?4
             WHERE id = ?1 AND fence = ?2 AND state = 'leased'",
        )
        .bind(self.session.to_string())
        .bind(self.fence_column())
        .bind(outcome.name())
        .bind(self.queue.clock.now().as_millisecond())
        .execute(&mut *transaction)
        .await
        .map_err(failed(what))?;
        if done.rows_affected() == 0 {
            return Err(Failure::lease_lost());
        }
        let left = left.filter(|_| !self.stopping && self.cancel.is_none());
        let taken = match &left {
            Some(request) => intake::session_of(&mut transaction, &request.subject.key())
                .await
                .map_err(failed("add the next job"))?
                .is_some(),
            None => true,
        };
        // Whoever asked meanwhile, or asked that it stops, comes first.
        let next = match &left {
            Some(request) if !taken => Some(
                intake::add_job(&mut transaction, self.queue.clock, None, request)
                    .await
                    .map_err(failed("add the next job"))?,
            ),
            _ => None,
        };
        transaction.commit().await.map_err(failed(what))?;
        self.queue.ready.notify_one();
        Ok(next)
    }

    /// Hands the job back as it was, for whoever is free next.
    ///
    /// # Errors
    /// The lease is lost, or the database cannot be written.
    pub async fn release(self) -> Result<(), Failure> {
        let handed = sqlx::query(
            "UPDATE jobs SET state = 'ready', lease_until = NULL
             WHERE id = ?1 AND fence = ?2 AND state = 'leased'",
        )
        .bind(self.session.to_string())
        .bind(self.fence_column())
        .execute(&self.queue.pool)
        .await
        .map_err(failed("hand the job back"))?;
        if handed.rows_affected() == 0 {
            return Err(Failure::lease_lost());
        }
        self.queue.ready.notify_one();
        Ok(())
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
