//! Reports for machines in the middle of a log: the JSON of jest, vitest,
//! mocha and eslint, and JUnit's XML. They say more than the prose around
//! them, so they are taken where they stand.

use serde_json::Value;

use super::{Category, Cause, mask, trace};
use crate::text;

/// Places where a report may begin that are tried.
const TRIED: usize = 8;
/// Failing tests of one report.
const KEPT: usize = 2000;
/// Bytes of an XML report.
const XML: usize = 32 * 1024 * 1024;

/// The causes of the last report in a log; an empty list when it tells of no
/// failure, nothing when there is no report.
pub(super) fn embedded(log: &str) -> Option<Vec<Cause>> {
    let mut at = 0;
    let mut tried = 0;
    let mut found = None;
    while let Some(rest) = log.get(at..).filter(|rest| !rest.is_empty()) {
        let mut next = rest.find('\n').map_or(log.len(), |end| at + end + 1);
        let json = rest.starts_with("{\"")
            || rest.starts_with("[{")
            || rest.starts_with("{\n")
            || rest.starts_with("[\n");
        if json && tried < TRIED {
            tried += 1;
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            if let Some(Ok(value)) = values.next()
                && let Some(causes) = report(&value)
            {
                found.get_or_insert_with(Vec::new).extend(causes);
                next = next.max(at + values.byte_offset());
            }
        } else if (rest.starts_with("<testsuites") || rest.starts_with("<testsuite ")) && tried < TRIED {
            tried += 1;
            if let Some(causes) = junit(rest) {
                found.get_or_insert_with(Vec::new).extend(causes);
            }
        }
        at = next;
    }
    found
}

/// The causes in a report of jest, vitest, mocha or eslint; nothing when it
/// is none of these.
#[must_use]
pub fn report(value: &Value) -> Option<Vec<Cause>> {
    if let Some(files) = value.get("testResults").and_then(Value::as_array) {
        return Some(files.iter().flat_map(jest).take(KEPT).collect());
    }
    if value.get("stats").is_some()
        && let Some(failures) = value.get("failures").and_then(Value::as_array)
    {
        return Some(failures.iter().map(mocha).take(KEPT).collect());
    }
    let files = value.as_array()?;
    let eslint = files.iter().all(|file| file.get("filePath").is_some() && file.get("messages").is_some());
    eslint.then(|| files.iter().flat_map(lint).take(KEPT).collect())
}

fn string<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The failing tests of a file, or why the file could not be run.
fn jest(file: &Value) -> Vec<Cause> {
    let name = string(file, "name");
    let tests = file.get("assertionResults").and_then(Value::as_array);
    let failing: Vec<Cause> = tests
        .into_iter()
        .flatten()
        .filter(|test| string(test, "status") == "failed")
        .map(|test| {
            let messages = test.get("failureMessages").and_then(Value::as_array);
            let first = messages.and_then(|all| all.first()).and_then(Value::as_str);
            thrown(first.unwrap_or_else(|| string(test, "fullName")), name)
        })
        .collect();
    let message = string(file, "message");
    if failing.is_empty() && string(file, "status") == "failed" && !message.is_empty() {
        return vec![thrown(message, name)];
    }
    failing
}

fn mocha(failure: &Value) -> Cause {
    let error = failure.get("err").unwrap_or(&Value::Null);
    let stack = string(error, "stack");
    let said = if stack.is_empty() { string(error, "message") } else { stack };
    thrown(if said.is_empty() { string(failure, "fullTitle") } else { said }, string(failure, "file"))
}

/// An error with its trace below it.
fn thrown(said: &str, file: &str) -> Cause {
    super::npm::thrown(&text::plain(said), file)
}

fn lint(file: &Value) -> Vec<Cause> {
    let messages = file.get("messages").and_then(Value::as_array);
    messages
        .into_iter()
        .flatten()
        .filter(|message| message.get("severity").and_then(Value::as_u64) == Some(2))
        .map(|message| {
            let line = message.get("line").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok());
            let rule = message.get("ruleId").and_then(Value::as_str);
            let rule = rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
            Cause::new(Category::Lint, format!("{}{rule}", string(message, "message")))
                .at(string(file, "filePath"), line)
        })
        .collect()
}

/// The failures in JUnit's XML, which begins here.
fn junit(rest: &str) -> Option<Vec<Cause>> {
    let end = if rest.starts_with("<testsuites") { "</testsuites>" } else { "</testsuite>" };
    let end = rest.find(end).map(|at| at + end.len()).filter(|end| *end <= XML)?;
    let xml = text::plain(rest.get(..end)?);
    let document = roxmltree::Document::parse(&xml).ok()?;
    let failures =
        document.descendants().filter(|node| node.has_tag_name("failure") || node.has_tag_name("error"));
    let causes = failures.take(KEPT).map(|failure| {
        let case = failure.parent_element();
        let file = case.and_then(|case| case.attribute("file").or_else(|| case.attribute("classname")));
        let file = file.filter(|file| file.contains(['/', '.']) && !file.contains(' ')).unwrap_or_default();
        let said = failure.text().unwrap_or_default().trim();
        let message = failure.attribute("message").unwrap_or_default();
        // node wraps what was thrown.
        let said = said.split_once("cause: ").map_or(said, |(_, cause)| cause);
        let cause = thrown(if said.is_empty() { message } else { said }, file);
        if trace::error(&cause.message).is_none() && !message.is_empty() {
            return Cause { message: mask::tidy(message), ..cause };
        }
        cause
    });
    Some(causes.collect())
}
