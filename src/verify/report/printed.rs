//! What test runners print: counts, names of failing tests, error lines. For
//! runners that cannot be asked for a report, and reports that do not come.
//!
//! Read for people and for the comparison with the baseline; whether a check
//! passed is never decided here.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::Report;
use crate::evidence::TestFailure;

/// How one family of runners prints.
struct Runner {
    passed: Option<Regex>,
    failing: Option<Regex>,
}

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test compiles them all")]
fn regex(pattern: &str) -> Option<Regex> {
    Some(Regex::new(pattern).expect("a literal expression compiles"))
}

static RUNNERS: LazyLock<Vec<Runner>> = LazyLock::new(|| {
    vec![
        // node --test, both of its reporters.
        Runner {
            passed: regex(r"(?m)^(?:ℹ|#) pass (\d+)$"),
            failing: regex(r"(?m)^\s*(?:✖|not ok \d+ -) (.+?)(?: \(\d[\d.]*ms\))?(?: #.*)?$"),
        },
        // jest.
        Runner { passed: regex(r"(?m)^Tests:\s.*?(\d+) passed"), failing: regex(r"(?m)^\s*● (.+)$") },
        // vitest.
        Runner {
            passed: regex(r"(?m)^\s*Tests\s+(?:\d+ failed \| )?(\d+) passed"),
            failing: regex(r"(?m)^\s*(?:FAIL|×)\s+(.+?)(?: \d+ms)?$"),
        },
        // mocha.
        Runner { passed: regex(r"(?m)^\s*(\d+) passing"), failing: regex(r"(?m)^\s{4,}\d+\) (.+)$") },
    ]
});

/// Headings that the runners print in the same shape as a test's name.
const NOT_TESTS: [&str; 2] = ["failing tests:", "Test suite failed to run"];

/// Reads the first runner's count that is there.
pub(in crate::verify) fn read(said: &str) -> Report {
    for runner in RUNNERS.iter() {
        let Some(passed) = runner.passed.as_ref().and_then(|regex| count(regex, said)) else { continue };
        let failing: BTreeSet<String> = runner
            .failing
            .iter()
            .flat_map(|regex| regex.captures_iter(said))
            .filter_map(|found| found.get(1))
            .map(|name| name.as_str().trim().to_owned())
            .filter(|name| !NOT_TESTS.contains(&name.as_str()))
            .collect();
        let failures =
            failing.into_iter().map(|name| TestFailure { name, ..TestFailure::default() }).collect();
        return Report { passed: Some(passed), skipped: None, failures };
    }
    Report::default()
}

fn count(regex: &Regex, said: &str) -> Option<u32> {
    regex.captures_iter(said).last()?.get(1)?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(passed: u32, failing: &[&str]) -> Report {
        let failures =
            failing.iter().map(|name| TestFailure { name: (*name).to_owned(), ..TestFailure::default() });
        Report { passed: Some(passed), skipped: None, failures: failures.collect() }
    }

    #[test]
    fn every_runner_is_read() {
        let node = "✔ adds (0.5ms)\n✖ renders (1.2ms)\nℹ tests 2\nℹ pass 1\nℹ fail 1\n✖ failing tests:\n✖ renders (1.2ms)\n";
        assert_eq!(read(node), tests(1, &["renders"]));
        let tap = "ok 1 - adds\nnot ok 2 - renders\n# tests 2\n# pass 1\n# fail 1\n";
        assert_eq!(read(tap), tests(1, &["renders"]));
        let jest = "  ● math › adds\n\nTests:       1 failed, 2 skipped, 5 passed, 8 total\n";
        assert_eq!(read(jest), tests(5, &["math › adds"]));
        let vitest = " FAIL  src/a.test.ts > adds\n      Tests  1 failed | 7 passed (8)\n";
        assert_eq!(read(vitest), tests(7, &["src/a.test.ts > adds"]));
        let mocha = "  math\n    ✔ subtracts\n    1) adds\n\n  3 passing (5ms)\n  1 failing\n";
        assert_eq!(read(mocha), tests(3, &["adds"]));
        assert_eq!(read("all good"), Report::default());
    }
}
