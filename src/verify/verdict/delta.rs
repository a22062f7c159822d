//! What differs between two runs, name by name.

use super::Baseline;
use crate::evidence::{CheckResult, Delta, Run};

pub(super) fn between(baseline: &Baseline, head: &Run) -> Delta {
    let mut delta = Delta::default();
    for before in &baseline.run.checks {
        match head.checks.iter().find(|now| super::super::settle::is_same(before, now)) {
            None => delta.vanished.push(format!("{}: was not run", before.command)),
            Some(now) => one(&mut delta, before, now),
        }
    }
    // A check that did not show on the base must not fail now.
    for now in head.checks.iter().filter(|now| !now.passed && baseline.check(now).is_none()) {
        delta.newly_failing.extend(names(now));
    }
    delta.flaky.extend(head.flaky.iter().chain(&baseline.run.flaky).cloned());
    // A test that is flaky on the base and never passed now may be broken:
    // it stands with what fails.
    delta.flaky.retain(|name| !delta.newly_failing.contains(name) && !delta.still_failing.contains(name));
    for list in
        [&mut delta.newly_failing, &mut delta.newly_passing, &mut delta.still_failing, &mut delta.flaky]
    {
        list.sort();
        list.dedup();
    }
    delta
}

fn one(delta: &mut Delta, before: &CheckResult, now: &CheckResult) {
    match (red_as_a_whole(before), red_as_a_whole(now)) {
        (true, true) => delta.unverified.push(now.command.clone()),
        (true, false) if now.passed => delta.newly_passing.push(now.command.clone()),
        // It says more than before; nothing of it passed before.
        (true, false) => delta.still_failing.extend(now.failing.iter().cloned()),
        (false, true) => delta.newly_failing.push(now.command.clone()),
        (false, false) => by_name(delta, before, now),
    }
}

fn by_name(delta: &mut Delta, before: &CheckResult, now: &CheckResult) {
    let (still, new): (Vec<String>, Vec<String>) =
        now.failing.iter().cloned().partition(|name| before.failing.contains(name));
    let gone = vanished(before, now, new.len());
    if gone.is_none() {
        // Otherwise nobody knows whether it passed or was not run.
        let passing = before.failing.iter().filter(|name| !now.failing.contains(*name));
        delta.newly_passing.extend(passing.cloned());
    }
    delta.vanished.extend(gone);
    delta.still_failing.extend(still);
    delta.newly_failing.extend(new);
}

/// Tests that passed before and neither pass nor fail now.
fn vanished(before: &CheckResult, now: &CheckResult, newly_failing: usize) -> Option<String> {
    let then = before.tests_passed.filter(|then| *then > 0)?;
    let passed = now.tests_passed.unwrap_or(0);
    let accounted = passed.saturating_add(u32::try_from(newly_failing).unwrap_or(u32::MAX));
    (accounted < then).then(|| format!("{}: {then} tests passed before, {passed} now", now.command))
}

/// Fails without saying what.
fn red_as_a_whole(check: &CheckResult) -> bool {
    !check.passed && check.failing.is_empty()
}

/// What fails in a check: by name, or the whole of it.
fn names(check: &CheckResult) -> Vec<String> {
    match check.failing.as_slice() {
        [] => vec![check.command.clone()],
        failing => failing.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline;
    use super::super::tests::{check, run};
    use super::*;

    /// `newly failing | newly passing | still failing | flaky | vanished | unverified`.
    fn shown(before: &Run, now: &Run) -> String {
        let delta = between(&baseline(before).unwrap(), now);
        [
            delta.newly_failing,
            delta.newly_passing,
            delta.still_failing,
            delta.flaky,
            delta.vanished,
            delta.unverified,
        ]
        .map(|list| list.join(","))
        .join("|")
    }

    #[test]
    fn every_way_from_one_run_to_another_has_its_words() {
        let test = |passed: bool, tests: Option<u32>, failing: &[&str]| check("test", passed, tests, failing);
        for (before, now, expected) in [
            (test(true, Some(5), &[]), test(true, Some(5), &[]), "|||||"),
            (test(true, Some(5), &[]), test(true, Some(9), &[]), "|||||"),
            (test(true, Some(5), &[]), test(false, Some(4), &["a"]), "a|||||"),
            (test(false, Some(4), &["a"]), test(true, Some(5), &[]), "|a||||"),
            (test(false, Some(4), &["a"]), test(false, Some(4), &["a"]), "||a|||"),
            (test(false, Some(4), &["a", "b"]), test(false, Some(4), &["b", "c"]), "c|a|b|||"),
            (
                test(true, Some(5), &[]),
                test(false, Some(2), &["a"]),
                "a||||npm run test: 5 tests passed before, 2 now|",
            ),
            (
                test(false, Some(5), &["a"]),
                test(true, Some(3), &[]),
                "||||npm run test: 5 tests passed before, 3 now|",
            ),
            (test(true, None, &[]), test(true, None, &[]), "|||||"),
            (test(true, None, &[]), test(false, None, &[]), "npm run test|||||"),
            (test(false, None, &[]), test(false, None, &[]), "|||||npm run test"),
            (test(false, None, &[]), test(true, Some(5), &[]), "|npm run test||||"),
            (test(false, None, &[]), test(false, Some(5), &["a"]), "||a|||"),
            (test(false, Some(5), &["a"]), test(false, None, &[]), "npm run test|||||"),
        ] {
            let (before, now) = (run(&[before]), run(&[now]));
            assert_eq!(shown(&before, &now), expected, "{before:?} → {now:?}");
        }
    }

    #[test]
    fn a_test_that_is_flaky_on_the_base_is_broken_when_it_never_passes_now() {
        let before = Run { flaky: vec!["a".into(), "b".into()], ..run(&[check("test", true, Some(5), &[])]) };
        assert_eq!(shown(&before, &run(&[check("test", true, Some(5), &[])])), "|||a,b||");
        assert_eq!(shown(&before, &run(&[check("test", false, Some(4), &["a"])])), "a|||b||");
    }

    #[test]
    fn checks_of_one_kind_are_told_apart_by_their_commands() {
        let of = |package: &str, passed: bool| CheckResult {
            command: format!("npm test -w {package}"),
            ..check("test", passed, passed.then_some(1), &[])
        };
        let before = run(&[of("a", false), of("b", true)]);
        assert_eq!(shown(&before, &run(&[of("a", true), of("b", false)])), "npm test -w b|npm test -w a||||");
    }
}
