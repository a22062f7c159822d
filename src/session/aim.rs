//! The branch that a session changes when it is there already, and proof
//! that it is still as it was when the session looked.
//!
//! Nobody else's push is ever written over, and nothing is put on top of a
//! commit that was not looked at.

use super::Session;
use crate::change::{Resolved, Way};
use crate::failure::Failure;
use crate::github::{GitHub, PullNow};
use crate::ids::{ObjectId, Repository, SessionId};
use crate::outcome::Outcome;
use crate::record::{Aim, Moment, SessionEvent};

impl Session<'_> {
    /// The branch that this session's way names.
    ///
    /// # Errors
    /// Somebody else has pushed there, or the pull request is closed.
    pub(super) async fn aim(&self, way: &Way) -> Result<Option<Aim>, Failure> {
        match way {
            Way::Fresh | Way::Sibling { .. } => Ok(None),
            Way::Again { after, .. } => self.aim_again(*after).await,
            Way::Revise { pull, head, .. } => {
                let now = self.pinned(*pull, head).await?;
                Ok(Some(Aim { pull: *pull, branch: now.head_branch, head: head.clone(), on_top: true }))
            }
            Way::Appeal { of, .. } => {
                let earlier = self.earlier(*of).await?;
                let way = earlier.request().map(|request| request.way.clone()).unwrap_or_default();
                match way {
                    // An appeal against an appeal's refusal goes where the
                    // first one went: nowhere yet.
                    Way::Appeal { .. } => Ok(earlier.aim().cloned()),
                    way => Box::pin(self.aim(&way)).await,
                }
            }
        }
    }

    /// The open pull request of an earlier session. `None` when there is
    /// none: then the session opens its own.
    async fn aim_again(&self, after: SessionId) -> Result<Option<Aim>, Failure> {
        let Some(branch) = self.branch_of(after).await? else { return Ok(None) };
        let Some((github, repo)) = self.on_github() else { return Ok(None) };
        let reader = github.reader(&repo).await?;
        let Some(open) = reader.find_pull(&branch).await? else { return Ok(None) };
        let Some(now) = reader.pull(open.number).await?.filter(|now| now.open) else { return Ok(None) };
        if !self.is_ours(&now.head).await? {
            return Err(moved(open.number));
        }
        Ok(Some(Aim { pull: open.number, branch, head: now.head, on_top: false }))
    }

    /// The pull request, if its head is still the one that was asked about.
    async fn pinned(&self, pull: u64, head: &ObjectId) -> Result<PullNow, Failure> {
        let now = self.open_pull(pull).await?;
        if now.head != *head {
            return Err(moved(pull));
        }
        let repo = self.on_github().map(|(_, repo)| repo.id);
        if now.head_repo_id.is_none() || (repo != Some(0) && now.head_repo_id != repo) {
            let what = format!("change pull request {pull}: its branch is in another repository");
            return Err(Failure::user(Outcome::DeclinedPolicy, what));
        }
        Ok(now)
    }

    pub(super) async fn open_pull(&self, pull: u64) -> Result<PullNow, Failure> {
        let (github, repo) =
            self.on_github().ok_or_else(|| Failure::bug("look at a pull request of a local checkout"))?;
        let now = github.reader(&repo).await?.pull(pull).await?;
        match now {
            Some(now) if now.open => Ok(now),
            Some(now) => Err(closed(pull, if now.merged { "merged" } else { "closed" })),
            None => Err(closed(pull, "gone")),
        }
    }

    /// Looks once more before the push: may the sender still ask for it, and
    /// is what it changes still there? The push itself holds the branch to
    /// its head.
    pub(super) async fn still_wanted(&self, aim: Option<&Aim>) -> Result<(), Failure> {
        if self.progress.pushed {
            return Ok(());
        }
        self.authorise(Moment::Push).await?;
        if let Way::Sibling { pull, .. } = &self.request.way {
            self.open_pull(*pull).await?;
        }
        let Some(aim) = aim else { return Ok(()) };
        let now = self.open_pull(aim.pull).await?;
        if now.head != aim.head && self.pushed_by(&now.head).await?.is_some_and(|session| session > self.id) {
            let what = format!("update pull request {}: a newer run has", aim.pull);
            return Err(Failure::user(Outcome::Superseded, what));
        }
        Ok(())
    }

    pub(super) fn on_github(&self) -> Option<(&GitHub, Repository)> {
        Some((self.rooms.github.as_ref()?, self.request.subject.on_github()?))
    }

    /// Written down before the change is accepted, so that a later run of
    /// this session goes to the same branch.
    pub(super) async fn record_aim(&self, aim: Option<&Aim>) -> Result<(), Failure> {
        match aim {
            Some(aim) => self.recorder.record(SessionEvent::Aimed { aim: aim.clone() }).await,
            None => Ok(()),
        }
    }
}

/// The branch that an accepted change goes to.
pub(super) fn branch(aim: Option<&Aim>, resolved: &Resolved) -> String {
    aim.map_or_else(|| resolved.branch(), |aim| aim.branch.clone())
}

fn moved(pull: u64) -> Failure {
    let what = format!("change pull request {pull}: somebody has pushed to its branch since");
    Failure::user(Outcome::HeadMoved, what)
}

fn closed(pull: u64, how: &str) -> Failure {
    Failure::user(Outcome::Cancelled, format!("go on with pull request {pull}: it is {how}"))
}
