//! The order of the rooms, for one job.
//!
//! This is the only module that knows which room follows which. It holds no
//! room's logic: what a version is, what a weakened test is or what a pull
//! request says is decided elsewhere. It refuses to publish anything but an
//! `Accepted` ticket, and it writes nothing once its lease is lost, because
//! every line of the log asks for the lease.

mod aim;
mod alerts;
mod authority;
mod base_tests;
mod baseline;
mod bench;
mod briefing;
mod bump;
mod course;
mod earlier;
mod examine;
mod group;
mod image;
mod progress;
mod publication;
mod repair;
mod revise;
mod settings;
mod stage;
mod standing;
mod upstream;
mod watch;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};

use crate::advisory::Policy;
use crate::bump::Ask;
use crate::change::{Base, Bump, ChangeType, Cost, Limits, Request, Subject, Way};
use crate::clock::Clock;
use crate::config::Commits;
use crate::evidence::Verdict;
use crate::failure::{Failure, Kind};
use crate::github::GitHub;
use crate::ids::{ObjectId, SessionId};
use crate::judge;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::publish::{Publisher, Target};
use crate::queue::Lease;
use crate::record::{Aim, Moment, Recorder, SessionEvent};
use crate::registry::{self, Registry};
use crate::replay::SessionLog;
use crate::sandbox::Sandbox;
use crate::summary::Summary;
use crate::trigger::{self, Catalog};
use crate::verify;
use crate::workspace::{Mirror, Workspace};

pub use alerts::{abandon, cancel, is_unasked};
pub use image::{Family, Image, Images};
pub use publication::PUSH;
pub use upstream::registry_of;

use bump::Survey;
use earlier::Earlier;
use progress::Progress;
use settings::Settings;

/// Everything that sessions share.
#[derive(Debug)]
pub struct Rooms {
    pub catalog: Catalog,
    pub limits: Limits,
    /// Which alerts are answered, where a repository does not say.
    pub security: Policy,
    pub workspace: Workspace,
    pub sandbox: Sandbox,
    /// An empty `url` means that npm or Maven is asked on first use.
    pub registry_settings: registry::Settings,
    pub registry: OnceCell<Registry>,
    pub model: Model,
    /// What the judge's word is worth.
    pub judge_mode: judge::Mode,
    pub log: SessionLog,
    pub baselines: verify::Baselines,
    /// Absent in `chaperone try`.
    pub github: Option<GitHub>,
    /// GitHub's numbers of bots that may ask as people with write access do.
    pub bots: Vec<u64>,
    /// Who makes the commits there.
    pub commits: Commits,
    pub images: Images,
    /// The doors' sockets are made in here.
    pub run_dir: PathBuf,
    /// Root of links to session pages, without a slash at the end.
    pub public_url: String,
    /// Between two edits of one status comment.
    pub edit_pause: Duration,
    pub clock: Clock,
}

/// How a session ends, with what a person should know.
#[derive(Debug, Clone)]
pub struct Ending {
    pub outcome: Outcome,
    pub detail: String,
    pub pull_request: Option<String>,
    pub branch: Option<String>,
}

impl Ending {
    fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), pull_request: None, branch: None }
    }

    fn failed(failure: &Failure) -> Self {
        Self::new(failure.outcome(), format!("could not {}", failure.public()))
    }
}

/// Runs the job to its end and returns the outcome, which is in the log and
/// has been told to the person who asked.
///
/// # Errors
/// Passing trouble, after which the job can be leased again; or the lease is
/// lost.
pub async fn run(rooms: &Rooms, lease: &Lease) -> Result<Outcome, Failure> {
    let mut session = Session::open(rooms, lease).await?;
    if let Some(outcome) = session.progress.ended {
        return Ok(outcome);
    }
    session.begin().await?;
    match Box::pin(session.drive()).await {
        Ok(ending) => session.end(ending).await,
        Err(failure) => match failure.kind() {
            Kind::Transient | Kind::LeaseLost => Err(failure),
            Kind::UserFault | Kind::Bug => {
                tracing::warn!(session = %session.id, %failure, "session stopped");
                session.publisher.refuse_config(&session.summary().await?, failure.refusals()).await?;
                session.end(Ending::failed(&failure)).await
            }
        },
    }
}

/// Ends a session whose passing trouble did not pass. When GitHub is the
/// trouble nobody can be told there; the log still closes.
///
/// # Errors
/// The log cannot be written, or the lease is lost.
pub async fn give_up(rooms: &Rooms, lease: &Lease, failure: &Failure) -> Result<Outcome, Failure> {
    let session = Session::open(rooms, lease).await?;
    let ending = Ending::failed(failure);
    match session.tell(&ending).await {
        Err(silent) if silent.kind() == Kind::LeaseLost => return Err(silent),
        Err(silent) => {
            tracing::error!(session = %session.id, failure = %silent, "could not tell how it ended")
        }
        Ok(()) => {}
    }
    session.close(ending).await
}

/// What the session left of a group, as the request of the next session. One
/// that was stopped leaves nothing.
///
/// # Errors
/// The log cannot be read.
pub async fn left(rooms: &Rooms, lease: &Lease, outcome: Outcome) -> Result<Option<Request>, Failure> {
    let summary = Summary::fold(lease.session(), &rooms.log.outline(lease.session()).await?);
    let mut left = summary.left.into_iter();
    let (Some(first), false) = (left.next(), outcome == Outcome::Cancelled) else { return Ok(None) };
    // What is left has no branch of an earlier session to go to.
    let way = Way::Fresh;
    Ok(Some(Request { bump: Some(first), more: left.collect(), label: None, way, ..lease.request().clone() }))
}

/// A request that leaves it to an earlier session what it is about, completed
/// from that one's log.
async fn completed(rooms: &Rooms, request: &Request) -> Result<Request, Failure> {
    let Some(earlier) = request.way.earlier() else { return Ok(request.clone()) };
    match Earlier::read(&rooms.log, earlier).await {
        Ok(earlier) => Ok(earlier.complete(request)),
        // The session says so at its own pace, and to the person who asked.
        Err(failure) if failure.kind() == Kind::UserFault => Ok(request.clone()),
        Err(failure) => Err(failure),
    }
}

/// One run of one session.
struct Session<'a> {
    rooms: &'a Rooms,
    id: SessionId,
    fence: u64,
    run: u64,
    /// With what an earlier session was asked for, where it only names that.
    request: Request,
    recorder: Recorder,
    publisher: Publisher,
    /// What an earlier run of this session has done.
    progress: Progress,
    /// What the repository says for itself, once it is read.
    settings: OnceLock<Settings>,
}

impl<'a> Session<'a> {
    async fn open(rooms: &'a Rooms, lease: &'a Lease) -> Result<Self, Failure> {
        let recorder = Recorder::new(lease.session(), rooms.log.writer(lease.session(), lease.fence()));
        let request = completed(rooms, lease.request()).await?;
        let target = match (&request.subject, &rooms.github) {
            (Subject::Issue { .. } | Subject::Alert { .. }, Some(github)) => {
                let (public_url, edit_pause) = (rooms.public_url.clone(), rooms.edit_pause);
                Target::GitHub { github: github.clone(), public_url, edit_pause }
            }
            (Subject::Issue { .. } | Subject::Alert { .. }, None) => {
                return Err(Failure::bug("serve a repository on GitHub without the [github] settings"));
            }
            (Subject::Local { .. }, _) => Target::Local,
        };
        let entries = rooms.log.outline(lease.session()).await?;
        Ok(Self {
            rooms,
            id: lease.session(),
            fence: lease.fence(),
            run: lease.run(),
            publisher: Publisher::new(target, recorder.clone(), request.clone()),
            request,
            recorder,
            progress: Progress::from_entries(&entries),
            settings: OnceLock::new(),
        })
    }

    async fn begin(&self) -> Result<(), Failure> {
        self.record_start().await?;
        self.publisher.acknowledge().await
    }

    async fn record_start(&self) -> Result<(), Failure> {
        let started = SessionEvent::Started {
            run: self.run,
            request: Box::new(self.request.clone()),
            limits: self.limits(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.recorder.record(started).await
    }

    /// The way that was asked for, unless an earlier run has gone it already.
    async fn drive(&mut self) -> Result<Ending, Failure> {
        self.follow(self.progress.aim.as_ref());
        if let Some(ready) = self.ready_to_publish().await? {
            return Box::pin(self.publish(ready)).await;
        }
        self.authorise(Moment::Start).await?;
        self.read_sibling().await?;
        let change = trigger::policy(&self.request, &self.rooms.catalog)?;
        match &self.request.way {
            Way::Fresh | Way::Again { .. } | Way::Sibling { .. } => Box::pin(self.bump_afresh(change)).await,
            Way::Revise { of, instruction, .. } => Box::pin(self.revise(change, *of, instruction)).await,
            Way::Appeal { of, reason } => Box::pin(self.appeal(change, *of, reason)).await,
        }
    }

    /// The check runs hang on the head of the pull request that is changed.
    fn follow(&self, aim: Option<&Aim>) {
        if let Some(aim) = aim {
            self.publisher.follow(&aim.head);
        }
    }

    /// From the default branch: the rooms in their order.
    async fn bump_afresh(&self, change: &ChangeType) -> Result<Ending, Failure> {
        let aim = self.aim(&self.request.way).await?;
        self.follow(aim.as_ref());
        self.publisher.started().await?;
        let mirror = self.checkout(None).await?;
        let mut ask = self.asked().await?;
        let survey = self.survey(&mirror, &ask).await?;
        let (mut plan, left) = match self.resolve(&survey, &ask).await {
            Err(refusal) if refusal.kind() == Kind::UserFault && ask.is_group() => {
                self.resolve_apart(&survey, &mut ask, refusal).await?
            }
            planned => (planned?, Vec::new()),
        };
        if let (None, Some(url)) = (&aim, self.publisher.open_pull_for(&plan.resolved().branch()).await?) {
            return Ok(Ending { pull_request: Some(url), ..Ending::new(Outcome::AlreadyOpen, "") });
        }
        let mut case = self.case(&mirror, change, &survey, ask).await?;
        case.left = left;
        let baseline = Box::pin(self.baseline(&case)).await?;
        if case.ask.is_group() {
            plan = Box::pin(self.narrow(&mut case, plan, &baseline)).await?;
        }
        let (resolved, accepted) = Box::pin(self.change(&case, &plan, &baseline)).await?;
        drop(case);
        let ready = self.accept(mirror, resolved, accepted, aim).await?;
        Box::pin(self.publish(ready)).await
    }

    /// What another bot's pull request bumps, where nobody has said it yet.
    async fn read_sibling(&mut self) -> Result<(), Failure> {
        let Way::Sibling { pull, .. } = &self.request.way else { return Ok(()) };
        let theirs = self.open_pull(*pull).await?;
        if trigger::names_nothing(&self.request) {
            let mut bumps = trigger::read_bumps(&theirs.title, &theirs.body).into_iter();
            (self.request.bump, self.request.more) = (bumps.next(), bumps.collect());
        }
        Ok(())
    }

    /// Tells the person who asked, then closes the log. Whoever finds the
    /// last line finds everything told.
    async fn end(&self, ending: Ending) -> Result<Outcome, Failure> {
        self.tell(&ending).await?;
        self.close(ending).await
    }

    async fn tell(&self, ending: &Ending) -> Result<(), Failure> {
        let mut summary = self.summary().await?;
        summary.pull_request.clone_from(&ending.pull_request);
        summary.branch.clone_from(&ending.branch);
        self.publisher.finish(&summary, ending.outcome, &ending.detail).await
    }

    async fn close(&self, ending: Ending) -> Result<Outcome, Failure> {
        let Ending { outcome, detail, pull_request, branch } = ending;
        self.recorder.record(SessionEvent::Ended { outcome, detail, pull_request, branch }).await?;
        Ok(outcome)
    }

    async fn summary(&self) -> Result<Summary, Failure> {
        Ok(Summary::fold(self.id, &self.rooms.log.outline(self.id).await?))
    }

    /// The money cap less what this and earlier runs of the session spent.
    async fn money_left(&self) -> Result<Cost, Failure> {
        Ok(self.limits().cost.saturating_sub(self.summary().await?.cost))
    }
}

/// What stays the same from the baseline to the verdict.
struct Case<'a> {
    mirror: &'a Mirror,
    base: Base,
    change: &'a ChangeType,
    survey: &'a Survey,
    ask: Ask,
    /// Members of a group that another session goes on with.
    left: Vec<Bump>,
    checks: verify::Plan,
    /// Verdicts by tree: a tree is never verified twice.
    seen: Mutex<HashMap<ObjectId, Verdict>>,
}
