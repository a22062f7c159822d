//! From a bumped tree to an accepted one: verify, repair, integrity, judge.
//!
//! Every tree is verified in a container of its own. A red verdict, a finding
//! or a veto goes back to the agent as a short digest, at most three times.
//! The agent's word counts for nothing: only what the engine saw does.

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::bench::{Bench, Checked};
use super::stage::Done;
use super::{Case, Session};
use crate::agent::{self, Agent, Task, Verifier, Why};
use crate::bump::Plan;
use crate::change::Limits;
use crate::evidence::{Accepted, Finding, Patch, Verdict, Verified};
use crate::failure::{Failure, Kind};
use crate::integrity::{self, FilePair};
use crate::judge::{self, Judgement};
use crate::outcome::Outcome;
use crate::record::{SessionEvent, Stage};
use crate::verify::{self, Baseline};

/// What the engine says about one tree.
enum Assessment {
    Accepted(Accepted),
    /// Not good enough: how the session would end with it, and what the
    /// agent is told.
    Refused {
        outcome: Outcome,
        feedback: String,
    },
}

impl Session<'_> {
    /// Bumps in a work container, and repairs there what the bump broke.
    pub(super) async fn change(
        &self,
        case: &Case<'_>,
        plan: &Plan,
        baseline: &Baseline,
    ) -> Result<Accepted, Failure> {
        let bench = self.bench(case, "work", &case.base.tree).await?;
        let stdio = bench.container.take_stdio();
        let result = async {
            bench.container.remember_base().await?;
            let patch = self.bump(case, plan, &bench).await?;
            let examiner = Examiner { session: self, case, baseline, bench: &bench, seen: Mutex::default() };
            let first = Box::pin(examiner.assess(patch, 0)).await?;
            match first {
                Assessment::Accepted(accepted) => {
                    self.skip(Stage::Repair, "nothing broke").await?;
                    Ok(accepted)
                }
                Assessment::Refused { outcome, feedback } => {
                    let stdio = stdio.ok_or_else(|| Failure::bug("speak to the tool server"))?;
                    let tools = agent::connect(stdio).await?;
                    let limits = Limits { cost: self.money_left().await?, ..self.limits() };
                    let task = Task { change: case.change, resolved: case.resolved, limits };
                    let agent = Agent::new(task, &self.rooms.model, tools, self.recorder.clone());
                    Box::pin(self.repair(agent, &examiner, (outcome, feedback))).await
                }
            }
        }
        .await;
        let closed = bench.close().await;
        let accepted = result?;
        closed.map(|()| accepted)
    }

    /// Lets the agent try until a tree is accepted or a limit is reached.
    async fn repair(
        &self,
        mut agent: Agent<'_>,
        examiner: &Examiner<'_>,
        first: (Outcome, String),
    ) -> Result<Accepted, Failure> {
        let (mut outcome, mut feedback) = first;
        for attempt in 1..=self.limits().attempts {
            let patch = self
                .stage(Stage::Repair, async {
                    let stopped = agent.attempt(&feedback, examiner).await?;
                    let patch = self.take(examiner.case, examiner.bench, attempt).await?;
                    match refusal(&stopped.why, outcome) {
                        Some(failure) => Err(failure),
                        None => Ok(Done::ok(patch.clone(), repair_detail(&patch, agent.spent().turns))),
                    }
                })
                .await?;
            match Box::pin(examiner.assess(patch, attempt)).await? {
                Assessment::Accepted(accepted) => return Ok(accepted),
                Assessment::Refused { outcome: next, feedback: digest } => {
                    (outcome, feedback) = (next, digest);
                }
            }
        }
        Err(Failure::user(
            outcome,
            format!("repair what the bump broke in the attempts allowed:\n{feedback}"),
        ))
    }
}

/// Why an attempt's tree is not even looked at. A model that gives up leaves
/// the last refusal standing.
fn refusal(why: &Why, last: Outcome) -> Option<Failure> {
    match why {
        Why::Finished(_) => None,
        Why::Abstained(reason) => {
            Some(Failure::user(last, format!("repair what the bump broke; the model gave up: {reason}")))
        }
        Why::LimitTurns => Some(Failure::user(Outcome::LimitTurns, "repair within the turns allowed")),
        Why::LimitTime => Some(Failure::user(Outcome::LimitTime, "repair within the time allowed")),
        Why::LimitCost => Some(Failure::user(Outcome::LimitCost, "repair within the money cap")),
    }
}

fn repair_detail(patch: &Patch, turns: u32) -> String {
    let files: Vec<String> = patch
        .files()
        .iter()
        .filter(|file| !matches!(file.path.as_str(), "package.json" | "package-lock.json"))
        .map(|file| format!("{} (+{} −{})", file.path, file.added, file.removed))
        .collect();
    format!("{}, {turns} turns", if files.is_empty() { "no file".to_owned() } else { files.join(", ") })
}

/// Looks at trees for one session, and remembers the last one: the tree that
/// the agent had verified itself is usually the one that it hands in.
struct Examiner<'a> {
    session: &'a Session<'a>,
    case: &'a Case<'a>,
    baseline: &'a Baseline,
    bench: &'a Bench,
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone)]
struct Seen {
    tree: crate::ids::ObjectId,
    verdict: Verdict,
}

impl Examiner<'_> {
    /// Verification, integrity, judge: the first no is the answer.
    async fn assess(&self, patch: Patch, attempt: u32) -> Result<Assessment, Failure> {
        let verdict = self.verified_stage(&patch, attempt).await?;
        let verified = match verify::attest(patch, &verdict) {
            Ok(verified) => verified,
            Err(_patch) => {
                let feedback = verify::digest(&verdict);
                return Ok(Assessment::Refused { outcome: Outcome::VerifyFailed, feedback });
            }
        };
        let findings = self.integrity_stage(verified.patch(), attempt).await?;
        if !findings.is_empty() {
            let feedback = integrity::digest(&findings);
            return Ok(Assessment::Refused { outcome: Outcome::IntegrityFailed, feedback });
        }
        self.judge_stage(verified, attempt).await
    }

    async fn verified_stage(&self, patch: &Patch, attempt: u32) -> Result<Verdict, Failure> {
        self.session
            .stage(Stage::Verify, async {
                let verdict = self.verdict(patch, attempt).await?;
                let detail = verify::summary(&verdict);
                Ok(match verdict {
                    Verdict::Passed { .. } => Done::ok(verdict, detail),
                    _ => Done::failed(verdict, detail),
                })
            })
            .await
    }

    async fn verdict(&self, patch: &Patch, attempt: u32) -> Result<Verdict, Failure> {
        let mut seen = self.seen.lock().await;
        if let Some(known) = seen.as_ref().filter(|known| known.tree == *patch.tree()) {
            return Ok(known.verdict.clone());
        }
        let role = format!("check{}", patch.tree().short());
        let verdict = match self.session.check_fresh(self.case, &role, patch.tree()).await? {
            Checked::Results(results) => verify::compare(self.baseline, &results),
            Checked::NotInstalled(digest) => Verdict::Broke {
                checks: Vec::new(),
                newly_failing: vec!["npm ci".to_owned()],
                digest: format!("the dependencies cannot be installed from the lockfile:\n{digest}"),
            },
        };
        self.session.recorder.record(SessionEvent::Verified { attempt, verdict: verdict.clone() }).await?;
        *seen = Some(Seen { tree: patch.tree().clone(), verdict: verdict.clone() });
        Ok(verdict)
    }

    async fn integrity_stage(&self, patch: &Patch, attempt: u32) -> Result<Vec<Finding>, Failure> {
        self.session
            .stage(Stage::Integrity, async {
                let findings = integrity::check(&self.pairs(patch).await?);
                let event = SessionEvent::Integrity { attempt, findings: findings.clone() };
                self.session.recorder.record(event).await?;
                let detail = integrity::summary(&findings);
                Ok(if findings.is_empty() {
                    Done::ok(findings, detail)
                } else {
                    Done::failed(findings, detail)
                })
            })
            .await
    }

    async fn pairs(&self, patch: &Patch) -> Result<Vec<FilePair>, Failure> {
        let mut pairs = Vec::new();
        for file in patch.files() {
            pairs.push(FilePair {
                path: file.path.clone(),
                before: self.case.mirror.read(&self.case.base.tree, &file.path).await?,
                after: self.case.mirror.read(patch.tree(), &file.path).await?,
            });
        }
        Ok(pairs)
    }

    async fn judge_stage(&self, verified: Verified, attempt: u32) -> Result<Assessment, Failure> {
        self.session
            .stage(Stage::Judge, async {
                let case = judge::Case {
                    change: self.case.change,
                    resolved: self.case.resolved,
                    verified,
                    findings: &[],
                    call_number: attempt + 1,
                    money_left: self.session.money_left().await?,
                };
                let session = self.session;
                let judgement = judge::judge(&session.rooms.model, &session.recorder, case).await?;
                let (verdict, reason) = match &judgement {
                    Judgement::Accepted(accepted) => ("accept", accepted.reason().to_owned()),
                    Judgement::Vetoed { reason, .. } => ("veto", reason.clone()),
                    Judgement::Unavailable { why } => ("unavailable", why.clone()),
                };
                let event =
                    SessionEvent::Judged { attempt, verdict: verdict.to_owned(), reason: reason.clone() };
                session.recorder.record(event).await?;
                match judgement {
                    Judgement::Accepted(accepted) => Ok(Done::ok(Assessment::Accepted(accepted), "accept")),
                    Judgement::Vetoed { .. } => {
                        let feedback = format!("the judge refused the change: {reason}");
                        let refused = Assessment::Refused { outcome: Outcome::JudgeVetoed, feedback };
                        Ok(Done::failed(refused, "veto"))
                    }
                    Judgement::Unavailable { why } => {
                        Err(Failure::user(Outcome::JudgeUnavailable, format!("get a verdict: {why}")))
                    }
                }
            })
            .await
    }

    /// For the agent's own `verify` tool: what it has now, and a digest.
    async fn look(&self) -> Result<String, Failure> {
        let patch = self.session.take(self.case, self.bench, 0).await?;
        Ok(verify::digest(&self.verdict(&patch, 0).await?))
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
