//! What a runner's own report names, as causes beside those of its log.

use super::{Category, Cause, Summary, Tool, distinct, render, summarize};
use crate::evidence::TestFailure;

/// The summary of a check that failed. A report knows its failures better
/// than the log does; the log adds what lies deeper, such as a wrong class
/// version, and tells all where there is no report.
#[must_use]
pub fn of_check(kind: Category, failures: &[TestFailure], tool: Tool, said: &str) -> Summary {
    let log = summarize(tool, said);
    let mut causes: Vec<Cause> = failures.iter().map(|failure| cause(kind, failure)).collect();
    if causes.is_empty() {
        return log;
    }
    // What is of the same kind, or less deep, is the same failure once more.
    causes.extend(log.causes.into_iter().filter(|cause| cause.kind < kind));
    let causes = distinct(causes);
    let category = causes.first().map_or(kind, |cause| cause.kind);
    Summary { category, lines: render(&causes), causes }
}

fn cause(kind: Category, failure: &TestFailure) -> Cause {
    let TestFailure { name, file, line, message } = failure;
    // The place stands in front already.
    let in_file = file.as_ref().and_then(|file| name.strip_prefix(file.as_str())?.strip_prefix(" > "));
    let name = in_file.unwrap_or(name);
    // A complaint's name says it all.
    let message = if name.contains(message.trim()) { name.to_owned() } else { format!("{name}: {message}") };
    let cause = Cause::new(kind, message);
    match file {
        Some(file) => cause.at(file, *line),
        None => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_failures_and_the_log_what_lies_deeper() {
        let failure = TestFailure {
            name: "a.test.js > adds".into(),
            file: Some("a.test.js".into()),
            line: Some(3),
            message: "1 !== 2".into(),
        };
        let said = "npm error Missing script: \"prepare\"\n";
        let summary = of_check(Category::Test, std::slice::from_ref(&failure), Tool::Npm, said);
        assert_eq!(summary.category, Category::MissingScript);
        assert!(summary.text().contains("a.test.js:3 adds: 1 !== 2"), "{}", summary.text());
        let alone = of_check(Category::Test, &[failure], Tool::Npm, "noise\n");
        assert_eq!((alone.category, alone.causes.len()), (Category::Test, 1));
        let log = of_check(Category::Test, &[], Tool::Npm, "noise\n");
        assert!(log.causes.is_empty() && !log.lines.is_empty());
    }
}
