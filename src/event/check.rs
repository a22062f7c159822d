//! Check runs and suites: what people ask of ours, and how others' end.

use jiff::Timestamp;
use serde::Deserialize;

use super::{AppBody, Event, InstallationBody, RepositoryBody, Scene, SenderBody, latest, name, scene};
use crate::ids::ObjectId;

/// Somebody asked something of a check run, or of a whole suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckAsked {
    pub scene: Scene,
    /// The pull request, where GitHub names one: it names none of a fork's.
    pub number: Option<u64>,
    /// The App that the check run belongs to.
    pub app: Option<u64>,
    pub head: ObjectId,
    /// What the run was made with; absent for a suite.
    pub external_id: Option<String>,
    /// The last time that the event names: nobody can have asked before.
    pub at: Timestamp,
    pub asked: Asked,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// GitHub's own "re-run".
    Rerun,
    /// One of the run's buttons, by its identifier.
    Button(String),
}

/// A suite of checks of a pull request ended red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteRed {
    pub scene: Scene,
    /// The pull request's number.
    pub number: u64,
    pub head: ObjectId,
    pub branch: String,
    /// The App whose suite it is.
    pub app: Option<u64>,
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct RunEvent {
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
    check_run: RunBody,
    requested_action: Option<ActionBody>,
}

#[derive(Deserialize)]
struct ActionBody {
    identifier: String,
}

#[derive(Deserialize)]
struct RunBody {
    head_sha: ObjectId,
    external_id: Option<String>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    app: Option<AppBody>,
    pull_requests: Option<Vec<PullBody>>,
}

#[derive(Deserialize)]
struct SuiteEvent {
    installation: Option<InstallationBody>,
    repository: RepositoryBody,
    sender: SenderBody,
    check_suite: SuiteBody,
}

#[derive(Deserialize)]
struct SuiteBody {
    head_sha: ObjectId,
    head_branch: Option<String>,
    conclusion: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    app: Option<AppBody>,
    pull_requests: Option<Vec<PullBody>>,
}

#[derive(Deserialize)]
struct PullBody {
    number: u64,
    base: Option<BaseBody>,
}

#[derive(Deserialize)]
struct BaseBody {
    repo: Option<AppBody>,
}

/// The first pull request into this repository: the same commit may also be
/// one's into a fork.
fn pull_of(pulls: Option<Vec<PullBody>>, repo_id: u64) -> Option<u64> {
    let here = |pull: &PullBody| {
        let base = pull.base.as_ref().and_then(|base| base.repo.as_ref()).and_then(|repo| repo.id);
        base.is_none_or(|id| id == repo_id)
    };
    pulls.unwrap_or_default().into_iter().find(here).map(|pull| pull.number)
}

pub(super) fn run(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let RunEvent { installation, repository, sender, check_run: run, requested_action } =
        serde_json::from_slice(body)?;
    let Some(scene) = scene(installation, repository, sender) else { return Ok(None) };
    Ok(Some(Event::CheckAsked(CheckAsked {
        number: pull_of(run.pull_requests, scene.repo_id),
        scene,
        app: run.app.and_then(|app| app.id),
        head: run.head_sha,
        external_id: run.external_id.map(|id| name(&id)).filter(|id| !id.is_empty()),
        at: latest([run.started_at, run.completed_at]),
        asked: match requested_action {
            Some(action) => Asked::Button(name(&action.identifier)),
            None => Asked::Rerun,
        },
    })))
}

pub(super) fn suite(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let SuiteEvent { installation, repository, sender, check_suite: suite } = serde_json::from_slice(body)?;
    let Some(scene) = scene(installation, repository, sender) else { return Ok(None) };
    Ok(Some(Event::CheckAsked(CheckAsked {
        number: pull_of(suite.pull_requests, scene.repo_id),
        scene,
        app: suite.app.and_then(|app| app.id),
        head: suite.head_sha,
        external_id: None,
        at: latest([suite.created_at, suite.updated_at]),
        asked: Asked::Rerun,
    })))
}

pub(super) fn completed(body: &[u8]) -> serde_json::Result<Option<Event>> {
    let SuiteEvent { installation, repository, sender, check_suite: suite } = serde_json::from_slice(body)?;
    let Some(scene) = scene(installation, repository, sender) else { return Ok(None) };
    if !matches!(suite.conclusion.as_deref(), Some("failure" | "timed_out")) {
        return Ok(Some(Event::Unfit("the checks did not end red".to_owned())));
    }
    let Some(number) = pull_of(suite.pull_requests, scene.repo_id) else {
        return Ok(Some(Event::Unfit("the checks are of no pull request here".to_owned())));
    };
    Ok(Some(Event::SuiteRed(SuiteRed {
        scene,
        number,
        head: suite.head_sha,
        branch: name(&suite.head_branch.unwrap_or_default()),
        app: suite.app.and_then(|app| app.id),
        at: latest([suite.created_at, suite.updated_at]),
    })))
}
