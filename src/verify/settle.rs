//! Flaky tests are told apart from broken ones: what failed is run again, and
//! only that. A test that passes once on the same tree is flaky. A run that
//! cannot say that a test passed acquits nobody.

use std::time::Duration;

use tokio::time::Instant;

use super::{Baseline, Plan, rerun};
use crate::evidence::{CheckResult, Run};
use crate::exec::Exec;
use crate::failure::Failure;
use crate::record::Recorder;

/// How often a failed test is run again, and how often where not one passed:
/// that is seldom chance.
const TRIES: usize = 3;
const TRIES_OF_NONE: usize = 1;
/// Tests of one check that are run again: more than these are broken.
const MOST: usize = 20;
/// For all of it; what is not told apart by then counts as broken.
const TIME: Duration = Duration::from_secs(300);

/// Runs failed tests of `results` again, in the container that they failed
/// in. With a baseline those that failed there too are left alone.
///
/// # Errors
/// The container or the log fails.
pub async fn settle(
    exec: &dyn Exec,
    plan: &Plan,
    results: Vec<CheckResult>,
    base: Option<&Baseline>,
    recorder: &Recorder,
) -> Result<Run, Failure> {
    let start = Instant::now();
    let mut suspects = suspects(&results, base);
    let mut run = Run { checks: results, flaky: Vec::new() };
    for _try in 0..tries(&suspects) {
        if suspects.is_empty() {
            break;
        }
        let left = TIME.saturating_sub(start.elapsed());
        let again = rerun(exec, plan, &suspects, recorder);
        // The container is thrown away with whatever still runs in it.
        let Ok(again) = tokio::time::timeout(left, again).await else { break };
        acquit(&mut run, &mut suspects, &again?);
    }
    run.flaky.sort();
    run.flaky.dedup();
    Ok(run)
}

fn tries(suspects: &[CheckResult]) -> usize {
    let none = suspects.iter().all(|suspect| suspect.tests_passed == Some(0));
    if none { TRIES_OF_NONE } else { TRIES }
}

/// The failed tests that may be flaky, check by check.
fn suspects(results: &[CheckResult], base: Option<&Baseline>) -> Vec<CheckResult> {
    let suspect = |result: &CheckResult| {
        let known = base.and_then(|base| base.check(result));
        let failing: Vec<String> = result
            .failing
            .iter()
            .filter(|name| known.is_none_or(|known| !known.failing.contains(*name)))
            .cloned()
            .collect();
        (1..=MOST).contains(&failing.len()).then(|| CheckResult { failing, ..result.clone() })
    };
    results.iter().filter(|result| result.check == "test" && !result.passed).filter_map(suspect).collect()
}

/// Moves what passed this time from the failed tests to the flaky ones.
fn acquit(run: &mut Run, suspects: &mut Vec<CheckResult>, again: &[CheckResult]) {
    for suspect in suspects.iter_mut() {
        let Some(again) = same(again, suspect) else { continue };
        let (failed, passed): (Vec<String>, Vec<String>) =
            suspect.failing.iter().cloned().partition(|name| again.failing.contains(name));
        let ran = again.tests_passed.and_then(|passed| usize::try_from(passed).ok()).unwrap_or(0);
        let Some(check) = run.checks.iter_mut().find(|check| is_same(check, suspect)) else { continue };
        // Red without a failed test of these, and no other test to be red for.
        let crashed = !again.passed && again.failing.is_empty() && check.failing == suspect.failing;
        if passed.is_empty() || crashed || ran < passed.len() {
            continue;
        }
        check.failing.retain(|name| !passed.contains(name));
        check.failures.retain(|failure| !passed.contains(&failure.name));
        let more = u32::try_from(passed.len()).unwrap_or(u32::MAX);
        check.tests_passed = check.tests_passed.map(|tests| tests.saturating_add(more));
        if check.failing.is_empty() && again.passed {
            check.passed = true;
            check.digest.clear();
        }
        run.flaky.extend(passed);
        suspect.failing = failed;
    }
    suspects.retain(|suspect| !suspect.failing.is_empty());
}

/// The same check of another run. One that is run again for some tests only
/// may have another command.
fn same<'r>(results: &'r [CheckResult], check: &CheckResult) -> Option<&'r CheckResult> {
    let mut named = results.iter().filter(|result| result.check == check.check);
    let first = named.next()?;
    match named.next() {
        None => Some(first),
        Some(_) => results.iter().find(|result| is_same(result, check)),
    }
}

/// Two results of one check of the plan.
pub(super) fn is_same(one: &CheckResult, other: &CheckResult) -> bool {
    one.check == other.check && one.command == other.command
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::check;
    use super::super::{baseline, compare};
    use super::*;
    use crate::evidence::Verdict;

    /// Acquits in the rounds given; what is left failing, and what is flaky.
    fn settled(first: CheckResult, rounds: &[CheckResult]) -> (CheckResult, Vec<String>) {
        let mut suspects = suspects(std::slice::from_ref(&first), None);
        let mut run = Run { checks: vec![first], flaky: vec![] };
        for round in rounds {
            acquit(&mut run, &mut suspects, std::slice::from_ref(round));
        }
        (run.checks.remove(0), run.flaky)
    }

    #[test]
    fn a_test_that_passes_once_is_flaky_and_counts_as_passed() {
        let first = check("test", false, Some(5), &["a", "b"]);
        let again = check("test", false, Some(1), &["b"]);
        let (left, flaky) = settled(first.clone(), std::slice::from_ref(&again));
        assert_eq!((left.passed, left.tests_passed, left.failing), (false, Some(6), vec!["b".to_owned()]));
        assert_eq!(flaky, ["a"]);
        let (left, flaky) = settled(first, &[again, check("test", true, Some(1), &[])]);
        assert_eq!((left.passed, left.tests_passed, left.failing.len()), (true, Some(7), 0));
        assert_eq!(flaky, ["a", "b"]);
    }

    #[test]
    fn a_run_that_shows_no_passed_test_acquits_nobody() {
        let first = check("test", false, Some(5), &["a", "b"]);
        for again in [
            check("test", true, None, &[]),
            check("test", true, Some(0), &[]),
            check("test", true, Some(1), &[]),
            check("test", false, Some(9), &[]),
            check("test", false, Some(0), &["a", "b"]),
            check("lint", true, Some(9), &[]),
        ] {
            let (left, flaky) = settled(first.clone(), std::slice::from_ref(&again));
            assert_eq!((left.passed, left.failing.len(), flaky.len()), (false, 2, 0), "{again:?}");
        }
    }

    #[test]
    fn a_flaky_test_is_told_from_one_that_was_red_before() {
        let base = baseline(&Run { checks: vec![check("test", false, Some(5), &["old"])], flaky: vec![] });
        let now = check("test", false, Some(4), &["a", "old"]);
        let mut suspects = suspects(std::slice::from_ref(&now), Some(&base.unwrap()));
        let mut run = Run { checks: vec![now], flaky: vec![] };
        // Red for the old test's sake.
        acquit(&mut run, &mut suspects, &[check("test", false, Some(5), &[])]);
        assert_eq!(
            (run.flaky, run.checks[0].failing.clone()),
            (vec!["a".to_owned()], vec!["old".to_owned()])
        );
        assert!(!run.checks[0].passed && suspects.is_empty());
    }

    #[test]
    fn where_nothing_passed_one_more_look_is_enough() {
        let (none, some) = (check("test", false, Some(0), &["a"]), check("test", false, Some(1), &["a"]));
        assert_eq!(tries(std::slice::from_ref(&none)), 1);
        assert_eq!(tries(&[none, some]), 3);
    }

    #[test]
    fn only_named_tests_that_passed_on_the_base_are_run_again() {
        let base = baseline(&Run { checks: vec![check("test", false, Some(5), &["a"])], flaky: vec![] });
        let base = base.unwrap();
        let names = |results: &[CheckResult]| -> Vec<String> {
            suspects(results, Some(&base)).into_iter().flat_map(|suspect| suspect.failing).collect()
        };
        assert_eq!(names(&[check("test", false, Some(4), &["a", "b"])]), ["b"]);
        assert!(names(&[check("test", false, Some(5), &["a"])]).is_empty());
        assert!(names(&[check("test", false, None, &[])]).is_empty());
        assert!(names(&[check("lint", false, None, &["x"])]).is_empty());
        let all: Vec<String> = (0..=MOST).map(|number| number.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert!(names(&[check("test", false, Some(5), &all)]).is_empty());
    }

    #[test]
    fn a_flaky_test_breaks_nothing_and_is_named() {
        let base = baseline(&Run { checks: vec![check("test", true, Some(6), &[])], flaky: vec![] }).unwrap();
        let (now, flaky) =
            settled(check("test", false, Some(5), &["a"]), &[check("test", true, Some(1), &[])]);
        let Verdict::Passed { delta, .. } = compare(&base, &Run { checks: vec![now], flaky }) else {
            panic!()
        };
        assert_eq!(delta.flaky, ["a"]);
    }
}
