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

/// Bytes of a digest: it goes to the model and into a comment.
const DIGEST: usize = 1800;
/// Bytes of one of its lines.
const LINE: usize = 300;
/// Lines of a digest.
const LINES: usize = 30;

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

static TELLING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r"(?i)(error|fail|not ok|✖|●|expected|received|actual|cannot find|is not a|undefined|unexpected|warning|:\d+:\d+|^\s*at .*:\d+)",
    )
});

/// What failed, then the printed lines that say what is wrong.
pub(in crate::verify) fn digest(failures: &[TestFailure], said: &str) -> String {
    let told = failures.iter().filter(|failure| !failure.message.is_empty()).map(|failure| {
        let at = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            (Some(file), None) => format!(" ({file})"),
            (None, _) => String::new(),
        };
        // A complaint's name says it all.
        let message = super::one_line(&failure.message);
        let message = if failure.name.contains(&message) { String::new() } else { format!(": {message}") };
        crate::text::head(&format!("{}{at}{message}", failure.name), LINE)
    });
    let told: Vec<String> = told.take(LINES / 2).collect();
    let lines = if told.is_empty() { telling(said) } else { [told.join("\n"), telling(said)].join("\n") };
    crate::text::head(lines.trim_end(), DIGEST)
}

/// The lines that say what is wrong, in their order, without doubles.
fn telling(said: &str) -> String {
    let mut seen = BTreeSet::new();
    let mut lines: Vec<&str> = said
        .lines()
        .map(str::trim_end)
        .filter(|line| {
            !line.trim().is_empty() && !line.contains("node:internal") && !line.contains("node_modules/")
        })
        .filter(|line| TELLING.as_ref().is_none_or(|telling| telling.is_match(line)))
        .filter(|line| seen.insert(line.trim().to_owned()))
        .take(LINES)
        .collect();
    if lines.is_empty() {
        let all: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        lines = all.get(all.len().saturating_sub(LINES)..).unwrap_or_default().to_vec();
    }
    lines.join("\n")
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

    #[test]
    fn a_digest_is_short_and_keeps_what_tells() {
        let said = format!(
            "{}\nTypeError: marked is not a function\n    at render (/work/src/a.js:3:10)\n{}",
            "noise\n".repeat(5000),
            "x\n".repeat(5000)
        );
        let digest = digest(&[], &said);
        assert!(digest.contains("TypeError: marked is not a function") && digest.contains("a.js:3:10"));
        assert!(digest.len() <= DIGEST + 4);
        let failure = TestFailure {
            name: "a.js > adds".into(),
            file: Some("a.js".into()),
            line: Some(3),
            message: "1 !== 2\n".into(),
        };
        assert!(super::digest(&[failure], &said).starts_with("a.js > adds (a.js:3): 1 !== 2\n"));
    }
}
