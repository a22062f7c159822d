//! `chaperone try`: the same way on a local checkout, without GitHub.
//!
//! It ends with a local branch. The checkout's own files are never touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::{App, Outside};
use crate::advisory::{Advisory, Proof};
use crate::change::{Bump, Request, Resolved, Subject};
use crate::config::Config;
use crate::ids::SessionId;
use crate::record::{SessionEvent, Stage, StageResult, Usage};
use crate::replay::SessionLog;
use crate::summary::{StageLine, Summary};
use crate::trigger;

/// How often the log is looked at for the progress lines.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What to try, and where.
#[derive(Debug, Clone)]
pub struct Trial {
    pub repository: PathBuf,
    /// Several are one group.
    pub bumps: Vec<Bump>,
    /// With advisories it is a security run, and about their packages.
    pub advisories: Vec<Advisory>,
}

impl Trial {
    fn request(&self, path: &Path) -> Request {
        let mut bumps = self.bumps.iter().cloned();
        let change = if self.advisories.is_empty() { "bump" } else { trigger::SECURITY };
        Request {
            bump: bumps.next(),
            more: bumps.collect(),
            advisories: self.advisories.clone(),
            ..Request::new(Subject::Local { path: path.display().to_string() }, change)
        }
    }
}

/// The one JSON object of `chaperone try --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub session: SessionId,
    pub outcome: String,
    pub success: bool,
    pub detail: String,
    pub next_step: String,
    pub branch: Option<String>,
    pub stages: Vec<StageLine>,
    pub turns: u32,
    pub attempts: u32,
    pub tokens: Usage,
    /// Millionths of a US dollar.
    pub cost: u64,
    /// Requests to the model that got a reply: `repair` and `judge`.
    pub model_calls: BTreeMap<&'static str, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// Every installed copy of what had an advisory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// The session that went on with what this one left of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Box<Self>>,
}

impl From<Summary> for Report {
    fn from(summary: Summary) -> Self {
        let outcome = summary.outcome.unwrap_or(crate::outcome::Outcome::InternalError);
        Self {
            session: summary.session,
            outcome: outcome.name().to_owned(),
            success: outcome.is_success(),
            detail: summary.detail,
            next_step: outcome.next_step().to_owned(),
            branch: summary.branch,
            stages: summary.stages,
            resolved: summary.resolved,
            proofs: summary.proofs,
            next: None,
            turns: summary.turns,
            attempts: summary.attempts,
            tokens: summary.usage,
            cost: summary.cost.0,
            model_calls: BTreeMap::from([("repair", summary.repair_calls), ("judge", summary.judge_calls)]),
        }
    }
}

/// Runs the trial; `say` is called with a line for every stage as it goes.
///
/// # Errors
/// The pipeline cannot be set up at all. Everything after that is an outcome.
pub async fn attempt(
    config: &Config,
    outside: Outside,
    trial: Trial,
    mut say: impl FnMut(&str) + Send,
) -> anyhow::Result<Report> {
    let path = trial
        .repository
        .canonicalize()
        .with_context(|| format!("could not find the checkout {}", trial.repository.display()))?;
    let app = App::build(config, outside).await?;
    let mut sessions = vec![app.queue.submit(&trial.request(&path)).await?];
    while let Some(session) = sessions.last().copied() {
        let lease = app.queue.lease_one(session).await?;
        let work = super::worker::run_to_the_end(&app, lease);
        let next = tokio::select! {
            result = work => result?,
            _never = follow(&app.rooms.log, session, &mut say) => None,
        };
        match next {
            Some(next) => sessions.push(next),
            None => break,
        }
    }
    if let Err(failure) = super::reap_once(&app).await {
        tracing::warn!(%failure, "containers may be left");
    }
    let report = report(&app, &sessions).await;
    app.queue.close().await;
    report
}

/// The first session's report, which holds the next one's, and so on.
async fn report(app: &App, sessions: &[SessionId]) -> anyhow::Result<Report> {
    let mut report: Option<Report> = None;
    for session in sessions.iter().rev() {
        let summary = Summary::fold(*session, &app.rooms.log.outline(*session).await?);
        report = Some(Report { next: report.map(Box::new), ..summary.into() });
    }
    report.context("could not find what was tried")
}

/// Says every stage's start and end, until it is dropped.
async fn follow(log: &SessionLog, session: SessionId, mut say: impl FnMut(&str) + Send) {
    let mut seen = 0;
    loop {
        for entry in log.outline(session).await.unwrap_or_default() {
            if entry.seq > seen {
                seen = entry.seq;
                if let Some(line) = progress(&entry.event) {
                    say(&line);
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn progress(event: &SessionEvent) -> Option<String> {
    match event {
        SessionEvent::StageStarted { stage } => Some(format!("{} …", stage.title())),
        SessionEvent::StageEnded { stage, result, detail, duration_ms } => {
            Some(stage_line(*stage, *result, detail, *duration_ms))
        }
        SessionEvent::ToolCall { tool, duration_ms, .. } => Some(format!("  tool {tool} ({duration_ms} ms)")),
        _ => None,
    }
}

fn stage_line(stage: Stage, result: StageResult, detail: &str, duration_ms: u64) -> String {
    let result = match result {
        StageResult::Ok => "ok",
        StageResult::Failed => "failed",
        StageResult::Skipped => "skipped",
    };
    format!("{}: {result} in {duration_ms} ms · {detail}", stage.title())
}
