//! What GitHub did not manage to tell: deliveries that failed while nobody
//! listened, and what changed on GitHub unseen.
//!
//! GitHub never sends a failed delivery again by itself, so at the start and
//! every few minutes the failed ones are listed, and those that were never
//! stored are asked for again. Open sessions and open pull requests are held
//! against GitHub's state. A sweep is bounded, and whatever it does may
//! happen twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::App;
use super::clerk::number_of;
use crate::change::{Subject, Way};
use crate::failure::Failure;
use crate::github::{FailedDelivery, GitHub};
use crate::ids::{DeliveryId, SessionId};
use crate::publish::OPEN_PULL;
use crate::queue::{Job, Word};
use crate::record::SessionEvent;

/// GitHub keeps deliveries for so long, and sends them again.
const KEPT: SignedDuration = SignedDuration::from_hours(72);
/// Sweeps look back over the one before, and a little more.
const OVERLAP: SignedDuration = SignedDuration::from_mins(30);
/// Deliveries that one sweep asks for.
const MOST: usize = 200;
/// How often one delivery is asked for: what fails again and again is not
/// mended by asking.
const TRIES: u32 = 3;
/// Sessions and pull requests that one sweep looks at.
const LOOKS: u32 = 100;

/// What earlier sweeps of this process have done.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// From when on failures are listed; from as far back as there are any
    /// at first.
    since: Option<Timestamp>,
    /// By delivery: how often it was asked for.
    asked: HashMap<String, u32>,
}

/// Sweeps at once and every `every`, until `stop`.
pub(super) async fn run(app: Arc<App>, every: Duration, stop: CancellationToken) {
    let mut swept = Swept::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sweep(&app, &mut swept) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// One half that fails does not hold up the other.
async fn sweep(app: &App, swept: &mut Swept) {
    let Some(github) = &app.rooms.github else { return };
    if let Err(failure) = redeliver(app, github, swept).await {
        tracing::warn!(%failure, "could not look for deliveries that failed");
    }
    if let Err(failure) = reconcile(app, github).await {
        tracing::warn!(%failure, "could not hold open sessions against GitHub");
    }
}

async fn redeliver(app: &App, github: &GitHub, swept: &mut Swept) -> Result<(), Failure> {
    let now = app.rooms.clock.now();
    let since = swept.since.unwrap_or_else(|| now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
    let failed = github.failed_deliveries(since).await?;
    let found = failed.len();
    let mut unknown = Vec::new();
    for delivery in failed {
        // What cannot be stored is not asked for.
        let stored = match DeliveryId::try_from(delivery.guid.clone()) {
            Ok(guid) => app.queue.is_stored(&guid).await?,
            Err(_) => true,
        };
        if !stored {
            unknown.push(delivery);
        }
    }
    let asked = due(unknown, &mut swept.asked);
    for delivery in &asked {
        github.redeliver(delivery.id).await?;
        tracing::info!(guid = %delivery.guid, "asked GitHub for a delivery that failed");
    }
    tracing::debug!(found, asked = asked.len(), "looked for deliveries that failed");
    // What was left for the next sweep is still listed then.
    if asked.len() < MOST {
        swept.since = now.checked_sub(OVERLAP).ok();
    }
    Ok(())
}

/// Those to ask for now: the oldest first, not more than a sweep's worth, and
/// none for ever.
fn due(mut unknown: Vec<FailedDelivery>, asked: &mut HashMap<String, u32>) -> Vec<FailedDelivery> {
    unknown.sort_by_key(|delivery| (delivery.at, delivery.id));
    unknown.retain(|delivery| asked.get(&delivery.guid).is_none_or(|tries| *tries < TRIES));
    unknown.truncate(MOST);
    for delivery in &unknown {
        *asked.entry(delivery.guid.clone()).or_default() += 1;
    }
    unknown
}

async fn reconcile(app: &App, github: &GitHub) -> Result<(), Failure> {
    for job in app.queue.open_jobs(LOOKS).await? {
        // One repository that cannot be reached is no reason to leave the rest.
        match ended(github, &job).await {
            Ok(Some(why)) => {
                tracing::info!(session = %job.session, why, "its reason is gone");
                app.queue.cancel(&job.request.subject.key(), &why, Word::Fact).await?;
            }
            Ok(None) => {}
            Err(failure) => tracing::warn!(session = %job.session, %failure, "could not look at it"),
        }
    }
    for (session, url) in app.rooms.log.undecided(OPEN_PULL, LOOKS).await? {
        if let Err(failure) = decided(app, github, session, url).await {
            tracing::warn!(%session, %failure, "could not look at its pull request");
        }
    }
    Ok(())
}

/// Why an open session has nothing to do any more, by GitHub's state.
async fn ended(github: &GitHub, job: &Job) -> Result<Option<String>, Failure> {
    let (Subject::Issue { number, .. }, Some(repo)) = (&job.request.subject, job.request.subject.on_github())
    else {
        // An alert's session asks for the open alerts itself.
        return Ok(None);
    };
    let reporter = github.reporter(&repo).await?;
    match reporter.issue(*number).await? {
        Some(issue) if issue.open => {}
        Some(issue) if issue.is_pull => return Ok(Some(format!("pull request {number} was closed"))),
        Some(_) => return Ok(Some(format!("issue {number} was closed"))),
        None => return Ok(Some(format!("issue {number} is gone"))),
    }
    let Way::Revise { pull, .. } = &job.request.way else { return Ok(None) };
    let reader = github.reader(&repo).await?;
    let Some(now) = reader.pull(*pull).await? else {
        return Ok(Some(format!("pull request {pull} is gone")));
    };
    if reader.branch_head(&now.head_branch).await?.is_none() {
        return Ok(Some(format!("the branch of pull request {pull} was deleted")));
    }
    Ok(None)
}

/// Records what became of a pull request, if nobody told.
async fn decided(app: &App, github: &GitHub, session: SessionId, url: String) -> Result<(), Failure> {
    let Some(job) = app.queue.job(session).await? else { return Ok(()) };
    let (Some(repo), Some(number)) = (job.request.subject.on_github(), number_of(&url)) else {
        return Ok(());
    };
    let Some(now) = github.reader(&repo).await?.pull(number).await? else { return Ok(()) };
    if now.open {
        return Ok(());
    }
    let event = SessionEvent::HumanDecision {
        pull_request: url,
        merged: now.merged,
        by: "somebody".to_owned(),
        at: app.rooms.clock.now(),
    };
    app.rooms.log.add_from_outside(session, &event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(id: u64, guid: &str, second: i64) -> FailedDelivery {
        FailedDelivery { id, guid: guid.to_owned(), at: Timestamp::from_second(second).unwrap() }
    }

    #[test]
    fn the_oldest_are_asked_for_first_and_nothing_for_ever() {
        let mut asked = HashMap::new();
        let unknown = || vec![failed(2, "b", 20), failed(1, "a", 10)];
        for _ in 0..TRIES {
            let ids: Vec<u64> = due(unknown(), &mut asked).iter().map(|delivery| delivery.id).collect();
            assert_eq!(ids, [1, 2]);
        }
        assert!(due(unknown(), &mut asked).is_empty());
        assert_eq!(due(vec![failed(3, "c", 1)], &mut asked).len(), 1);
    }

    #[test]
    fn one_sweep_asks_for_a_bounded_number() {
        let many = (0..500).map(|id| failed(id, &format!("g{id}"), 0)).collect();
        let due = due(many, &mut HashMap::new());
        assert_eq!((due.len(), due.first().map(|delivery| delivery.id)), (MOST, Some(0)));
    }
}
