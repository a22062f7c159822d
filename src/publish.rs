//! What people see on GitHub: reactions, labels, the one status comment, the
//! pull request, the check runs.
//!
//! Every effect may happen twice and looks the same then: it has a stable
//! key, is looked for before it is made, and is written into the log before
//! and after. Model text only goes out quoted and made plain. Nothing is
//! published without an `Accepted`; nothing is ever merged or approved.

mod render;

use tokio::sync::Mutex;

use crate::change::{Base, Request, Resolved, Subject};
use crate::evidence::Accepted;
use crate::failure::Failure;
use crate::github::{CheckRun, GitHub, NewPull, Reaction, RepoClient};
use crate::ids::{ObjectId, Repo};
use crate::outcome::Outcome;
use crate::record::{Recorder, SessionEvent};
use crate::secret::WriteToken;
use crate::summary::Summary;

const RUNNING: &str = "agent:running";
const DONE: &str = "agent:done";
const NEEDS_HUMAN: &str = "agent:needs-human";

/// Where things are published.
#[derive(Debug, Clone)]
pub enum Target {
    /// `public_url` is the root of links to session pages.
    GitHub { github: GitHub, public_url: String },
    /// A local checkout: nothing but the log.
    Local,
}

/// All that a pull request is made of, besides the ticket.
#[derive(Debug)]
pub struct Announcement<'a> {
    pub resolved: &'a Resolved,
    pub base: &'a Base,
    pub commit: &'a ObjectId,
    pub branch: &'a str,
    pub summary: &'a Summary,
    /// The model's name, for the footer.
    pub model: &'a str,
}

/// Where the result is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The pull request's page.
    pub pull_request: Option<String>,
}

/// One session's voice.
#[derive(Debug)]
pub struct Publisher {
    target: Target,
    recorder: Recorder,
    request: Request,
    comment: Mutex<Option<u64>>,
}

/// An issue on GitHub, with the way there.
struct Issue<'a> {
    github: &'a GitHub,
    public_url: &'a str,
    repo: &'a Repo,
    installation: u64,
    number: u64,
}

impl Issue<'_> {
    async fn reporter(&self) -> Result<RepoClient, Failure> {
        self.github.reporter(self.installation, self.repo).await
    }
}

impl Publisher {
    #[must_use]
    pub fn new(target: Target, recorder: Recorder, request: Request) -> Self {
        Self { target, recorder, request, comment: Mutex::default() }
    }

    /// `None` for a local checkout.
    fn issue(&self) -> Option<Issue<'_>> {
        match (&self.target, &self.request.subject) {
            (Target::GitHub { github, public_url }, Subject::Issue { repo, installation, number, .. }) => {
                Some(Issue { github, public_url, repo, installation: *installation, number: *number })
            }
            _ => None,
        }
    }

    /// Writes an effect down before and after it is made.
    async fn journaled<T>(
        &self,
        effect: &str,
        key: String,
        work: impl Future<Output = Result<(T, String), Failure>> + Send,
    ) -> Result<T, Failure> {
        let effect = effect.to_owned();
        self.recorder.record(SessionEvent::Intent { effect: effect.clone(), key: key.clone() }).await?;
        let (value, result) = work.await?;
        self.recorder.record(SessionEvent::Effect { effect, key, result }).await?;
        Ok(value)
    }

    /// 👀: the request was seen.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn acknowledge(&self) -> Result<(), Failure> {
        let Some(issue) = self.issue() else { return Ok(()) };
        self.journaled("acknowledge", self.request.subject.key(), async {
            issue.reporter().await?.react(issue.number, Reaction::Eyes).await?;
            Ok(((), String::new()))
        })
        .await
    }

    /// The run was allowed: the label that asked gives way to `agent:running`.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn started(&self) -> Result<(), Failure> {
        let Some(issue) = self.issue() else { return Ok(()) };
        self.journaled("label as running", self.request.subject.key(), async {
            let reporter = issue.reporter().await?;
            reporter.add_label(issue.number, RUNNING).await?;
            for label in self.request.label.iter().map(String::as_str).chain([DONE, NEEDS_HUMAN]) {
                reporter.remove_label(issue.number, label).await?;
            }
            Ok(((), String::new()))
        })
        .await
    }

    /// Makes the status comment, or brings it up to date.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn status(&self, summary: &Summary) -> Result<(), Failure> {
        let Some(issue) = self.issue() else { return Ok(()) };
        let marker = render::marker(summary.session);
        let body = render::status(summary, issue.public_url);
        let reporter = issue.reporter().await?;
        let mut comment = self.comment.lock().await;
        let id = match *comment {
            Some(id) => id,
            None => {
                let made = self
                    .journaled("write the status comment", marker.clone(), async {
                        let id = reporter.ensure_comment(issue.number, &marker, &body).await?;
                        Ok((id, id.to_string()))
                    })
                    .await?;
                *comment = Some(made);
                made
            }
        };
        reporter.edit_comment(id, &body).await
    }

    /// The page of a pull request that is open for the same change.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn open_pull_for(&self, branch: &str) -> Result<Option<String>, Failure> {
        let Some(issue) = self.issue() else { return Ok(None) };
        let open = issue.reporter().await?.find_pull(branch).await?;
        Ok(open.map(|pull| pull.url))
    }

    /// The right to push: given for an accepted change, and only here.
    ///
    /// # Errors
    /// GitHub does not give it.
    pub async fn write_token(&self, _accepted: &Accepted) -> Result<Option<WriteToken>, Failure> {
        match self.issue() {
            Some(issue) => Ok(Some(issue.github.write_token(issue.installation, issue.repo).await?)),
            None => Ok(None),
        }
    }

    /// Opens the pull request and puts the verdicts on its head.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn announce(&self, accepted: &Accepted, what: &Announcement<'_>) -> Result<Published, Failure> {
        let (Some(issue), Some(token)) = (self.issue(), self.write_token(accepted).await?) else {
            return Ok(Published::default());
        };
        let writer = issue.github.writer(&token, issue.repo)?;
        for check in render::checks(accepted, what.summary) {
            let key = format!("{}/{}", what.summary.session, check.name);
            self.journaled("make the check run", key.clone(), async {
                let run = CheckRun {
                    name: check.name,
                    sha: what.commit.as_str(),
                    external_id: &key,
                    details_url: &render::session_url(issue.public_url, what.summary.session),
                    conclusion: "success",
                    title: &check.title,
                    summary: &check.summary,
                };
                writer.ensure_check(&run).await?;
                Ok(((), "success".to_owned()))
            })
            .await?;
        }
        let pull = self
            .journaled("open the pull request", what.branch.to_owned(), async {
                let body = render::pull_body(accepted, what, &self.request, issue.public_url);
                let new = NewPull {
                    branch: what.branch,
                    base: &what.base.branch,
                    title: &what.resolved.title(),
                    body: &body,
                };
                let pull = writer.ensure_pull(&new).await?;
                let url = pull.url.clone();
                Ok((pull, url))
            })
            .await?;
        Ok(Published { pull_request: Some(pull.url) })
    }

    /// The last word: comment, reaction, label. Somebody without the right to
    /// ask gets the reaction alone.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn finish(&self, summary: &Summary, outcome: Outcome, detail: &str) -> Result<(), Failure> {
        let Some(issue) = self.issue() else { return Ok(()) };
        let mut last = summary.clone();
        last.outcome = Some(outcome);
        last.current = None;
        detail.clone_into(&mut last.detail);
        if outcome != Outcome::DeclinedUnauthorized {
            self.status(&last).await?;
        }
        self.journaled("finish", self.request.subject.key(), async {
            let reporter = issue.reporter().await?;
            let (reaction, label) = if outcome.is_success() {
                (Reaction::Rocket, DONE)
            } else {
                (Reaction::Confused, NEEDS_HUMAN)
            };
            reporter.react(issue.number, reaction).await?;
            reporter.unreact(issue.number, Reaction::Eyes).await?;
            if outcome != Outcome::DeclinedUnauthorized {
                reporter.add_label(issue.number, label).await?;
                reporter.remove_label(issue.number, RUNNING).await?;
            }
            Ok(((), outcome.name().to_owned()))
        })
        .await
    }
}
