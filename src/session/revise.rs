//! A pull request that is there already: changed on its branch as a person
//! says, or its refused tree judged once more.
//!
//! Both are held against the base that the pull request is to be merged into,
//! never against its head: a further commit can weaken no test that the
//! first one left alone.

use super::bench::Bench;
use super::course;
use super::earlier::{Earlier, Vetoed};
use super::examine::{Assessment, Examiner, Refusal};
use super::standing::Standing;
use super::{Case, Ending, Session};
use crate::agent::{self, Agent, Task, Words};
use crate::change::{Base, ChangeType, Limits, Resolved, Way};
use crate::evidence::{Accepted, Patch};
use crate::exec::Within;
use crate::failure::Failure;
use crate::ids::{ObjectId, SessionId};
use crate::judge;
use crate::outcome::Outcome;
use crate::record::{Aim, SessionEvent};
use crate::text;
use crate::verify::{self, Baseline};
use crate::workspace::Mirror;

/// Bytes of the pull request's change that the agent is shown.
const CHANGE_CAP: usize = 12 * 1024;

/// What both ways begin with.
struct Taken {
    mirror: Mirror,
    resolved: Resolved,
    aim: Option<Aim>,
}

impl Session<'_> {
    /// A further commit on the pull request, as the instruction says.
    pub(super) async fn revise(
        &self,
        change: &ChangeType,
        of: SessionId,
        instruction: &str,
    ) -> Result<Ending, Failure> {
        let earlier = self.earlier(of).await?;
        let aim = self.aim(&self.request.way).await?;
        let aim = aim.ok_or_else(|| Failure::bug("revise what is no pull request"))?;
        self.follow(Some(&aim));
        self.publisher.started().await?;
        let base = self.base_of(&earlier, &aim).await?;
        let Taken { mirror, resolved, aim } = self.take_up(&earlier, base, Some(aim)).await?;
        let head = aim.as_ref().map_or_else(|| mirror.base().commit.clone(), |aim| aim.head.clone());
        let start = self.also(&head).await?.tree;
        let survey = self.survey(&mirror, &earlier.ask()).await?;
        let case = self.case(&mirror, change, &survey, earlier.ask()).await?;
        let baseline = Box::pin(self.baseline(&case)).await?;
        let bench = self.bench(&case, "work", &start).await?;
        let work = Work { case: &case, baseline: &baseline, bench: &bench, resolved: &resolved };
        let result = Box::pin(self.revise_on(&work, instruction)).await;
        let closed = bench.close().await;
        let accepted = result?;
        closed?;
        drop(case);
        let ready = self.accept(mirror, resolved, accepted, aim).await?;
        Box::pin(self.publish(ready)).await
    }

    async fn revise_on(&self, work: &Work<'_>, instruction: &str) -> Result<Accepted, Failure> {
        let Work { case, bench, .. } = *work;
        let stdio = bench.container.take_stdio();
        bench.container.remember_base().await?;
        let head = case.mirror.change_to(&bench.start).await?;
        self.record_patch(&head).await?;
        self.install(case, bench).await?;
        let words = judge::Words::Asked(instruction);
        let examiner = self.examiner(work, &bench.start, Some(words)).await?;
        let so_far = text::head(&course::sources(head.diff()), CHANGE_CAP);
        let briefing = text::fenced("what the pull request changes already, without manifests", &so_far);
        let stdio = stdio.ok_or_else(|| Failure::bug("speak to the tool server"))?;
        let tools = agent::connect(stdio).await?;
        let limits = Limits { cost: self.money_left().await?, ..self.limits() };
        let task = Task {
            change: case.change,
            resolved: work.resolved,
            limits,
            briefing: &briefing,
            words: Some(Words::Instruction(instruction)),
        };
        let agent = Agent::new(task, self.model(), tools, self.recorder.clone());
        let refusal = Refusal {
            outcome: Outcome::EditFailed,
            feedback: "nothing has been changed yet of what the person asks for".to_owned(),
            standing: Standing::untouched(),
        };
        Box::pin(self.repair(agent, &examiner, (head, refusal))).await
    }

    /// The tree that the judge refused, verified again and judged by a second
    /// call that knows the person's reason.
    pub(super) async fn appeal(
        &self,
        change: &ChangeType,
        of: SessionId,
        reason: &str,
    ) -> Result<Ending, Failure> {
        let earlier = self.earlier(of).await?;
        let vetoed = earlier.vetoed().ok_or_else(|| {
            let what = format!("find a change that the judge refused in session {of}");
            Failure::user(Outcome::DeclinedPolicy, what)
        })?;
        let aim = self.aim(&self.request.way).await?;
        self.follow(aim.as_ref());
        self.publisher.started().await?;
        let base = earlier.summary.base.clone().ok_or_else(|| lost(of))?;
        let Taken { mirror, resolved, aim } = self.take_up(&earlier, base, aim).await?;
        if !mirror.has(&vetoed.tree).await? || !mirror.has(&vetoed.bumped).await? {
            return Err(lost(of));
        }
        if let (None, Some(url)) = (&aim, self.publisher.open_pull_for(&resolved.branch()).await?) {
            return Ok(Ending { pull_request: Some(url), ..Ending::new(Outcome::AlreadyOpen, "") });
        }
        let survey = self.survey(&mirror, &earlier.ask()).await?;
        let case = self.case(&mirror, change, &survey, earlier.ask()).await?;
        let baseline = Box::pin(self.baseline(&case)).await?;
        let bench = self.bench(&case, "work", &vetoed.tree).await?;
        let work = Work { case: &case, baseline: &baseline, bench: &bench, resolved: &resolved };
        let result = Box::pin(self.appeal_on(&work, &earlier, &vetoed, reason)).await;
        let closed = bench.close().await;
        let accepted = result?;
        closed?;
        drop(case);
        let ready = self.accept(mirror, resolved, accepted, aim).await?;
        Box::pin(self.publish(ready)).await
    }

    async fn appeal_on(
        &self,
        work: &Work<'_>,
        earlier: &Earlier,
        vetoed: &Vetoed,
        reason: &str,
    ) -> Result<Accepted, Failure> {
        let patch = work.case.mirror.change_to(&vetoed.tree).await?;
        self.record_patch(&patch).await?;
        let asked = match earlier.request().map(|request| &request.way) {
            Some(Way::Revise { instruction, .. }) => Some(instruction.as_str()),
            _ => None,
        };
        let words = judge::Words::Appeal { reason, first: &vetoed.opinion.reason, asked };
        let examiner = self.examiner(work, &vetoed.bumped, Some(words)).await?;
        let assessment = Box::pin(examiner.assess(patch, 1)).await?;
        let accepted = match assessment {
            Assessment::Accepted(accepted) => Ok(accepted),
            Assessment::Refused(Refusal { outcome, feedback, .. }) => {
                Err(Failure::user(outcome, format!("let the refused change through:\n{feedback}")))
            }
        };
        // Both verdicts side by side, also when the second one is a no.
        if let Some((verdict, second)) = self.summary().await?.judge {
            let (first, second) =
                (vetoed.opinion.clone(), crate::record::Opinion { verdict, reason: second });
            let (of, tree) = (earlier.summary.session, vetoed.tree.to_string());
            let appealed = SessionEvent::Appealed { of, tree, reason: reason.to_owned(), first, second };
            self.recorder.record(appealed).await?;
        }
        accepted
    }

    /// The mirror at the base, and what the earlier session resolved, which
    /// is written down as this session's too.
    async fn take_up(&self, earlier: &Earlier, base: Base, aim: Option<Aim>) -> Result<Taken, Failure> {
        let resolved = earlier.summary.resolved.clone().ok_or_else(|| lost(earlier.summary.session))?;
        let mirror = self.checkout(Some(base)).await?;
        let advisories = earlier.summary.advisories.clone();
        if !advisories.is_empty() {
            self.recorder.record(SessionEvent::Advisories { advisories }).await?;
        }
        if self.progress.resolved.as_ref() != Some(&resolved) {
            self.recorder.record(SessionEvent::Resolved { resolved: resolved.clone() }).await?;
        }
        Ok(Taken { mirror, resolved, aim })
    }

    /// Where the pull request branches off. It is the earlier session's base
    /// as long as nobody else has put anything on the branch.
    async fn base_of(&self, earlier: &Earlier, aim: &Aim) -> Result<Base, Failure> {
        if let Some(base) = &self.progress.base {
            return Ok(base.clone());
        }
        match &earlier.summary.base {
            Some(base) if self.is_ours(&aim.head).await? => Ok(base.clone()),
            _ => {
                let (github, repo) =
                    self.on_github().ok_or_else(|| Failure::bug("compare branches of a local checkout"))?;
                let now = self.open_pull(aim.pull).await?;
                let reader = github.reader(&repo).await?;
                let found = reader.merge_base(&now.base_branch, &aim.head).await?;
                let commit = found.ok_or_else(|| {
                    let what = format!("find where pull request {} branches off", aim.pull);
                    Failure::user(Outcome::FetchFailed, what)
                })?;
                Ok(Base { branch: now.base_branch, ..self.also(&commit).await? })
            }
        }
    }

    /// One more commit in this repository's mirror.
    async fn also(&self, commit: &ObjectId) -> Result<Base, Failure> {
        let source = self.source().await?;
        self.rooms.workspace.also(&self.request.subject.repository(), &source, commit).await
    }

    /// A tree that the session begins with, as if it had been taken out.
    async fn record_patch(&self, patch: &Patch) -> Result<(), Failure> {
        let (tree, files) = (patch.tree().to_string(), patch.files().to_vec());
        let diff = patch.diff().to_owned();
        self.recorder.record(SessionEvent::Patch { attempt: 0, tree, files, diff }).await
    }

    /// What the agent's own programs need; the engine's checks install for
    /// themselves.
    async fn install(&self, case: &Case<'_>, bench: &Bench) -> Result<(), Failure> {
        let root = &case.survey.repository.project.root;
        let exec = Within::new(&bench.container, root);
        let install = verify::install(&exec, &case.checks, &self.recorder);
        match self.with_door(bench, install).await? {
            verify::Installed::Failed(digest) => Err(Failure::user(
                Outcome::VerifyFailed,
                format!("install the dependencies of the pull request:\n{digest}"),
            )),
            _ => Ok(()),
        }
    }

    async fn examiner<'w>(
        &'w self,
        work: &Work<'w>,
        engines: &ObjectId,
        words: Option<judge::Words<'w>>,
    ) -> Result<Examiner<'w>, Failure> {
        let Work { case, baseline, bench, resolved } = *work;
        Ok(Examiner {
            session: self,
            case,
            baseline,
            bench,
            resolved: resolved.clone(),
            kept: case.kept(engines).await?,
            moved: true,
            bumped: engines.clone(),
            // Whoever edited a test on the branch, the base's own still hold.
            tests: case.base.tree.clone(),
            words,
        })
    }
}

/// What a tree that is there already is worked on with.
#[derive(Clone, Copy)]
struct Work<'w> {
    case: &'w Case<'w>,
    baseline: &'w Baseline,
    bench: &'w Bench,
    resolved: &'w Resolved,
}

fn lost(session: SessionId) -> Failure {
    Failure::user(Outcome::FetchFailed, format!("find again what session {session} worked on"))
}
