//! The session log: kept, printed, shown.
//!
//! Appending is the only way to write, and only under a live lease. Every
//! reader, the terminal, the pages and the status comment, gets the same
//! entries in the same order.

mod page;
mod print;
mod routes;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sqlx::Row as _;

use crate::clock::Clock;
use crate::db::Pool;
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::record::{Entry, FORMAT, Log, SessionEvent};
use crate::summary::Summary;

pub use print::print;
pub use routes::router;

/// The diff of the tree that is worth most: the best one of the attempts, or
/// the last one that was taken out.
fn best_change<'e>(summary: &Summary, entries: &'e [Entry]) -> Option<&'e str> {
    let best = summary.tries.last().map(|attempt| attempt.best.as_str());
    entries.iter().rev().find_map(|entry| match &entry.event {
        SessionEvent::Patch { tree, diff, .. } if best.is_none_or(|best| best == tree) => Some(diff.as_str()),
        _ => None,
    })
}

/// All sessions' logs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionLog {
    pool: Pool,
    clock: Clock,
    hold_after: Option<u64>,
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> Failure {
    move |error| Failure::transient(Outcome::InternalError, what).because(error)
}

impl SessionLog {
    /// `hold_after` is the crash tests' fail point: once that many events of
    /// a session are durable, whoever appended the last one waits for ever.
    #[must_use]
    pub fn new(pool: Pool, clock: Clock, hold_after: Option<u64>) -> Self {
        Self { pool, clock, hold_after }
    }

    /// The pen of one lease.
    #[must_use]
    pub fn writer(&self, session: SessionId, fence: u64) -> Arc<dyn Log> {
        Arc::new(Writer { log: self.clone(), session, fence })
    }

    /// A session's entries; none when there is no such session.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn read(&self, session: SessionId) -> Result<Vec<Entry>, Failure> {
        let rows =
            sqlx::query("SELECT seq, at, format, body FROM session_events WHERE session = ?1 ORDER BY seq")
                .bind(session.to_string())
                .fetch_all(&self.pool)
                .await
                .map_err(failed("read the session log"))?;
        rows.iter().map(entry).collect()
    }

    /// A session's entries without its long logs: all that a summary needs.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn outline(&self, session: SessionId) -> Result<Vec<Entry>, Failure> {
        let rows = sqlx::query(
            "SELECT seq, at, format, body FROM session_events
             WHERE session = ?1 AND name <> 'log' ORDER BY seq",
        )
        .bind(session.to_string())
        .fetch_all(&self.pool)
        .await
        .map_err(failed("read the session log"))?;
        rows.iter().map(entry).collect()
    }

    /// The newest sessions, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(&self, limit: u32) -> Result<Vec<Summary>, Failure> {
        let rows = sqlx::query("SELECT id FROM jobs ORDER BY id DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the sessions"))?;
        let mut summaries = Vec::new();
        for row in rows {
            if let Ok(session) = row.get::<String, _>("id").parse() {
                summaries.push(Summary::fold(session, &self.outline(session).await?));
            }
        }
        Ok(summaries)
    }

    /// The newest session that journaled an effect with this result.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn made(&self, effect: &str, result: &str) -> Result<Option<SessionId>, Failure> {
        let row = sqlx::query(
            "SELECT session FROM session_events
             WHERE name = 'effect' AND json_extract(body, '$.result') = ?1
               AND json_extract(body, '$.effect') = ?2
             ORDER BY session DESC LIMIT 1",
        )
        .bind(result)
        .bind(effect)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("find a session by its effect"))?;
        Ok(row.and_then(|row| row.get::<String, _>("session").parse().ok()))
    }

    /// The newest results of an effect in sessions about which no person has
    /// decided yet, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn undecided(&self, effect: &str, limit: u32) -> Result<Vec<(SessionId, String)>, Failure> {
        let rows = sqlx::query(
            "SELECT session, json_extract(body, '$.result') AS result FROM session_events AS made
             WHERE name = 'effect' AND json_extract(body, '$.effect') = ?1
               AND NOT EXISTS (
                   SELECT 1 FROM session_events
                   WHERE session = made.session AND name = 'human_decision')
             ORDER BY session DESC LIMIT ?2",
        )
        .bind(effect)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(failed("find what nobody decided about"))?;
        let found = rows.iter().filter_map(|row| {
            Some((row.get::<String, _>("session").parse().ok()?, row.get::<Option<String>, _>("result")?))
        });
        Ok(found.collect())
    }

    /// Adds what the world outside says about a session, at any time, also
    /// after its end. Fencing keeps two workers of one session apart; whoever
    /// brings news from outside is no worker, so there is no fence to ask
    /// for, and the one statement keeps the numbers without gaps. What is
    /// there already is not added again.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn add_from_outside(&self, session: SessionId, event: &SessionEvent) -> Result<(), Failure> {
        let body = serde_json::to_string(event)
            .map_err(|error| Failure::bug("write an event of the session log").because(error))?;
        sqlx::query(
            "INSERT INTO session_events (session, seq, at, format, name, body)
             SELECT jobs.id,
                    1 + coalesce((SELECT max(seq) FROM session_events WHERE session = jobs.id), 0),
                    ?2, ?3, ?4, ?5
             FROM jobs WHERE jobs.id = ?1
               AND NOT EXISTS (SELECT 1 FROM session_events WHERE session = jobs.id AND name = ?4 AND body = ?5)",
        )
        .bind(session.to_string())
        .bind(self.clock.now().as_millisecond())
        .bind(FORMAT)
        .bind(event.name())
        .bind(body)
        .execute(&self.pool)
        .await
        .map_err(failed("add to the session log"))?;
        Ok(())
    }

    /// Every session, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn all(&self) -> Result<Vec<SessionId>, Failure> {
        let rows = sqlx::query("SELECT id FROM jobs ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(failed("list the sessions"))?;
        Ok(rows.iter().filter_map(|row| row.get::<String, _>("id").parse().ok()).collect())
    }

    /// Appends one event and returns its number.
    async fn append(&self, session: SessionId, fence: u64, event: &SessionEvent) -> Result<u64, Failure> {
        let body = serde_json::to_string(event)
            .map_err(|error| Failure::bug("write an event of the session log").because(error))?;
        // One statement: the number, the fence and the write cannot disagree.
        let row = sqlx::query(
            "INSERT INTO session_events (session, seq, at, format, name, body)
             SELECT jobs.id,
                    1 + coalesce((SELECT max(seq) FROM session_events WHERE session = jobs.id), 0),
                    ?3, ?4, ?5, ?6
             FROM jobs WHERE jobs.id = ?1 AND jobs.fence = ?2 AND jobs.state = 'leased'
             RETURNING seq",
        )
        .bind(session.to_string())
        .bind(i64::try_from(fence).unwrap_or(i64::MAX))
        .bind(self.clock.now().as_millisecond())
        .bind(FORMAT)
        .bind(event.name())
        .bind(body)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("append to the session log"))?;
        let row = row.ok_or_else(Failure::lease_lost)?;
        Ok(u64::try_from(row.get::<i64, _>("seq")).unwrap_or(u64::MAX))
    }
}

fn entry(row: &sqlx::sqlite::SqliteRow) -> Result<Entry, Failure> {
    let broken = || Failure::bug("read an event of the session log");
    let event =
        serde_json::from_str(&row.get::<String, _>("body")).map_err(|error| broken().because(error))?;
    Ok(Entry {
        format: u32::try_from(row.get::<i64, _>("format")).map_err(|error| broken().because(error))?,
        seq: u64::try_from(row.get::<i64, _>("seq")).map_err(|error| broken().because(error))?,
        at: Timestamp::from_millisecond(row.get("at")).map_err(|error| broken().because(error))?,
        event,
    })
}

struct Writer {
    log: SessionLog,
    session: SessionId,
    fence: u64,
}

impl Log for Writer {
    fn append(&self, session: SessionId, event: SessionEvent) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            if session != self.session {
                return Err(Failure::bug("write into another session's log"));
            }
            let seq = self.log.append(session, self.fence, &event).await?;
            if self.log.hold_after.is_some_and(|hold| seq == hold) {
                tracing::info!(%session, seq, "holding here for the crash tests");
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Recorder, Stage};

    async fn fixture() -> (SessionLog, SessionId, Pool, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let pool = crate::db::open(&dir.path().join("db")).await.unwrap();
        let session = SessionId::generate();
        sqlx::query(
            "INSERT INTO jobs (id, subject, repository, request, state, created_at, not_before, fence)
             VALUES (?1, 's', 'r', '{}', 'leased', 0, 0, 2)",
        )
        .bind(session.to_string())
        .execute(&pool)
        .await
        .unwrap();
        (SessionLog::new(pool.clone(), Clock, None), session, pool, dir)
    }

    fn event() -> SessionEvent {
        SessionEvent::StageStarted { stage: Stage::Verify }
    }

    #[tokio::test]
    async fn events_are_numbered_without_gaps_and_read_back() {
        let (log, session, _pool, _dir) = fixture().await;
        let recorder = Recorder::new(session, log.writer(session, 2));
        for _ in 0..3 {
            recorder.record(event()).await.unwrap();
        }
        let numbers: Vec<u64> = log.read(session).await.unwrap().iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[tokio::test]
    async fn an_outline_leaves_out_the_long_logs_and_nothing_else() {
        let (log, session, _pool, _dir) = fixture().await;
        let recorder = Recorder::new(session, log.writer(session, 2));
        let long =
            SessionEvent::Log { container: "c".into(), argv: vec![], text: "x".repeat(9999), bytes: 9999 };
        for event in [event(), long, event()] {
            recorder.record(event).await.unwrap();
        }
        let numbers: Vec<u64> = log.outline(session).await.unwrap().iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(log.read(session).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_persons_decision_is_added_once_after_the_end_and_found_by_the_effect() {
        let (log, session, pool, _dir) = fixture().await;
        let recorder = Recorder::new(session, log.writer(session, 2));
        let (effect, key, result) = ("open".to_owned(), "k".to_owned(), "https://x/pull/1".to_owned());
        recorder.record(SessionEvent::Effect { effect, key, result }).await.unwrap();
        sqlx::query("UPDATE jobs SET state = 'done'").execute(&pool).await.unwrap();
        assert_eq!(log.made("open", "https://x/pull/1").await.unwrap(), Some(session));
        assert_eq!(log.made("open", "https://x/pull/2").await.unwrap(), None);
        assert_eq!(log.made("push", "https://x/pull/1").await.unwrap(), None);
        let undecided = log.undecided("open", 9).await.unwrap();
        assert_eq!(undecided, [(session, "https://x/pull/1".to_owned())]);
        assert!(log.undecided("push", 9).await.unwrap().is_empty());
        let decision = |merged| SessionEvent::HumanDecision {
            pull_request: "https://x/pull/1".into(),
            merged,
            by: "ann".into(),
            at: Timestamp::from_second(1).unwrap(),
        };
        for merged in [false, false, true] {
            log.add_from_outside(session, &decision(merged)).await.unwrap();
        }
        let names: Vec<&str> =
            log.read(session).await.unwrap().iter().map(|entry| entry.event.name()).collect();
        assert_eq!(names, ["effect", "human_decision", "human_decision"]);
        assert!(log.undecided("open", 9).await.unwrap().is_empty());
        assert_eq!(log.all().await.unwrap(), [session]);
    }

    #[tokio::test]
    async fn a_worker_that_lost_its_lease_writes_nothing() {
        let (log, session, pool, _dir) = fixture().await;
        let old = Recorder::new(session, log.writer(session, 1));
        assert_eq!(old.record(event()).await.unwrap_err().kind(), crate::failure::Kind::LeaseLost);
        sqlx::query("UPDATE jobs SET state = 'done'").execute(&pool).await.unwrap();
        let newest = Recorder::new(session, log.writer(session, 2));
        assert_eq!(newest.record(event()).await.unwrap_err().kind(), crate::failure::Kind::LeaseLost);
        assert!(log.read(session).await.unwrap().is_empty());
    }
}
