//! The JSON of jest, whose form vitest writes too, and of mocha.

use serde::Deserialize;

use super::{Place, Report, failed, message_of};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suites {
    test_results: Vec<Suite>,
}

/// One file of tests.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suite {
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    assertion_results: Vec<Assertion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(default)]
    ancestor_titles: Vec<String>,
    title: String,
    status: String,
    #[serde(default)]
    failure_messages: Option<Vec<String>>,
    #[serde(default)]
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Location {
    line: u32,
}

pub(super) fn jest(text: &str, place: &Place<'_>) -> Option<Report> {
    let suites: Suites = serde_json::from_str(text).ok()?;
    let (mut passed, mut skipped, mut failures) = (0_u32, 0_u32, Vec::new());
    for suite in suites.test_results {
        let file = place.name(&suite.name);
        let own = place.path(&suite.name);
        let mut any_failed = false;
        for test in &suite.assertion_results {
            match test.status.as_str() {
                "passed" => passed += 1,
                "failed" => {
                    any_failed = true;
                    let titles =
                        test.ancestor_titles.iter().map(String::as_str).filter(|title| !title.is_empty());
                    let name: Vec<&str> =
                        [file.as_str()].into_iter().chain(titles).chain([test.title.as_str()]).collect();
                    let said = test.failure_messages.iter().flatten().next().map_or("", String::as_str);
                    let own = (own.clone(), test.location.as_ref().map(|at| at.line));
                    failures.push(failed(name.join(" > "), message_of(said), said, own, place));
                }
                _ => skipped += 1,
            }
        }
        // A file that could not be loaded has no tests.
        if suite.status == "failed" && !any_failed {
            let said = suite.message.unwrap_or_default();
            failures.push(failed(file, suite_message(&said), &said, (own, None), place));
        }
    }
    Some(Report { passed: Some(passed), skipped: Some(skipped), failures })
}

/// jest puts a heading in front.
fn suite_message(said: &str) -> &str {
    let said = said.trim_start().strip_prefix("● Test suite failed to run").unwrap_or(said);
    let end = ["\n\n      at ", "\n    at "].iter().filter_map(|sign| said.find(sign)).min();
    end.and_then(|end| said.get(..end)).unwrap_or(said)
}

#[derive(Deserialize)]
struct Mocha {
    passes: Vec<MochaTest>,
    pending: Vec<MochaTest>,
    failures: Vec<MochaTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MochaTest {
    full_title: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    err: MochaError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MochaError {
    message: Option<String>,
    stack: Option<String>,
}

pub(super) fn mocha(text: &str, place: &Place<'_>) -> Option<Report> {
    // Versions that print it stand between other lines.
    let start = if text.starts_with('{') { 0 } else { text.find("\n{")? };
    let mut found = serde_json::Deserializer::from_str(text.get(start..)?).into_iter::<Mocha>();
    let mocha = found.next()?.ok()?;
    let failures = mocha.failures.iter().map(|test| {
        let file = test.file.as_deref();
        let name = match file {
            Some(file) => format!("{} > {}", place.name(file), test.full_title),
            None => test.full_title.clone(),
        };
        let stack = test.err.stack.as_deref().unwrap_or_default();
        let message = test.err.message.as_deref().unwrap_or_else(|| message_of(stack));
        failed(name, message, stack, (file.and_then(|file| place.path(file)), None), place)
    });
    let count = |tests: &[MochaTest]| u32::try_from(tests.len()).ok();
    Some(Report {
        passed: count(&mocha.passes),
        skipped: count(&mocha.pending),
        failures: failures.collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::verify::node::runner::Runner;
    use crate::verify::report::tests::AT;
    use crate::verify::report::{Report, read};

    fn shown(report: &Report) -> Vec<String> {
        report
            .failures
            .iter()
            .map(|failure| {
                format!(
                    "{} | {}:{} | {}",
                    failure.name,
                    failure.file.as_deref().unwrap_or("?"),
                    failure.line.unwrap_or_default(),
                    failure.message
                )
            })
            .collect()
    }

    #[test]
    fn jest_and_vitest_are_read() {
        let stack = "Error: expected 2 to be 3\n    at toBe (/work/app/node_modules/e/x.js:1:1)\n    at Object.f (/work/app/t/a.test.js:4:19)";
        let text = json!({ "success": false, "testResults": [
            { "name": "/work/app/t/a.test.js", "status": "failed", "message": "● all", "assertionResults": [
                { "ancestorTitles": ["math", "more"], "title": "fails", "status": "failed", "failureMessages": [stack], "location": null },
                { "ancestorTitles": [], "title": "adds", "status": "passed", "failureMessages": [], "duration": 5 },
                { "ancestorTitles": [""], "title": "late", "status": "failed", "failureMessages": null, "location": { "line": 8, "column": 1 } },
                { "ancestorTitles": ["math"], "title": "skipped", "status": "pending" },
                { "ancestorTitles": ["math"], "title": "later", "status": "todo" }
            ] },
            { "name": "/work/app/t/b.test.js", "status": "failed", "assertionResults": [],
              "message": "  ● Test suite failed to run\n\n    Cannot find module 'nope'\n\n      at x (../node_modules/r.js:1:2)\n      at Object.require (t/b.test.js:1:1)\n" }
        ] })
        .to_string();
        let place = super::Place { root: "app", dir: "" };
        let report = read(Runner::Vitest, &text, &place).unwrap();
        assert_eq!((report.passed, report.skipped), (Some(1), Some(2)));
        assert_eq!(
            shown(&report),
            [
                "t/a.test.js > late | t/a.test.js:8 | ",
                "t/a.test.js > math > more > fails | t/a.test.js:4 | Error: expected 2 to be 3",
                "t/b.test.js | t/b.test.js:1 | Cannot find module 'nope'",
            ]
        );
        let none = json!({ "testResults": [] }).to_string();
        assert_eq!(read(Runner::Jest, &none, &AT).unwrap().passed, Some(0));
        assert_eq!(read(Runner::Jest, "Determining test suites", &AT), None);
        assert_eq!(read(Runner::Jest, "{}", &AT), None);
    }

    #[test]
    fn mocha_is_read() {
        let text = json!({ "stats": { "passes": 9 }, "passes": [{ "title": "adds", "fullTitle": "math adds", "err": {} }],
            "pending": [{ "title": "skipped", "fullTitle": "math skipped", "err": {} }],
            "failures": [
                { "title": "fails", "fullTitle": "math fails", "file": "/work/app/packages/a/t.js",
                  "err": { "message": "2 !== 3\n", "stack": "AssertionError: 2 !== 3\n\n    at Context.<anonymous> (t.js:5:12)" } },
                { "title": "hook", "fullTitle": "\"before all\" hook", "err": {} }
            ] });
        let printed = format!("> a@1 test\n> mocha\n\n{text:#}\nDebugger attached.\n");
        assert_eq!(read(Runner::Mocha, &printed, &AT), read(Runner::Mocha, &text.to_string(), &AT));
        assert_eq!(read(Runner::Mocha, "  1 passing (2ms)\n", &AT), None);
        let report = read(Runner::Mocha, &text.to_string(), &AT).unwrap();
        assert_eq!((report.passed, report.skipped), (Some(1), Some(1)));
        assert_eq!(
            shown(&report),
            ["\"before all\" hook | ?:0 | ", "packages/a/t.js > math fails | packages/a/t.js:5 | 2 !== 3"]
        );
    }
}
