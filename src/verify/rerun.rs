//! Running again what failed, and as little else as the runner allows.
//!
//! Who asks decides what it means that a test passes now. A test that was
//! not run again has not passed: without a narrower way the whole check
//! runs.

use super::plan::{Check, CheckKind, Plan, Step};
use super::run::Runs;
use crate::evidence::CheckResult;
use crate::exec::Exec;
use crate::failure::Failure;
use crate::record::Recorder;

/// Runs the failed tests of each result once more, in a container in which
/// the plan has been checked. The results have the same names, and their
/// `failing` holds what failed again.
///
/// # Errors
/// The container or the log fails.
pub async fn rerun(
    exec: &dyn Exec,
    plan: &Plan,
    failing: &[CheckResult],
    recorder: &Recorder,
) -> Result<Vec<CheckResult>, Failure> {
    let runs = Runs { exec, recorder, plan };
    let mut results = Vec::new();
    for asked in failing {
        let now = match &plan.maven {
            Some(_) => maven(&runs, asked).await?,
            None => node(&runs, asked).await?,
        };
        results.push(again(asked, now));
    }
    Ok(results)
}

async fn maven(runs: &Runs<'_>, asked: &CheckResult) -> Result<Option<CheckResult>, Failure> {
    let Some(maven) = &runs.plan.maven else { return Ok(None) };
    if asked.check == CheckKind::Test.name()
        && let Some(result) = maven.rerun(runs, &asked.failing).await?
        && ran_all(asked, &result)
    {
        return Ok(Some(result));
    }
    Ok(maven.check(runs).await?.into_iter().find(|result| result.check == asked.check))
}

async fn node(runs: &Runs<'_>, asked: &CheckResult) -> Result<Option<CheckResult>, Failure> {
    let Some(check) = runs.plan.checks.iter().find(|check| check.kind.name() == asked.check) else {
        return Ok(None);
    };
    if let Some((step, words)) = narrowed(check, &asked.failing) {
        let result = runs.step(check, step, &words).await?;
        if ran_all(asked, &result) {
            return Ok(Some(result));
        }
    }
    runs.check(check).await.map(Some)
}

/// Did as many tests run as failed? Else a name was not understood, or it did
/// not get that far.
fn ran_all(asked: &CheckResult, now: &CheckResult) -> bool {
    let ran = usize::try_from(now.tests_passed.unwrap_or_default()).unwrap_or_default() + now.failing.len();
    ran > 0 && ran >= asked.failing.len()
}

/// The words that pick the failed tests out. Of several commands none can
/// be told to be the right one by a test's name.
fn narrowed<'c>(check: &'c Check, failing: &[String]) -> Option<(&'c Step, Vec<String>)> {
    let [step] = check.steps.as_slice() else { return None };
    let teller = step.teller.as_ref().filter(|_| !failing.is_empty())?;
    // Names are as the project knows them, and a workspace's runner does not.
    let words = teller.runner.only(failing).filter(|_| step.dir.is_empty())?;
    Some((step, words))
}

/// What failed again of what was asked for. A run that failed and named
/// nothing clears nobody.
fn again(asked: &CheckResult, now: Option<CheckResult>) -> CheckResult {
    let Some(now) = now else { return asked.clone() };
    let failing: Vec<String> = match (now.passed, now.failing.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => asked.failing.clone(),
        (false, false) => asked.failing.iter().filter(|name| now.failing.contains(name)).cloned().collect(),
    };
    let mut failures = now.failures;
    failures.retain(|failure| failing.contains(&failure.name));
    CheckResult { check: asked.check.clone(), failing, failures, ..now }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(passed: bool, failing: &[&str]) -> CheckResult {
        CheckResult {
            check: "test".into(),
            passed,
            failing: failing.iter().map(|name| (*name).to_owned()).collect(),
            ..CheckResult::default()
        }
    }

    #[test]
    fn a_test_that_did_not_run_has_not_passed() {
        let asked = result(false, &["a", "b"]);
        let ran = |passed: Option<u32>, failing: &[&str]| CheckResult {
            tests_passed: passed,
            ..result(true, failing)
        };
        for (now, expected) in [
            (ran(Some(2), &[]), true),
            (ran(Some(1), &["b"]), true),
            (ran(Some(1), &[]), false),
            (ran(None, &[]), false),
        ] {
            assert_eq!(ran_all(&asked, &now), expected, "{now:?}");
        }
        assert!(!ran_all(&result(false, &[]), &ran(Some(0), &[])));
    }

    #[test]
    fn only_what_failed_again_is_left() {
        let asked = result(false, &["a", "b"]);
        for (now, expected) in [
            (Some(result(true, &[])), vec![]),
            (Some(result(false, &["b", "c"])), vec!["b"]),
            (Some(result(false, &[])), vec!["a", "b"]),
            (None, vec!["a", "b"]),
        ] {
            assert_eq!(again(&asked, now).failing, expected);
        }
    }
}
