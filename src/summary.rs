//! A session at a glance, folded from its log.
//!
//! The status comment, the pages, the command line's report and the JSON all
//! read this one value, so they cannot disagree.

use jiff::Timestamp;
use serde::Serialize;

use crate::advisory::{Advisory, Proof};
use crate::change::{Base, Bump, Cost, Limits, Permission, Request, Resolved};
use crate::evidence::{Accepted, ChangedFile, CheckResult, Delta, Finding, Verdict};
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::record::{Attempt, Breaking, Caller, Entry, Opinion, SessionEvent, Stage, StageResult, Usage};

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
    /// What the person who asked may do, as GitHub said it last.
    pub permission: Option<Permission>,
    /// What the new version changes that is used here, with the places.
    pub breaking: Vec<Breaking>,
    /// The verdict that a person appealed against.
    pub appealed: Option<Opinion>,
    pub request: Option<Request>,
    pub base: Option<Base>,
    /// The open advisories that the change answers.
    pub advisories: Vec<Advisory>,
    pub resolved: Option<Resolved>,
    /// Packages of the request that are left to a session of their own.
    pub left: Vec<Bump>,
    /// The last proof of each package.
    pub proofs: Vec<Proof>,
    pub limits: Option<Limits>,
    pub stages: Vec<StageLine>,
    /// The stage that runs now.
    pub current: Option<Stage>,
    /// Model replies that the agent got.
    pub turns: u32,
    /// Trees of the agent that were verified.
    pub attempts: u32,
    /// The finished attempts in their order, with what each spent.
    pub tries: Vec<Attempt>,
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
    /// When the last event was written.
    pub seen: Option<Timestamp>,
    /// Milliseconds of the agent's model and tool time.
    pub agent_ms: u64,
    /// The last verdict's checks.
    pub checks: Vec<CheckResult>,
    /// How they differ from the base's.
    pub delta: Delta,
    /// The last findings of the integrity room.
    pub findings: Vec<Finding>,
    /// The last verdict of the judge, and its reason (model text).
    pub judge: Option<(String, String)>,
    /// The last patch's files.
    pub files: Vec<ChangedFile>,
    /// The change is past the point of no return.
    pub accepted: bool,
}

impl Summary {
    /// A session of which nothing is known yet.
    #[must_use]
    pub fn new(session: SessionId) -> Self {
        Self {
            session,
            permission: None,
            breaking: Vec::new(),
            appealed: None,
            request: None,
            base: None,
            advisories: Vec::new(),
            resolved: None,
            left: Vec::new(),
            proofs: Vec::new(),
            limits: None,
            stages: Vec::new(),
            current: None,
            turns: 0,
            attempts: 0,
            tries: Vec::new(),
            repair_calls: 0,
            judge_calls: 0,
            usage: Usage::default(),
            cost: Cost(0),
            outcome: None,
            detail: String::new(),
            pull_request: None,
            branch: None,
            started: None,
            ended: None,
            seen: None,
            agent_ms: 0,
            checks: Vec::new(),
            delta: Delta::default(),
            findings: Vec::new(),
            judge: None,
            files: Vec::new(),
            accepted: false,
        }
    }

    /// Reads a log from its beginning. A run that took over from a dead one
    /// starts its stages and turns afresh; money that was spent stays spent.
    #[must_use]
    pub fn fold(session: SessionId, entries: &[Entry]) -> Self {
        let mut summary = Self::new(session);
        for entry in entries {
            summary.started.get_or_insert(entry.at);
            summary.seen = Some(entry.at);
            summary.take(entry);
        }
        summary
    }

    fn take(&mut self, entry: &Entry) {
        match &entry.event {
            SessionEvent::Started { request, limits, .. } => self.restart(request, *limits),
            SessionEvent::Permission { permission, .. } => self.permission = Some(*permission),
            SessionEvent::Briefed { breaking, .. } => self.breaking.clone_from(breaking),
            SessionEvent::Appealed { first, .. } => self.appealed = Some(first.clone()),
            SessionEvent::Checkout { base } => self.base = Some(base.clone()),
            SessionEvent::Configured { limits } => self.limits = Some(*limits),
            SessionEvent::Advisories { advisories } => self.advisories.clone_from(advisories),
            SessionEvent::Resolved { resolved } => self.resolved = Some(resolved.clone()),
            SessionEvent::Proved { proof } => self.proved(proof),
            SessionEvent::StageStarted { stage } => self.current = Some(*stage),
            SessionEvent::StageEnded { stage, result, detail, duration_ms } => {
                self.current = None;
                self.stage_ended(StageLine {
                    stage: *stage,
                    result: *result,
                    detail: detail.clone(),
                    duration_ms: *duration_ms,
                });
            }
            SessionEvent::ToolCall { tool, duration_ms, .. } => self.used(tool, *duration_ms),
            SessionEvent::ModelReply { caller, body, usage, cost, duration_ms, .. } => {
                self.usage = self.usage.saturating_add(*usage);
                self.cost = self.cost.saturating_add(*cost);
                self.replied(*caller, body, *duration_ms);
            }
            SessionEvent::Patch { attempt, files, .. } => {
                self.attempts = self.attempts.max(*attempt);
                self.files.clone_from(files);
            }
            SessionEvent::Verified { verdict, .. } => self.verdict(verdict),
            SessionEvent::Attempted { attempt } => self.tries.push(attempt.clone()),
            SessionEvent::Integrity { findings, .. } => self.findings.clone_from(findings),
            SessionEvent::Judged { verdict, reason, .. } => {
                self.judge = Some((verdict.clone(), reason.clone()));
            }
            SessionEvent::Accepted { accepted, .. } => self.accepted(accepted),
            SessionEvent::Ended { outcome, detail, pull_request, branch } => {
                self.outcome = Some(*outcome);
                self.detail.clone_from(detail);
                self.pull_request.clone_from(pull_request);
                self.branch.clone_from(branch);
                self.ended = Some(entry.at);
                self.current = None;
            }
            SessionEvent::Split { left, .. } => self.left.clone_from(left),
            SessionEvent::Aimed { .. }
            | SessionEvent::Command { .. }
            | SessionEvent::Log { .. }
            | SessionEvent::Baseline { .. }
            | SessionEvent::Tried { .. }
            | SessionEvent::Fetched { .. }
            | SessionEvent::ModelRequest { .. }
            | SessionEvent::ModelError { .. }
            | SessionEvent::Intent { .. }
            | SessionEvent::Effect { .. }
            | SessionEvent::HumanDecision { .. } => {}
        }
    }

    /// The engine's own time is not the agent's.
    fn used(&mut self, tool: &str, ms: u64) {
        if tool != toolbox::api::VERIFY {
            self.agent_ms = self.agent_ms.saturating_add(ms);
        }
    }

    fn replied(&mut self, caller: Caller, body: &serde_json::Value, ms: u64) {
        match caller {
            Caller::Judge => self.judge_calls += 1,
            Caller::Agent => {
                self.repair_calls += 1;
                self.turns += u32::from(!only_verifies(body));
                self.agent_ms = self.agent_ms.saturating_add(ms);
            }
        }
    }

    /// A later run of the same session. After the change was accepted it only
    /// has effects to finish, so what led to the acceptance still holds.
    fn restart(&mut self, request: &Request, limits: Limits) {
        if !self.accepted {
            *self = Self {
                permission: self.permission,
                base: self.base.take(),
                resolved: self.resolved.take(),
                left: std::mem::take(&mut self.left),
                usage: self.usage,
                cost: self.cost,
                started: self.started,
                seen: self.seen,
                ..Self::new(self.session)
            };
        }
        self.request = Some(request.clone());
        self.limits = Some(limits);
        self.current = None;
    }

    fn stage_ended(&mut self, line: StageLine) {
        match self.stages.iter_mut().find(|known| known.stage == line.stage) {
            Some(known) => {
                let duration_ms = known.duration_ms.saturating_add(line.duration_ms);
                *known = StageLine { duration_ms, ..line };
            }
            None => self.stages.push(line),
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        if let Verdict::Passed { checks, delta } | Verdict::Broke { checks, delta, .. } = verdict {
            self.checks.clone_from(checks);
            self.delta.clone_from(delta);
        }
    }

    fn proved(&mut self, proof: &Proof) {
        self.proofs.retain(|known| known.package != proof.package);
        self.proofs.push(proof.clone());
    }

    fn accepted(&mut self, accepted: &Accepted) {
        self.accepted = true;
        self.checks = accepted.verified().checks().to_vec();
        self.delta = accepted.verified().delta().clone();
        self.files = accepted.patch().files().to_vec();
    }
}

/// A reply that asks for nothing but verification costs no turn.
fn only_verifies(body: &serde_json::Value) -> bool {
    let blocks = body.get("content").and_then(serde_json::Value::as_array);
    let mut names = blocks
        .into_iter()
        .flatten()
        .filter(|block| block.get("type").and_then(serde_json::Value::as_str) == Some("tool_use"))
        .map(|block| block.get("name").and_then(serde_json::Value::as_str))
        .peekable();
    names.peek().is_some() && names.all(|name| name == Some(toolbox::api::VERIFY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entries(events: Vec<SessionEvent>) -> Vec<Entry> {
        let at = Timestamp::from_second(0).unwrap();
        events.into_iter().zip(1..).map(|(event, seq)| Entry { format: 1, seq, at, event }).collect()
    }

    fn stage(stage: Stage, duration_ms: u64) -> SessionEvent {
        SessionEvent::StageEnded { stage, result: StageResult::Ok, detail: String::new(), duration_ms }
    }

    fn started() -> SessionEvent {
        let request = Request::new(crate::change::Subject::Local { path: "/x".into() }, "bump");
        let request = Box::new(request);
        SessionEvent::Started { run: 1, request, limits: Limits::default(), version: String::new() }
    }

    fn reply(tool: &str) -> SessionEvent {
        SessionEvent::ModelReply {
            caller: Caller::Agent,
            call: 1,
            body: json!({ "content": [{ "type": "tool_use", "name": tool }] }),
            usage: Usage { input_tokens: 1, ..Usage::default() },
            cost: Cost(5),
            duration_ms: 1,
        }
    }

    #[test]
    fn a_stage_that_ran_twice_has_one_line_and_verification_costs_no_turn() {
        let log = vec![
            started(),
            stage(Stage::Verify, 3),
            reply("read_file"),
            reply("verify"),
            stage(Stage::Verify, 4),
        ];
        let summary = Summary::fold(SessionId::generate(), &entries(log));
        assert_eq!(summary.stages.len(), 1);
        assert_eq!(summary.stages[0].duration_ms, 7);
        assert_eq!((summary.turns, summary.repair_calls, summary.cost), (1, 2, Cost(10)));
        assert_eq!((summary.agent_ms, summary.seen), (2, summary.started));
    }

    #[test]
    fn a_packages_last_proof_counts_and_a_new_run_has_to_prove_again() {
        let proof = |package: &str, vulnerable| {
            let copy =
                crate::advisory::InstalledCopy { version: "1.0.0".into(), path: "app".into(), vulnerable };
            let proof = Proof { package: package.into(), ranges: vec![], copies: vec![copy] };
            SessionEvent::Proved { proof }
        };
        let mut log = vec![started(), proof("a", true), proof("b", false), proof("a", false)];
        let fold = |log: &[SessionEvent]| Summary::fold(SessionId::generate(), &entries(log.to_vec()));
        let proofs = fold(&log).proofs;
        assert!(proofs.len() == 2 && proofs.iter().all(Proof::holds), "{proofs:?}");
        log.push(started());
        assert!(fold(&log).proofs.is_empty());
    }

    #[test]
    fn a_run_after_a_crash_starts_afresh_but_its_money_is_spent() {
        let log = vec![started(), stage(Stage::Verify, 3), reply("read_file"), started()];
        let summary = Summary::fold(SessionId::generate(), &entries(log));
        assert_eq!((summary.stages.len(), summary.turns, summary.cost), (0, 0, Cost(5)));
    }
}
