//! How a session's voice ends: the last word to whoever asked, the wrong lines
//! of a configuration, and why an alert has no pull request.

use std::sync::atomic::Ordering;

use super::{DONE, FINISH, Mark, NEEDS_HUMAN, Publisher, RUNNING, checks, session_url, why};
use crate::change::Subject;
use crate::failure::{ConfigRefusal, Failure};
use crate::github::{CheckRun, CheckState};
use crate::outcome::Outcome;
use crate::summary::Summary;
use crate::wish::Button;

impl Publisher {
    /// The last word: comment, reaction, label. Somebody without the right to
    /// ask gets the reaction alone. For an alert it is a check run, if a
    /// person has to do something.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn finish(&self, summary: &Summary, outcome: Outcome, detail: &str) -> Result<(), Failure> {
        let refused = outcome == Outcome::DeclinedUnauthorized;
        if !refused {
            let mut last = summary.clone();
            last.outcome = Some(outcome);
            last.current = None;
            detail.clone_into(&mut last.detail);
            self.comment(&last, None).await?;
            self.checking(checks::ended(summary, outcome, detail), summary).await?;
        }
        if matches!(self.request.subject, Subject::Alert { .. }) {
            self.explain(summary, outcome, detail).await?;
        }
        let (spot, issue) = (self.spot(), self.issue());
        if spot.is_none() && issue.is_none() {
            return Ok(());
        }
        self.journaled(FINISH, self.request.subject.key(), async {
            let (mark, label) =
                if outcome.is_success() { (Mark::Done, DONE) } else { (Mark::No, NEEDS_HUMAN) };
            if let Some((github, spot)) = spot {
                spot.settle(github, Some(mark)).await?;
            }
            if let (Some(issue), false) = (issue, refused) {
                let reporter = issue.reporter().await?;
                reporter.add_label(issue.number, label).await?;
                reporter.remove_label(issue.number, RUNNING).await?;
            }
            Ok(((), outcome.name().to_owned()))
        })
        .await
    }

    /// Says which lines of the repository's own configuration are refused: a
    /// failed check run on the head of the pull request, if there is one, or
    /// else on the commit of the default branch that was read.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn refuse_config(&self, summary: &Summary, refusals: &[ConfigRefusal]) -> Result<(), Failure> {
        let commit = self.head.get().or_else(|| summary.base.as_ref().map(|base| &base.commit));
        let (Some(place), Some(commit), false) = (self.place(), commit, refusals.is_empty()) else {
            return Ok(());
        };
        self.misconfigured.store(true, Ordering::Relaxed);
        let refused = checks::refused_config(refusals);
        let key = format!("{}/config", summary.session);
        self.journaled("make the check run", key.clone(), async {
            let run = CheckRun {
                name: "agent / config",
                sha: commit.as_str(),
                external_id: &key,
                details_url: &session_url(place.public_url, summary.session),
                state: CheckState::Completed("failure"),
                title: &refused.title,
                summary: &refused.summary,
                text: "",
                annotations: &refused.annotations,
                actions: &[checks::action(Button::Retry)],
            };
            place.github.checker(&place.repo).await?.ensure_check(&run).await?;
            Ok(((), "failure".to_owned()))
        })
        .await
    }

    /// Why an alert has no pull request, on the commit that was looked at.
    async fn explain(&self, summary: &Summary, outcome: Outcome, detail: &str) -> Result<(), Failure> {
        let Subject::Alert { package, .. } = &self.request.subject else { return Ok(()) };
        let (Some(place), Some(base)) = (self.place(), &summary.base) else { return Ok(()) };
        // What is wrong with the configuration is said once.
        if self.misconfigured.load(Ordering::Relaxed) || !why::needs_a_person(summary, outcome) {
            return Ok(());
        }
        let check = why::no_pull(package, summary, outcome, detail);
        let key = format!("{}/security", summary.session);
        self.journaled("make the check run", key.clone(), async {
            let run = CheckRun {
                name: &check.name,
                sha: base.commit.as_str(),
                external_id: &key,
                details_url: &session_url(place.public_url, summary.session),
                state: CheckState::Completed("action_required"),
                title: &check.title,
                summary: &check.summary,
                text: "",
                annotations: &[],
                actions: &[checks::action(Button::Retry)],
            };
            place.github.checker(&place.repo).await?.ensure_check(&run).await?;
            Ok(((), outcome.name().to_owned()))
        })
        .await
    }
}
