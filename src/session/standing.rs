//! How good a refused tree is, next to another one.
//!
//! A tree that a later gate refused is better than one that an earlier gate
//! did; behind the same gate, less that is wrong is better. Nothing here
//! makes a tree acceptable: it only decides where the next attempt starts.

use crate::evidence::Verdict;
use crate::outcome::Outcome;

/// Ordered: the smaller, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    /// Gates that have not been passed.
    gates: u8,
    /// Checks that fail as a whole: what does not compile runs no test.
    whole: usize,
    /// Failing tests, findings, or whatever else the gate counts.
    wrong: usize,
}

impl Standing {
    /// Of a tree that verification refused.
    pub(super) fn of_verdict(verdict: &Verdict) -> Self {
        let (whole, wrong) = match verdict {
            Verdict::Broke { checks, newly_failing, .. } => {
                let failed = checks.iter().filter(|check| !check.passed && check.failing.is_empty());
                // Without a single check the installation failed.
                let whole = if checks.is_empty() { usize::MAX } else { failed.count() };
                (whole, newly_failing.len())
            }
            _ => (usize::MAX, usize::MAX),
        };
        Self { gates: 3, whole, wrong }
    }

    /// Of a tree in which nothing has been done: any attempt is better.
    pub(super) fn untouched() -> Self {
        Self { gates: u8::MAX, whole: usize::MAX, wrong: usize::MAX }
    }

    /// Of a tree that a later gate refused with `outcome`.
    pub(super) fn of_refusal(outcome: Outcome, wrong: usize) -> Self {
        let gates = match outcome {
            Outcome::IntegrityFailed => 2,
            Outcome::JudgeVetoed => 1,
            _ => 3,
        };
        Self { gates, whole: 0, wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::CheckResult;

    fn check(passed: bool, failing: &[&str]) -> CheckResult {
        CheckResult {
            check: "test".into(),
            command: String::new(),
            passed,
            tests_passed: None,
            failing: failing.iter().map(|name| (*name).to_owned()).collect(),
            ..CheckResult::default()
        }
    }

    fn broke(checks: Vec<CheckResult>, newly_failing: usize) -> Standing {
        let newly_failing = vec!["a test".to_owned(); newly_failing];
        Standing::of_verdict(&Verdict::Broke {
            checks,
            newly_failing,
            digest: String::new(),
            delta: Default::default(),
        })
    }

    #[test]
    fn later_gates_and_fewer_faults_are_better() {
        let ascending = [
            Standing::of_refusal(Outcome::JudgeVetoed, 1),
            Standing::of_refusal(Outcome::IntegrityFailed, 1),
            Standing::of_refusal(Outcome::IntegrityFailed, 4),
            broke(vec![check(false, &["a"])], 1),
            broke(vec![check(false, &["a", "b"])], 2),
            broke(vec![check(false, &[])], 1),
            broke(vec![check(false, &[]), check(false, &[])], 2),
            broke(vec![], 1),
            Standing::untouched(),
        ];
        assert!(ascending.is_sorted() && ascending.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
