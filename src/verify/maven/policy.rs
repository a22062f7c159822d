//! The complaints of policy plugins, from what they leave in `target/`: of
//! checkstyle, spotbugs and pmd. Of a plugin that leaves nothing, such as the
//! enforcer, the goal that failed is the complaint.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use roxmltree::{Document, Node};

use super::surefire::documents;
use crate::evidence::TestFailure;
use crate::exec::TREE;
use crate::verify::report;

/// Files that are read, as `find` takes them.
pub(super) const FILES: [&str; 4] = [
    "*/target/checkstyle-result.xml",
    "*/target/spotbugsXml.xml",
    "*/target/findbugsXml.xml",
    "*/target/pmd.xml",
];

#[expect(clippy::expect_used, reason = "the expression is a literal, and a test uses it")]
static GOAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^\[ERROR\] Failed to execute goal (?:[^:\s]+:)?([^:\s]+):[^:\s]+:(\S+) .*?on project (\S+?):",
    )
    .expect("a literal expression compiles")
});

/// What is wrong with a build whose policy failed: the reports of those
/// plugins that failed, and the other failed goals. `is_policy` tells by the
/// line whether a goal is a policy's.
pub(super) fn read(
    reports: &str,
    said: &str,
    root: &str,
    is_policy: impl Fn(&str) -> bool,
) -> Vec<TestFailure> {
    let goals: Vec<(String, String)> = said
        .lines()
        .filter(|line| is_policy(line))
        .filter_map(|line| {
            let found = GOAL.captures(line)?;
            let plugin = found.get(1)?.as_str().to_owned();
            Some((
                plugin,
                format!(
                    "{}:{} on {}",
                    found.get(1)?.as_str(),
                    found.get(2)?.as_str(),
                    found.get(3)?.as_str()
                ),
            ))
        })
        .collect();
    let mut failures = BTreeSet::new();
    let mut explained = BTreeSet::new();
    for document in documents(reports) {
        let (tool, complaints) = of(&document, root);
        let failed = goals.iter().any(|(plugin, _)| plugin.contains(tool));
        if failed && !complaints.is_empty() {
            explained.insert(tool);
            failures.extend(complaints);
        }
    }
    for (plugin, goal) in goals {
        if !explained.iter().any(|tool| plugin.contains(tool)) {
            failures.insert(TestFailure { name: goal, ..TestFailure::default() });
        }
    }
    failures.into_iter().collect()
}

fn of(document: &Document<'_>, root: &str) -> (&'static str, Vec<TestFailure>) {
    let top = document.root_element();
    match top.tag_name().name() {
        "checkstyle" => ("checkstyle", checkstyle(&top, root)),
        "BugCollection" => ("bugs", spotbugs(&top)),
        "pmd" => ("pmd", pmd(&top, root)),
        _ => ("none", Vec::new()),
    }
}

fn checkstyle(top: &Node<'_, '_>, root: &str) -> Vec<TestFailure> {
    let of = |severity: &str| -> Vec<TestFailure> {
        let errors = top.descendants().filter(|node| node.has_tag_name("error"));
        errors
            .filter(|error| error.attribute("severity") == Some(severity))
            .map(|error| {
                let file = error.parent().and_then(|file| file.attribute("name"));
                let rule = error.attribute("source").unwrap_or_default();
                let rule = rule.rsplit('.').next().unwrap_or(rule).trim_end_matches("Check");
                report::complaint(
                    file.map(|file| inside(file, root)),
                    number(error, "line"),
                    rule,
                    error.attribute("message").unwrap_or_default(),
                )
            })
            .collect()
    };
    let errors = of("error");
    if errors.is_empty() { of("warning") } else { errors }
}

fn spotbugs(top: &Node<'_, '_>) -> Vec<TestFailure> {
    let bugs = top.children().filter(|node| node.has_tag_name("BugInstance"));
    bugs.map(|bug| {
        let line = bug.children().find(|child| child.has_tag_name("SourceLine"));
        let class = bug.children().find(|child| child.has_tag_name("Class"));
        let line = line.or_else(|| class?.children().find(|child| child.has_tag_name("SourceLine")));
        let message =
            bug.children().find(|child| ["LongMessage", "ShortMessage"].contains(&child.tag_name().name()));
        // Without messages in it the class is the place that is known.
        let message = message.and_then(|message| message.text()).or_else(|| class?.attribute("classname"));
        report::complaint(
            line.and_then(|line| line.attribute("sourcepath")).map(str::to_owned),
            line.and_then(|line| number(line, "start")),
            bug.attribute("type").unwrap_or_default(),
            message.unwrap_or_default(),
        )
    })
    .collect()
}

fn pmd(top: &Node<'_, '_>, root: &str) -> Vec<TestFailure> {
    let violations = top
        .descendants()
        .filter(|node| node.has_tag_name("violation") || node.tag_name().name() == "violation");
    violations
        .map(|violation| {
            let file = violation.parent().and_then(|file| file.attribute("name"));
            report::complaint(
                file.map(|file| inside(file, root)),
                number(violation, "beginline"),
                violation.attribute("rule").unwrap_or_default(),
                violation.text().unwrap_or_default().trim(),
            )
        })
        .collect()
}

fn inside(path: &str, root: &str) -> String {
    let place = report::Place { root, dir: "" };
    place.path(path).unwrap_or_else(|| path.trim_start_matches(TREE).trim_start_matches('/').to_owned())
}

fn number(node: Node<'_, '_>, name: &str) -> Option<u32> {
    node.attribute(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKSTYLE: &str = "<?xml version=\"1.0\"?><checkstyle version=\"9\"><file name=\"/work/app/src/main/java/a/B.java\">\
        <error line=\"3\" severity=\"error\" message=\"Line is longer than 80.\" source=\"com.x.checks.sizes.LineLengthCheck\"/>\
        <error line=\"4\" severity=\"warning\" message=\"w\" source=\"com.x.OtherCheck\"/></file></checkstyle>";
    const SPOTBUGS: &str = "<?xml version=\"1.0\"?><BugCollection><BugInstance type=\"NP_NULL\"><LongMessage>Null here</LongMessage>\
        <Class classname=\"a.B\"><SourceLine sourcepath=\"a/B.java\" start=\"1\"/></Class><SourceLine sourcepath=\"a/B.java\" start=\"7\"/></BugInstance></BugCollection>";
    const PMD: &str = "<?xml version=\"1.0\"?><pmd xmlns=\"http://pmd\"><file name=\"/work/app/x.java\"><violation beginline=\"2\" rule=\"Unused\">\nAn unused x.\n</violation></file></pmd>";

    fn shown(reports: &str, plugins: &[&str]) -> Vec<String> {
        let said: Vec<String> = plugins
            .iter()
            .map(|plugin| format!("[ERROR] Failed to execute goal org.x:{plugin}:1.0:check (default) on project app: no -> [Help 1]"))
            .collect();
        read(reports, &said.join("\n"), "app", |_| true)
            .into_iter()
            .map(|one| format!("{} @{}", one.name, one.line.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn complaints_of_the_plugins_that_failed_are_read() {
        let all = [CHECKSTYLE, SPOTBUGS, PMD].join("\n");
        let style = "src/main/java/a/B.java: LineLength: Line is longer than 80. @3";
        for (plugins, expected) in [
            (&["maven-checkstyle-plugin"][..], vec![style]),
            (&["spotbugs-maven-plugin"], vec!["a/B.java: NP_NULL: Null here @7"]),
            (&["maven-pmd-plugin"], vec!["x.java: Unused: An unused x. @2"]),
            (&["maven-enforcer-plugin"], vec!["maven-enforcer-plugin:check on app @0"]),
            (
                &["maven-enforcer-plugin", "maven-checkstyle-plugin"],
                vec!["maven-enforcer-plugin:check on app @0", style],
            ),
            (&[], vec![]),
        ] {
            assert_eq!(shown(&all, plugins), expected, "{plugins:?}");
        }
        assert_eq!(shown("", &["maven-checkstyle-plugin"]), ["maven-checkstyle-plugin:check on app @0"]);
    }
}
