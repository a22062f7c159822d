//! A worker: leases a job, runs its session under a heartbeat, settles.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::failure::{Failure, Kind};
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::queue::{Lease, Retried, Stop, Word};
use crate::session;

/// Works until `stop`. A session that is cut off goes on elsewhere when its
/// lease has run out.
pub(super) async fn work(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = work_once(&app) => {}
        }
    }
}

async fn work_once(app: &App) {
    match app.queue.lease().await {
        Ok(Some(lease)) => handle(app, lease).await,
        Ok(None) => app.queue.wait().await,
        Err(failure) => {
            tracing::error!(%failure, "could not lease a job");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn handle(app: &App, lease: Lease) {
    let (session, run) = (lease.session(), lease.run());
    tracing::info!(%session, run, "session started");
    let result = run_session(app, &lease).await;
    if let Err(failure) = settled(app, lease, result).await {
        tracing::warn!(%session, run, %failure, "session not settled");
    }
}

async fn settled(app: &App, lease: Lease, result: Result<Outcome, Failure>) -> Result<(), Failure> {
    match result {
        Ok(outcome) => complete(app, lease, outcome).await.map(|_next| ()),
        Err(failure) => retry(app, lease, failure).await,
    }
}

/// The session, for as long as the lease holds and something is left to do.
/// A panic ends this job only.
async fn run_session(app: &App, lease: &Lease) -> Result<Outcome, Failure> {
    // Boxed: a session's state is large, and a worker's stack is not.
    match AssertUnwindSafe(Box::pin(attend(app, lease))).catch_unwind().await {
        Ok(result) => result,
        Err(_panic) => give_up(app, lease, &Failure::bug("go on after a panic")).await,
    }
}

async fn attend(app: &App, lease: &Lease) -> Result<Outcome, Failure> {
    if let Some(asked) = asked_before(app, lease).await? {
        return stop(app, lease, &asked).await;
    }
    tokio::select! {
        result = Box::pin(session::run(&app.rooms, lease)) => result,
        // The session is dropped with its containers still there.
        asked = until_unasked(app, lease) => stop(app, lease, &asked?).await,
    }
}

/// Somebody asked that the session stops before this worker had it.
async fn asked_before(app: &App, lease: &Lease) -> Result<Option<Stop>, Failure> {
    let Some(asked) = lease.cancel() else { return Ok(None) };
    let stops = lease.is_stopping() || under(lease, stops(app, lease, asked)).await?;
    Ok(stops.then(|| asked.clone()))
}

/// Keeps the lease alive until the session has nothing left to do.
async fn until_unasked(app: &App, lease: &Lease) -> Result<Stop, Failure> {
    loop {
        let asked = lease.until_asked_to_stop().await?;
        // The lease is not kept alive meanwhile, so the answer has to come
        // before it would run out. The wish stays, and is looked at again.
        match tokio::time::timeout(lease.beat(), stops(app, lease, &asked)).await {
            Ok(Ok(true)) => return Ok(asked),
            Ok(Ok(false)) => continue,
            Ok(Err(failure)) => tracing::warn!(session = %lease.session(), %failure, "asked to stop"),
            Err(_late) => tracing::warn!(session = %lease.session(), "asked to stop; no answer in time"),
        }
        tokio::time::sleep(lease.beat() / 2).await;
    }
}

/// Decides whether the session stops: not while its subject has another
/// reason, and not when the wish was taken back. A person who may say so is
/// reason enough, and so is a repository that is gone.
async fn stops(app: &App, lease: &Lease, asked: &Stop) -> Result<bool, Failure> {
    let stops = match asked.word {
        Word::Person | Word::Gone => true,
        Word::Fact => session::is_unasked(&app.rooms, lease.request()).await?,
    };
    if stops {
        return lease.stop().await;
    }
    lease.go_on(&asked.why).await?;
    Ok(false)
}

/// Ends a session that has nothing left to do, and takes its containers away
/// right now.
async fn stop(app: &App, lease: &Lease, asked: &Stop) -> Result<Outcome, Failure> {
    let Stop { why, word } = asked;
    tracing::info!(session = %lease.session(), why, ?word, "session stopped");
    let work = async {
        let mut live = app.queue.live().await?;
        live.remove(&lease.session());
        if let Err(failure) = app.rooms.sandbox.reap(&live).await {
            // The reaper finds them when the lease is gone.
            tracing::warn!(%failure, "containers may be left");
        }
        match word {
            Word::Gone => session::abandon(&app.rooms, lease, why).await,
            Word::Fact | Word::Person => session::cancel(&app.rooms, lease, why).await,
        }
    };
    under(lease, Box::pin(work)).await
}

/// Ends a session that was asked to stop and that no worker has, so that
/// nobody waits for one to be free. One that a worker has is left to it.
pub(super) async fn settle(app: &App, session: SessionId) -> Result<bool, Failure> {
    let lease = match app.queue.lease_one(session).await {
        Ok(lease) => lease,
        Err(failure) if failure.kind() == Kind::LeaseLost => return Ok(false),
        Err(failure) => return Err(failure),
    };
    match asked_before(app, &lease).await {
        Ok(Some(asked)) => {
            let ended = stop(app, &lease, &asked).await;
            settled(app, lease, ended).await?;
            Ok(true)
        }
        // Somebody took the wish back: a worker goes on with it.
        Ok(None) => lease.release().await.map(|()| false),
        Err(failure) => {
            lease.release().await?;
            Err(failure)
        }
    }
}

async fn give_up(app: &App, lease: &Lease, failure: &Failure) -> Result<Outcome, Failure> {
    under(lease, Box::pin(session::give_up(&app.rooms, lease, failure))).await
}

/// Works while the lease is kept alive, and stops when it is lost.
async fn under<T>(lease: &Lease, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        lost = lease.heartbeat() => match lost {
            Err(failure) => Err(failure),
        },
    }
}

/// Ends the job; what its session left of a group is the next one.
async fn complete(app: &App, lease: Lease, outcome: Outcome) -> Result<Option<SessionId>, Failure> {
    tracing::info!(session = %lease.session(), %outcome, "session ended");
    let left = session::left(&app.rooms, &lease, outcome).await?;
    lease.complete(outcome, left).await
}

async fn retry(app: &App, lease: Lease, failure: Failure) -> Result<(), Failure> {
    if failure.kind() == Kind::LeaseLost {
        return Err(failure);
    }
    tracing::warn!(session = %lease.session(), %failure, "session cut short");
    let pause = Duration::from_secs(app.settings.retry_seconds).max(failure.delay().unwrap_or_default());
    match lease.retry(pause).await? {
        Retried::Again => Ok(()),
        Retried::UsedUp(lease) => {
            let outcome = give_up(app, &lease, &failure).await?;
            complete(app, *lease, outcome).await.map(|_next| ())
        }
    }
}

/// Runs one job of this queue to its end, for `chaperone try`; returns the
/// session that goes on with what was left.
///
/// # Errors
/// The lease is lost, or the database cannot be written.
pub(super) async fn run_to_the_end(app: &App, lease: Lease) -> Result<Option<SessionId>, Failure> {
    let result = match run_session(app, &lease).await {
        Err(failure) if failure.kind() != Kind::LeaseLost => {
            tracing::warn!(session = %lease.session(), %failure, "session cut short");
            give_up(app, &lease, &failure).await
        }
        other => other,
    };
    complete(app, lease, result?).await
}
