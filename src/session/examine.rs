//! What the engine says about a tree: verify, integrity, judge.
//!
//! Every tree is verified in a container of its own. The agent's word counts
//! for nothing: only what the engine saw does.

use futures_util::future::BoxFuture;

use super::bench::{Bench, Checked, Look};
use super::stage::Done;
use super::standing::Standing;
use super::{Case, Session};
use crate::agent::Verifier;
use crate::bump::{Kept, survey};
use crate::change::Resolved;
use crate::evidence::{Accepted, Decision, Delta, Finding, Patch, Verdict, Verified};
use crate::failure::{Failure, Kind};
use crate::ids::ObjectId;
use crate::integrity::{self, BaseTests, FilePair};
use crate::judge::{self, Judged};
use crate::outcome::Outcome;
use crate::record::{SessionEvent, Stage};
use crate::verify::{self, Baseline};

/// What the engine says about one tree.
pub(super) enum Assessment {
    Accepted(Accepted),
    /// Not good enough: how the session would end with it, and what the
    /// agent is told.
    Refused(Refusal),
}

/// Why a tree is not good enough.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// How the session would end with it.
    pub(super) outcome: Outcome,
    /// What the agent is told: only what is still wrong.
    pub(super) feedback: String,
    pub(super) standing: Standing,
}

impl Refusal {
    pub(super) fn new(outcome: Outcome, feedback: String, wrong: usize) -> Self {
        Self { outcome, feedback, standing: Standing::of_refusal(outcome, wrong) }
    }
}

impl Session<'_> {
    /// Verifies a tree in a container that has seen nothing else, once: the
    /// tree that the agent had verified itself is usually the one that it
    /// hands in.
    pub(super) async fn verdict(
        &self,
        case: &Case<'_>,
        baseline: &Baseline,
        patch: &Patch,
        attempt: u32,
    ) -> Result<Verdict, Failure> {
        let mut seen = case.seen.lock().await;
        if let Some(known) = seen.get(patch.tree()) {
            return Ok(known.clone());
        }
        let role = format!("check{}", patch.tree().short());
        let look = Look { role: &role, tree: patch.tree(), plan: &case.checks, base: Some(baseline) };
        let verdict = match self.check_fresh(case, &look).await? {
            Checked::Ran { run, .. } => verify::compare(baseline, &run),
            Checked::NotInstalled(digest) => not_installed(&digest),
        };
        self.recorder.record(SessionEvent::Verified { attempt, verdict: verdict.clone() }).await?;
        seen.insert(patch.tree().clone(), verdict.clone());
        Ok(verdict)
    }
}

fn not_installed(digest: &str) -> Verdict {
    let newly_failing = vec!["the installation".to_owned()];
    Verdict::Broke {
        checks: Vec::new(),
        newly_failing: newly_failing.clone(),
        digest: format!("the dependencies cannot be installed:\n{digest}"),
        delta: Box::new(Delta { newly_failing, ..Delta::default() }),
    }
}

/// Looks at the trees of one session.
pub(super) struct Examiner<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) case: &'a Case<'a>,
    pub(super) baseline: &'a Baseline,
    pub(super) bench: &'a Bench,
    pub(super) resolved: Resolved,
    /// What the agent must leave as it is.
    pub(super) kept: Kept,
    /// A first move has changed the tree of the bump.
    pub(super) moved: bool,
    /// The tree that the engine left, before any repair.
    pub(super) bumped: ObjectId,
    /// The tree whose edits of tests are the engine's own.
    pub(super) tests: ObjectId,
    /// A person's words that the judge is told.
    pub(super) words: Option<judge::Words<'a>>,
}

impl Examiner<'_> {
    /// Verification, integrity, judge: the first no is the answer.
    pub(super) async fn assess(&self, patch: Patch, attempt: u32) -> Result<Assessment, Failure> {
        let verdict = self.verified_stage(&patch, attempt).await?;
        if let Verdict::NothingRan { reason } = &verdict {
            // No repair could make it prove anything.
            let what = format!("prove anything about the change: {reason}");
            return Err(Failure::user(Outcome::NothingToVerify, what));
        }
        let verified = match verify::attest(patch, &verdict) {
            Ok(verified) => verified,
            Err(_patch) => {
                return Ok(Assessment::Refused(Refusal {
                    outcome: Outcome::VerifyFailed,
                    feedback: verify::digest(&verdict),
                    standing: Standing::of_verdict(&verdict),
                }));
            }
        };
        // The tree of the bump itself was proved when it was made.
        if attempt > 0 || self.moved {
            let tree = verified.patch().tree();
            if let Some(left) =
                self.session.left_vulnerable(self.case, self.bench, &self.resolved, tree).await?
            {
                let feedback = format!("a vulnerable copy is back: {left}");
                return Ok(Assessment::Refused(Refusal::new(Outcome::VerifyFailed, feedback, 1)));
            }
        }
        let findings = self.integrity_stage(&verified, attempt).await?;
        let blocking = integrity::blocking(&findings, &self.case.change.allows);
        if !blocking.is_empty() {
            let feedback = integrity::digest(&blocking);
            let refusal = Refusal::new(Outcome::IntegrityFailed, feedback, blocking.len());
            return Ok(Assessment::Refused(refusal));
        }
        // What the change type allows is for the judge to weigh.
        self.judge_stage(verified, &findings, attempt).await
    }

    async fn verified_stage(&self, patch: &Patch, attempt: u32) -> Result<Verdict, Failure> {
        self.session
            .stage(Stage::Verify, async {
                let verdict = self.session.verdict(self.case, self.baseline, patch, attempt).await?;
                let detail = verify::summary(&verdict);
                Ok(match verdict {
                    Verdict::Passed { .. } => Done::ok(verdict, detail),
                    _ => Done::failed(verdict, detail),
                })
            })
            .await
    }

    async fn integrity_stage(&self, verified: &Verified, attempt: u32) -> Result<Vec<Finding>, Failure> {
        let patch = verified.patch();
        self.session
            .stage(Stage::Integrity, async {
                let mut findings = integrity::check(&self.pairs(patch).await?);
                findings.extend(self.edited_versions(patch).await?);
                findings.extend(self.session.settings()?.kept_paths(patch.files()));
                // What is refused anyway is not run.
                let allows = &self.case.change.allows;
                let base_tests = match integrity::blocking(&findings, allows).is_empty() {
                    true => self.base_tests(verified).await?,
                    false => None,
                };
                let still_run = base_tests.as_ref().map(BaseTests::summary);
                findings.extend(base_tests.into_iter().flat_map(|base_tests| base_tests.findings));
                let event = SessionEvent::Integrity { attempt, findings: findings.clone() };
                self.session.recorder.record(event).await?;
                let blocking = integrity::blocking(&findings, allows);
                let said = [Some(integrity::summary(&blocking)), still_run];
                let detail = said.into_iter().flatten().collect::<Vec<_>>().join(" · ");
                Ok(if blocking.is_empty() {
                    Done::ok(findings, detail)
                } else {
                    Done::failed(findings, detail)
                })
            })
            .await
    }

    /// The model repairs code; versions and lockfiles are the engine's.
    async fn edited_versions(&self, patch: &Patch) -> Result<Vec<Finding>, Failure> {
        let now = self.case.kept(patch.tree()).await?;
        let root = &self.case.survey.repository.project.root;
        let finding = |(path, message): (String, String)| Finding {
            rule: "version-edited".to_owned(),
            path: survey::join(root, &path),
            line: None,
            message,
        };
        Ok(self.kept.broken(&now).into_iter().map(finding).collect())
    }

    async fn pairs(&self, patch: &Patch) -> Result<Vec<FilePair>, Failure> {
        let mut pairs = Vec::new();
        for file in patch.files() {
            let base = &self.case.base.tree;
            let before = if integrity::is_engines(&file.path) { &self.bumped } else { base };
            pairs.push(FilePair {
                path: file.path.clone(),
                before: self.case.mirror.read(before, &file.path).await?,
                after: self.case.mirror.read(patch.tree(), &file.path).await?,
            });
        }
        Ok(pairs)
    }

    async fn judge_stage(
        &self,
        verified: Verified,
        findings: &[Finding],
        attempt: u32,
    ) -> Result<Assessment, Failure> {
        let session = self.session;
        let mode = session.rooms.judge_mode;
        session
            .stage(Stage::Judge, async {
                let case = judge::Case {
                    change: self.case.change,
                    resolved: &self.resolved,
                    verified,
                    findings,
                    words: self.words,
                    first_call: session.summary().await?.judge_calls + 1,
                    money_left: session.money_left().await?,
                };
                let provider = judge::Provider { model: session.model(), recorder: &session.recorder };
                let Judged { opinion, accepted } = judge::judge(&provider, case, mode).await?;
                let judged = SessionEvent::Judged {
                    attempt,
                    verdict: opinion.decision.name().to_owned(),
                    reason: opinion.reason.clone(),
                    shadow: mode == judge::Mode::Shadow,
                    criteria: opinion.criteria.clone(),
                };
                session.recorder.record(judged).await?;
                match (accepted, opinion.decision) {
                    (Some(accepted), _) => Ok(Done::ok(Assessment::Accepted(accepted), opinion.row(mode))),
                    (None, Decision::Unavailable) => {
                        let what = format!("get a verdict of the judge: {}", opinion.reason);
                        Err(Failure::user(Outcome::JudgeUnavailable, what))
                    }
                    (None, Decision::Accept | Decision::Veto) => {
                        let feedback = format!("the judge refused the change: {}", opinion.digest());
                        let refusal = Refusal::new(Outcome::JudgeVetoed, feedback, 1);
                        Ok(Done::failed(Assessment::Refused(refusal), opinion.row(mode)))
                    }
                }
            })
            .await
    }

    /// For the agent's own `verify` tool: what it has now, and a digest.
    async fn look(&self) -> Result<String, Failure> {
        let patch = self.session.take(self.case, self.bench, 0).await?;
        Ok(verify::digest(&self.session.verdict(self.case, self.baseline, &patch, 0).await?))
    }
}

impl Verifier for Examiner<'_> {
    fn verify(&self) -> BoxFuture<'_, Result<String, Failure>> {
        Box::pin(async {
            match self.look().await {
                // What the agent did cannot be taken out: it can be told, and
                // can put it right.
                Err(failure) if failure.kind() == Kind::UserFault => {
                    Ok(format!("could not {}", failure.public()))
                }
                other => other,
            }
        })
    }
}
