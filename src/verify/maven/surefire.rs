//! The reports that surefire and failsafe write: which tests ran, and which
//! of them failed, why and where. A report that cannot be read counts no
//! test, so that a broken one can only look like tests that vanished.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use roxmltree::{Document, Node};

use crate::evidence::TestFailure;

/// What the tests of one build said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tests {
    pub(super) passed: u32,
    pub(super) skipped: u32,
    /// By name, `package.Class.method`.
    pub(super) failing: BTreeMap<String, TestFailure>,
}

/// The documents of reports that stand one after another.
pub(super) fn documents(reports: &str) -> impl Iterator<Item = Document<'_>> {
    reports.split("<?xml ").skip(1).filter_map(|report| {
        // The declaration was split off; what follows is the document.
        let (_, report) = report.split_once("?>")?;
        Document::parse(report.trim()).ok()
    })
}

/// Reads reports that stand one after another; `sources` are the paths of
/// the project.
pub(super) fn read(reports: &str, sources: &[String]) -> Tests {
    let mut tests = Tests::default();
    for document in documents(reports) {
        for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
            count(&mut tests, &case, sources);
        }
    }
    tests
}

fn count(tests: &mut Tests, case: &Node<'_, '_>, sources: &[String]) {
    let child = |names: &[&str]| case.children().find(|child| names.contains(&child.tag_name().name()));
    let class = case.attribute("classname").unwrap_or_default();
    let name = case.attribute("name").unwrap_or_default();
    if let Some(failure) = child(&["failure", "error"]) {
        // A class that cannot start has a case without a name.
        let name = if name.is_empty() { class.to_owned() } else { format!("{class}.{name}") };
        let stack = failure.text().unwrap_or_default();
        let place = frame(stack, sources);
        let message = failure.attribute("message").unwrap_or_default();
        let kind = failure.attribute("type").unwrap_or_default();
        let message = match (message.is_empty(), kind.is_empty()) {
            (false, true) => message.to_owned(),
            (false, false) => format!("{kind}: {message}"),
            (true, _) => stack.lines().next().unwrap_or_default().to_owned(),
        };
        let (file, line) = match place {
            Some((file, line)) => (Some(file), Some(line)),
            None => (source(class, None, sources), None),
        };
        tests.failing.insert(name.clone(), TestFailure { name, file, line, message });
    } else if child(&["skipped"]).is_some() {
        tests.skipped = tests.skipped.saturating_add(1);
    } else {
        tests.passed = tests.passed.saturating_add(1);
    }
}

/// `at app.AppTest.adds(AppTest.java:5)`, perhaps with a module in front.
#[expect(clippy::expect_used, reason = "the expression is a literal, and a test uses it")]
static FRAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*at (?:[^\s/(]*/+)*([\w.$]+)\.[\w$<>]+\(([\w$]+\.\w+):(\d+)\)")
        .expect("a literal expression compiles")
});

/// The first frame whose source is in the project.
fn frame(stack: &str, sources: &[String]) -> Option<(String, u32)> {
    stack.lines().find_map(|line| {
        let found = FRAME.captures(line)?;
        let path = source(found.get(1)?.as_str(), Some(found.get(2)?.as_str()), sources)?;
        Some((path, found.get(3)?.as_str().parse().ok()?))
    })
}

/// The path of a class, by its package and the name of its file.
fn source(class: &str, file: Option<&str>, sources: &[String]) -> Option<String> {
    let (package, name) = class.rsplit_once('.').unwrap_or(("", class));
    let outer = name.split('$').next().unwrap_or(name);
    let files = match file {
        Some(file) => vec![file.to_owned()],
        None => ["java", "kt", "groovy", "scala"].map(|end| format!("{outer}.{end}")).to_vec(),
    };
    let dir = if package.is_empty() { String::new() } else { format!("{}/", package.replace('.', "/")) };
    files
        .iter()
        .map(|file| format!("/{dir}{file}"))
        .find_map(|end| sources.iter().find(|path| path.ends_with(&end)).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<String> {
        ["m/src/test/java/a/B.java", "src/main/java/a/Used.java", "src/test/kotlin/a/C.kt"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn reports_are_counted_by_their_cases() {
        let one = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"a.B\" tests=\"9\">
            <testcase name=\"ok\" classname=\"a.B\"/><testcase name=\"skip\" classname=\"a.B\"><skipped/></testcase>
            <testcase name=\"bad\" classname=\"a.B\"><failure message=\"x\">at</failure></testcase>
            <testcase name=\"worse\" classname=\"a.B\"><error/><system-out><![CDATA[hi]]></system-out></testcase></testsuite>\n";
        let two = one.replace("a.B", "a.C");
        let tests =
            read(&format!("{one}{two}<?xml version=\"1.0\"?><testsuite><testcase name=\"x\""), &sources());
        assert_eq!((tests.passed, tests.skipped), (2, 2));
        assert_eq!(
            tests.failing.keys().collect::<Vec<_>>(),
            ["a.B.bad", "a.B.worse", "a.C.bad", "a.C.worse"]
        );
        assert_eq!(tests.failing["a.C.bad"].file.as_deref(), Some("src/test/kotlin/a/C.kt"));
        assert_eq!(read("", &[]), Tests::default());
    }

    #[test]
    fn a_failure_has_the_first_place_in_the_project() {
        let report = "<?xml version=\"1.0\"?><testsuite><testcase name=\"adds\" classname=\"a.B$In\"><failure message=\"expected:&lt;1&gt;\" type=\"java.lang.AssertionError\"><![CDATA[java.lang.AssertionError: expected:<1>
\tat org.junit.Assert.fail(Assert.java:89)
\tat app//a.B$In.adds(B.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:1)
]]></failure></testcase><testcase name=\"\" classname=\"a.B\"><error type=\"java.lang.Error\">java.lang.Error: no
\tat a.Used.&lt;clinit&gt;(Used.java:3)</error></testcase></testsuite>";
        let tests = read(report, &sources());
        let shown: Vec<String> = tests
            .failing
            .values()
            .map(|one| format!("{} | {:?}:{:?} | {}", one.name, one.file.as_deref(), one.line, one.message))
            .collect();
        assert_eq!(
            shown,
            [
                "a.B | Some(\"src/main/java/a/Used.java\"):Some(3) | java.lang.Error: no",
                "a.B$In.adds | Some(\"m/src/test/java/a/B.java\"):Some(12) | java.lang.AssertionError: expected:<1>",
            ]
        );
    }
}
