//! Tests of Java and its relatives stay: none deleted, none disabled, no
//! assertion dropped, no suppression added.
//!
//! Words are counted, the code is not understood: a rewrite that asserts the
//! same with fewer words is stopped too.

use std::sync::LazyLock;

use regex::Regex;

use super::FilePair;
use super::tokens::code_only;
use crate::evidence::Finding;

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test compiles them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

static CASES: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"@(?:[\w.]+\.)?(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property|Theory)\b|\bvoid\s+test\w*\s*\(",
    )
});
static ASSERTIONS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?:assert|fail|verify|expect|andExpect|should|then)\w*\s*[(<]|\bassert\s|\bexpected\s*=|\.(?:isEqualTo|isNotEqualTo|isNull|isNotNull|isTrue|isFalse|isSameAs|isInstanceOf|isPresent|isNotPresent|isEmpty|isNotEmpty|contains|hasSize|hasMessage|isThrownBy)\w*\s*\(",
    )
});
static SKIPS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"@(?:[\w.]+\.)?(?:Disabled\w*|Ignore|IgnoreIf|IgnoreRest|PendingFeature|Enabled\w+|IfProfileValue|Tag|Category)\b|\bassum\w+\s*\(|\benabled\s*=\s*false\b|\bSystem\s*\.\s*exit\s*\(|\bif\s*\(\s*(?:false|!\s*true)\b|\breturn\s*;|\bcatch\s*\(\s*(?:final\s+)?(?:[\w.]+\s*\|\s*)*(?:java\.lang\.)?(?:Throwable|Error|AssertionError)\b",
    )
});
static SUPPRESSIONS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"@SuppressWarnings|@SuppressFBWarnings|@SuppressForbidden|@Suppress\(|NOPMD|NOSONAR|CHECKSTYLE[: .]*OFF|checkstyle[: .]*off|noinspection|spotless:off|@formatter:off|@CheckReturnValueIgnore",
    )
});

const KINDS: [&str; 4] = [".java", ".kt", ".groovy", ".scala"];

pub(super) fn check(pair: &FilePair) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !KINDS.iter().any(|kind| pair.path.ends_with(kind)) {
        return findings;
    }
    let count = |regex: &Regex, text: &str| regex.find_iter(text).count();
    if count(&SUPPRESSIONS, &pair.after_text()) > count(&SUPPRESSIONS, &pair.before_text()) {
        findings.push(pair.finding("suppression-added", "a mark that silences a checker was added"));
    }
    if pair.before.is_none() || !is_test(&pair.path) {
        return findings;
    }
    if pair.after.is_none() {
        findings.push(pair.finding("test-deleted", "a test file was deleted"));
        return findings;
    }
    let (before, after) = (code_only(&pair.before_text()), code_only(&pair.after_text()));
    let fewer = [(&*CASES, "test-removed", "tests"), (&*ASSERTIONS, "assertion-removed", "assertions")];
    for (regex, rule, what) in fewer {
        let (then, now) = (count(regex, &before), count(regex, &after));
        if now < then {
            findings.push(pair.finding(rule, format!("{then} {what} before, {now} now")));
        }
    }
    if count(&SKIPS, &after) > count(&SKIPS, &before) {
        findings.push(pair.finding("test-skipped", "a test was disabled, narrowed or made to end early"));
    }
    findings
}

/// By the places and names that the runners look for.
fn is_test(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    let in_directory = parts.any(|part| {
        let part = part.to_lowercase();
        part.starts_with("test") || part.ends_with("test") || part.ends_with("tests") || part == "it"
    });
    let named = ["Test", "Tests", "TestCase", "IT", "ITCase", "Spec"].iter().any(|end| stem.ends_with(end));
    in_directory || named || stem.starts_with("Test")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "core/src/test/java/a/GreeterTest.java";
    const TEST: &str = "class GreeterTest {\n\
        @Test void one() { assertEquals(1, f(\"\"\"\n  it's\n\"\"\")); }\n\
        @Test void two() { assertThat(f(2)).isEqualTo(3); }\n}\n";

    fn rules(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let pair = FilePair { path: path.into(), before: bytes(before), after: bytes(after) };
        check(&pair).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn an_honest_change_of_a_java_test_passes() {
        for after in [
            TEST.replace("f(2)", "Greeter.f(2)"),
            TEST.replace("assertEquals(", "Assertions.assertEquals("),
            TEST.replace("}\n}", "}\n@Test void three() { assertTrue(true); }\n}"),
            TEST.replace("@Test void one", "@org.junit.jupiter.api.Test\nvoid one"),
        ] {
            assert!(rules(PATH, Some(TEST), Some(&after)).is_empty(), "{after}");
        }
        let expected = "@Test(expected = X.class) public void t() { f(); }";
        let thrown = "@Test public void t() { assertThrows(X.class, () -> f()); }";
        assert!(rules(PATH, Some(expected), Some(thrown)).is_empty());
        assert!(rules(PATH, None, Some("@Disabled @Test void x() {}")).is_empty());
        assert!(rules("src/main/java/a/A.java", Some("f();"), Some("return;")).is_empty());
    }

    #[test]
    fn every_way_to_weaken_a_java_test_is_found() {
        let cases: [(&str, String); 14] = [
            ("test-removed", TEST.replace("@Test void one", "void one")),
            ("test-removed", TEST.replace("@Test void one", "/* @Test */ void one")),
            (
                "test-removed",
                TEST.replace("@Test void one() {", "void one() { String s = \"\"\"\n@Test\n\"\"\";"),
            ),
            ("assertion-removed", TEST.replace("assertEquals(1, ", "g(1, ")),
            ("assertion-removed", TEST.replace(".isEqualTo(3)", "")),
            (
                "assertion-removed",
                TEST.replace("assertThat(f(2)).isEqualTo(3);", "// assertThat(f(2)).isEqualTo(3);"),
            ),
            ("test-skipped", TEST.replace("@Test void one", "@Disabled @Test void one")),
            ("test-skipped", TEST.replace("@Test void one", "@org.junit.Ignore(\"x\") @Test void one")),
            ("test-skipped", TEST.replace("one() {", "one() { assumeTrue(false);")),
            ("test-skipped", TEST.replace("one() {", "one() { if (true) return;")),
            ("test-skipped", TEST.replace("@Test void one", "@Test(enabled = false) void one")),
            ("test-skipped", TEST.replace("; }\n@Test", "; try { } catch (AssertionError e) { } }\n@Test")),
            ("suppression-added", format!("@SuppressWarnings(\"all\")\n{TEST}")),
            ("suppression-added", TEST.replace("; }", "; } // NOPMD")),
        ];
        for (rule, after) in cases {
            assert!(rules(PATH, Some(TEST), Some(&after)).contains(&rule.to_owned()), "{rule}: {after}");
        }
        assert_eq!(rules(PATH, Some(TEST), None), ["test-deleted"]);
        assert_eq!(rules("a/TestGreeter.java", Some(TEST), None), ["test-deleted"]);
        assert_eq!(
            rules("src/main/java/A.java", Some(""), Some("@SuppressFBWarnings")),
            ["suppression-added"]
        );
    }
}
