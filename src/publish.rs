//! What people see on GitHub: reactions, labels, the one status comment, the
//! pull request, the check runs, and answers to what they say there.
//!
//! Every effect may happen twice and looks the same then: it has a stable
//! key, is looked for before it is made, and is written into the log before
//! and after. Text of strangers goes out through [`crate::text::markdown`]
//! only. Nothing is published without an `Accepted`; nothing is ever merged
//! or approved.
//!
//! An alert has no place to talk: no reactions, no labels, no comment. What
//! people see of it is the pull request with its check runs. When there is
//! none to come and a person has to decide, one check run on the base commit
//! says why. It is named after the package, so that two packages do not hide
//! each other, and it asks for an action: a neutral one would pass for good.
//! It is made at the end only, so nothing ever hangs on the default branch.
//! An alert that the policy leaves alone, or that was closed, gets nothing:
//! somebody decided that already, and the session's page has the reason.

mod checks;
mod ending;
mod pace;
mod pull;
mod reply;
mod spot;
mod status;
mod verified;
mod why;

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::advisory;
use crate::change::{Base, Request, Resolved, Subject};
use crate::clock::Clock;
use crate::evidence::Accepted;
use crate::failure::{Failure, Kind};
use crate::github::{CheckRun, CheckState, GitHub, NewPull, RepoClient};
use crate::ids::{ObjectId, Repository, SessionId};
use crate::record::{Recorder, SessionEvent};
use crate::secret::WriteToken;
use crate::summary::Summary;

use checks::{Check, Gate};
use pace::Shown;
use spot::Spot;

pub use reply::{Reply, reply};
pub use spot::{Asked, seen, unseen};

const RUNNING: &str = crate::wish::RUNNING_LABEL;
const DONE: &str = "agent:done";
const NEEDS_HUMAN: &str = "agent:needs-human";

/// Bytes of a stranger's reason.
const QUOTED: usize = 1500;
/// Bytes of a name.
const NAME: usize = 120;

/// The effect whose result is a pull request's page.
pub const OPEN_PULL: &str = "open the pull request";

/// The effect that takes 👀 away.
pub const FINISH: &str = "finish";

/// Where things are published.
#[derive(Debug, Clone)]
pub enum Target {
    GitHub {
        github: GitHub,
        /// The root of links to session pages.
        public_url: String,
        /// Between two edits of the status comment.
        edit_pause: Duration,
    },
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
    pub opening: Opening<'a>,
}

/// How the repository wants the agent's pull requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opening<'a> {
    pub draft: bool,
    pub labels: &'a [String],
    /// Logins, or teams as `owner/team`.
    pub reviewers: &'a [String],
}

/// Where the result is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The pull request's page.
    pub pull_request: Option<String>,
}

/// The last sign, where something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// 🚀
    Done,
    /// 😕
    No,
}

/// One session's voice.
#[derive(Debug)]
pub struct Publisher {
    target: Target,
    recorder: Recorder,
    request: Request,
    comment: Mutex<Comment>,
    /// The head of the open pull request that the session changes.
    head: OnceLock<ObjectId>,
    /// What each check run there says.
    checks: Mutex<Vec<Check>>,
    /// A check run has said that the configuration is refused.
    misconfigured: AtomicBool,
}

/// The status comment, once it is there.
#[derive(Debug, Default)]
struct Comment {
    id: Option<u64>,
    shown: Shown,
}

/// A repository on GitHub, with the way there.
struct Place<'a> {
    github: &'a GitHub,
    public_url: &'a str,
    edit_pause: Duration,
    repo: Repository,
}

impl Place<'_> {
    async fn reporter(&self) -> Result<RepoClient, Failure> {
        self.github.reporter(&self.repo).await
    }
}

/// An issue there.
struct Issue<'a> {
    place: Place<'a>,
    number: u64,
}

impl Issue<'_> {
    async fn reporter(&self) -> Result<RepoClient, Failure> {
        self.place.reporter().await
    }
}

fn session_url(public_url: &str, session: SessionId) -> String {
    format!("{public_url}/sessions/{session}")
}

impl Publisher {
    #[must_use]
    pub fn new(target: Target, recorder: Recorder, request: Request) -> Self {
        let (comment, checks) = (Mutex::default(), Mutex::default());
        let (head, misconfigured) = (OnceLock::new(), AtomicBool::new(false));
        Self { target, recorder, request, comment, head, checks, misconfigured }
    }

    /// `None` for a local checkout.
    fn place(&self) -> Option<Place<'_>> {
        let Target::GitHub { github, public_url, edit_pause } = &self.target else { return None };
        let repo = self.request.subject.on_github()?;
        Some(Place { github, public_url, edit_pause: *edit_pause, repo })
    }

    /// Where to talk: nowhere for an alert or a local checkout.
    fn issue(&self) -> Option<Issue<'_>> {
        match &self.request.subject {
            Subject::Issue { number, .. } => Some(Issue { place: self.place()?, number: *number }),
            Subject::Alert { .. } | Subject::Local { .. } => None,
        }
    }

    /// Where to leave a sign.
    fn spot(&self) -> Option<(&GitHub, Spot)> {
        match &self.target {
            Target::GitHub { github, .. } => Some((github, self.request.spot()?)),
            Target::Local => None,
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
        let Some((github, spot)) = self.spot() else { return Ok(()) };
        self.journaled("acknowledge", self.request.subject.key(), async {
            spot.see(github).await?;
            Ok(((), String::new()))
        })
        .await
    }

    /// The session changes the pull request with this head: its check runs
    /// hang there from now on.
    pub fn follow(&self, head: &ObjectId) {
        // Whoever says it again says the same.
        self.head.get_or_init(|| head.clone());
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

    /// Brings the status comment up to date, and the check runs on the head
    /// of a pull request that is open. Called often, it edits seldom.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn status(&self, summary: &Summary) -> Result<(), Failure> {
        let pause = self.place().map(|place| place.edit_pause);
        self.comment(summary, pause).await?;
        self.checking(checks::running(summary), summary).await
    }

    /// Without a pause the comment is edited at once.
    async fn comment(&self, summary: &Summary, pause: Option<Duration>) -> Result<(), Failure> {
        let Some(issue) = self.issue() else { return Ok(()) };
        let body = status::comment(summary, issue.place.public_url);
        let mut comment = self.comment.lock().await;
        if !comment.shown.wants(&body, Clock.instant(), pause) {
            return Ok(());
        }
        let reporter = issue.reporter().await?;
        let marker = status::marker(summary.session);
        let known = match comment.id {
            Some(id) => Some(id),
            // An earlier run of this session may have made it.
            None => reporter.find_comment(issue.number, &marker).await?,
        };
        comment.id = Some(match known {
            Some(id) => {
                reporter.edit_comment(id, &body).await?;
                id
            }
            None => {
                self.journaled("write the status comment", marker.clone(), async {
                    let id = reporter.ensure_comment(issue.number, &marker, &body).await?;
                    Ok((id, id.to_string()))
                })
                .await?
            }
        });
        comment.shown.wrote(body, Clock.instant());
        Ok(())
    }

    /// Brings the check runs on the head of the pull request that this
    /// session changes to their state. Without one there is nothing: no run
    /// hangs on the default branch.
    async fn checking(&self, wanted: [Check; 3], summary: &Summary) -> Result<(), Failure> {
        let (Some(place), Some(head)) = (self.place(), self.head.get()) else { return Ok(()) };
        let mut said = self.checks.lock().await;
        for check in wanted {
            if said.contains(&check) {
                continue;
            }
            ensure(&place.github.checker(&place.repo).await?, place.public_url, (&check, head), summary)
                .await?;
            said.retain(|known| known.gate != check.gate);
            said.push(check);
        }
        Ok(())
    }

    /// The page of a pull request that is open for the same change.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn open_pull_for(&self, branch: &str) -> Result<Option<String>, Failure> {
        let Some(place) = self.place() else { return Ok(None) };
        let open = place.reporter().await?.find_pull(branch).await?;
        Ok(open.map(|pull| pull.url))
    }

    /// The right to push: given for an accepted change, and only here.
    ///
    /// # Errors
    /// GitHub does not give it.
    pub async fn write_token(&self, _accepted: &Accepted) -> Result<Option<WriteToken>, Failure> {
        match self.place() {
            Some(place) => Ok(Some(place.github.write_token(&place.repo).await?)),
            None => Ok(None),
        }
    }

    /// Opens the pull request and puts the verdicts on its head.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the lease is lost.
    pub async fn announce(&self, accepted: &Accepted, what: &Announcement<'_>) -> Result<Published, Failure> {
        let (Some(place), Some(token)) = (self.place(), self.write_token(accepted).await?) else {
            return Ok(Published::default());
        };
        let writer = place.github.writer(&token, &place.repo)?;
        for check in checks::accepted(accepted, what.summary) {
            let key = format!("{}/{}", what.summary.session, check.gate.name());
            self.journaled("make the check run", key, async {
                ensure(&writer, place.public_url, (&check, what.commit), what.summary).await?;
                Ok(((), state(check.state).to_owned()))
            })
            .await?;
        }
        let pull = self
            .journaled(OPEN_PULL, what.branch.to_owned(), async {
                let body = pull::body(accepted, what, &self.request, place.public_url);
                let new = NewPull {
                    branch: what.branch,
                    base: &what.base.branch,
                    title: &advisory::title(what.resolved, &what.summary.advisories),
                    body: &body,
                    draft: what.opening.draft,
                };
                let pull = writer.ensure_pull(&new).await?;
                let url = pull.url.clone();
                Ok((pull, url))
            })
            .await?;
        self.dress(&writer, pull.number, what.opening).await?;
        Ok(Published { pull_request: Some(pull.url) })
    }

    /// Labels and reviewers. Somebody who cannot review, or a label that
    /// cannot be, is no reason to take the pull request for failed.
    async fn dress(&self, writer: &RepoClient, pull: u64, opening: Opening<'_>) -> Result<(), Failure> {
        let Some(place) = self.place() else { return Ok(()) };
        let mut said = Vec::new();
        if !opening.labels.is_empty() {
            let reporter = place.reporter().await?;
            for label in opening.labels {
                said.push(reporter.add_label(pull, label).await);
            }
        }
        if !opening.reviewers.is_empty() {
            said.push(writer.request_reviewers(pull, opening.reviewers).await);
        }
        for failure in said.into_iter().filter_map(Result::err) {
            match failure.kind() {
                Kind::UserFault => tracing::warn!(pull, %failure, "pull request not dressed"),
                _ => return Err(failure),
            }
        }
        Ok(())
    }
}

fn state(state: CheckState) -> &'static str {
    match state {
        CheckState::Queued => "queued",
        CheckState::InProgress => "in_progress",
        CheckState::Completed(conclusion) => conclusion,
    }
}

/// Makes a gate's check run on a commit, or brings it up to date.
async fn ensure(
    client: &RepoClient,
    public_url: &str,
    (check, sha): (&Check, &ObjectId),
    summary: &Summary,
) -> Result<(), Failure> {
    let run = CheckRun {
        name: check.gate.name(),
        sha: sha.as_str(),
        external_id: &external_id(summary.session, check.gate),
        details_url: &session_url(public_url, summary.session),
        state: check.state,
        title: &check.title,
        summary: &check.summary,
        text: "",
        annotations: &check.annotations,
        actions: &check.actions,
    };
    client.ensure_check(&run).await.map(|_id| ())
}

/// By this a button and GitHub's "re-run" find the session.
fn external_id(session: SessionId, gate: Gate) -> String {
    format!("{session}/{}", gate.key())
}
