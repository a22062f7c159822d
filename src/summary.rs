//! A session at a glance, folded from its log.
//!
//! The status comment, the pages, the command line's report and the JSON all
//! read this one value, so they cannot disagree.

use jiff::Timestamp;
use serde::Serialize;

use crate::change::{Base, Cost, Limits, Request, Resolved};
use crate::evidence::{ChangedFile, CheckResult, Finding};
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::record::{Stage, StageResult, Usage};

/// One finished stage. A stage that ran more than once has one line: the
/// last result, and the time of all its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageLine {
    pub stage: Stage,
    pub result: StageResult,
    pub detail: String,
    pub duration_ms: u64,
}

/// What a session has done so far.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub session: SessionId,
    pub request: Option<Request>,
    pub base: Option<Base>,
    pub resolved: Option<Resolved>,
    pub limits: Option<Limits>,
    pub stages: Vec<StageLine>,
    /// The stage that runs now.
    pub current: Option<Stage>,
    /// Model replies that the agent got.
    pub turns: u32,
    /// Trees of the agent that were verified.
    pub attempts: u32,
    /// Requests to the model that got a reply: for repair, and by the judge.
    pub repair_calls: u32,
    pub judge_calls: u32,
    pub usage: Usage,
    pub cost: Cost,
    pub outcome: Option<Outcome>,
    pub detail: String,
    pub pull_request: Option<String>,
    pub branch: Option<String>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// The last verdict's checks.
    pub checks: Vec<CheckResult>,
    /// The last findings of the integrity room.
    pub findings: Vec<Finding>,
    /// The last verdict of the judge, and its reason (model text).
    pub judge: Option<(String, String)>,
    /// The last patch's files.
    pub files: Vec<ChangedFile>,
}
