//! A group whose verification is red, taken apart without a model.
//!
//! The green rest is shipped by this session; what breaks is left to the next
//! one, which works on it alone.

use super::bump::Survey;
use super::stage::Done;
use super::{Case, Session};
use crate::bump::group::{self, Known, Next, Parts, Subset};
use crate::bump::{Ask, Plan};
use crate::change::Bump;
use crate::evidence::Verdict;
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;
use crate::record::{SessionEvent, Stage};
use crate::verify::Baseline;

/// Subsets that are tried, at most; each is a bump and a verification. What
/// is not told apart by then stays together.
const TRIES: usize = 16;

impl Session<'_> {
    /// A group of which not every member can be planned: those that can, go
    /// on; the others are left to a session that says why not. Members that
    /// are in place already are done.
    pub(super) async fn resolve_apart(
        &self,
        survey: &Survey,
        ask: &mut Ask,
        refusal: Failure,
    ) -> Result<(Plan, Vec<Bump>), Failure> {
        self.stage(Stage::Resolve, async {
            let (mut now, mut left) = (Vec::new(), Vec::new());
            for bump in &ask.bumps {
                match self.plan(survey, &Ask::bump(vec![bump.clone()])).await {
                    Ok(_plan) => now.push(bump.clone()),
                    Err(failure) if failure.outcome() == Outcome::AlreadyCurrent => {}
                    Err(failure) if failure.kind() == Kind::UserFault => left.push(bump.clone()),
                    Err(failure) => return Err(failure),
                }
            }
            if now.is_empty() || left.is_empty() {
                return Err(refusal);
            }
            *ask = Ask::bump(now.clone());
            let plan = self.plan(survey, ask).await?;
            self.recorder.record(SessionEvent::Split { now, left: left.clone() }).await?;
            self.recorder.record(SessionEvent::Resolved { resolved: plan.resolved().clone() }).await?;
            let names: Vec<&str> = left.iter().map(|bump| bump.package.as_str()).collect();
            let detail =
                format!("{} of the group; {} cannot be bumped now", ask.bumps.len(), names.join(", "));
            Ok(Done::ok((plan, left), detail))
        })
        .await
    }

    /// The plan to go on with: the whole group when it is green, or when no
    /// part of it can be told apart; else the green rest, or the first part
    /// that breaks.
    pub(super) async fn narrow(
        &self,
        case: &mut Case<'_>,
        whole: Plan,
        baseline: &Baseline,
    ) -> Result<Plan, Failure> {
        let all = case.ask.bumps.clone();
        let parts = self
            .stage(Stage::Group, async {
                let (parts, tries) = Box::pin(self.hunt(case, &whole, baseline)).await?;
                let detail = describe(&all, &parts, tries);
                Ok(Done::ok(parts, detail))
            })
            .await?;
        let (now, later) = share(&parts, all.len());
        let names = |members: &Subset| -> Vec<Bump> {
            members.iter().filter_map(|member| all.get(*member).cloned()).collect()
        };
        case.left.extend(names(&later));
        // Also when nothing is split: an earlier run may have seen it otherwise.
        self.recorder.record(SessionEvent::Split { now: names(&now), left: case.left.clone() }).await?;
        if now.len() == all.len() {
            return Ok(whole);
        }
        let ask = case.ask.only(&now);
        let plan = self.plan(case.survey, &ask).await?;
        self.recorder.record(SessionEvent::Resolved { resolved: plan.resolved().clone() }).await?;
        case.ask = ask;
        Ok(plan)
    }

    async fn hunt(
        &self,
        case: &mut Case<'_>,
        whole: &Plan,
        baseline: &Baseline,
    ) -> Result<(Parts, usize), Failure> {
        let all = case.ask.clone();
        let size = all.bumps.len();
        let mut known = Known::new();
        let parts = loop {
            match group::next(size, &known) {
                Next::Done(parts) => break parts,
                Next::Try(_) if known.len() >= TRIES => break group::so_far(size, &known),
                Next::Try(members) => {
                    case.ask = all.only(&members);
                    let planned = match members.len() == size {
                        true => Ok(whole.clone()),
                        false => self.plan(case.survey, &case.ask).await,
                    };
                    let red = Box::pin(self.is_red(case, planned, baseline)).await?;
                    let packages = case.ask.bumps.iter().map(|bump| bump.package.clone()).collect();
                    self.recorder.record(SessionEvent::Tried { packages, red }).await?;
                    known.insert(members, red);
                }
            }
        };
        case.ask = all;
        Ok((parts, known.len()))
    }

    /// Bumps a subset in a container of its own and verifies the tree. A
    /// subset that cannot be planned or applied is red too.
    async fn is_red(
        &self,
        case: &Case<'_>,
        planned: Result<Plan, Failure>,
        baseline: &Baseline,
    ) -> Result<bool, Failure> {
        let tried = async {
            let plan = planned?;
            let bench = self.bench(case, "try", &case.base.tree).await?;
            let bumped = async {
                bench.container.remember_base().await?;
                self.bring_about(case, &plan, &bench).await
            };
            let bumped = Box::pin(bumped).await;
            bench.close().await?;
            let verdict = self.verdict(case, baseline, &bumped?.patch, 0).await?;
            Ok::<_, Failure>(!matches!(verdict, Verdict::Passed { .. }))
        };
        match tried.await {
            // A member that is in place already breaks nothing.
            Err(failure) if failure.outcome() == Outcome::AlreadyCurrent => Ok(false),
            Err(failure) if failure.kind() == Kind::UserFault => Ok(true),
            other => other,
        }
    }
}

/// What this session ships or repairs, and what is left.
fn share(parts: &Parts, size: usize) -> (Subset, Subset) {
    let now = match (parts.green.is_empty(), parts.breaking.first()) {
        (true, Some(first)) => first.clone(),
        _ => parts.green.clone(),
    };
    let later = (0..size).filter(|member| !now.contains(member)).collect();
    (now, later)
}

fn describe(all: &[Bump], parts: &Parts, tries: usize) -> String {
    if parts.breaking.is_empty() {
        return format!("all {} together are green", all.len());
    }
    let names = |subset: &Subset| -> String {
        let names = subset.iter().filter_map(|member| all.get(*member));
        names.map(|bump| bump.package.as_str()).collect::<Vec<_>>().join(" with ")
    };
    let breaking: Vec<String> = parts.breaking.iter().map(names).collect();
    format!(
        "{} of {} are green; what breaks is {}, found in {tries} tries",
        parts.green.len(),
        all.len(),
        breaking.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(members: &[usize]) -> Subset {
        members.iter().copied().collect()
    }

    #[test]
    fn the_green_rest_goes_first_and_a_breaker_alone() {
        let parts = Parts { green: set(&[0, 2]), breaking: vec![set(&[1])] };
        assert_eq!(share(&parts, 3), (set(&[0, 2]), set(&[1])));
        let parts = Parts { green: set(&[]), breaking: vec![set(&[1]), set(&[0])] };
        assert_eq!(share(&parts, 2), (set(&[1]), set(&[0])));
        let whole = Parts { green: set(&[]), breaking: vec![set(&[0, 1])] };
        assert_eq!(share(&whole, 2), (set(&[0, 1]), set(&[])));
    }
}
