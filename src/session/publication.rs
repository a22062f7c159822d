//! From an accepted tree to a pull request, or to a branch of a checkout.
//!
//! This part may run again after a crash: everything in it is found or made,
//! never made twice. The commit's author, date, parent and message come from
//! the log, so every run makes the same commit.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::aim;
use super::settings::Settings;
use super::stage::Done;
use super::{Ending, Session};
use crate::advisory;
use crate::change::{Request, Resolved, Subject, Way};
use crate::evidence::Accepted;
use crate::failure::Failure;
use crate::ids::ObjectId;
use crate::outcome::Outcome;
use crate::publish::{Announcement, Published};
use crate::record::{Aim, Caller, SessionEvent, Stage};
use crate::workspace::{CommitMeta, Destination, Mirror, Onto};

/// The effect whose key is a branch and whose result is its new head.
pub const PUSH: &str = "push";

/// Who every commit is by. The address is one that nobody can receive at.
const AUTHOR: (&str, &str) = ("chaperone", "chaperone@users.noreply.localhost");

/// All that publishing needs.
pub(super) struct Ready {
    mirror: Mirror,
    resolved: Resolved,
    accepted: Accepted,
    commit_at: Timestamp,
    /// The branch that is there already, if the change goes onto one.
    aim: Option<Aim>,
}

impl Ready {
    fn branch(&self) -> String {
        aim::branch(self.aim.as_ref(), &self.resolved)
    }

    /// The commit that ours stands on.
    fn parent(&self) -> &ObjectId {
        match &self.aim {
            Some(aim) if aim.on_top => &aim.head,
            _ => self.accepted.patch().base(),
        }
    }

    /// What the branch must point at before the push, unless it points at
    /// our commit already.
    fn expected(&self) -> Option<&ObjectId> {
        self.aim.as_ref().map(|aim| &aim.head)
    }
}

impl Session<'_> {
    /// What an earlier run of this session had accepted, if its tree is still
    /// in the mirror. When it is not, the session starts over.
    pub(super) async fn ready_to_publish(&self) -> Result<Option<Ready>, Failure> {
        let progress = &self.progress;
        let (Some(resolved), Some((accepted, commit_at))) = (&progress.resolved, &progress.accepted) else {
            return Ok(None);
        };
        let mirror = self.mirror(None).await?;
        self.configure(&mirror).await?;
        if !mirror.has(accepted.patch().tree()).await? {
            return Ok(None);
        }
        let (resolved, accepted, aim) = (resolved.clone(), accepted.clone(), progress.aim.clone());
        Ok(Some(Ready { mirror, resolved, accepted, commit_at: *commit_at, aim }))
    }

    /// Writes down that the change is accepted: the point of no return.
    pub(super) async fn accept(
        &self,
        mirror: Mirror,
        resolved: Resolved,
        accepted: Accepted,
        aim: Option<Aim>,
    ) -> Result<Ready, Failure> {
        self.record_aim(aim.as_ref()).await?;
        let commit_at = self.rooms.clock.now();
        self.recorder.record(SessionEvent::Accepted { accepted: accepted.clone(), commit_at }).await?;
        Ok(Ready { mirror, resolved, accepted, commit_at, aim })
    }

    pub(super) async fn publish(&self, ready: Ready) -> Result<Ending, Failure> {
        let branch = ready.branch();
        let published = self
            .stage(Stage::Publish, async {
                self.still_wanted(ready.aim.as_ref()).await?;
                let commit = self.push(&ready, &branch).await?;
                let published = self.announce(&ready, &branch, commit).await?;
                Ok(Done::ok(published, branch.clone()))
            })
            .await?;
        let detail = self.title(&ready).await?;
        let outcome = if ready.aim.is_some() { Outcome::PrUpdated } else { Outcome::PrOpened };
        Ok(Ending {
            pull_request: published.pull_request,
            branch: Some(branch),
            ..Ending::new(outcome, detail)
        })
    }

    /// The advisories are in the log before the change is accepted, so every
    /// run has the same title.
    async fn title(&self, ready: &Ready) -> Result<String, Failure> {
        Ok(advisory::title(&ready.resolved, &self.summary().await?.advisories))
    }

    async fn push(&self, ready: &Ready, branch: &str) -> Result<ObjectId, Failure> {
        let meta = CommitMeta {
            parent: ready.parent().clone(),
            author_name: AUTHOR.0.to_owned(),
            author_email: AUTHOR.1.to_owned(),
            at: ready.commit_at,
            message: commit_message(&self.request, &self.title(ready).await?, &self.id.to_string()),
        };
        let commit = ready.mirror.commit(ready.accepted.patch(), &meta).await?;
        let token = self.publisher.write_token(&ready.accepted).await?;
        let destination = match (&self.request.subject, &self.rooms.github, token) {
            (Subject::Issue { repo, .. } | Subject::Alert { repo, .. }, Some(github), Some(token)) => {
                Destination::Remote { url: github.clone_url(repo), token }
            }
            (Subject::Local { path }, _, _) => Destination::Local { path: path.into() },
            _ => return Err(Failure::bug("push without a write token")),
        };
        let (effect, key) = (PUSH.to_owned(), branch.to_owned());
        self.recorder.record(SessionEvent::Intent { effect: effect.clone(), key: key.clone() }).await?;
        ready.mirror.push(&commit, Onto { branch, expected: ready.expected() }, &destination).await?;
        self.recorder.record(SessionEvent::Effect { effect, key, result: commit.to_string() }).await?;
        Ok(commit)
    }

    async fn announce(&self, ready: &Ready, branch: &str, commit: ObjectId) -> Result<Published, Failure> {
        let summary = self.summary().await?;
        let model = self.model();
        let (agent, judge) = (model.name(Caller::Agent), model.name(Caller::Judge));
        let models = if agent == judge { agent.to_owned() } else { format!("{agent}, judged by {judge}") };
        let announcement = Announcement {
            resolved: &ready.resolved,
            base: ready.mirror.base(),
            commit: &commit,
            branch,
            summary: &summary,
            model: &models,
            opening: self.settings.get().map(Settings::opening).unwrap_or_default(),
        };
        self.publisher.announce(&ready.accepted, &announcement).await
    }
}

/// Nobody asked for the answer to an alert, so nobody is named there.
fn commit_message(request: &Request, title: &str, session: &str) -> String {
    // A further commit says what it is; what was asked is the person's text
    // and stays out of it.
    let title =
        if matches!(request.way, Way::Revise { .. }) { "Change what the review asks for" } else { title };
    let mut message = format!("{title}\n\nAgent-Session: {session}\n");
    if let Subject::Issue { sender, number, .. } = &request.subject {
        // Writing to a String cannot fail.
        writeln!(message, "Requested-by: {sender}\nRefs: #{number}").ok();
    }
    message
}
