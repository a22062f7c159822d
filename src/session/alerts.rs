//! Which advisories a session answers, and when it has nothing to answer any
//! more.
//!
//! GitHub is asked when the session starts, so that alerts which came while
//! it was queued are in, and closed ones are out. A closed alert stops a
//! session only when no other alert of its subject is open, and never one
//! whose change is accepted: that one may have its pull request already.

use super::{Ending, Rooms, Session, run};
use crate::advisory::{Advisory, Policy};
use crate::bump::Ask;
use crate::change::{Bump, Request, Subject};
use crate::failure::Failure;
use crate::github::GitHub;
use crate::ids::Repository;
use crate::outcome::Outcome;
use crate::queue::Lease;
use crate::record::SessionEvent;
use crate::trigger;

/// Has the reason for this request gone? Asks GitHub for the open alerts of
/// an alert's subject; for every other subject the wish to stop is enough.
///
/// # Errors
/// GitHub cannot be reached or says no.
pub async fn is_unasked(rooms: &Rooms, request: &Request) -> Result<bool, Failure> {
    match (&request.subject, request.subject.on_github(), &rooms.github) {
        (Subject::Alert { manifest, package, .. }, Some(repo), Some(github)) => {
            let open = github.open_alerts(&repo, package, Some(manifest)).await?;
            Ok(open.is_empty())
        }
        _ => Ok(true),
    }
}

/// Closes the log of a session that stops. One whose change was accepted is
/// brought to its end instead: what was pushed must not be left half told.
///
/// # Errors
/// The log cannot be written, or the lease is lost.
pub async fn cancel(rooms: &Rooms, lease: &Lease, why: &str) -> Result<Outcome, Failure> {
    let session = Session::open(rooms, lease).await?;
    if let Some(outcome) = session.progress.ended {
        return Ok(outcome);
    }
    if session.progress.accepted.is_some() {
        return Box::pin(run(rooms, lease)).await;
    }
    if session.summary().await?.started.is_none() {
        // So that the log of a session that never ran says what it was.
        session.record_start().await?;
    }
    session.end(Ending::new(Outcome::Cancelled, why)).await
}

/// Closes the log of a session whose repository is out of reach: there is
/// nobody to tell.
///
/// # Errors
/// The log cannot be written, or the lease is lost.
pub async fn abandon(rooms: &Rooms, lease: &Lease, why: &str) -> Result<Outcome, Failure> {
    let session = Session::open(rooms, lease).await?;
    if let Some(outcome) = session.progress.ended {
        return Ok(outcome);
    }
    if session.summary().await?.started.is_none() {
        session.record_start().await?;
    }
    session.close(Ending::new(Outcome::Cancelled, why)).await
}

impl Session<'_> {
    /// What the request is about: the packages that it names, or the open
    /// advisories that it stands for.
    pub(super) async fn asked(&self) -> Result<Ask, Failure> {
        if self.request.change != trigger::SECURITY {
            let bumps: Vec<Bump> = self.request.bump.iter().chain(&self.request.more).cloned().collect();
            return Ok(Ask::bump(bumps));
        }
        let open = self.advisories().await?;
        self.recorder.record(SessionEvent::Advisories { advisories: open.clone() }).await?;
        let mut allowed = self.allowed(open).await?;
        // One session works on one project; another manifest's alert starts
        // a session of its own.
        let dir = |manifest: &str| manifest.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        let first = allowed.first().and_then(|advisory| dir(&advisory.manifest));
        allowed.retain(|advisory| dir(&advisory.manifest) == first);
        Ok(Ask::answer(allowed))
    }

    /// The open advisories that this session answers: for an alert those of
    /// the same package in the same manifest, for an issue those of the
    /// package that it names. Never empty.
    ///
    /// # Errors
    /// There is none, or GitHub cannot be reached or says no.
    pub(super) async fn advisories(&self) -> Result<Vec<Advisory>, Failure> {
        let Some(repo) = self.request.subject.on_github() else { return Ok(self.request.advisories.clone()) };
        let github = self.rooms.github.as_ref();
        let github = github.ok_or_else(|| Failure::bug("ask for alerts without the [github] settings"))?;
        match (&self.request.subject, &self.request.bump) {
            (Subject::Alert { number, manifest, package, .. }, _) => {
                let mut open = github.open_alerts(&repo, package, Some(manifest)).await?;
                if !open.iter().any(|advisory| advisory.alert == Some(*number)) {
                    open.extend(self.latecomer(github, &repo, *number, open.is_empty()).await?);
                }
                Ok(open)
            }
            (Subject::Issue { .. }, Some(bump)) => {
                let open = github.open_alerts(&repo, &bump.package, None).await?;
                if open.is_empty() {
                    return Err(Failure::user(
                        Outcome::AlreadyCurrent,
                        format!("find an open alert of {}", bump.package),
                    ));
                }
                Ok(open)
            }
            _ => Ok(self.request.advisories.clone()),
        }
    }

    /// The alert that started the session is not in the list: the list may
    /// be behind its delivery, or the alert is closed. Then the session ends,
    /// if there is no other one.
    async fn latecomer(
        &self,
        github: &GitHub,
        repo: &Repository,
        number: u64,
        alone: bool,
    ) -> Result<Option<Advisory>, Failure> {
        let now = github.alert(repo, number).await?;
        let state = now.as_ref().map_or("gone", |now| now.state.as_str());
        if state == "open" {
            let known = self.request.advisories.iter().find(|known| known.alert == Some(number));
            return Ok(now.and_then(|now| now.advisory).or_else(|| known.cloned()));
        }
        if !alone {
            return Ok(None);
        }
        let outcome = if state == "fixed" { Outcome::AlreadyCurrent } else { Outcome::Cancelled };
        let state = state.replace('_', " ");
        Err(Failure::user(outcome, format!("find alert {number} open: it is {state}")))
    }

    /// What the repository's own policy leaves, which the log says too when
    /// it is less. A person who asks by label is bound by the policy's switch
    /// only: the label is the threshold.
    async fn allowed(&self, open: Vec<Advisory>) -> Result<Vec<Advisory>, Failure> {
        let policy = self.settings()?.policy(&self.rooms.security);
        let by_alert = matches!(self.request.subject, Subject::Alert { .. });
        let policy = if by_alert { policy } else { Policy { enabled: policy.enabled, ..Policy::default() } };
        let (all, mut refusal) = (open.len(), None);
        let mut left = Vec::new();
        for advisory in open {
            match policy.refusal(&advisory) {
                Some(why) => refusal = Some(why),
                None => left.push(advisory),
            }
        }
        if left.len() < all {
            self.recorder.record(SessionEvent::Advisories { advisories: left.clone() }).await?;
        }
        match refusal {
            Some(why) if left.is_empty() => {
                Err(Failure::user(Outcome::DeclinedPolicy, format!("answer the alert: {why}")))
            }
            _ => Ok(left),
        }
    }
}
