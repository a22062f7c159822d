//! Baselines that sessions share: one base, image and set of commands is run
//! once.
//!
//! This room alone touches the table `baselines`. What is kept is a copy: a
//! row that is missing, old or cannot be read is a baseline to run.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::Plan;
use crate::clock::Clock;
use crate::db::Pool;
use crate::evidence::Run;
use crate::failure::Failure;
use crate::ids::{ObjectId, SessionId};
use crate::outcome::Outcome;
use crate::record::Origin;

/// What a registry or a clock has to do with a run gets old.
const AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Rows that are kept, the newest ones.
const ROWS: u32 = 500;

/// What a baseline depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// `image` is the image's own id, because a tag may be built anew; `root`
    /// is the project's directory in the tree.
    #[must_use]
    pub fn of(tree: &ObjectId, image: &str, root: &str, plan: &Plan) -> Self {
        let parts = [env!("CARGO_PKG_VERSION"), tree.as_str(), image, root, &plan.fingerprint()];
        // Only the root could hold the line that divides the parts, so no
        // two keys are joined to the same text.
        Self(hex::encode(Sha256::digest(parts.join("\n"))))
    }
}

/// A baseline that a session has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub run: Run,
    pub origin: Origin,
}

/// All baselines of this installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Baselines {
    pool: Pool,
    clock: Clock,
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> Failure {
    move |error| Failure::transient(Outcome::InternalError, what).because(error)
}

impl Baselines {
    #[must_use]
    pub fn new(pool: Pool, clock: Clock) -> Self {
        Self { pool, clock }
    }

    fn oldest(&self) -> i64 {
        let age = i64::try_from(AGE.as_millis()).unwrap_or(i64::MAX);
        self.clock.now().as_millisecond().saturating_sub(age)
    }

    /// What an earlier session saw, if it is still worth something.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn find(&self, key: &Key) -> Result<Option<Kept>, Failure> {
        let row = sqlx::query(
            "SELECT session, created_at, results FROM baselines WHERE key = ?1 AND created_at >= ?2",
        )
        .bind(&key.0)
        .bind(self.oldest())
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("look up a baseline"))?;
        Ok(row.as_ref().and_then(kept))
    }

    /// Keeps what a session saw. Two sessions that saw it at once keep one of
    /// the two.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn keep(&self, key: &Key, session: SessionId, run: &Run) -> Result<(), Failure> {
        let results = serde_json::to_string(run)
            .map_err(|error| Failure::bug("write down a baseline").because(error))?;
        sqlx::query(
            "INSERT INTO baselines (key, session, created_at, results) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE
             SET session = excluded.session, created_at = excluded.created_at, results = excluded.results",
        )
        .bind(&key.0)
        .bind(session.to_string())
        .bind(self.clock.now().as_millisecond())
        .bind(results)
        .execute(&self.pool)
        .await
        .map_err(failed("keep a baseline"))?;
        self.prune().await
    }

    async fn prune(&self) -> Result<(), Failure> {
        sqlx::query(
            "DELETE FROM baselines WHERE created_at < ?1
             OR key NOT IN (SELECT key FROM baselines ORDER BY created_at DESC, key LIMIT ?2)",
        )
        .bind(self.oldest())
        .bind(ROWS)
        .execute(&self.pool)
        .await
        .map_err(failed("forget old baselines"))?;
        Ok(())
    }
}

fn kept(row: &sqlx::sqlite::SqliteRow) -> Option<Kept> {
    let session = row.get::<String, _>("session").parse().ok()?;
    let at = Timestamp::from_millisecond(row.get("created_at")).ok()?;
    let run = serde_json::from_str(&row.get::<String, _>("results")).ok()?;
    Some(Kept { run, origin: Origin { session, at } })
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::{check, run};
    use super::super::{Files, plan};
    use super::*;

    fn a_plan(script: &str) -> Plan {
        let manifest = serde_json::json!({ "scripts": { script: "x" } }).to_string().into_bytes();
        plan(&Files { manifest: Some(manifest), ..Files::default() }).unwrap()
    }

    fn tree(digit: &str) -> ObjectId {
        digit.repeat(40).parse().unwrap()
    }

    async fn fixture() -> (Baselines, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let pool = crate::db::open(&dir.path().join("db")).await.unwrap();
        (Baselines::new(pool, Clock), dir)
    }

    #[test]
    fn another_tree_image_project_or_command_is_another_key() {
        let plan = a_plan("test");
        let key = Key::of(&tree("a"), "sha256:1", "", &plan);
        assert_eq!(key, Key::of(&tree("a"), "sha256:1", "", &a_plan("test")));
        for other in [
            Key::of(&tree("b"), "sha256:1", "", &plan),
            Key::of(&tree("a"), "sha256:2", "", &plan),
            Key::of(&tree("a"), "sha256:1", "app", &plan),
            Key::of(&tree("a"), "sha256:1", "", &a_plan("lint")),
        ] {
            assert_ne!(key, other);
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_found_and_the_last_one_counts() {
        let (baselines, _dir) = fixture().await;
        let (one, other) = (SessionId::generate(), SessionId::generate());
        let key = Key::of(&tree("a"), "i", "", &a_plan("test"));
        assert_eq!(baselines.find(&key).await.unwrap(), None);
        let first = run(&[check("test", false, Some(5), &["a"])]);
        let second = Run { flaky: vec!["b".into()], ..first.clone() };
        let (kept, again) =
            tokio::join!(baselines.keep(&key, one, &first), baselines.keep(&key, one, &first));
        assert!(kept.is_ok() && again.is_ok());
        assert_eq!(baselines.find(&key).await.unwrap().unwrap().run, first);
        baselines.keep(&key, other, &second).await.unwrap();
        let found = baselines.find(&key).await.unwrap().unwrap();
        assert_eq!((found.run, found.origin.session), (second, other));
    }

    #[tokio::test]
    async fn old_rows_and_too_many_are_forgotten_and_broken_ones_are_no_rows() {
        let (baselines, _dir) = fixture().await;
        let key = Key::of(&tree("a"), "i", "", &a_plan("test"));
        let insert = async |key: &str, age: i64, results: &str| {
            sqlx::query("INSERT OR REPLACE INTO baselines VALUES (?1, ?2, ?3, ?4)")
                .bind(key)
                .bind(SessionId::generate().to_string())
                .bind(Clock.now().as_millisecond() - age)
                .bind(results)
                .execute(&baselines.pool)
                .await
                .unwrap();
        };
        let results = serde_json::to_string(&run(&[])).unwrap();
        let age = i64::try_from(AGE.as_millis()).unwrap();
        insert(&key.0, age + 1000, &results).await;
        assert_eq!(baselines.find(&key).await.unwrap(), None);
        insert(&key.0, 0, "{").await;
        assert_eq!(baselines.find(&key).await.unwrap(), None);
        for number in 0..=ROWS {
            insert(&number.to_string(), 60_000 - i64::from(number), &results).await;
        }
        baselines.keep(&key, SessionId::generate(), &run(&[])).await.unwrap();
        let left = sqlx::query("SELECT count(*) AS n, min(key + 0) AS first FROM baselines WHERE key <> ?1")
            .bind(&key.0)
            .fetch_one(&baselines.pool)
            .await
            .unwrap();
        assert_eq!((left.get::<i64, _>("n"), left.get::<i64, _>("first")), (i64::from(ROWS) - 1, 2));
    }
}
