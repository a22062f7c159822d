//! A worker: leases a job, runs its session under a heartbeat, settles.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;
use crate::queue::{Lease, Retried};
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
    let settled = match result {
        Ok(outcome) => complete(lease, outcome).await,
        Err(failure) => retry(app, lease, failure).await,
    };
    if let Err(failure) = settled {
        tracing::warn!(%session, run, %failure, "session not settled");
    }
}

/// The session, for as long as the lease holds. A panic ends this job only.
async fn run_session(app: &App, lease: &Lease) -> Result<Outcome, Failure> {
    // Boxed: a session's state is large, and a worker's stack is not.
    let session = AssertUnwindSafe(Box::pin(session::run(&app.rooms, lease))).catch_unwind();
    match under(lease, async { Ok(session.await) }).await? {
        Ok(result) => result,
        Err(_panic) => give_up(app, lease, &Failure::bug("go on after a panic")).await,
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

async fn complete(lease: Lease, outcome: Outcome) -> Result<(), Failure> {
    tracing::info!(session = %lease.session(), %outcome, "session ended");
    lease.complete(outcome).await
}

async fn retry(app: &App, lease: Lease, failure: Failure) -> Result<(), Failure> {
    if failure.kind() == Kind::LeaseLost {
        return Err(failure);
    }
    tracing::warn!(session = %lease.session(), %failure, "session cut short");
    let pause = Duration::from_secs(app.settings.retry_seconds);
    match lease.retry(pause).await? {
        Retried::Again => Ok(()),
        Retried::UsedUp(lease) => {
            let outcome = give_up(app, &lease, &failure).await?;
            complete(*lease, outcome).await
        }
    }
}

/// Runs one job of this queue to its end, for `chaperone try`.
///
/// # Errors
/// The lease is lost, or the database cannot be written.
pub(super) async fn run_to_the_end(app: &App, lease: Lease) -> Result<Outcome, Failure> {
    let result = match run_session(app, &lease).await {
        Err(failure) if failure.kind() != Kind::LeaseLost => {
            tracing::warn!(session = %lease.session(), %failure, "session cut short");
            give_up(app, &lease, &failure).await
        }
        other => other,
    };
    let outcome = result?;
    lease.complete(outcome).await?;
    Ok(outcome)
}
