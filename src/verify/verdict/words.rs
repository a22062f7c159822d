//! A verdict in words: for the model, and for a row of the status comment.

use std::collections::BTreeSet;

use crate::evidence::{CheckResult, Delta, Run, Verdict};
use crate::text;

/// Bytes of a digest for the model.
const DIGEST: usize = 4000;

/// For the model: what fails, and the lines that say why.
#[must_use]
pub fn digest(verdict: &Verdict) -> String {
    let digest = match verdict {
        Verdict::Passed { checks, delta } => match delta.unverified.is_empty() {
            true => format!("all checks pass: {}", compared(checks, delta)),
            false => format!("all checks pass, or fail as before: {}", compared(checks, delta)),
        },
        Verdict::Broke { newly_failing, digest, delta, .. } => {
            format!("newly failing:\n- {}\n{}\n{digest}", newly_failing.join("\n- "), leave_alone(delta))
        }
        Verdict::BaselineBroken { digest } => digest.clone(),
        Verdict::NothingRan { reason } => format!("no check proves anything: {reason}"),
    };
    text::head(&digest, DIGEST)
}

/// What the change did not break is not to be repaired.
fn leave_alone(delta: &Delta) -> String {
    let said = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("{what}: {}\n", names.join(", ")),
    };
    let before: Vec<String> = delta.still_failing.iter().chain(&delta.unverified).cloned().collect();
    format!(
        "{}{}",
        said("failed before the change too, leave it alone", &before),
        said("flaky, leave it alone", &delta.flaky)
    )
}

/// For a row of the status comment.
#[must_use]
pub fn summary(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { checks, delta } => compared(checks, delta),
        Verdict::Broke { delta, newly_failing, .. } => {
            let failing = newly_failing.len().saturating_sub(delta.vanished.len());
            let parts = [
                (failing > 0).then(|| format!("{failing} newly failing")),
                (!delta.vanished.is_empty()).then(|| delta.vanished.join(", ")),
                flaky(&delta.flaky),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
        Verdict::BaselineBroken { .. } => "the base cannot be built".to_owned(),
        Verdict::NothingRan { reason } => format!("nothing is proved: {reason}"),
    }
}

/// The base's row: `build · lint failing · 412 passed · 2 failing · 1 flaky`.
#[must_use]
pub fn headline(run: &Run) -> String {
    let mut parts = Vec::new();
    for check in &run.checks {
        match check.tests_passed {
            Some(passed) => parts.push(format!("{passed} passed")),
            None if check.passed => parts.push(check.check.clone()),
            None if check.failing.is_empty() => parts.push(format!("{} failing", check.check)),
            None => parts.push(check.check.clone()),
        }
        if !check.failing.is_empty() {
            parts.push(format!("{} failing", check.failing.len()));
        }
    }
    parts.extend(flaky(&run.flaky));
    parts.join(" · ")
}

/// `build · typecheck · 412 passed · same 2 failing · 1 flaky`.
fn compared(checks: &[CheckResult], delta: &Delta) -> String {
    let still: BTreeSet<&String> = delta.still_failing.iter().collect();
    let mut parts = Vec::new();
    for check in checks {
        match check.tests_passed {
            _ if delta.unverified.contains(&check.command) => {
                parts.push(format!("{} fails as before", check.check));
            }
            Some(passed) => parts.push(format!("{passed} passed")),
            None => parts.push(check.check.clone()),
        }
        let same = check.failing.iter().filter(|name| still.contains(name)).count();
        if same > 0 {
            parts.push(format!("same {same} failing"));
        }
    }
    if !delta.newly_passing.is_empty() {
        parts.push(format!("{} newly passing", delta.newly_passing.len()));
    }
    parts.extend(flaky(&delta.flaky));
    parts.join(" · ")
}

fn flaky(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| format!("{} flaky", names.len()))
}

pub(super) fn failures(checks: Vec<&CheckResult>) -> String {
    let parts: Vec<String> =
        checks.into_iter().map(|check| format!("{}: {}", check.command, check.digest)).collect();
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, run, verdict};
    use super::super::{baseline, compare};
    use super::*;

    #[test]
    fn a_row_says_what_passed_what_fails_as_before_and_what_is_flaky() {
        let checks = [
            check("build", true, None, &[]),
            check("lint", false, None, &[]),
            check("test", false, Some(412), &["a", "b"]),
        ];
        assert_eq!(headline(&run(&checks)), "build · lint failing · 412 passed · 2 failing");
        let base = baseline(&run(&checks)).unwrap();
        let now = Run { flaky: vec!["c".into()], ..run(&checks) };
        let row = "build · lint fails as before · 412 passed · same 2 failing · 1 flaky";
        assert_eq!(summary(&compare(&base, &now)), row);
        assert_eq!(digest(&compare(&base, &now)), format!("all checks pass, or fail as before: {row}"));
    }

    #[test]
    fn the_model_is_told_what_to_leave_alone() {
        let broke = verdict(
            &[check("lint", false, None, &[]), check("test", false, Some(5), &["a"])],
            &[check("lint", false, None, &[]), check("test", false, Some(4), &["a", "b"])],
        );
        assert_eq!(summary(&broke), "1 newly failing");
        let said = digest(&broke);
        assert!(said.starts_with("newly failing:\n- b\n"), "{said}");
        assert!(said.contains("failed before the change too, leave it alone: a, npm run lint"), "{said}");
    }
}
