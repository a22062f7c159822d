//! The embedded database: one file, its schema, and how it is opened.
//!
//! Every commit is on disk before it is acknowledged (WAL with
//! `synchronous = FULL`). The tables belong to their rooms: `queue` alone
//! touches `deliveries` and `jobs`' state, `replay` alone `session_events`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// The pool that the rooms share.
pub type Pool = sqlx::SqlitePool;

/// Opens the database at `path`, makes it when there is none, and brings its
/// schema up to date.
///
/// # Errors
/// The file cannot be opened, or it is of a newer version of Chaperone.
pub async fn open(path: &Path) -> anyhow::Result<Pool> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        // Batches of every size have a statement of their own.
        .statement_cache_capacity(512)
        // The log is written back less often than SQLite would by itself:
        // what is changed over and over goes to the file once.
        .pragma("wal_autocheckpoint", "4000");
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        // The database is a file: a connection to it does not go away.
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .with_context(|| format!("could not open the database {}", path.display()))?;
    sqlx::migrate!("src/db/migrations")
        .run(&pool)
        .await
        .with_context(|| format!("could not bring the database {} up to date", path.display()))?;
    Ok(pool)
}
