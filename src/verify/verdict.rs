//! The comparison: what passed before must pass now.
//!
//! A base that fails some of its checks is compared all the same: the change
//! is judged on what it changed. Only a base that cannot be built ends the
//! session, and so does a pair of trees of which no check can prove anything.

mod delta;
mod words;

use crate::evidence::{CheckResult, Patch, Run, Verdict, Verified};

pub use words::{digest, headline, summary};

/// Why nothing is proved when no test ran.
const NO_TEST_RAN: &str = "the test check ran no test";
/// Why nothing is proved when all is red.
const ALL_RED: &str = "every check fails as a whole, before the change and after it";

/// The untouched base's results, good enough to compare with.
#[derive(Debug, Clone)]
pub struct Baseline {
    run: Run,
}

impl Baseline {
    /// What ran on the base.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The same check on the base.
    pub(super) fn check(&self, now: &CheckResult) -> Option<&CheckResult> {
        self.run.checks.iter().find(|before| super::settle::is_same(before, now))
    }
}

/// Is the base sound enough? Whatever fails may fail before and after; but
/// what was not built cannot be compared.
///
/// # Errors
/// The verdict that ends the session: nothing ran, or the base is broken.
pub fn baseline(run: &Run) -> Result<Baseline, Verdict> {
    if let Some(reason) = nothing_ran(&run.checks) {
        return Err(Verdict::NothingRan { reason });
    }
    let broken: Vec<&CheckResult> =
        run.checks.iter().filter(|check| !check.passed && check.check == "build").collect();
    if !broken.is_empty() {
        return Err(Verdict::BaselineBroken { digest: words::failures(broken) });
    }
    Ok(Baseline { run: run.clone() })
}

/// A repository that has tests is not verified by its build alone.
fn nothing_ran(checks: &[CheckResult]) -> Option<String> {
    let mut tests = checks.iter().filter(|check| check.check == "test").peekable();
    let none = tests.peek().is_some() && tests.all(ran_no_test);
    match (checks.is_empty(), none) {
        (true, _) => Some("there is no check".to_owned()),
        (false, true) => Some(NO_TEST_RAN.to_owned()),
        (false, false) => None,
    }
}

/// A run that failed without a count has crashed; one that passed without a
/// count is of a runner that does not count.
fn ran_no_test(check: &CheckResult) -> bool {
    check.tests_passed == Some(0) && check.failing.is_empty()
}

/// Does a check say anything about the tree that it ran on?
fn proves(check: &CheckResult) -> bool {
    match check.check.as_str() {
        "test" if check.passed => !ran_no_test(check),
        "test" => check.tests_passed.is_some_and(|passed| passed > 0),
        _ => check.passed || !check.failing.is_empty(),
    }
}

/// The change's results against the base's.
#[must_use]
pub fn compare(baseline: &Baseline, head: &Run) -> Verdict {
    let delta = Box::new(delta::between(baseline, head));
    let checks = head.checks.clone();
    if !delta.newly_failing.is_empty() || !delta.vanished.is_empty() {
        let newly_failing = delta.newly_failing.iter().chain(&delta.vanished).cloned().collect();
        let digest = words::failures(head.checks.iter().filter(|check| !check.passed).collect());
        return Verdict::Broke { checks, newly_failing, digest, delta };
    }
    if let Some(reason) = nothing_ran(&head.checks) {
        return Verdict::NothingRan { reason };
    }
    if !head.checks.iter().any(proves) {
        return Verdict::NothingRan { reason: ALL_RED.to_owned() };
    }
    Verdict::Passed { checks, delta }
}

/// The ticket for a patch whose verdict is a pass; the patch back otherwise.
///
/// # Errors
/// The verdict is not a pass.
pub fn attest(patch: Patch, verdict: &Verdict) -> Result<Verified, Patch> {
    match verdict {
        Verdict::Passed { checks, delta } => {
            Ok(Verified::seal_compared(patch, checks.clone(), delta.clone()))
        }
        _ => Err(patch),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::evidence::Delta;

    pub(crate) fn check(name: &str, passed: bool, tests: Option<u32>, failing: &[&str]) -> CheckResult {
        CheckResult {
            check: name.into(),
            command: format!("npm run {name}"),
            passed,
            tests_passed: tests,
            failing: failing.iter().map(|name| (*name).to_owned()).collect(),
            digest: "why".into(),
            duration_ms: 1,
            ..CheckResult::default()
        }
    }

    pub(crate) fn run(checks: &[CheckResult]) -> Run {
        Run { checks: checks.to_vec(), flaky: vec![] }
    }

    pub(crate) fn verdict(base: &[CheckResult], head: &[CheckResult]) -> Verdict {
        compare(&baseline(&run(base)).unwrap(), &run(head))
    }

    fn newly(base: &[CheckResult], head: &[CheckResult]) -> Vec<String> {
        match verdict(base, head) {
            Verdict::Broke { newly_failing, .. } => newly_failing,
            Verdict::Passed { .. } => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_failed_before_may_fail_after_by_the_same_name_only() {
        let base = [check("test", false, Some(5), &["a", "b"])];
        assert!(newly(&base, &[check("test", false, Some(5), &["a", "b"])]).is_empty());
        assert!(newly(&base, &[check("test", true, Some(7), &[])]).is_empty());
        assert_eq!(newly(&base, &[check("test", false, Some(5), &["a", "c"])]), ["c"]);
    }

    #[test]
    fn a_run_that_crashed_or_lost_tests_is_not_the_same_failure() {
        let base = [check("test", false, Some(5), &["a"])];
        assert_eq!(newly(&base, &[check("test", false, None, &[])]), ["npm run test"]);
        assert_eq!(
            newly(&base, &[check("test", false, Some(3), &["a"])]),
            ["npm run test: 5 tests passed before, 3 now"]
        );
        let green = [check("test", true, Some(5), &[])];
        assert_eq!(newly(&green, &[check("test", true, Some(4), &[])]).len(), 1);
        assert_eq!(newly(&green, &[check("test", true, None, &[])]).len(), 1);
        assert_eq!(newly(&green, &[check("test", true, Some(0), &[])]).len(), 1);
    }

    #[test]
    fn a_check_cannot_be_left_out_and_a_new_one_cannot_fail() {
        let base = [check("lint", true, None, &[]), check("test", true, Some(5), &[])];
        assert_eq!(newly(&base, &[check("test", true, Some(5), &[])]), ["npm run lint: was not run"]);
        let test = check("test", true, Some(5), &[]);
        let both = [check("lint", false, None, &[]), test.clone()];
        assert_eq!(newly(&[test], &both), ["npm run lint"]);
    }

    #[test]
    fn a_base_that_cannot_be_built_is_broken_and_one_that_is_red_is_not() {
        let broken =
            |checks: &[CheckResult]| matches!(baseline(&run(checks)), Err(Verdict::BaselineBroken { .. }));
        let test = check("test", true, Some(5), &[]);
        assert!(broken(&[check("build", false, None, &[]), test.clone()]));
        assert!(broken(&[check("build", false, None, &["x"]), test.clone()]));
        for red in [
            check("lint", false, None, &[]),
            check("typecheck", false, None, &[]),
            check("test", false, None, &[]),
            check("test", false, Some(0), &["a"]),
        ] {
            assert!(baseline(&run(&[red.clone(), test.clone()])).is_ok(), "{red:?}");
        }
    }

    #[test]
    fn a_test_run_without_a_test_is_never_a_pass() {
        let none = check("test", true, Some(0), &[]);
        let nothing = |checks: &[CheckResult]| matches!(baseline(&run(checks)), Err(Verdict::NothingRan { reason }) if !reason.is_empty());
        assert!(nothing(&[]));
        assert!(nothing(std::slice::from_ref(&none)));
        let (build, lint) = (check("build", true, None, &[]), check("lint", true, None, &[]));
        assert!(nothing(&[build.clone(), lint.clone(), none.clone()]));
        // One of two packages without a test is not the whole.
        let other = CheckResult { command: "npm test -w b".into(), ..check("test", true, Some(1), &[]) };
        assert!(!nothing(&[none, other]));
        assert!(!nothing(&[build, lint]));
    }

    #[test]
    fn red_before_and_after_passes_only_beside_something_that_proves() {
        let (lint, red) = (check("lint", false, None, &[]), check("test", false, None, &[]));
        let green = check("test", true, Some(5), &[]);
        let both = [lint.clone(), green];
        let Verdict::Passed { delta, .. } = verdict(&both, &both) else { panic!("not a pass") };
        assert_eq!(*delta, Delta { unverified: vec!["npm run lint".into()], ..Delta::default() });
        let all_red = [vec![lint.clone()], vec![lint, red], vec![check("test", false, Some(0), &["a", "b"])]];
        for checks in all_red {
            assert!(matches!(verdict(&checks, &checks), Verdict::NothingRan { .. }), "{checks:?}");
        }
        let found = [check("lint", false, None, &["a.js no-undef"])];
        assert!(matches!(verdict(&found, &found), Verdict::Passed { .. }));
    }
}
