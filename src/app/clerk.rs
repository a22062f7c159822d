//! The clerk: does the errands of deliveries while workers are at their
//! sessions.
//!
//! It has hands of its own, and one of them does nothing but signs, so that
//! 👀 comes within two seconds however many sessions run. What a wish comes
//! to is decided in pure code; this only looks up and acts, and whatever it
//! does may happen twice and looks the same then.

mod answer;
mod look;
mod updater;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use self::answer::Act;
use super::{App, worker};
use crate::change::{Request, Subject, issue_key};
use crate::failure::{Failure, Kind};
use crate::github::GitHub;
use crate::ids::SessionId;
use crate::publish::{self, FINISH, Reply};
use crate::queue::{Errand, ErrandLease, Lane, Started, Word};
use crate::record::SessionEvent;
use crate::wish::{Command, Sender, What, Wish};

pub(super) use look::number_of;

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
    /// A session is to be started for this wish.
    Start(Box<Request>),
}

impl Done {
    fn said(what: impl Into<String>) -> Result<Self, Failure> {
        Ok(Self::Said(what.into()))
    }
}

async fn handle(app: &App, lease: ErrandLease) -> Result<(), Failure> {
    match under(&lease, attend(app, lease.errand())).await {
        Ok(Done::Said(what)) => lease.complete(&what).await,
        Ok(Done::Start(request)) => start(app, lease, &request).await,
        Err(failure) => failed(app, lease, failure).await,
    }
}

/// Works while the errand's lease is kept alive. A panic ends this errand
/// only.
async fn under<T>(lease: &ErrandLease, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        result = AssertUnwindSafe(Box::pin(work)).catch_unwind() => {
            result.unwrap_or_else(|_panic| Err(Failure::bug("go on after a panic")))
        }
        lost = lease.heartbeat() => match lost {
            Err(failure) => Err(failure),
        },
    }
}

/// The job and the end of the errand are one; who comes second is told.
async fn start(app: &App, lease: ErrandLease, request: &Request) -> Result<(), Failure> {
    let others = others(request);
    match lease.start(request, &others).await? {
        Started::Queued(session) => {
            tracing::info!(%session, change = %request.change, "a session was asked for");
            Ok(())
        }
        Started::Busy(session, lease) => {
            let Errand::Answer(wish) = lease.errand() else { return lease.complete("busy").await };
            let said = under(&lease, say(app, wish, &Reply::Busy(session))).await;
            match said {
                Ok(()) => lease.complete("busy").await,
                Err(failure) => failed(app, *lease, failure).await,
            }
        }
    }
}

/// Other subjects whose sessions work on the same branch.
fn others(request: &Request) -> Vec<String> {
    let Subject::Issue { repo, repo_id, .. } = &request.subject else { return Vec::new() };
    request.issue.map(|issue| issue_key(repo, *repo_id, issue)).into_iter().collect()
}

async fn failed(app: &App, lease: ErrandLease, failure: Failure) -> Result<(), Failure> {
    tracing::warn!(%failure, "errand failed");
    match failure.kind() {
        Kind::LeaseLost => Err(failure),
        Kind::UserFault | Kind::Bug => lease.complete(&format!("could not {}", failure.public())).await,
        Kind::Transient => {
            let pause =
                Duration::from_secs(app.settings.retry_seconds).max(failure.delay().unwrap_or_default());
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
        Errand::Noted(wish) => noted(app, wish).await,
        Errand::Answer(wish) => answered(app, wish).await,
        Errand::Stop { subject, why, by } => stop(app, subject, why, by).await,
        Errand::Settle { session } => {
            let settled = worker::settle(app, *session).await?;
            Done::said(if settled { "ended the session" } else { "left to its worker" })
        }
        Errand::Forget(gone) => {
            github(app)?.forget(gone.installation, gone.repositories.as_deref());
            Done::said("forgot its tokens")
        }
    }
}

/// 👀 for a wish. Nobody waits for an answer to red checks.
async fn noted(app: &App, wish: &Wish) -> Result<Done, Failure> {
    if matches!(wish.what, What::Red { .. }) {
        return Done::said("nobody asked");
    }
    publish::seen(github(app)?, wish).await?;
    Done::said("seen")
}

async fn say(app: &App, wish: &Wish, reply: &Reply) -> Result<(), Failure> {
    publish::reply(github(app)?, &app.rooms.public_url, wish, reply).await
}

/// Looks a wish up, and does what it comes to.
async fn answered(app: &App, wish: &Wish) -> Result<Done, Failure> {
    let by_policy = matches!(wish.what, What::Red { .. });
    if !by_policy && !look::may(app, &look::repository(wish), &wish.sender).await? {
        say(app, wish, &Reply::Refused).await?;
        return Done::said("refused");
    }
    if let Some(reply) = at_once(app, wish) {
        say(app, wish, &reply).await?;
        return Done::said("said");
    }
    let known = look::known(app, wish).await?;
    // A check run need not say which pull request it is of.
    let mut wish = wish.clone();
    wish.number = wish.number.or_else(|| look::place_of(&known));
    match answer::act(&wish, &known) {
        Act::Say(reply) => {
            say(app, &wish, &reply).await?;
            Done::said("said")
        }
        Act::Stop { subject, why } => {
            let reply = match app.queue.cancel(&subject, &why, Word::Person).await? {
                Some(session) => Reply::Stopped(session),
                None => Reply::NothingHere,
            };
            say(app, &wish, &reply).await?;
            Done::said(why)
        }
        Act::Start(request) => Ok(Done::Start(request)),
        Act::Nothing(why) => Done::said(why),
    }
}

/// What needs no look at any session.
fn at_once(app: &App, wish: &Wish) -> Option<Reply> {
    match &wish.what {
        What::Command(Command::Help) => {
            let types =
                app.rooms.catalog.all().iter().map(|change| (change.label.clone(), change.title.clone()));
            Some(Reply::Help { types: types.collect() })
        }
        What::Command(Command::Unclear { said, why }) => {
            Some(Reply::Unclear { said: said.clone(), why: why.clone() })
        }
        _ => None,
    }
}

/// Somebody took the label off, or closed the issue: it stops the session if
/// they may stop it.
async fn stop(app: &App, subject: &str, why: &str, by: &Sender) -> Result<Done, Failure> {
    let job = app.queue.job_of(subject).await?.filter(|job| job.is_open);
    let Some(repo) = job.and_then(|job| job.request.subject.on_github()) else {
        return Done::said("no session to stop");
    };
    if !look::may(app, &repo, by).await? {
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
    let github = github(app)?;
    if app.queue.job(session).await?.is_some_and(|job| job.is_open) && !is_finishing(app, session).await? {
        publish::seen(github, request).await?;
    }
    if is_finishing(app, session).await? {
        publish::unseen(github, request).await?;
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
