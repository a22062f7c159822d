//! From a bumped tree to an accepted one: verify, repair, integrity, judge.
//!
//! Every tree is verified in a container of its own. A red verdict, a finding
//! or a veto goes back to the agent as a short digest, at most three times.
//! The agent's word counts for nothing: only what the engine saw does.

use super::bench::Bench;
use super::bump::Bumped;
use super::examine::{Assessment, Examiner};
use super::stage::Done;
use super::{Case, Session};
use crate::agent::{self, Agent, Task, Why};
use crate::bump::{self, Plan, survey};
use crate::change::{Limits, Resolved};
use crate::evidence::{Accepted, Patch};
use crate::exec::Within;
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;
use crate::record::{SessionEvent, Stage};
use crate::verify::Baseline;

impl Session<'_> {
    /// Bumps in a work container, and repairs there what the bump broke.
    pub(super) async fn change(
        &self,
        case: &Case<'_>,
        plan: &Plan,
        baseline: &Baseline,
    ) -> Result<(Resolved, Accepted), Failure> {
        let bench = self.bench(case, "work", &case.base.tree).await?;
        let result = Box::pin(self.change_on(case, plan, baseline, &bench)).await;
        let closed = bench.close().await;
        let changed = result?;
        closed.map(|()| changed)
    }

    async fn change_on(
        &self,
        case: &Case<'_>,
        plan: &Plan,
        baseline: &Baseline,
        bench: &Bench,
    ) -> Result<(Resolved, Accepted), Failure> {
        let stdio = bench.container.take_stdio();
        bench.container.remember_base().await?;
        let Bumped { patch, resolved, kept } = self.bump(case, plan, bench).await?;
        let bumped = patch.tree().clone();
        let mut examiner = Examiner {
            session: self,
            case,
            baseline,
            bench,
            resolved: resolved.clone(),
            kept,
            moved: false,
            bumped,
        };
        let mut first = Box::pin(examiner.assess(patch, 0)).await?;
        if let Assessment::Refused { outcome: Outcome::VerifyFailed, feedback } = &first
            && let Some(answered) = self.first_move(case, bench, &resolved, feedback).await?
        {
            let Bumped { patch, resolved, kept } = answered;
            examiner.bumped = patch.tree().clone();
            (examiner.resolved, examiner.kept, examiner.moved) = (resolved, kept, true);
            first = Box::pin(examiner.assess(patch, 0)).await?;
        }
        let accepted = match first {
            Assessment::Accepted(accepted) => {
                self.skip(Stage::Repair, "nothing broke").await?;
                accepted
            }
            Assessment::Refused { outcome, feedback } => {
                let stdio = stdio.ok_or_else(|| Failure::bug("speak to the tool server"))?;
                let tools = agent::connect(stdio).await?;
                let limits = Limits { cost: self.money_left().await?, ..self.limits() };
                let task = Task { change: case.change, resolved: &examiner.resolved, limits };
                let agent = Agent::new(task, &self.rooms.model, tools, self.recorder.clone());
                Box::pin(self.repair(agent, &examiner, (outcome, feedback))).await?
            }
        };
        Ok((examiner.resolved, accepted))
    }

    /// A failure that says itself what it wants is answered before any token
    /// is spent.
    async fn first_move(
        &self,
        case: &Case<'_>,
        bench: &Bench,
        resolved: &Resolved,
        said: &str,
    ) -> Result<Option<Bumped>, Failure> {
        let repository = &case.survey.repository;
        let work = bump::Work {
            exec: &Within::new(&bench.container, &repository.project.root),
            packages: self.rooms.registry(self.id, self.fence, repository.project.ecosystem).await?,
            recorder: &self.recorder,
            repository,
            ask: &case.ask,
            runtime: &case.survey.image.runtime,
        };
        let Some(answer) = bump::first_move(&work, said).await? else { return Ok(None) };
        let moved = match self.with_door(bench, bump::answer(&work, &answer)).await {
            // What has no simple answer is for the agent.
            Err(failure) if failure.kind() == Kind::UserFault => return Ok(None),
            made => made?,
        };
        let answered = self
            .stage(Stage::Bump, async {
                let mut resolved = resolved.clone();
                resolved.others.extend(moved);
                self.recorder.record(SessionEvent::Resolved { resolved: resolved.clone() }).await?;
                let patch = self.take(case, bench, 0).await?;
                let kept = case.kept(patch.tree()).await?;
                Ok(Done::ok(Bumped { patch, resolved, kept }, format!("answered the build: {answer}")))
            })
            .await?;
        Ok(Some(answered))
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
        .filter(|file| !survey::is_manifest(&file.path))
        .map(|file| format!("{} (+{} −{})", file.path, file.added, file.removed))
        .collect();
    format!("{}, {turns} turns", if files.is_empty() { "no file".to_owned() } else { files.join(", ") })
}
