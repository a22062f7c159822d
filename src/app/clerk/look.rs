//! Looks up what a wish is about: who asks, which session, which pull
//! request. It changes nothing.

use super::answer::{Concerned, Known, Pull};
use super::updater::{self, Updater};
use super::{App, github};
use crate::change::{Subject, Via, issue_key};
use crate::failure::Failure;
use crate::github::{PullNow, RepoClient};
use crate::ids::{Repository, SessionId};
use crate::publish::OPEN_PULL;
use crate::queue::Job;
use crate::session::PUSH;
use crate::summary::Summary;
use crate::wish::{Sender, What, Wish};

pub(super) fn repository(wish: &Wish) -> Repository {
    Repository { name: wish.repo.clone(), id: wish.repo_id, installation: wish.installation }
}

/// May this sender ask? Of a person GitHub says it now; a bot is named by the
/// operator, by its number.
pub(super) async fn may(app: &App, repo: &Repository, sender: &Sender) -> Result<bool, Failure> {
    if sender.is_bot {
        return Ok(app.own.bots.contains(&sender.id));
    }
    Ok(github(app)?.permission(repo, &sender.login).await?.can_write())
}

pub(super) async fn known(app: &App, wish: &Wish) -> Result<Known, Failure> {
    let named = named(app, wish).await?;
    let number = wish.number.filter(|_| wish.is_pull);
    let reader = github(app)?.reader(&repository(wish)).await?;
    let mut jobs = Vec::new();
    jobs.extend(named);
    if let Some(number) = wish.number {
        jobs.extend(app.queue.job_of(&issue_key(&wish.repo, wish.repo_id, number)).await?);
    }
    // The pull request that the words are below, or the one that the
    // session made.
    let number = match number {
        Some(number) => Some(number),
        None => made_by(app, newest(&jobs)).await?,
    };
    let pull = match number {
        Some(number) => pull(app, wish, &reader, number).await?,
        None => None,
    };
    if let Some(pull) = &pull {
        jobs.extend(pull.maker.clone());
        jobs.extend(app.queue.job_of(&issue_key(&wish.repo, wish.repo_id, pull.number)).await?);
    }
    let latest = match newest(&jobs) {
        Some(job) => Some(concerned(app, job.clone()).await?),
        None => None,
    };
    let comments = match (&wish.what, &wish.via, wish.number) {
        (What::Review { .. }, Via::Review { review }, Some(number)) => {
            reader.review_comments(number, *review).await?
        }
        _ => Vec::new(),
    };
    Ok(Known { latest, pull, comments })
}

/// The session whose check run it is: by the key that the run was made with,
/// or by the commit that it is on.
async fn named(app: &App, wish: &Wish) -> Result<Option<Job>, Failure> {
    let (What::Rerun { external_id, head } | What::Press { external_id, head, .. }) = &wish.what else {
        return Ok(None);
    };
    let by_key = external_id.as_deref().and_then(session_of);
    let session = match by_key {
        Some(session) => Some(session),
        None => app.rooms.log.made(PUSH, head.as_str()).await?,
    };
    let Some(job) = job(app, session).await? else { return Ok(None) };
    // A key of another repository is not believed.
    let here = job
        .request
        .subject
        .on_github()
        .is_some_and(|repo| if repo.id == 0 { repo.name == wish.repo } else { repo.id == wish.repo_id });
    Ok(here.then_some(job))
}

/// Check runs are made with `SESSION/NAME`.
fn session_of(external_id: &str) -> Option<SessionId> {
    external_id.split('/').next()?.parse().ok()
}

async fn job(app: &App, session: Option<SessionId>) -> Result<Option<Job>, Failure> {
    match session {
        Some(session) => app.queue.job(session).await,
        None => Ok(None),
    }
}

/// The one at work, or else the newest.
fn newest(jobs: &[Job]) -> Option<&Job> {
    jobs.iter().max_by_key(|job| (job.is_open, job.session))
}

async fn concerned(app: &App, job: Job) -> Result<Concerned, Failure> {
    let mut summary = Summary::fold(job.session, &app.rooms.log.outline(job.session).await?);
    // A session that waits has no log yet.
    summary.request.get_or_insert_with(|| job.request.clone());
    Ok(Concerned { job, summary })
}

/// The number of the pull request that a session opened or worked on.
async fn made_by(app: &App, job: Option<&Job>) -> Result<Option<u64>, Failure> {
    let Some(job) = job else { return Ok(None) };
    let summary = Summary::fold(job.session, &app.rooms.log.outline(job.session).await?);
    Ok(summary.pull_request.as_deref().and_then(number_of))
}

/// The number at the end of a pull request's address.
pub(in crate::app) fn number_of(url: &str) -> Option<u64> {
    let (before, number) = url.rsplit_once('/')?;
    if !before.ends_with("/pull") {
        return None;
    }
    number.parse().ok()
}

async fn pull(app: &App, wish: &Wish, reader: &RepoClient, number: u64) -> Result<Option<Pull>, Failure> {
    let Some(now) = reader.pull(number).await? else { return Ok(None) };
    let maker = job(app, app.rooms.log.made(OPEN_PULL, &now.url).await?).await?;
    let is_our_head = app.rooms.log.made(PUSH, now.head.as_str()).await?.is_some();
    let seen_at =
        if is_our_head { None } else { checker(app, wish).await?.head_seen_at(now.head.as_str()).await? };
    let bumps = if maker.is_some() { Vec::new() } else { bumps(reader, &now).await? };
    Ok(Some(Pull {
        number,
        is_open: now.open,
        head: now.head,
        seen_at,
        is_our_head,
        author: now.author,
        author_id: now.author_id,
        maker,
        bumps,
    }))
}

async fn checker(app: &App, wish: &Wish) -> Result<RepoClient, Failure> {
    github(app)?.checker(&repository(wish)).await
}

/// What another bot's pull request bumps. Dependabot is believed when the
/// first commit is its own and GitHub signed it.
async fn bumps(reader: &RepoClient, now: &PullNow) -> Result<Vec<crate::change::Bump>, Failure> {
    match Updater::of(now.author_id) {
        Some(Updater::Dependabot) => {
            let first = reader.first_commit(now.number).await?;
            let own = first.filter(|first| first.verified && first.author_id == now.author_id);
            Ok(own.map(|first| updater::of_message(&first.message)).unwrap_or_default())
        }
        Some(Updater::Renovate) => Ok(updater::of_title(&now.title)),
        None => Ok(Vec::new()),
    }
}

/// The subject's number, for an answer to a check run that names no pull
/// request.
pub(super) fn place_of(known: &Known) -> Option<u64> {
    let of_pull = known.pull.as_ref().map(|pull| pull.number);
    of_pull.or_else(|| match &known.latest.as_ref()?.job.request.subject {
        Subject::Issue { number, .. } => Some(*number),
        Subject::Alert { .. } | Subject::Local { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_runs_key_begins_with_its_session() {
        let session = SessionId::generate();
        assert_eq!(session_of(&format!("{session}/verify")), Some(session));
        assert_eq!(session_of(&session.to_string()), Some(session));
        assert_eq!(session_of("ci/build"), None);
    }

    #[test]
    fn a_pull_requests_number_is_at_the_end_of_its_address() {
        assert_eq!(number_of("https://h.test/o/r/pull/12"), Some(12));
        for none in ["https://h.test/o/r/issues/12", "12", "https://h.test/o/r/pull/x"] {
            assert_eq!(number_of(none), None, "{none}");
        }
    }
}
