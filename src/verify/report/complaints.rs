//! The complaints of lints and of the TypeScript compiler. Their names hold
//! no line, so that a complaint that was there before is the same one when
//! code above it has moved.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::{Place, Report};
use crate::evidence::TestFailure;

/// One complaint: the file, the rule, and what is said.
pub(in crate::verify) fn complaint(
    file: Option<String>,
    line: Option<u32>,
    rule: &str,
    message: &str,
) -> TestFailure {
    let said = super::one_line(message);
    let name: Vec<&str> = [file.as_deref().unwrap_or_default(), rule, &said]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    TestFailure { name: name.join(": "), file, line, message: message.to_owned() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EslintFile {
    file_path: String,
    messages: Vec<EslintMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EslintMessage {
    #[serde(default)]
    rule_id: Option<String>,
    severity: u8,
    message: String,
    #[serde(default)]
    line: Option<u32>,
}

pub(super) fn eslint(text: &str, place: &Place<'_>) -> Option<Report> {
    let files: Vec<EslintFile> = serde_json::from_str(text).ok()?;
    let of = |severity: u8| -> Vec<TestFailure> {
        let messages = files.iter().flat_map(|file| file.messages.iter().map(move |message| (file, message)));
        messages
            .filter(|(_, message)| message.severity == severity)
            .map(|(file, message)| {
                let rule = message.rule_id.as_deref().unwrap_or_default();
                complaint(place.path(&file.file_path), message.line, rule, &message.message)
            })
            .collect()
    };
    let errors = of(2);
    // Without an error it is the number of warnings that is too large.
    let failures = if errors.is_empty() { of(1) } else { errors };
    Some(Report { passed: None, skipped: None, failures })
}

/// biome prints its report on one line, among others.
pub(super) fn biome(text: &str, place: &Place<'_>) -> Option<Report> {
    let report: Value =
        text.lines().filter(|line| line.starts_with('{')).find_map(|line| serde_json::from_str(line).ok())?;
    let diagnostics = report.get("diagnostics")?.as_array()?;
    let of = |severities: &[&str]| -> Vec<TestFailure> {
        diagnostics
            .iter()
            .filter(|one| severities.contains(&text_of(one.get("severity")).as_str()))
            .map(|one| {
                let at = one.get("location");
                let path = at.and_then(|at| at.get("path"));
                // Older ones nest the path, and give no line.
                let path = text_of(path.and_then(|path| path.get("file")).or(path));
                let line = at.and_then(|at| at.get("start")?.get("line")?.as_u64());
                let message = one.get("message").filter(|message| message.is_string());
                let message = text_of(message.or_else(|| one.get("description")));
                let line = line.and_then(|line| u32::try_from(line).ok());
                complaint(place.path(&path), line, &text_of(one.get("category")), &message)
            })
            .collect()
    };
    let errors = of(&["error", "fatal"]);
    let failures = if errors.is_empty() { of(&["warning"]) } else { errors };
    Some(Report { passed: None, skipped: None, failures })
}

fn text_of(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[expect(clippy::expect_used, reason = "the expression is a literal, and a test uses it")]
static TSC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(.+?)\((\d+),\d+\): )?error (TS\d+): (.+)$").expect("a literal expression compiles")
});

/// What the compiler prints; lines that go on are its explanation.
pub(super) fn tsc(text: &str, place: &Place<'_>) -> Report {
    let mut failures = Vec::new();
    for line in text.lines() {
        let Some(found) = TSC.captures(line.trim_end()) else { continue };
        let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
        failures.push(complaint(place.path(part(1)), part(2).parse().ok(), part(3), part(4)));
    }
    Report { passed: None, skipped: None, failures }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::verify::node::runner::Runner;
    use crate::verify::report::{Place, Report, read};

    const ROOT: Place<'static> = Place { root: "", dir: "" };

    fn shown(report: Option<Report>) -> Vec<String> {
        let report = report.unwrap();
        assert_eq!(report.passed, None);
        report
            .failures
            .iter()
            .map(|failure| format!("{} @{}", failure.name, failure.line.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn eslint_is_read_and_complaints_are_counted() {
        let message = |rule: Option<&str>, severity: u8, line: u32| json!({ "ruleId": rule, "severity": severity, "message": "'x' is bad.", "line": line });
        let file = |messages: &[serde_json::Value]| {
            json!([{ "filePath": "/work/src/a.js", "messages": messages }]).to_string()
        };
        let text = file(&[
            message(Some("no-undef"), 2, 3),
            message(Some("no-undef"), 2, 9),
            message(Some("eqeqeq"), 1, 4),
            message(None, 2, 5),
        ]);
        assert_eq!(
            shown(read(Runner::Eslint, &text, &ROOT)),
            ["src/a.js: 'x' is bad. @5", "src/a.js: no-undef: 'x' is bad. (×2) @3"]
        );
        let warned = file(&[message(Some("eqeqeq"), 1, 4)]);
        assert_eq!(shown(read(Runner::Eslint, &warned, &ROOT)), ["src/a.js: eqeqeq: 'x' is bad. @4"]);
        assert_eq!(read(Runner::Eslint, "Oops! Something went wrong!", &ROOT), None);
    }

    #[test]
    fn biome_is_read_in_its_forms() {
        let new = json!({ "summary": {}, "diagnostics": [
            { "severity": "warning", "message": "w", "category": "lint/a/b", "location": { "path": "a.js", "start": { "line": 1, "column": 7 } } },
            { "severity": "error", "message": "This is bad.", "category": "lint/suspicious/noDebugger", "location": { "path": "a.js", "start": { "line": 2, "column": 22 } } },
        ] });
        let text = format!("> p@1 lint\n> biome lint\n{new}\nlint ━━━\n");
        assert_eq!(
            shown(read(Runner::Biome, &text, &ROOT)),
            ["a.js: lint/suspicious/noDebugger: This is bad. @2"]
        );
        let old = json!({ "diagnostics": [{ "severity": "error", "description": "Bad.", "message": [{ "content": "Bad." }],
            "category": "lint/x", "location": { "path": { "file": "./src/a.js" }, "span": [0, 5] } }] });
        assert_eq!(shown(read(Runner::Biome, &old.to_string(), &ROOT)), ["src/a.js: lint/x: Bad. @0"]);
        assert_eq!(read(Runner::Biome, "no configuration", &ROOT), None);
    }

    #[test]
    fn the_compilers_errors_are_read_without_their_columns() {
        let text = "> tsc\nsrc/a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.\n  Explanation.\nerror TS18003: No inputs were found.\nFound 2 errors.\n";
        assert_eq!(
            shown(read(Runner::Tsc, text, &Place { root: "", dir: "packages/a" })),
            [
                "TS18003: No inputs were found. @0",
                "packages/a/src/a.ts: TS2322: Type 'string' is not assignable to type 'number'. @1",
            ]
        );
    }
}
