//! From a bumped tree to an accepted one: verify, repair, integrity, judge.
//!
//! Every tree is verified in a container of its own. A red verdict, a finding
//! or a veto goes back to the agent as a short digest, at most three times,
//! and each time from the best tree so far. The agent's word counts for
//! nothing: only what the engine saw does.

use super::bench::Bench;
use super::bump::Bumped;
use super::course::Course;
use super::examine::{Assessment, Examiner, Refusal};
use super::stage::Done;
use super::{Case, Session};
use crate::agent::{self, Agent, Stopped, Task, Words};
use crate::bump::{self, Plan, survey};
use crate::change::{Limits, Resolved, Way};
use crate::evidence::{Accepted, Patch, Verdict};
use crate::exec::{Command, Exec as _, Within};
use crate::failure::{Failure, Kind};
use crate::ids::ObjectId;
use crate::outcome::Outcome;
use crate::record::{Attempt, SessionEvent, Stage, StopReason};
use crate::verify::Baseline;

/// Paths that one command removes.
const PATHS_AT_ONCE: usize = 200;

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
            tests: bumped.clone(),
            bumped,
            words: None,
        };
        let mut patch = patch;
        let mut first = Box::pin(examiner.assess(patch.clone(), 0)).await?;
        if let Assessment::Refused(Refusal { outcome: Outcome::VerifyFailed, .. }) = &first
            && let Some(answered) = self.first_move(case, bench, &resolved, patch.tree()).await?
        {
            examiner.bumped = answered.patch.tree().clone();
            examiner.tests.clone_from(&examiner.bumped);
            (examiner.resolved, examiner.kept, examiner.moved) = (answered.resolved, answered.kept, true);
            patch = answered.patch;
            first = Box::pin(examiner.assess(patch.clone(), 0)).await?;
        }
        let accepted = match first {
            Assessment::Accepted(accepted) => {
                self.skip(Stage::Repair, "nothing broke").await?;
                accepted
            }
            Assessment::Refused(refusal) => {
                let stdio = stdio.ok_or_else(|| Failure::bug("speak to the tool server"))?;
                let tools = agent::connect(stdio).await?;
                let briefing = self.briefing(case, &examiner.resolved, &patch).await?;
                let limits = Limits { cost: self.money_left().await?, ..self.limits() };
                let resolved = &examiner.resolved;
                let words = hint(&self.request.way);
                let task = Task { change: case.change, resolved, limits, briefing: &briefing, words };
                let agent = Agent::new(task, self.model(), tools, self.recorder.clone());
                Box::pin(self.repair(agent, &examiner, (patch, refusal))).await?
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
        tree: &ObjectId,
    ) -> Result<Option<Bumped>, Failure> {
        let said = printed(case.seen.lock().await.get(tree));
        let repository = &case.survey.repository;
        let registry = self.registry(repository.project.ecosystem).await?;
        let work = bump::Work {
            exec: &Within::new(&bench.container, &repository.project.root),
            packages: &registry,
            recorder: &self.recorder,
            repository,
            ask: &case.ask,
            runtime: &case.survey.image.runtime,
        };
        let Some(answer) = bump::first_move(&work, &said).await? else { return Ok(None) };
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
                self.settings()?.keep_paths(patch.files())?;
                let kept = case.kept(patch.tree()).await?;
                Ok(Done::ok(Bumped { patch, resolved, kept }, format!("answered the build: {answer}")))
            })
            .await?;
        Ok(Some(answered))
    }

    /// Lets the agent try until a tree is accepted or a limit is reached.
    /// Every attempt starts from the best tree so far.
    pub(super) async fn repair(
        &self,
        mut agent: Agent<'_>,
        examiner: &Examiner<'_>,
        bumped: (Patch, Refusal),
    ) -> Result<Accepted, Failure> {
        let mut course = Course::new(bumped.0, bumped.1);
        for number in 1..=self.limits().attempts {
            let told = course.told(number, self.limits().attempts);
            let (stopped, patch) = Box::pin(self.attempt(&mut agent, examiner, (number, &told))).await?;
            let assessment = match course.refused_before(patch.tree()) {
                Some(known) => Assessment::Refused(known.clone()),
                None => Box::pin(self.look_at(examiner, patch.clone(), number, stopped.reason)).await?,
            };
            let refusal = match assessment {
                Assessment::Accepted(accepted) => {
                    self.attempted(number, &stopped, (&patch, None), patch.tree()).await?;
                    return Ok(accepted);
                }
                Assessment::Refused(refusal) => refusal,
            };
            let better = course.take(number, patch.clone(), refusal.clone());
            let left = (&patch, Some(refusal.outcome));
            self.attempted(number, &stopped, left, course.best().tree()).await?;
            if let Some(failure) = ended(&stopped, course.refusal().outcome, self.goal()) {
                return Err(failure);
            }
            if !better {
                self.restore(examiner, patch.tree(), course.best().tree()).await?;
            }
        }
        let Refusal { outcome, feedback, .. } = course.refusal();
        Err(Failure::user(*outcome, format!("{} in the attempts allowed:\n{feedback}", self.goal())))
    }

    /// What the agent is for: completes "could not …".
    fn goal(&self) -> &'static str {
        match self.request.way {
            Way::Revise { .. } => "change the pull request as asked",
            _ => "repair what the bump broke",
        }
    }

    /// One attempt, to the tree that it leaves.
    async fn attempt(
        &self,
        agent: &mut Agent<'_>,
        examiner: &Examiner<'_>,
        (number, told): (u32, &str),
    ) -> Result<(Stopped, Patch), Failure> {
        self.stage(Stage::Repair, async {
            let stopped = agent.attempt(told, examiner).await?;
            let patch = self.take(examiner.case, examiner.bench, number).await?;
            let detail = repair_detail(&patch, &stopped, agent.spent().turns);
            let attempt = (stopped.clone(), patch);
            Ok(match stopped.reason {
                StopReason::Finished => Done::ok(attempt, detail),
                _ => Done::failed(attempt, detail),
            })
        })
        .await
    }

    /// A tree that a limit cut off may be good all the same; then there may
    /// be no money left for the judge, and the limit is what stands.
    async fn look_at(
        &self,
        examiner: &Examiner<'_>,
        patch: Patch,
        number: u32,
        reason: StopReason,
    ) -> Result<Assessment, Failure> {
        match Box::pin(examiner.assess(patch, number)).await {
            Err(failure) if reason == StopReason::LimitCost && failure.outcome() == Outcome::LimitCost => {
                let feedback = format!("could not {}", failure.public());
                Ok(Assessment::Refused(Refusal::new(Outcome::LimitCost, feedback, 0)))
            }
            assessed => assessed,
        }
    }

    async fn attempted(
        &self,
        number: u32,
        stopped: &Stopped,
        (patch, refused): (&Patch, Option<Outcome>),
        best: &ObjectId,
    ) -> Result<(), Failure> {
        let attempt = Attempt {
            number,
            stopped: stopped.reason,
            turns: stopped.spent.turns,
            time_ms: u64::try_from(stopped.spent.time.as_millis()).unwrap_or(u64::MAX),
            cost: stopped.spent.cost,
            tree: patch.tree().to_string(),
            refused,
            best: best.to_string(),
        };
        self.recorder.record(SessionEvent::Attempted { attempt }).await
    }

    /// Puts the work container's tree back to an earlier one. What is
    /// installed and built stays: it is not of the tree.
    async fn restore(&self, examiner: &Examiner<'_>, now: &ObjectId, to: &ObjectId) -> Result<(), Failure> {
        let paths = examiner.case.mirror.differing(now, to).await?;
        let list: Vec<&String> = paths.iter().collect();
        for part in list.chunks(PATHS_AT_ONCE) {
            let words = ["rm", "-f", "--"].into_iter().map(str::to_owned);
            let command = Command::new(words.chain(part.iter().map(|path| (*path).clone())));
            let removed = examiner.bench.container.run(command).await?;
            if !removed.success() {
                return Err(Failure::transient(Outcome::InternalError, "put the better tree back"));
            }
        }
        examiner.bench.container.put_tree(examiner.case.mirror.tar_of(to, paths)).await
    }
}

/// All that the failed checks of a tree printed.
fn printed(verdict: Option<&Verdict>) -> String {
    let Some(Verdict::Broke { checks, .. }) = verdict else { return String::new() };
    let failed = checks.iter().filter(|check| !check.passed);
    failed.map(|check| check.said.as_str()).collect::<Vec<_>>().join("\n")
}

/// A stop after which there is no next attempt. A model that gives up leaves
/// the last refusal standing.
fn ended(stopped: &Stopped, standing: Outcome, goal: &str) -> Option<Failure> {
    match stopped.reason {
        StopReason::Finished => None,
        StopReason::Abstained => {
            Some(Failure::user(standing, format!("{goal}; the model gave up: {}", stopped.said)))
        }
        StopReason::LimitTurns => Some(Failure::user(Outcome::LimitTurns, "repair within the turns allowed")),
        StopReason::LimitTime => Some(Failure::user(Outcome::LimitTime, "repair within the time allowed")),
        StopReason::LimitCost => Some(Failure::user(Outcome::LimitCost, "repair within the money cap")),
    }
}

/// What whoever asked again adds for the agent.
fn hint(way: &Way) -> Option<Words<'_>> {
    match way {
        Way::Again { hint: Some(hint), .. } => Some(Words::Hint(hint)),
        _ => None,
    }
}

fn repair_detail(patch: &Patch, stopped: &Stopped, turns: u32) -> String {
    let files: Vec<String> = patch
        .files()
        .iter()
        .filter(|file| !survey::is_manifest(&file.path))
        .map(|file| format!("{} (+{} −{})", file.path, file.added, file.removed))
        .collect();
    let files = if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
    match stopped.reason {
        StopReason::Finished => format!("{files}, {turns} turns"),
        reason => format!("{files}, {turns} turns; {}", reason.title()),
    }
}
