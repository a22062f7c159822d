//! The one writer of deliveries: whatever waits goes into one transaction,
//! and everybody is told after its commit.

use std::sync::Arc;

use sqlx::{Row as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::change::Request;
use crate::clock::Clock;
use crate::db::Pool;
use crate::delivery::{Delivery, Order, Receipt};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;

/// Deliveries in one transaction. At five milliseconds a sync this still
/// takes in thousands a second.
const BATCH: usize = 64;

/// A delivery on its way to the disk.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) delivery: Delivery,
    pub(super) decision: String,
    pub(super) order: Order,
    pub(super) done: oneshot::Sender<Result<Receipt, Failure>>,
}

/// Writes until there is nobody left to send.
pub(super) async fn write(
    pool: Pool,
    clock: Clock,
    mut incoming: mpsc::Receiver<Incoming>,
    ready: Arc<Notify>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while incoming.recv_many(&mut batch, BATCH).await > 0 {
        let receipts = commit(&pool, clock, &batch).await;
        let failure = || Failure::transient(Outcome::InternalError, "keep the delivery");
        match receipts {
            Ok(receipts) => {
                for (incoming, receipt) in batch.drain(..).zip(receipts) {
                    // Whoever hung up meanwhile can send it again.
                    incoming.done.send(Ok(receipt)).ok();
                }
                ready.notify_one();
            }
            Err(error) => {
                tracing::error!(%error, "could not keep deliveries");
                for incoming in batch.drain(..) {
                    incoming.done.send(Err(failure())).ok();
                }
            }
        }
    }
}

async fn commit(pool: &Pool, clock: Clock, batch: &[Incoming]) -> Result<Vec<Receipt>, sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut receipts = Vec::with_capacity(batch.len());
    for incoming in batch {
        receipts.push(keep(&mut transaction, clock, incoming).await?);
    }
    transaction.commit().await?;
    Ok(receipts)
}

async fn keep(
    transaction: &mut Transaction<'_, Sqlite>,
    clock: Clock,
    incoming: &Incoming,
) -> Result<Receipt, sqlx::Error> {
    let Incoming { delivery, decision, order, done: _ } = incoming;
    let inserted = sqlx::query(
        "INSERT INTO deliveries (guid, kind, received_at, body, decision) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (guid) DO NOTHING",
    )
    .bind(delivery.guid.as_str())
    .bind(&delivery.kind)
    .bind(clock.now().as_millisecond())
    .bind(&delivery.body)
    .bind(decision)
    .execute(&mut **transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(Receipt::Duplicate);
    }
    match order {
        Order::Nothing => Ok(Receipt::Ignored(decision.clone())),
        // There is something to do again, whatever was said before.
        Order::Run(request) => match set_cancel(transaction, &request.subject.key(), None).await? {
            Some(session) => Ok(Receipt::Busy(session)),
            None => Ok(Receipt::Queued(add_job(transaction, clock, Some(delivery), request).await?)),
        },
        Order::Ask(_) | Order::Moved(_) | Order::Gone(_) => Ok(Receipt::Ignored(decision.clone())),
        Order::Cancel { subject, why, by: _ } => {
            match set_cancel(transaction, subject, Some(why.as_str())).await? {
                Some(session) => Ok(Receipt::Cancelling(session)),
                None => Ok(Receipt::Ignored(format!("no session to stop: {why}"))),
            }
        }
    }
}

/// Does a session have this subject, which only one can?
pub(super) async fn is_taken(connection: &mut SqliteConnection, subject: &str) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT id FROM jobs WHERE subject = ?1 AND state != 'done' AND NOT stopping")
        .bind(subject)
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Asks the unfinished session of a subject to stop, or takes that back, and
/// returns it. One that is stopping already does not count.
async fn set_cancel(
    connection: &mut SqliteConnection,
    subject: &str,
    why: Option<&str>,
) -> Result<Option<SessionId>, sqlx::Error> {
    let row = sqlx::query(
        "UPDATE jobs SET cancel = ?2 WHERE subject = ?1 AND state != 'done' AND NOT stopping RETURNING id",
    )
    .bind(subject)
    .bind(why)
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(|row| row.get::<String, _>("id").parse().ok()))
}

pub(super) async fn add_job(
    connection: &mut SqliteConnection,
    clock: Clock,
    delivery: Option<&Delivery>,
    request: &Request,
) -> Result<SessionId, sqlx::Error> {
    let session = SessionId::generate();
    let request_json = serde_json::to_string(request).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO jobs (id, delivery, subject, repository, request, state, created_at, not_before)
         VALUES (?1, ?2, ?3, ?4, ?5, 'ready', ?6, ?6)",
    )
    .bind(session.to_string())
    .bind(delivery.map(|delivery| delivery.guid.as_str().to_owned()))
    .bind(request.subject.key())
    .bind(request.subject.repository())
    .bind(request_json)
    .bind(clock.now().as_millisecond())
    .execute(connection)
    .await?;
    Ok(session)
}
