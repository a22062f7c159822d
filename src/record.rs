//! The session log's events: everything that a session saw, asked, did.
//!
//! Recorded once, rendered many times: the replay command, the pages and the
//! status comment all read this one type. Appending is the only operation.
//! A reader of an older version must be able to read every event ever
//! written, so variants and fields are added, never renamed.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::{Advisory, Proof};
use crate::change::{Base, Bump, Cost, Limits, Permission, Request, Resolved};
use crate::evidence::{Accepted, ChangedFile, Criterion, Finding, Run, Verdict};
use crate::failure::Failure;
use crate::ids::{ObjectId, SessionId};
use crate::outcome::Outcome;

/// Version of the log's format, written beside every event.
pub const FORMAT: u32 = 1;

/// The steps that a person sees, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Checkout,
    Resolve,
    Baseline,
    /// Only for several packages at once.
    Group,
    Bump,
    Verify,
    Repair,
    Integrity,
    Judge,
    Publish,
}

impl Stage {
    /// As shown in the status comment.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Checkout => "Checkout",
            Self::Resolve => "Resolve",
            Self::Baseline => "Baseline",
            Self::Group => "Group",
            Self::Bump => "Bump",
            Self::Verify => "Verify",
            Self::Repair => "Repair",
            Self::Integrity => "Test integrity",
            Self::Judge => "Judge",
            Self::Publish => "Publish",
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageResult {
    Ok,
    Failed,
    Skipped,
}

/// Tokens of one model reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_input_tokens: u64,
    pub cache_creation_input_tokens: u64,
}

impl Usage {
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .saturating_add(other.cache_read_input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .saturating_add(other.cache_creation_input_tokens),
        }
    }
}

/// Who asked the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    Agent,
    Judge,
}

/// Why the agent stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It says that the end state is reached.
    Finished,
    /// It says that the end state cannot be reached.
    Abstained,
    LimitTurns,
    LimitTime,
    LimitCost,
}

impl StopReason {
    /// As shown to people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Abstained => "gave up",
            Self::LimitTurns => "no turn left",
            Self::LimitTime => "no time left",
            Self::LimitCost => "no money left",
        }
    }
}

/// One attempt of the agent, with what it alone spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first one.
    pub number: u32,
    pub stopped: StopReason,
    pub turns: u32,
    /// Model and tool time.
    pub time_ms: u64,
    pub cost: Cost,
    /// The tree that it left.
    pub tree: String,
    /// How the session would end with that tree; absent when it was accepted.
    pub refused: Option<Outcome>,
    /// The best tree so far: the next attempt starts from it.
    pub best: String,
}

/// The session that first ran what another one only looks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub session: SessionId,
    pub at: Timestamp,
}

/// When somebody's right was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    Start,
    /// Just before the push.
    Push,
}

/// A branch with an open pull request, which a session changes instead of
/// making one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    pub pull: u64,
    pub branch: String,
    /// The branch's head when the session looked at it. It must be the same
    /// at the push.
    pub head: ObjectId,
    /// The commit stands on the head; otherwise it takes the place of what
    /// is on the branch.
    pub on_top: bool,
}

/// What the judge said, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// `accept`, `veto` or `unavailable`.
    pub verdict: String,
    /// Model text.
    pub reason: String,
}

/// A change of a package that touches the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaking {
    pub package: String,
    /// "removed parse"; a package's own names are in it.
    pub what: String,
    /// `path:line`, the most telling first.
    pub places: Vec<String>,
    /// It is used by its name; otherwise only something of that name is.
    pub sure: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SessionEvent {
    /// A worker took the job; more than once when an earlier worker died.
    Started {
        run: u64,
        request: Box<Request>,
        limits: Limits,
        version: String,
    },
    /// GitHub said what the person who asked may do here.
    Permission {
        login: String,
        permission: Permission,
        moment: Moment,
    },
    /// The change goes onto a branch that is there already.
    Aimed {
        aim: Aim,
    },
    /// The base that the session works on. Written once; a later run of the
    /// same session uses the same base.
    Checkout {
        base: Base,
    },
    /// The repository has an `agent.yml`, which is understood; from now on
    /// these limits hold.
    Configured {
        limits: Limits,
    },
    /// The open advisories that the session answers.
    Advisories {
        advisories: Vec<Advisory>,
    },
    Resolved {
        resolved: Resolved,
    },
    /// What the agent is told about the new version and its use, before its
    /// first turn.
    Briefed {
        /// In one sentence: is anything that changed used here?
        affected: String,
        text: String,
        #[serde(default)]
        breaking: Vec<Breaking>,
    },
    /// Every installed copy of a package, looked up in the changed tree.
    Proved {
        proof: Proof,
    },
    /// A part of a group was bumped and verified.
    Tried {
        packages: Vec<String>,
        red: bool,
    },
    /// The group was taken apart: what this session goes on with, and what is
    /// left for the next one.
    Split {
        now: Vec<Bump>,
        left: Vec<Bump>,
    },
    StageStarted {
        stage: Stage,
    },
    StageEnded {
        stage: Stage,
        result: StageResult,
        detail: String,
        duration_ms: u64,
    },
    /// A command in a container. `output` is a digest, never the whole.
    Command {
        container: String,
        argv: Vec<String>,
        exit: String,
        output: String,
        duration_ms: u64,
    },
    /// All that a command said, where `Command` has only the end of it. What
    /// is left out of a very long text is marked in it; `bytes` counts it all.
    Log {
        container: String,
        argv: Vec<String>,
        text: String,
        bytes: u64,
    },
    /// What the untouched base says. Another session of the same base, image
    /// and commands may have run it: then that one's log has the commands.
    Baseline {
        run: Run,
        #[serde(default)]
        cached: Option<Origin>,
    },
    /// A package artefact that the gateway handed into a container.
    Fetched {
        url: String,
        sha256: String,
        bytes: u64,
        from_cache: bool,
    },
    ModelRequest {
        caller: Caller,
        call: u32,
        body: serde_json::Value,
    },
    ModelReply {
        caller: Caller,
        call: u32,
        body: serde_json::Value,
        usage: Usage,
        cost: Cost,
        duration_ms: u64,
    },
    /// A model call that gave no reply; costs no turn.
    ModelError {
        caller: Caller,
        call: u32,
        message: String,
        retry_in_ms: Option<u64>,
    },
    ToolCall {
        tool: String,
        input: serde_json::Value,
        output: String,
        is_error: bool,
        duration_ms: u64,
    },
    /// The tree was taken out of the container and validated.
    Patch {
        attempt: u32,
        tree: String,
        files: Vec<ChangedFile>,
        diff: String,
    },
    Verified {
        attempt: u32,
        verdict: Verdict,
    },
    /// The agent stopped, and the engine looked at what it left.
    Attempted {
        attempt: Attempt,
    },
    Integrity {
        attempt: u32,
        findings: Vec<Finding>,
    },
    Judged {
        attempt: u32,
        verdict: String,
        reason: String,
        /// The judge only reports.
        #[serde(default)]
        shadow: bool,
        /// Its answers with their evidence; none when there was no answer.
        #[serde(default)]
        criteria: Vec<Criterion>,
    },
    /// A tree that the judge refused in an earlier session was judged once
    /// more, beside the reason of a person who disagrees.
    Appealed {
        of: SessionId,
        tree: String,
        reason: String,
        first: Opinion,
        second: Opinion,
    },
    /// The point of no return: a later run of this session publishes this
    /// and does nothing before it again. `commit_at` is the commit's date, so
    /// that every run makes the same commit.
    Accepted {
        accepted: Accepted,
        commit_at: Timestamp,
    },
    /// An effect outside the process is about to be made, under a stable key.
    Intent {
        effect: String,
        key: String,
    },
    /// An effect was made, or was found to have been made already.
    Effect {
        effect: String,
        key: String,
        result: String,
    },
    Ended {
        outcome: Outcome,
        detail: String,
        pull_request: Option<String>,
        branch: Option<String>,
    },
    /// A person closed the session's pull request; after its end, as a rule,
    /// and again when it was opened again.
    HumanDecision {
        pull_request: String,
        merged: bool,
        by: String,
        at: Timestamp,
    },
}

impl SessionEvent {
    /// The event's stable name, as in its JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Permission { .. } => "permission",
            Self::Aimed { .. } => "aimed",
            Self::Checkout { .. } => "checkout",
            Self::Configured { .. } => "configured",
            Self::Advisories { .. } => "advisories",
            Self::Resolved { .. } => "resolved",
            Self::Briefed { .. } => "briefed",
            Self::Proved { .. } => "proved",
            Self::Tried { .. } => "tried",
            Self::Split { .. } => "split",
            Self::StageStarted { .. } => "stage_started",
            Self::StageEnded { .. } => "stage_ended",
            Self::Command { .. } => "command",
            Self::Log { .. } => "log",
            Self::Baseline { .. } => "baseline",
            Self::Fetched { .. } => "fetched",
            Self::ModelRequest { .. } => "model_request",
            Self::ModelReply { .. } => "model_reply",
            Self::ModelError { .. } => "model_error",
            Self::ToolCall { .. } => "tool_call",
            Self::Patch { .. } => "patch",
            Self::Verified { .. } => "verified",
            Self::Attempted { .. } => "attempted",
            Self::Integrity { .. } => "integrity",
            Self::Judged { .. } => "judged",
            Self::Appealed { .. } => "appealed",
            Self::Accepted { .. } => "accepted",
            Self::Intent { .. } => "intent",
            Self::Effect { .. } => "effect",
            Self::Ended { .. } => "ended",
            Self::HumanDecision { .. } => "human_decision",
        }
    }
}

/// An event as it lies in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub format: u32,
    /// 1, 2, 3 … within the session, without gaps.
    pub seq: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: SessionEvent,
}

/// Where events go. Implemented by `replay`, which refuses an append when the
/// lease's fencing token is no longer the newest.
pub trait Log: Send + Sync {
    fn append(&self, session: SessionId, event: SessionEvent) -> BoxFuture<'_, Result<(), Failure>>;
}

/// One session's pen.
#[derive(Clone)]
pub struct Recorder {
    session: SessionId,
    log: Arc<dyn Log>,
}

impl Recorder {
    #[must_use]
    pub fn new(session: SessionId, log: Arc<dyn Log>) -> Self {
        Self { session, log }
    }

    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Appends, and returns once the event is durable.
    ///
    /// # Errors
    /// The log cannot be written, or another worker holds the session.
    pub async fn record(&self, event: SessionEvent) -> Result<(), Failure> {
        self.log.append(self.session, event).await
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recorder({})", self.session)
    }
}
