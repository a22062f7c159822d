//! What was verified, in words, and what was not: never more than was seen.

use std::fmt::Write as _;

use crate::evidence::{CheckResult, Delta, Finding};
use crate::text::markdown::{code, inline};

/// Names that a list shows.
const NAMES: usize = 10;
/// Bytes of a command or a path.
const COMMAND: usize = 300;
/// Bytes of one name.
const NAME: usize = 120;

/// The title of the check run: `412 passed, 0 newly failing (build, test)`.
pub(super) fn title(checks: &[CheckResult], delta: &Delta) -> String {
    let passed: u32 = checks.iter().filter_map(|check| check.tests_passed).sum();
    let proved = checks.iter().filter(|check| !delta.unverified.contains(&check.command));
    let names: Vec<&str> = proved.map(|check| check.check.as_str()).collect();
    let mut title = match has_tests(checks) {
        true => format!("{passed} passed"),
        false => "no tests".to_owned(),
    };
    write!(title, ", {} newly failing", delta.newly_failing.len()).ok();
    for (count, what) in [(delta.still_failing.len(), "failing as before"), (delta.flaky.len(), "flaky")] {
        if count > 0 {
            write!(title, ", {count} {what}").ok();
        }
    }
    write!(title, " ({})", names.join(", ")).ok();
    title
}

fn has_tests(checks: &[CheckResult]) -> bool {
    checks.iter().any(|check| check.check == "test")
}

/// The checks that say something about the change.
pub(super) fn list(checks: &[CheckResult], delta: &Delta) -> String {
    let mut out = String::new();
    for check in checks.iter().filter(|check| !delta.unverified.contains(&check.command)) {
        let tests = check.tests_passed.map(|passed| format!(": {passed} tests passed")).unwrap_or_default();
        let same = match check.failing.len() {
            0 => String::new(),
            same => format!(", the same {same} failing as before"),
        };
        writeln!(out, "- {}{tests}{same}", code(&check.command, COMMAND)).ok();
    }
    if !delta.newly_passing.is_empty() {
        writeln!(out, "- newly passing: {}", names(&delta.newly_passing)).ok();
    }
    out
}

/// What the checks leave open, as a list; empty when they leave nothing open.
pub(super) fn not_verified(checks: &[CheckResult], delta: &Delta) -> String {
    let mut out = String::new();
    for item in left_open(checks, delta) {
        writeln!(out, "- {item}.").ok();
    }
    out
}

/// What the checks leave open, each without a full stop.
pub(super) fn left_open(checks: &[CheckResult], delta: &Delta) -> Vec<String> {
    let mut left = Vec::new();
    if !checks.is_empty() && !has_tests(checks) {
        left.push("no tests: the repository defines none".to_owned());
    }
    for command in &delta.unverified {
        let command = code(command, COMMAND);
        left.push(format!("{command} fails before the change and after it, so it proves nothing"));
    }
    for (what, list) in [
        ("failing before the change and after it", &delta.still_failing),
        ("flaky, passed when run again", &delta.flaky),
    ] {
        if !list.is_empty() {
            left.push(format!("{what}: {}", names(list)));
        }
    }
    left
}

/// The title of the check run on test integrity. A change that is published
/// has no findings but those that its type allows.
pub(super) fn integrity_title(allowed: &[Finding]) -> String {
    match allowed.len() {
        0 => "0 tests removed, 0 skipped, 0 assertions dropped".to_owned(),
        1 => "1 finding, allowed by the change type".to_owned(),
        more => format!("{more} findings, allowed by the change type"),
    }
}

/// What the comparison with the base found.
pub(super) fn integrity(allowed: &[Finding]) -> String {
    match allowed {
        [] => "No test, assertion, script, lint rule or CI file says less than before.".to_owned(),
        allowed => format!("Found, and allowed by the change type:\n{}", findings(allowed)),
    }
}

/// The first findings, one a line.
pub(super) fn findings(list: &[Finding]) -> String {
    let mut out = String::new();
    for finding in list.iter().take(NAMES) {
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        let what = inline(&finding.message, NAME);
        let place = code(&format!("{}{line}", finding.path), COMMAND);
        writeln!(out, "- {place}: {}: {what}", finding.rule).ok();
    }
    out
}

/// The first names of a list, and how many more there are.
pub(super) fn names(list: &[String]) -> String {
    let shown: Vec<String> = list.iter().take(NAMES).map(|name| code(name, NAME)).collect();
    match list.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
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
            digest: String::new(),
            duration_ms: 1,
            ..CheckResult::default()
        }
    }

    #[test]
    fn a_check_that_is_red_before_and_after_is_listed_as_not_verified() {
        let checks = [check("lint", false, None, &[]), check("test", false, Some(5), &["old"])];
        let delta = Delta {
            unverified: vec!["npm run lint".into()],
            still_failing: vec!["old".into()],
            flaky: vec!["@odd|name".into()],
            ..Delta::default()
        };
        assert_eq!(title(&checks, &delta), "5 passed, 0 newly failing, 1 failing as before, 1 flaky (test)");
        assert_eq!(list(&checks, &delta), "- `npm run test`: 5 tests passed, the same 1 failing as before\n");
        let left = not_verified(&checks, &delta);
        for part in [
            "`npm run lint` fails before",
            "failing before the change and after it: `old`",
            "run again: `@odd|name`",
        ] {
            assert!(left.contains(part), "{part}: {left}");
        }
    }

    #[test]
    fn no_tests_is_said_plainly_and_nothing_left_open_is_nothing_said() {
        let build = [check("build", true, None, &[])];
        assert_eq!(not_verified(&build, &Delta::default()), "- no tests: the repository defines none.\n");
        assert_eq!(title(&build, &Delta::default()), "no tests, 0 newly failing (build)");
        let test = [check("test", true, Some(5), &[])];
        assert_eq!(not_verified(&test, &Delta::default()), "");
        let many: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        assert!(names(&many).ends_with("`9`, and 2 more"));
    }

    #[test]
    fn what_a_change_type_allows_is_not_called_nothing() {
        let finding = Finding {
            rule: "snapshot-rewritten".into(),
            path: "a|b.snap".into(),
            line: Some(3),
            message: "a snapshot says something else".into(),
        };
        assert!(integrity(&[]).starts_with("No test") && integrity_title(&[]).starts_with("0 tests"));
        let said = integrity(std::slice::from_ref(&finding));
        assert!(said.contains("`a|b.snap:3`: snapshot-rewritten: a snapshot says something else"), "{said}");
        assert_eq!(integrity_title(&[finding.clone(), finding]), "2 findings, allowed by the change type");
    }
}
