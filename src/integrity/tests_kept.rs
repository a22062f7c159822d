//! Tests stay: none deleted, none skipped, no assertion dropped, no
//! suppression added.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::FilePair;
use super::tokens::code_only;
use crate::evidence::Finding;

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test compiles them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

static CASES: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b(?:test|it|specify|describe|suite)\b(?:\.each)?\s*[(`]"));
static SKIPS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\.(?:skip|only|todo|fails|failing|skipIf|runIf)\b|\b(?:xit|xtest|xdescribe|fit|fdescribe|xspecify)\s*\(|\b(?:skip|todo|only)\s*:\s*(?:true|['\x22`])|\bprocess\s*\.\s*exit\s*\(",
    )
});
static ASSERTIONS: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\b(?:expect|assert|should|t\.(?:is|not|deepEqual|true|false|throws|like))\b\s*[.(]")
});
static SUPPRESSIONS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"eslint-disable|@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore|istanbul ignore|c8 ignore|v8 ignore|prettier-ignore",
    )
});

pub(super) fn check(pair: &FilePair) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_script(&pair.path) {
        findings.extend(suppressions(pair));
    }
    if is_snapshot(&pair.path) && pair.before.is_some() {
        findings.push(pair.finding("snapshot-edited", "a stored snapshot was changed or deleted"));
    }
    if is_test(&pair.path) && pair.before.is_some() {
        match &pair.after {
            None => findings.push(pair.finding("test-deleted", "a test file was deleted")),
            Some(_) => findings.extend(weakened(pair)),
        }
    }
    findings
}

fn weakened(pair: &FilePair) -> Vec<Finding> {
    let (before, after) = (code_only(&pair.before_text()), code_only(&pair.after_text()));
    let count = |regex: &Regex, code: &str| regex.find_iter(code).count();
    let mut findings = Vec::new();
    let fewer = [(&*CASES, "test-removed", "tests"), (&*ASSERTIONS, "assertion-removed", "assertions")];
    for (regex, rule, what) in fewer {
        let (then, now) = (count(regex, &before), count(regex, &after));
        if now < then {
            findings.push(pair.finding(rule, format!("{then} {what} before, {now} now")));
        }
    }
    if count(&SKIPS, &after) > count(&SKIPS, &before) {
        findings.push(pair.finding("test-skipped", "a test was skipped, narrowed or made to end early"));
    }
    findings
}

fn suppressions(pair: &FilePair) -> Option<Finding> {
    let count = |text: &str| SUPPRESSIONS.find_iter(text).count();
    (count(&pair.after_text()) > count(&pair.before_text()))
        .then(|| pair.finding("suppression-added", "a comment that silences a checker was added"))
}

fn is_script(path: &str) -> bool {
    let kinds = ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx", "vue", "svelte"];
    Path::new(path).extension().and_then(|end| end.to_str()).is_some_and(|end| kinds.contains(&end))
}

fn is_snapshot(path: &str) -> bool {
    path.ends_with(".snap") || path.contains("__snapshots__/")
}

/// By the places and names that the runners look for.
fn is_test(path: &str) -> bool {
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let in_directory = lower
        .split('/')
        .rev()
        .skip(1)
        .any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec" | "e2e"));
    is_script(&lower)
        && (in_directory || name.contains(".test.") || name.contains(".spec.") || name.starts_with("test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let pair = FilePair { path: path.into(), before: bytes(before), after: bytes(after) };
        check(&pair).into_iter().map(|finding| finding.rule).collect()
    }

    const TEST: &str =
        "test('a', () => { assert.equal(f(1), 2); });\ntest('b', () => { expect(f(2)).toBe(3); });\n";

    #[test]
    fn an_honest_change_of_a_test_passes() {
        let renamed = TEST.replace("f(1)", "g.f(1)");
        assert!(rules("test/a.js", Some(TEST), Some(&renamed)).is_empty());
        let more = format!("{TEST}test('c', () => assert.ok(1));");
        assert!(rules("src/a.test.ts", Some(TEST), Some(&more)).is_empty());
        assert!(rules("test/new.js", None, Some("test.skip('x')")).is_empty());
    }

    #[test]
    fn every_way_to_weaken_a_test_is_found() {
        let cases: [(&str, String); 9] = [
            ("test-removed", TEST.lines().next().unwrap().to_owned()),
            ("test-removed", TEST.replace("test('b'", "// test('b'")),
            ("assertion-removed", TEST.replace("assert.equal(f(1), 2);", "f(1);")),
            ("assertion-removed", TEST.replace("assert.equal(f(1), 2);", "'assert.equal(1)';")),
            ("test-skipped", TEST.replace("test('a'", "test.skip('a'")),
            ("test-skipped", TEST.replace("test('a'", "test.only('a'")),
            ("test-skipped", TEST.replace("test('a',", "test('a', { skip: true },")),
            ("test-skipped", TEST.replace("() => {", "() => { process.exit(0);")),
            ("suppression-added", format!("// @ts-nocheck\n{TEST}")),
        ];
        for (rule, after) in cases {
            assert!(
                rules("test/a.test.js", Some(TEST), Some(&after)).contains(&rule.to_owned()),
                "{rule}: {after}"
            );
        }
        assert_eq!(rules("test/a.test.js", Some(TEST), None), ["test-deleted"]);
        assert_eq!(rules("src/__snapshots__/a.snap", Some("1"), Some("2")), ["snapshot-edited"]);
        assert_eq!(rules("src/a.ts", Some("f();"), Some("// @ts-ignore\nf();")), ["suppression-added"]);
    }
}
