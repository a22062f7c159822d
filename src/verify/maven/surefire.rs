//! The reports that surefire and failsafe write: which tests ran, and which
//! of them failed. A report that cannot be read counts no test, so that a
//! broken one can only look like tests that vanished.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

/// What the tests of one build said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tests {
    pub(super) passed: u32,
    /// `package.Class.method`.
    pub(super) failing: BTreeSet<String>,
}

/// Reads reports that stand one after another.
pub(super) fn read(reports: &str) -> Tests {
    let mut tests = Tests::default();
    for report in reports.split("<?xml ").skip(1) {
        // The declaration was split off; what follows is the document.
        let Some((_, report)) = report.split_once("?>") else { continue };
        let Ok(document) = Document::parse(report.trim_start()) else { continue };
        for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
            count(&mut tests, &case);
        }
    }
    tests
}

fn count(tests: &mut Tests, case: &Node<'_, '_>) {
    let has = |names: [&str; 2]| case.children().any(|child| names.contains(&child.tag_name().name()));
    let class = case.attribute("classname").unwrap_or_default();
    let name = case.attribute("name").unwrap_or_default();
    if has(["failure", "error"]) {
        // A class that cannot start has a case without a name.
        tests.failing.insert(if name.is_empty() { class.to_owned() } else { format!("{class}.{name}") });
    } else if !has(["skipped", "skipped"]) {
        tests.passed = tests.passed.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_counted_by_their_cases() {
        let one = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"a.B\" tests=\"9\">
            <testcase name=\"ok\" classname=\"a.B\"/><testcase name=\"skip\" classname=\"a.B\"><skipped/></testcase>
            <testcase name=\"bad\" classname=\"a.B\"><failure message=\"x\">at</failure></testcase>
            <testcase name=\"worse\" classname=\"a.B\"><error/><system-out><![CDATA[hi]]></system-out></testcase></testsuite>\n";
        let two = one.replace("a.B", "a.C");
        let tests = read(&format!("{one}{two}<?xml version=\"1.0\"?><testsuite><testcase name=\"x\""));
        assert_eq!(tests.passed, 2);
        assert_eq!(
            tests.failing.into_iter().collect::<Vec<_>>(),
            ["a.B.bad", "a.B.worse", "a.C.bad", "a.C.worse"]
        );
        assert_eq!(read(""), Tests::default());
    }
}
