//! From an accepted tree to a pull request, or to a branch of a checkout.
//!
//! This part may run again after a crash: everything in it is found or made,
//! never made twice. The commit's tree, parent and message come from the log,
//! so every run makes the same commit; one that GitHub made is in the log too.

mod commits;
mod plan;

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
use crate::github::GitHub;
use crate::ids::ObjectId;
use crate::outcome::Outcome;
use crate::publish::{Announcement, Published};
use crate::record::{Aim, Caller, SessionEvent, Stage};
use crate::workspace::Mirror;

pub(super) use commits::COMMIT;
pub use commits::PUSH;
use commits::Work;
use plan::Place;

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
        let title = self.title(ready).await?;
        let web = self.rooms.github.as_ref().map(GitHub::web_url).unwrap_or_default();
        let work = Work {
            mirror: &ready.mirror,
            accepted: &ready.accepted,
            place: Place { branch, parent: ready.parent(), expected: ready.expected() },
            message: commit_message(&self.request, &title, &self.id.to_string(), web),
            at: ready.commit_at,
        };
        self.deliver(&work).await
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

/// Nobody asked for the answer to an alert, so nobody is named there. The
/// person who asked is the second author, at the address that GitHub gives
/// everybody; a bot is not.
fn commit_message(request: &Request, title: &str, session: &str, web: &str) -> String {
    // A further commit says what it is; what was asked is the person's text
    // and stays out of it.
    let title =
        if matches!(request.way, Way::Revise { .. }) { "Change what the review asks for" } else { title };
    let mut message = format!("{title}\n\nAgent-Session: {session}\n");
    if let Subject::Issue { sender, sender_id, number, .. } = &request.subject {
        // Writing to a String cannot fail.
        writeln!(message, "Requested-by: {sender}\nRefs: #{number}").ok();
        let host = web.split_once("://").map_or(web, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        if *sender_id != 0 && !sender.ends_with("[bot]") && !host.is_empty() {
            writeln!(message, "Co-authored-by: {sender} <{sender_id}+{sender}@users.noreply.{host}>").ok();
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_by(sender: &str, sender_id: u64) -> Request {
        let subject = Subject::Issue {
            repo: "o/r".parse().unwrap(),
            repo_id: 9,
            installation: 1,
            number: 7,
            sender: sender.into(),
            sender_id,
        };
        Request::new(subject, "bump")
    }

    #[test]
    fn a_commit_names_who_asked_in_its_last_lines() {
        let message = commit_message(&asked_by("octocat", 5), "Bump x", "S1", "https://github.example/");
        let (title, trailers) = message.split_once("\n\n").unwrap();
        assert_eq!(title, "Bump x");
        assert_eq!(
            trailers.lines().collect::<Vec<_>>(),
            [
                "Agent-Session: S1",
                "Requested-by: octocat",
                "Refs: #7",
                "Co-authored-by: octocat <5+octocat@users.noreply.github.example>",
            ]
        );
    }

    #[test]
    fn a_bot_and_somebody_unknown_are_no_authors() {
        for (sender, id) in [("renovate[bot]", 5), ("octocat", 0)] {
            let message = commit_message(&asked_by(sender, id), "Bump x", "S1", "https://github.example");
            assert!(!message.contains("Co-authored-by"), "{message}");
        }
        let local = Request::new(Subject::Local { path: "/x".into() }, "bump");
        assert_eq!(commit_message(&local, "Bump x", "S1", ""), "Bump x\n\nAgent-Session: S1\n");
    }
}
