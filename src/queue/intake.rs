//! The one writer of deliveries: whatever waits goes into one transaction,
//! and everybody is told after its commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Errand, Word, errand};
use crate::change::{Request, Subject, repo_key};
use crate::clock::Clock;
use crate::db::Pool;
use crate::delivery::{Delivery, Order, Receipt};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::wish::{Gone, Moved, Wish};

/// Deliveries in one transaction. At five milliseconds a sync this still
/// takes in thousands a second.
const BATCH: usize = 128;

/// A delivery on its way to the disk.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) delivery: Delivery,
    pub(super) decision: String,
    pub(super) order: Order,
    pub(super) done: oneshot::Sender<Result<Receipt, Failure>>,
}

/// Who has to hear of what was written.
#[derive(Debug)]
pub(super) struct Wake {
    pub(super) ready: Arc<Notify>,
    pub(super) errands: Arc<Notify>,
    pub(super) stops: Arc<Notify>,
}

impl Wake {
    /// After the commit of a batch: whoever waits is woken for what is there
    /// for it, and nobody else.
    fn tell(&self, receipts: &[Receipt]) {
        let any = |is: fn(&Receipt) -> bool| receipts.iter().any(is);
        if any(|receipt| matches!(receipt, Receipt::Queued(_))) {
            self.ready.notify_one();
        }
        if any(|receipt| matches!(receipt, Receipt::Queued(_) | Receipt::Noted | Receipt::Cancelling(_))) {
            self.errands.notify_one();
        }
        if any(|receipt| matches!(receipt, Receipt::Cancelling(_) | Receipt::Noted)) {
            self.stops.notify_waiters();
        }
    }
}

/// Writes until there is nobody left to send.
pub(super) async fn write(pool: Pool, clock: Clock, mut incoming: mpsc::Receiver<Incoming>, wake: Wake) {
    let mut batch = Vec::with_capacity(BATCH);
    while incoming.recv_many(&mut batch, BATCH).await > 0 {
        let receipts = commit(&pool, clock, &batch).await;
        let failure = || Failure::transient(Outcome::InternalError, "keep the delivery");
        match receipts {
            Ok(receipts) => {
                wake.tell(&receipts);
                for (incoming, receipt) in batch.drain(..).zip(receipts) {
                    // Whoever hung up meanwhile can send it again.
                    incoming.done.send(Ok(receipt)).ok();
                }
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

/// Who wants a session, by the place in the batch.
type Asking<'b> = (usize, &'b Delivery, &'b Request);

async fn commit(pool: &Pool, clock: Clock, batch: &[Incoming]) -> Result<Vec<Receipt>, sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut new = keep(&mut transaction, clock, batch).await?;
    let mut receipts = vec![Receipt::Duplicate; batch.len()];
    let mut asking: Vec<Asking<'_>> = Vec::new();
    for (at, incoming) in batch.iter().enumerate() {
        let Incoming { delivery, decision, order, done: _ } = incoming;
        // Twice in one batch is a duplicate too.
        if !new.remove(delivery.guid.as_str()) {
            continue;
        }
        match order {
            Order::Nothing => place(vec![(at, Receipt::Ignored(decision.clone()))], &mut receipts),
            Order::Run(request) => asking.push((at, delivery, request)),
            _ => {
                // In the order in which they came.
                let before = std::mem::take(&mut asking);
                place(run(&mut transaction, clock, &before).await?, &mut receipts);
                let answer = obey(&mut transaction, clock, delivery, (decision, order)).await?;
                place(vec![(at, answer)], &mut receipts);
            }
        }
    }
    place(run(&mut transaction, clock, &asking).await?, &mut receipts);
    transaction.commit().await?;
    Ok(receipts)
}

/// Stores the bodies, and returns the ids of those that are new.
async fn keep(
    connection: &mut SqliteConnection,
    clock: Clock,
    batch: &[Incoming],
) -> Result<HashSet<String>, sqlx::Error> {
    let now = clock.now().as_millisecond();
    let mut insert =
        QueryBuilder::<Sqlite>::new("INSERT INTO deliveries (guid, kind, received_at, body, decision) ");
    insert.push_values(batch, |mut row, incoming| {
        let Incoming { delivery, decision, .. } = incoming;
        row.push_bind(delivery.guid.as_str())
            .push_bind(delivery.kind.as_str())
            .push_bind(now)
            .push_bind(delivery.body.as_slice())
            .push_bind(decision.as_str());
    });
    insert.push(" ON CONFLICT (guid) DO NOTHING RETURNING guid");
    let rows = insert.build().fetch_all(connection).await?;
    Ok(rows.iter().map(|row| row.get("guid")).collect())
}

/// What a new delivery asks for, in its own transaction.
async fn obey(
    connection: &mut SqliteConnection,
    clock: Clock,
    delivery: &Delivery,
    (decision, order): (&str, &Order),
) -> Result<Receipt, sqlx::Error> {
    match order {
        Order::Nothing | Order::Run(_) => Ok(Receipt::Ignored(decision.to_owned())),
        Order::Ask(wishes) => ask(connection, clock, delivery, wishes).await,
        Order::Cancel { subject, why, by: Some(by) } => {
            let stop = Errand::Stop { subject: subject.clone(), why: why.clone(), by: by.clone() };
            errand::add(connection, clock, &[(Some(delivery), stop)]).await?;
            Ok(Receipt::Noted)
        }
        Order::Cancel { subject, why, by: None } => {
            let Some(session) = set_cancel(connection, subject, Some((why, Word::Fact))).await? else {
                return Ok(Receipt::Ignored(format!("no session to stop: {why}")));
            };
            errand::add(connection, clock, &[(Some(delivery), Errand::Settle { session })]).await?;
            Ok(Receipt::Cancelling(session))
        }
        Order::Moved(moved) => {
            rename(connection, moved).await?;
            Ok(Receipt::Noted)
        }
        Order::Gone(gone) => {
            abandon(connection, clock, delivery, gone).await?;
            Ok(Receipt::Noted)
        }
    }
}

/// One job for each subject that has none, with the sign that it was seen.
/// Where one is at work there is something to do again, whatever was said
/// before.
async fn run(
    connection: &mut SqliteConnection,
    clock: Clock,
    asking: &[Asking<'_>],
) -> Result<Vec<(usize, Receipt)>, sqlx::Error> {
    if asking.is_empty() {
        return Ok(Vec::new());
    }
    let now = clock.now().as_millisecond();
    let jobs = asking.iter().map(|(_, delivery, request)| {
        let session = SessionId::generate();
        Ok((session, request.subject.key(), *delivery, *request, json(request)?))
    });
    let jobs = jobs.collect::<Result<Vec<_>, sqlx::Error>>()?;
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO jobs (id, delivery, subject, repository, request, state, created_at, not_before) ",
    );
    insert.push_values(&jobs, |mut row, (session, subject, delivery, request, json)| {
        row.push_bind(session.to_string())
            .push_bind(delivery.guid.as_str())
            .push_bind(subject.as_str())
            .push_bind(request.subject.repository())
            .push_bind(json.as_str())
            .push_bind("ready")
            .push_bind(now)
            .push_bind(now);
    });
    insert.push(
        " ON CONFLICT (subject) WHERE state != 'done' AND NOT stopping
          DO UPDATE SET cancel = NULL, cancel_word = 'fact' RETURNING subject, id",
    );
    let rows = insert.build().fetch_all(&mut *connection).await?;
    let holders: HashMap<String, String> =
        rows.iter().map(|row| (row.get("subject"), row.get("id"))).collect();
    let mut receipts = Vec::with_capacity(jobs.len());
    let mut seen = Vec::new();
    for ((at, ..), (session, subject, delivery, request, _)) in asking.iter().zip(&jobs) {
        let holder = holders.get(subject).and_then(|id| id.parse().ok()).unwrap_or(*session);
        if holder == *session {
            if matches!(request.subject, Subject::Issue { .. }) {
                let errand = Errand::Seen { session: *session, request: Box::new((*request).clone()) };
                seen.push((Some(*delivery), errand));
            }
            receipts.push((*at, Receipt::Queued(*session)));
        } else {
            receipts.push((*at, Receipt::Busy(holder)));
        }
    }
    errand::add(connection, clock, &seen).await?;
    Ok(receipts)
}

fn place(answers: Vec<(usize, Receipt)>, receipts: &mut [Receipt]) {
    for (at, answer) in answers {
        if let Some(receipt) = receipts.get_mut(at) {
            *receipt = answer;
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// The sign and the answer of each wish.
async fn ask(
    connection: &mut SqliteConnection,
    clock: Clock,
    delivery: &Delivery,
    wishes: &[Wish],
) -> Result<Receipt, sqlx::Error> {
    // They have one place in common: the comment, the review, the check run.
    let noted = wishes.first().map(|first| Errand::Noted(Box::new(first.clone())));
    let answers = wishes.iter().map(|wish| Errand::Answer(Box::new(wish.clone())));
    let errands: Vec<_> = noted.into_iter().chain(answers).map(|errand| (Some(delivery), errand)).collect();
    errand::add(connection, clock, &errands).await?;
    Ok(Receipt::Noted)
}

/// Whatever waits or is asked for again later goes on under the new name. A
/// session at work has read its request; GitHub leads it from the old name.
async fn rename(connection: &mut SqliteConnection, moved: &Moved) -> Result<(), sqlx::Error> {
    let installation = moved.installation.and_then(|id| i64::try_from(id).ok());
    sqlx::query(
        "UPDATE jobs SET request = json_set(request, '$.repo', ?2,
             '$.installation', coalesce(?3, json_extract(request, '$.installation')))
         WHERE repository = ?1",
    )
    .bind(repo_key(&moved.to, moved.repo_id))
    .bind(moved.to.to_string())
    .bind(installation)
    .execute(connection)
    .await?;
    Ok(())
}

/// The sessions of repositories that are out of reach stop, and nobody is
/// told there.
async fn abandon(
    connection: &mut SqliteConnection,
    clock: Clock,
    delivery: &Delivery,
    gone: &Gone,
) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "UPDATE jobs SET cancel = ?2, cancel_word = ?4
         WHERE state <> 'done' AND json_extract(request, '$.installation') = ?1
           AND (?3 IS NULL OR json_extract(request, '$.repo_id') IN (SELECT value FROM json_each(?3)))
         RETURNING id",
    )
    .bind(i64::try_from(gone.installation).unwrap_or(i64::MAX))
    .bind(&gone.why)
    .bind(gone.repositories.as_ref().map(|ids| serde_json::json!(ids).to_string()))
    .bind(Word::Gone.name())
    .fetch_all(&mut *connection)
    .await?;
    let sessions = rows.iter().filter_map(|row| row.get::<String, _>("id").parse().ok());
    let settle = sessions.map(|session| Errand::Settle { session });
    let errands = settle.chain([Errand::Forget(gone.clone())]).map(|errand| (Some(delivery), errand));
    errand::add(connection, clock, &errands.collect::<Vec<_>>()).await
}

/// The session that has this subject, which only one can.
pub(super) async fn session_of(
    connection: &mut SqliteConnection,
    subject: &str,
) -> Result<Option<SessionId>, sqlx::Error> {
    let row = sqlx::query("SELECT id FROM jobs WHERE subject = ?1 AND state != 'done' AND NOT stopping")
        .bind(subject)
        .fetch_optional(connection)
        .await?;
    Ok(row.and_then(|row| row.get::<String, _>("id").parse().ok()))
}

/// Asks the unfinished session of a subject to stop, or takes that back, and
/// returns it. One that is stopping already does not count.
pub(super) async fn set_cancel(
    connection: &mut SqliteConnection,
    subject: &str,
    asked: Option<(&str, Word)>,
) -> Result<Option<SessionId>, sqlx::Error> {
    let row = sqlx::query(
        "UPDATE jobs SET cancel = ?2, cancel_word = ?3
         WHERE subject = ?1 AND state != 'done' AND NOT stopping RETURNING id",
    )
    .bind(subject)
    .bind(asked.map(|(why, _)| why))
    .bind(asked.map_or(Word::Fact, |(_, word)| word).name())
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
    let request_json = json(request)?;
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
