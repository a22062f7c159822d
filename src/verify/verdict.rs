//! The comparison: what passed before must pass now.

use crate::evidence::{CheckResult, Patch, Verdict, Verified};
use crate::text;

/// Bytes of a digest for the model.
const DIGEST: usize = 4000;

/// The untouched base's results, good enough to compare with.
#[derive(Debug, Clone)]
pub struct Baseline {
    checks: Vec<CheckResult>,
}

/// Is the base sound enough? Tests that fail by name may fail before and
/// after; anything else that fails would hide what the change breaks.
///
/// # Errors
/// The verdict that ends the session: nothing ran, or the base is broken.
pub fn baseline(checks: &[CheckResult]) -> Result<Baseline, Verdict> {
    if nothing_ran(checks) {
        return Err(Verdict::NothingRan);
    }
    let broken: Vec<&CheckResult> =
        checks.iter().filter(|check| !check.passed && !fails_by_name(check)).collect();
    if !broken.is_empty() {
        return Err(Verdict::BaselineBroken { digest: failures(broken) });
    }
    Ok(Baseline { checks: checks.to_vec() })
}

fn fails_by_name(check: &CheckResult) -> bool {
    !check.failing.is_empty() && check.tests_passed.is_some_and(|passed| passed > 0)
}

/// A test run without a test says nothing.
fn nothing_ran(checks: &[CheckResult]) -> bool {
    checks.iter().all(|check| check.check == "test" && check.passed && check.tests_passed == Some(0))
}

/// The change's results against the base's.
#[must_use]
pub fn compare(baseline: &Baseline, head: &[CheckResult]) -> Verdict {
    if nothing_ran(head) {
        return Verdict::NothingRan;
    }
    let mut newly_failing = Vec::new();
    for before in &baseline.checks {
        match head.iter().find(|check| check.check == before.check) {
            None => newly_failing.push(format!("{}: was not run", before.command)),
            Some(now) => newly_failing.extend(regressions(before, now)),
        }
    }
    if newly_failing.is_empty() {
        return Verdict::Passed { checks: head.to_vec() };
    }
    let digest = failures(head.iter().filter(|check| !check.passed).collect());
    Verdict::Broke { checks: head.to_vec(), newly_failing, digest }
}

fn regressions(before: &CheckResult, now: &CheckResult) -> Vec<String> {
    let vanished = match (before.tests_passed, now.tests_passed) {
        (Some(then), Some(now)) if now < then => true,
        (Some(then), None) => then > 0,
        _ => false,
    };
    if !now.passed {
        let new: Vec<String> =
            now.failing.iter().filter(|name| !before.failing.contains(name)).cloned().collect();
        return match (new.is_empty(), before.passed || now.failing.is_empty() || vanished) {
            (false, _) => new,
            (true, true) => vec![now.command.clone()],
            (true, false) => Vec::new(),
        };
    }
    match (vanished, before.tests_passed) {
        (true, Some(then)) => {
            vec![format!(
                "{}: {then} tests passed before, {} now",
                now.command,
                now.tests_passed.unwrap_or(0)
            )]
        }
        _ => Vec::new(),
    }
}

/// The ticket for a patch whose verdict is a pass; the patch back otherwise.
///
/// # Errors
/// The verdict is not a pass.
pub fn attest(patch: Patch, verdict: &Verdict) -> Result<Verified, Patch> {
    match verdict {
        Verdict::Passed { checks } => Ok(Verified::seal(patch, checks.clone())),
        _ => Err(patch),
    }
}

/// For the model: what fails, and the lines that say why.
#[must_use]
pub fn digest(verdict: &Verdict) -> String {
    let digest = match verdict {
        Verdict::Passed { checks } => format!("all checks pass: {}", headline(checks)),
        Verdict::Broke { newly_failing, digest, .. } => {
            format!("newly failing:\n- {}\n\n{digest}", newly_failing.join("\n- "))
        }
        Verdict::BaselineBroken { digest } => digest.clone(),
        Verdict::NothingRan => "no check ran anything".to_owned(),
    };
    text::head(&digest, DIGEST)
}

/// For a row of the status comment.
#[must_use]
pub fn summary(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { checks } => headline(checks),
        Verdict::Broke { newly_failing, .. } => format!("{} newly failing", newly_failing.len()),
        Verdict::BaselineBroken { .. } => "the base is broken".to_owned(),
        Verdict::NothingRan => "nothing ran".to_owned(),
    }
}

/// `build · typecheck · 412 passed · same 2 failing`.
#[must_use]
pub fn headline(checks: &[CheckResult]) -> String {
    let mut parts = Vec::new();
    for check in checks {
        match check.tests_passed {
            Some(passed) => parts.push(format!("{passed} passed")),
            None => parts.push(check.check.clone()),
        }
        if !check.failing.is_empty() {
            parts.push(format!("same {} failing", check.failing.len()));
        }
    }
    parts.join(" · ")
}

fn failures(checks: Vec<&CheckResult>) -> String {
    let parts: Vec<String> =
        checks.into_iter().map(|check| format!("{}: {}", check.command, check.digest)).collect();
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, passed: bool, tests: Option<u32>, failing: &[&str]) -> CheckResult {
        CheckResult {
            check: name.into(),
            command: format!("npm run {name}"),
            passed,
            tests_passed: tests,
            failing: failing.iter().map(|name| (*name).to_owned()).collect(),
            digest: "why".into(),
            duration_ms: 1,
        }
    }

    fn newly(base: &[CheckResult], head: &[CheckResult]) -> Vec<String> {
        match compare(&baseline(base).unwrap(), head) {
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
        assert_eq!(newly(&base, &[check("test", false, Some(3), &["a"])]), ["npm run test"]);
        let green = [check("test", true, Some(5), &[])];
        assert_eq!(newly(&green, &[check("test", true, Some(4), &[])]).len(), 1);
        assert_eq!(newly(&green, &[check("test", true, None, &[])]).len(), 1);
    }

    #[test]
    fn a_check_cannot_be_left_out() {
        let base = [check("lint", true, None, &[]), check("test", true, Some(5), &[])];
        assert_eq!(newly(&base, &[check("test", true, Some(5), &[])]), ["npm run lint: was not run"]);
    }

    #[test]
    fn an_unsound_base_ends_the_session() {
        let broken = |checks: &[CheckResult]| matches!(baseline(checks), Err(Verdict::BaselineBroken { .. }));
        assert!(broken(&[check("build", false, None, &[]), check("test", true, Some(5), &[])]));
        assert!(broken(&[check("test", false, None, &[])]));
        assert!(broken(&[check("test", false, Some(0), &["a"])]));
        assert!(matches!(baseline(&[check("test", true, Some(0), &[])]), Err(Verdict::NothingRan)));
        assert!(matches!(baseline(&[]), Err(Verdict::NothingRan)));
    }
}
