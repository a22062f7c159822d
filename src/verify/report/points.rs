//! Reports that come test by test, the inner ones before the outer: TAP, and
//! the lines that our reporter for node:test writes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Place, Report, failed};
use crate::evidence::TestFailure;

/// A line of our own reporter.
#[derive(Deserialize)]
struct Line {
    ok: bool,
    name: String,
    nesting: usize,
    file: Option<String>,
    line: Option<u32>,
    skip: bool,
    suite: bool,
    inner: bool,
    message: String,
    stack: String,
}

/// Failures whose outer tests have not come yet, by depth.
#[derive(Default)]
struct Waiting(BTreeMap<usize, Vec<TestFailure>>);

impl Waiting {
    /// The failures inside of a test at this depth, which has this name.
    fn inside(&mut self, depth: usize, name: &str) -> Vec<TestFailure> {
        let inner = self.0.split_off(&(depth + 1));
        inner
            .into_values()
            .flatten()
            .map(|failure| TestFailure { name: format!("{name} > {}", failure.name), ..failure })
            .collect()
    }

    fn add(&mut self, depth: usize, failures: Vec<TestFailure>) {
        self.0.entry(depth).or_default().extend(failures);
    }
}

pub(super) fn node(text: &str, place: &Place<'_>) -> Option<Report> {
    let (mut passed, mut skipped, mut waiting) = (0_u32, 0_u32, Waiting::default());
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).ok()?;
        let mut failures = waiting.inside(line.nesting, &line.name);
        if line.skip {
            skipped += u32::from(!line.suite);
        } else if line.ok {
            // A file that holds no test passes under its own name.
            let is_file = line.file.as_deref().is_some_and(|file| place.name(file) == place.name(&line.name));
            passed += u32::from(!line.suite && !is_file);
        } else if !line.inner || failures.is_empty() {
            let own = (line.file.as_deref().and_then(|file| place.path(file)), line.line);
            failures.push(failed(line.name.clone(), &line.message, &line.stack, own, place));
        }
        if line.nesting == 0 {
            let file = line.file.as_deref().map(|file| place.name(file));
            for failure in &mut failures {
                failure.name = in_file(file.as_deref(), &failure.name, place);
            }
        }
        waiting.add(line.nesting, failures);
    }
    Some(Report {
        passed: Some(passed),
        skipped: Some(skipped),
        failures: waiting.0.into_values().flatten().collect(),
    })
}

/// A file that could not be loaded is a test that has its name.
fn in_file(file: Option<&str>, name: &str, place: &Place<'_>) -> String {
    match file {
        Some(file) if place.name(name) == file => file.to_owned(),
        Some(file) => format!("{file} > {name}"),
        None => name.to_owned(),
    }
}

/// One point of TAP.
struct Point<'t> {
    depth: usize,
    ok: bool,
    name: &'t str,
    is_skipped: bool,
}

impl<'t> Point<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let inner = line.trim_start();
        let (ok, rest) = match inner.strip_prefix("not ok") {
            Some(rest) => (false, rest),
            None => (true, inner.strip_prefix("ok")?),
        };
        // A number may be left out; what a test prints would look the same.
        let rest = rest.strip_prefix(' ').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let rest = rest.strip_prefix('-').map_or(rest, str::trim_start);
        let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
        let directive = directive.to_ascii_lowercase();
        Some(Self {
            depth: (line.len() - inner.len()) / 4,
            ok,
            // A point that opens a block of inner ones ends with a brace.
            name: name.trim_end_matches('{').trim(),
            is_skipped: directive.starts_with("skip") || directive.starts_with("todo"),
        })
    }
}

pub(super) fn tap(text: &str, place: &Place<'_>) -> Option<Report> {
    let (mut passed, mut skipped, mut waiting) = (0_u32, 0_u32, Waiting::default());
    let mut outer = [false; 16];
    let mut lines = text.lines().peekable();
    let mut is_tap = false;
    while let Some(line) = lines.next() {
        is_tap |= line.starts_with("TAP version") || is_plan(line);
        let Some(point) = Point::read(line) else { continue };
        let mut details = Vec::new();
        if lines.peek().is_some_and(|next| next.trim() == "---") {
            lines.next();
            details.extend(lines.by_ref().take_while(|line| line.trim() != "..."));
        }
        let had_inner = outer.get_mut(point.depth + 1).is_some_and(std::mem::take);
        if let Some(seen) = outer.get_mut(point.depth) {
            *seen = true;
        }
        let mut failures = waiting.inside(point.depth, point.name);
        if point.is_skipped {
            skipped += 1;
        } else if point.ok {
            // A test that holds tests is none itself.
            passed += u32::from(!had_inner);
        } else if failures.is_empty() {
            failures.push(detailed(point.name, &details, place));
        }
        waiting.add(point.depth, failures);
    }
    let mut failures: Vec<TestFailure> = waiting.0.into_values().flatten().collect();
    for failure in &mut failures {
        failure.name = failure.name.replace(" › ", " > ");
    }
    is_tap.then_some(Report { passed: Some(passed), skipped: Some(skipped), failures })
}

/// `1..4`.
fn is_plan(line: &str) -> bool {
    let last = line.strip_prefix("1..").map(str::trim);
    last.is_some_and(|last| !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()))
}

/// What stands below a point. It is nearly YAML: a few keys are enough.
fn detailed(name: &str, details: &[&str], place: &Place<'_>) -> TestFailure {
    let value = |keys: [&str; 2]| {
        let line = details.iter().map(|line| line.trim()).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            keys.contains(&key).then(|| value.trim().trim_matches(['\'', '"']))
        });
        line.filter(|value| !value.is_empty() && !value.starts_with(['|', '>']))
    };
    let said = || {
        details.iter().find_map(|line| {
            let line = line.trim().trim_start_matches("at ");
            let line = line.rsplit_once('(').map_or(line, |(_, place)| place.trim_end_matches(')'));
            place.position(line)
        })
    };
    let file = value(["fileName", "file"]).and_then(|file| place.path(file));
    let line = value(["lineNumber", "line"]).and_then(|line| line.parse().ok());
    let at = value(["at", "location"]).and_then(|at| place.position(at));
    let (file, line) = match (at, file, line) {
        (Some((file, line)), _, _) => (Some(file), Some(line)),
        (None, Some(file), line) => (Some(file), line),
        (None, None, _) => said().map_or((None, None), |(file, line)| (Some(file), Some(line))),
    };
    let indent = details.first().map_or(0, |line| line.len() - line.trim_start().len());
    let all = details.iter().map(|line| line.get(indent..).unwrap_or_else(|| line.trim_start()));
    let message = match value(["message", "error"]) {
        Some(message) => message.to_owned(),
        None => all.collect::<Vec<_>>().join("\n"),
    };
    TestFailure { name: name.to_owned(), file, line, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::verify::node::runner::{Own, Runner};
    use crate::verify::report::{Place, Report, read};

    const ROOT: Place<'static> = Place { root: "", dir: "" };

    fn shown(report: &Report) -> Vec<String> {
        let failure = |failure: &crate::evidence::TestFailure| {
            let file = failure.file.as_deref().unwrap_or("?");
            format!("{} | {file}:{}", failure.name, failure.line.unwrap_or_default())
        };
        report.failures.iter().map(failure).collect()
    }

    #[test]
    fn node_is_read_from_the_inner_tests_to_the_outer() {
        let line = |ok: bool, name: &str, nesting: u32, skip: bool, suite: bool, inner: bool, stack: &str| {
            json!({ "ok": ok, "name": name, "nesting": nesting, "file": "/work/t/a.test.js", "line": 2, "skip": skip,
                "suite": suite, "inner": inner, "message": "why", "stack": stack })
            .to_string()
        };
        let text = [
            line(true, "passes", 0, false, false, false, ""),
            line(true, "/work/t/a.test.js", 0, false, false, false, ""),
            line(true, "skipped", 0, true, false, false, ""),
            line(false, "fails", 2, false, false, false, "Error: why\n    at x (/work/src/b.js:7:1)"),
            line(false, "deep", 1, false, true, true, ""),
            line(true, "ok", 1, false, false, false, ""),
            line(false, "suite", 0, false, true, true, ""),
            line(false, "outer", 0, false, false, false, ""),
            line(false, "/work/t/a.test.js", 0, false, false, false, ""),
        ]
        .join("\n");
        let runner = Runner::NodeTest(Own::default());
        let report = read(runner, &text, &ROOT).unwrap();
        assert_eq!((report.passed, report.skipped), (Some(2), Some(1)));
        assert_eq!(
            shown(&report),
            [
                "t/a.test.js | t/a.test.js:2",
                "t/a.test.js > outer | t/a.test.js:2",
                "t/a.test.js > suite > deep > fails | src/b.js:7",
            ]
        );
        assert_eq!(read(runner, &format!("{text}\n{{\"ok\":tr"), &ROOT), None);
        assert_eq!(read(runner, "", &ROOT).unwrap().passed, Some(0));
    }

    #[test]
    fn nested_tap_is_counted_by_its_leaves() {
        let text = "TAP version 14\n# Subtest: test/a.test.js\n    # Subtest: math\n        ok 1 - adds\n        not ok 2 - fails\n          ---\n          compare: ===\n          at:\n            fileName: test/a.test.js\n            lineNumber: 4\n            columnNumber: 5\n          stack: |\n            Test.<anonymous> (test/a.test.js:4:5)\n          ...\n        \n        ok 3 - skipped # SKIP\n        1..3\n    not ok 1 - math # time=101.962ms\n      ---\n      at:\n        fileName: test/a.test.js\n        lineNumber: 2\n      ...\n    \n    1..1\nnot ok 1 - test/a.test.js # time=2602.256ms\n  ---\n  stdio: inherit\n  exitCode: 1\n  ...\n\nok 2 - test/b.test.js # time=1ms\n1..2\n";
        let report = read(Runner::Tap, text, &ROOT).unwrap();
        assert_eq!((report.passed, report.skipped), (Some(2), Some(1)));
        assert_eq!(shown(&report), ["test/a.test.js > math > fails | test/a.test.js:4"]);
        assert!(report.failures[0].message.contains("compare: ==="), "{:?}", report.failures);
    }

    #[test]
    fn flat_tap_is_read_among_other_lines() {
        let text = "\n> av@1.0.0 test\n> ava --tap\n\nTAP version 13\nok 1 - skipped # SKIP\nok 2 - adds\nnot ok 3 - a › throws\n  ---\n    name: AssertionError\n    message: Error thrown in test\n    at: '/work/a.test.js:6:28'\n  ...\nnot ok 4 - is\n  ---\n    message: ''\n    at: >-\n      ExecutionContext.is\n      (file:///work/node_modules/ava/lib/assert.js:309:16)\n      file:///work/a.test.js:4:5\n  ...\nok then\nnot ok 5 - later # TODO write it\n1..5\n";
        let report = read(Runner::Ava, text, &ROOT).unwrap();
        assert_eq!((report.passed, report.skipped), (Some(1), Some(2)));
        assert_eq!(shown(&report), ["a > throws | a.test.js:6", "is | a.test.js:4"]);
        assert_eq!(report.failures[0].message, "Error thrown in test");
        assert_eq!(read(Runner::Ava, "ok\nno tests here\n", &ROOT), None);
        let empty = read(Runner::Tap, "TAP version 13\n1..0\n", &ROOT).unwrap();
        assert_eq!((empty.passed, empty.failures.len()), (Some(0), 0));
    }
}
