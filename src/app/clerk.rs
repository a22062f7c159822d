//! The clerk: does the errands of deliveries while workers are at their
//! sessions.
//!
//! It has hands of its own, and one of them does nothing but signs, so that
//! 👀 comes within two seconds however many sessions run. What a wish comes
//! to is decided in pure code; this only looks up and acts, and whatever it
//! does may happen twice and looks the same then.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{App, worker};
use crate::change::{Request, Subject, Via};
use crate::failure::{Failure, Kind};
use crate::github::{GitHub, Note, Reaction};
use crate::ids::SessionId;
use crate::publish::FINISH;
use crate::queue::{Errand, ErrandLease, Lane, Word};
use crate::record::SessionEvent;
use crate::wish::Sender;

/// The hands: the first does signs only.
pub(super) const HANDS: [Lane; 4] = [Lane::Signs, Lane::All, Lane::All, Lane::All];

/// Works until `stop`. An errand that is cut off is done again when its lease
/// has run out.
pub(super) async fn work(app: Arc<App>, lane: Lane, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = work_once(&app, lane) => {}
        }
    }
}

async fn work_once(app: &App, lane: Lane) {
    match app.queue.errand(lane).await {
        Ok(Some(lease)) => {
            if let Err(failure) = handle(app, lease).await {
                tracing::warn!(%failure, "errand not settled");
            }
        }
        Ok(None) => app.queue.wait_for_errand().await,
        Err(failure) => {
            tracing::error!(%failure, "could not lease an errand");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// What an errand came to.
enum Done {
    /// In a few words, for the operator.
    Said(String),
}

impl Done {
    fn said(what: impl Into<String>) -> Result<Self, Failure> {
        Ok(Self::Said(what.into()))
    }
}

async fn handle(app: &App, lease: ErrandLease) -> Result<(), Failure> {
    let result = tokio::select! {
        // A panic ends this errand only.
        result = AssertUnwindSafe(Box::pin(attend(app, lease.errand()))).catch_unwind() => {
            result.unwrap_or_else(|_panic| Err(Failure::bug("go on after a panic")))
        }
        lost = lease.heartbeat() => match lost {
            Err(failure) => Err(failure),
        },
    };
    match result {
        Ok(Done::Said(what)) => lease.complete(&what).await,
        Err(failure) => failed(app, lease, failure).await,
    }
}

async fn failed(app: &App, lease: ErrandLease, failure: Failure) -> Result<(), Failure> {
    tracing::warn!(%failure, "errand failed");
    match failure.kind() {
        Kind::LeaseLost => Err(failure),
        Kind::UserFault | Kind::Bug => lease.complete(&format!("could not {}", failure.public())).await,
        Kind::Transient => {
            let pause = Duration::from_secs(app.settings.retry_seconds);
            match lease.retry(pause).await? {
                Some(lease) => lease.complete(&format!("could not {}", failure.public())).await,
                None => Ok(()),
            }
        }
    }
}

async fn attend(app: &App, errand: &Errand) -> Result<Done, Failure> {
    match errand {
        Errand::Seen { session, request } => seen(app, *session, request).await,
        Errand::Stop { subject, why, by } => stop(app, subject, why, by).await,
        Errand::Settle { session } => {
            let settled = worker::settle(app, *session).await?;
            Done::said(if settled { "ended the session" } else { "left to its worker" })
        }
        Errand::Noted(_) | Errand::Answer(_) | Errand::Forget(_) => Done::said("nothing"),
    }
}

/// Somebody took the label off, or closed the issue: it stops the session if
/// they may stop it.
async fn stop(app: &App, subject: &str, why: &str, by: &Sender) -> Result<Done, Failure> {
    let job = app.queue.job_of(subject).await?.filter(|job| job.is_open);
    let Some(repo) = job.and_then(|job| job.request.subject.on_github()) else {
        return Done::said("no session to stop");
    };
    if by.is_bot || !github(app)?.permission(&repo, &by.login).await?.can_write() {
        return Done::said("not theirs to stop");
    }
    match app.queue.cancel(subject, why, Word::Person).await? {
        Some(session) => Done::said(format!("asked session {session} to stop")),
        None => Done::said("no session to stop"),
    }
}

fn github(app: &App) -> Result<&GitHub, Failure> {
    app.rooms.github.as_ref().ok_or_else(|| Failure::bug("do an errand without the [github] settings"))
}

/// 👀 for a request, unless its session has said more by now. It may do so
/// while the sign is on its way, so that is looked at afterwards too.
async fn seen(app: &App, session: SessionId, request: &Request) -> Result<Done, Failure> {
    let (Subject::Issue { number, .. }, Via::Itself, Some(repo)) =
        (&request.subject, &request.via, request.subject.on_github())
    else {
        return Done::said("no place for a sign");
    };
    let reporter = github(app)?.reporter(&repo).await?;
    if app.queue.job(session).await?.is_some_and(|job| job.is_open) && !is_finishing(app, session).await? {
        reporter.react(Note::Issue(*number), Reaction::Eyes).await?;
    }
    if is_finishing(app, session).await? {
        reporter.unreact(Note::Issue(*number), Reaction::Eyes).await?;
        return Done::said("the session is over");
    }
    Done::said("seen")
}

/// Has the session begun to say how it ended? From there on it takes 👀 away.
async fn is_finishing(app: &App, session: SessionId) -> Result<bool, Failure> {
    let entries = app.rooms.log.outline(session).await?;
    Ok(entries
        .iter()
        .any(|entry| matches!(&entry.event, SessionEvent::Intent { effect, .. } if effect == FINISH)))
}
