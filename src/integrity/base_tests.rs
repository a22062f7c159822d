//! The base's tests on the changed code: what passed there must not be false
//! here.
//!
//! A test that fails by an assertion says that the code does something else
//! than before, and that the change had to bend the test to hide it. A test
//! that cannot be loaded or calls what is gone says nothing.

use std::sync::LazyLock;

use regex::Regex;

use crate::evidence::{CheckResult, Finding, Run, TestFailure};
use crate::text;

/// The rule's name.
const RULE: &str = "base-test-fails";
/// Bytes of what a test said.
const SAID: usize = 300;

/// What the base's test files say about the changed code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseTests {
    pub findings: Vec<Finding>,
    /// Files that still run, of those that the change touched.
    pub still_run: usize,
    pub of: usize,
}

impl BaseTests {
    /// For a row of the status comment.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} of {} base test files still run", self.still_run, self.of)
    }
}

/// A test, by the places and names that runners look for, or what lies beside
/// it for its use, such as what it expects.
#[must_use]
pub fn serves_tests(path: &str) -> bool {
    let lower = path.to_lowercase();
    let mut parts = lower.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let is_engines = super::is_lockfile(path) || name == "package.json" || name == "pom.xml";
    let in_directory = parts.any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec" | "e2e"));
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let by_name = match end {
        "js" | "cjs" | "mjs" | "jsx" | "ts" | "cts" | "mts" | "tsx" => {
            stem.ends_with(".test") || stem.ends_with(".spec") || stem.starts_with("test")
        }
        "java" | "kt" | "groovy" => stem.ends_with("test") || stem.ends_with("tests") || stem.ends_with("it"),
        _ => false,
    };
    !is_engines && (in_directory || by_name)
}

/// `files` are the base's, `head` ran with the change's own in their place,
/// `overlay` with these.
#[must_use]
pub fn base_tests(files: &[String], base: &Run, head: &Run, overlay: &Run) -> BaseTests {
    let tests = |run: &Run| -> Vec<CheckResult> {
        run.checks.iter().filter(|check| check.check == "test").cloned().collect()
    };
    let failed = |run: &Run, name: &str| {
        run.flaky.iter().any(|flaky| flaky == name)
            || tests(run).iter().any(|check| check.failing.iter().any(|failing| failing == name))
    };
    let ran = tests(overlay);
    if !is_whole(overlay) {
        return BaseTests { of: files.len(), ..BaseTests::default() };
    }
    let mut lost: Vec<&String> = Vec::new();
    let mut findings = Vec::new();
    for check in &ran {
        for name in &check.failing {
            let said = Said::about(check, name);
            let file = said.file(files);
            match said.kind() {
                Kind::Assertion if !failed(base, name) && !failed(head, name) => {
                    findings.push(said.finding(file.or(files.first())));
                }
                Kind::NotRun => lost.extend(file),
                Kind::Assertion | Kind::Other => {}
            }
        }
    }
    lost.sort();
    lost.dedup();
    BaseTests { findings, still_run: files.len().saturating_sub(lost.len()), of: files.len() }
}

/// Was everything built, and did the tests run to their end?
fn is_whole(overlay: &Run) -> bool {
    let mut tests = overlay.checks.iter().filter(|check| check.check == "test").peekable();
    let built = overlay.checks.iter().all(|check| check.check != "build" || check.passed);
    built && tests.peek().is_some() && tests.all(|check| check.passed || !check.failing.is_empty())
}

/// One file that does not compile keeps all of them from running: the files
/// to try again with, which are those that no complaint names.
#[must_use]
pub fn still_compiling(files: &[String], overlay: &Run) -> Option<Vec<String>> {
    if is_whole(overlay) {
        return None;
    }
    let red = || overlay.checks.iter().filter(|check| !check.passed);
    let named = |file: &str| red().any(|check| check.digest.contains(file));
    let left: Vec<String> = files.iter().filter(|file| !named(file)).cloned().collect();
    (!left.is_empty() && left.len() < files.len()).then_some(left)
}

/// What is known of one failed test.
struct Said<'s> {
    name: &'s str,
    /// The runner's own report.
    failure: Option<&'s TestFailure>,
    /// The lines of the output that speak of it.
    lines: &'s str,
}

impl<'s> Said<'s> {
    fn about(check: &'s CheckResult, name: &'s str) -> Self {
        let failure = check.failures.iter().find(|failure| failure.name == name);
        Self { name, failure, lines: said_about(check, name) }
    }

    /// A report is about this test; output may be about any.
    fn kind(&self) -> Kind {
        match self.failure.map(|failure| kind(&failure.message)) {
            None | Some(Kind::Other) => kind(self.lines),
            Some(known) => known,
        }
    }

    /// The file that the failure speaks of.
    fn file<'f>(&self, files: &'f [String]) -> Option<&'f String> {
        let in_java = |file: &str| {
            let class = file.split_once("java/").map_or(file, |(_, class)| class);
            class.rsplit_once('.').map_or(class, |(class, _)| class).replace('/', ".")
        };
        let reported = self.failure.and_then(|failure| failure.file.as_deref()).unwrap_or_default();
        let mentioned = files.iter().find(|file| {
            let own = !reported.is_empty()
                && (reported == file.as_str() || file.ends_with(&format!("/{reported}")));
            own || self.name.contains(file.as_str())
                || self.lines.contains(file.as_str())
                || self.name.starts_with(&in_java(file))
        });
        mentioned.or_else(|| files.first().filter(|_| files.len() == 1))
    }

    fn finding(&self, file: Option<&String>) -> Finding {
        let path = file.cloned().unwrap_or_default();
        let reported = self.failure.map(|failure| failure.message.as_str()).unwrap_or_default();
        let mut lines = reported.lines().chain(self.lines.lines().skip(1)).map(str::trim);
        let why = lines.clone().find(|line| class(line).is_some()).or_else(|| lines.next());
        Finding {
            rule: RULE.to_owned(),
            line: self.failure.and_then(|failure| failure.line).or_else(|| line_in(&path, self.lines)),
            message: text::head(
                &format!(
                    "the base's test “{}” passes before the change and fails after it: {}",
                    self.name,
                    why.unwrap_or_default()
                ),
                SAID,
            ),
            path,
        }
    }
}

/// What a failure says about the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Assertion,
    /// The test could not be loaded, or what it calls is not there.
    NotRun,
    Other,
}

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test uses them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// `AssertionError [ERR_ASSERTION]: …`, `org.opentest4j.AssertionFailedError: …`.
static CLASS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:\[ERROR\] +)?(?:Uncaught )?(?:name: ')?((?:[A-Za-z_$][\w$]*\.)*[A-Z]\w*(?:Error|Exception|Failure))\b",
    )
});
static LOADING: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"is not a (?:function|constructor)|Cannot find (?:module|package)|ERR_(?:MODULE_NOT_FOUND|REQUIRE_ESM|PACKAGE_PATH_NOT_EXPORTED)|does not provide an export|Cannot read propert(?:y|ies)|is not defined|Test suite failed to run|error TS\d+|cannot find symbol|COMPILATION ERROR|NoSuchMethod|NoSuchField|NoClassDefFound|ClassNotFound|cannot use import statement",
    )
});
static ASSERTED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"ERR_ASSERTION|\bexpect\(.*\)\.|(?i:expected)[\s:].*(?:but|to |<|received)|(?m:^\s*[-+] (?:expected|actual|Expected|Received))|<<< FAILURE!|evaluated to a falsy value|The input (?:did not match|was expected)|Expected values to be|Missing expected (?:exception|rejection)|Got unwanted (?:exception|rejection)|(?m:^.{1,80} (?:!==?|===?|deepEqual|notDeepEqual) .+$)",
    )
});

fn class(line: &str) -> Option<&str> {
    CLASS.captures(line.trim())?.get(1).map(|class| class.as_str())
}

/// By the first error class that is named; an assertion may quote others.
fn kind(said: &str) -> Kind {
    let first = said.lines().find_map(class).unwrap_or_default();
    let name = first.rsplit('.').next().unwrap_or_default();
    let asserts = ["AssertionError", "AssertionFailedError", "AssertionFailure", "ComparisonFailure"];
    if asserts.contains(&name) || name.ends_with("AssertionError") {
        Kind::Assertion
    } else if ["SyntaxError", "TypeError", "ReferenceError"].contains(&name) || LOADING.is_match(said) {
        Kind::NotRun
    } else if first.is_empty() && ASSERTED.is_match(said) {
        Kind::Assertion
    } else {
        Kind::Other
    }
}

/// The lines that tell why a test failed. Runners name a test more than once:
/// what follows a name up to another failed test's is looked at in turn.
fn said_about<'s>(check: &'s CheckResult, name: &str) -> &'s str {
    let said = check.digest.as_str();
    let sections: Vec<&str> =
        named(said, name).map(|start| section(check, said.get(start..).unwrap_or_default(), name)).collect();
    let telling = sections.iter().find(|section| kind(section) != Kind::Other);
    telling.or(sections.last()).copied().unwrap_or_default()
}

fn section<'s>(check: &CheckResult, rest: &'s str, name: &str) -> &'s str {
    let after = rest.get(name.len()..).unwrap_or_default();
    let others = check.failing.iter().filter(|other| *other != name);
    let end = others.filter_map(|other| named(after, other).next()).min().unwrap_or(after.len());
    rest.get(..name.len() + end).unwrap_or(rest)
}

/// Where a name stands as a whole.
fn named<'s>(said: &'s str, name: &'s str) -> impl Iterator<Item = usize> + use<'s> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    said.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let before = said.get(..*at).and_then(|before| before.chars().next_back());
        let after = said.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// `path:LINE` in what was said.
fn line_in(path: &str, said: &str) -> Option<u32> {
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    said.match_indices(name).find_map(|(at, _)| {
        let after = said.get(at + name.len()..)?.strip_prefix([':', '('])?;
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        after.get(..digits)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(passed: bool, failing: &[&str], digest: &str) -> Run {
        let check = CheckResult {
            check: "test".into(),
            command: "npm test".into(),
            passed,
            tests_passed: Some(3),
            failing: failing.iter().map(|name| (*name).to_owned()).collect(),
            digest: digest.into(),
            duration_ms: 1,
            ..CheckResult::default()
        };
        Run { checks: vec![check], flaky: vec![] }
    }

    fn checked(overlay: &Run) -> BaseTests {
        let green = run(true, &[], "");
        base_tests(&["test/a.test.js".into()], &green, &green, overlay)
    }

    #[test]
    fn a_bent_test_is_found_whatever_the_runner() {
        for (name, said) in [
            ("adds", "✖ adds (1ms)\n  AssertionError [ERR_ASSERTION]: 3 == 2\n    at test/a.test.js:7:3"),
            (
                "adds",
                "not ok 2 - adds\n  error: |-\n    The expression evaluated to a falsy value:\n  name: 'AssertionError'",
            ),
            ("throws", "✖ throws\nAssertionError [ERR_ASSERTION]: Missing expected exception (TypeError)."),
            (
                "math › adds",
                "● math › adds\n\n    expect(received).toBe(expected)\n    Expected: 2\n    Received: 3",
            ),
            ("test/a.test.js > adds", "FAIL test/a.test.js > adds\nAssertionError: expected 3 to be 2"),
            (
                "a.B.c",
                "[ERROR] a.B.c -- Time elapsed: 0.1 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: expected: <1> but was: <2>",
            ),
            ("a.B.d", "a.B.d\njava.lang.AssertionError: expected:<1> but was:<2>"),
            ("a.B.e", "a.B.e\norg.junit.ComparisonFailure: expected:<[a]> but was:<[b]>"),
        ] {
            let found = checked(&run(false, &[name], said));
            assert_eq!(found.findings.len(), 1, "{said}");
            assert_eq!(found.findings[0].rule, RULE);
            assert_eq!(found.findings[0].path, "test/a.test.js");
            assert_eq!((found.still_run, found.of), (1, 1), "{said}");
        }
        let said = "✖ adds (1ms)\n  AssertionError [ERR_ASSERTION]: 3 == 2\n    at test/a.test.js:7:3";
        let finding = checked(&run(false, &["adds"], said)).findings.remove(0);
        assert_eq!(finding.line, Some(7));
        assert!(finding.message.ends_with("fails after it: AssertionError [ERR_ASSERTION]: 3 == 2"));
    }

    #[test]
    fn a_runners_own_report_counts_more_than_its_output() {
        let reported = |message: &str| {
            let mut run = run(false, &["a.test.js > adds"], "x");
            run.checks[0].failures = vec![TestFailure {
                name: "a.test.js > adds".into(),
                file: Some("test/b.test.js".into()),
                line: Some(9),
                message: message.into(),
            }];
            let files = ["test/a.test.js".into(), "test/b.test.js".into()];
            let green = self::run(true, &[], "");
            base_tests(&files, &green, &green, &run)
        };
        for message in [
            "The expression evaluated to a falsy value:\n\n  assert.ok(false)\n",
            "Expected values to be strictly equal:\n\n3 !== 2\n",
            "The input did not match the regular expression /x/. Input:",
            "2 !== 3",
            "expected 3 to equal 2",
            "java.lang.AssertionError: expected:<1> but was:<2>",
        ] {
            let found = reported(message);
            assert_eq!(found.findings.len(), 1, "{message}");
            assert_eq!((&*found.findings[0].path, found.findings[0].line), ("test/b.test.js", Some(9)));
        }
        for message in
            ["marked is not a function", "Cannot find module './gone'", "TypeError: expected 1 to be 2"]
        {
            let found = reported(message);
            assert_eq!((found.findings.len(), found.still_run, found.of), (0, 1, 2), "{message}");
        }
        assert!(reported("connect ECONNREFUSED").findings.is_empty());
    }

    #[test]
    fn a_test_that_cannot_run_any_more_proves_nothing() {
        for (name, said) in [
            ("adds", "✖ adds\n  TypeError: marked is not a function\n  at test/a.test.js:1:1"),
            ("adds", "not ok 2 - adds\n  error: 'marked is not a function'\n  name: 'TypeError'"),
            ("test/a.test.js", "✖ test/a.test.js\nSyntaxError: Unexpected token"),
            ("test/a.test.js", "✖ test/a.test.js\nError: Cannot find module './gone'"),
            ("loads", "● loads\n  Test suite failed to run\n  error TS2339: no\n  expect(a).toBe(b)"),
            ("a.B.c", "a.B.c <<< ERROR!\njava.lang.NoSuchMethodError: 'void x()'"),
        ] {
            let found = checked(&run(false, &[name], said));
            assert!(found.findings.is_empty(), "{said}");
            assert_eq!(found.summary(), "0 of 1 base test files still run", "{said}");
        }
        let crashed = checked(&run(false, &[], "COMPILATION ERROR"));
        assert_eq!((crashed.findings.len(), crashed.still_run), (0, 0));
        assert_eq!(checked(&Run::default()).summary(), "0 of 1 base test files still run");
    }

    #[test]
    fn a_file_that_does_not_compile_hides_no_other() {
        let files = ["src/test/java/A.java".to_owned(), "src/test/java/B.java".to_owned()];
        let mut red = run(false, &[], "[ERROR] /work/src/test/java/A.java:[3,1] cannot find symbol");
        red.checks[0].check = "build".into();
        assert_eq!(still_compiling(&files, &red), Some(vec![files[1].clone()]));
        assert_eq!(still_compiling(&files[..1], &red), None);
        red.checks[0].digest.clear();
        assert_eq!(still_compiling(&files, &red), None);
        assert_eq!(still_compiling(&files, &run(false, &["a"], "src/test/java/A.java")), None);
        // Half a build is no ground for an accusation.
        let mut half = run(false, &["adds"], "✖ adds\nAssertionError: no");
        let build = CheckResult { check: "build".into(), ..CheckResult::default() };
        half.checks.insert(0, build);
        assert!(checked(&half).findings.is_empty());
    }

    #[test]
    fn only_a_test_that_passes_on_both_sides_accuses() {
        let said = "✖ adds\nAssertionError: no";
        let (green, red) = (run(true, &[], ""), run(false, &["adds"], said));
        let flaky = Run { flaky: vec!["adds".into()], ..green.clone() };
        let files = ["test/a.test.js".to_owned()];
        assert_eq!(base_tests(&files, &green, &green, &red).findings.len(), 1);
        for (base, head) in [(&red, &green), (&green, &red), (&flaky, &green), (&green, &flaky)] {
            assert!(base_tests(&files, base, head, &red).findings.is_empty());
        }
        assert!(base_tests(&files, &green, &green, &green).findings.is_empty());
        let other = run(false, &["adds"], "✖ adds\nError: connect ECONNREFUSED");
        assert!(base_tests(&files, &green, &green, &other).findings.is_empty());
    }

    #[test]
    fn each_failure_is_read_by_its_own_lines() {
        let said = "✖ adds\nTypeError: x is not a function\n✖ subtracts\nAssertionError: no";
        let found = checked(&run(false, &["adds", "subtracts"], said));
        assert_eq!(found.findings.len(), 1);
        assert!(found.findings[0].message.contains("subtracts"));
    }

    #[test]
    fn what_serves_tests_is_known_by_its_place_or_its_name() {
        for (path, expected) in [
            ("test/a.js", true),
            ("test/expected/page.html", true),
            ("src/a.test.ts", true),
            ("src/__tests__/a.tsx", true),
            ("a/src/test/java/b/C.java", true),
            ("src/main/java/b/CTest.java", true),
            ("src/latest.js", false),
            ("src/main/java/b/Unit.txt", false),
            ("README.md", false),
            ("test/package.json", false),
            ("test/package-lock.json", false),
        ] {
            assert_eq!(serves_tests(path), expected, "{path}");
        }
    }
}
