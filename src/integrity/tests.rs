//! Claims about the gate as a whole, one language after the other.

use super::{FilePair, check};

fn bytes(text: Option<&str>) -> Option<Vec<u8>> {
    text.map(|text| text.as_bytes().to_vec())
}

fn rules(path: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let pair = FilePair { path: path.into(), before: bytes(before), after: bytes(after) };
    check(&[pair]).into_iter().map(|finding| finding.rule).collect()
}

const SCRIPT: &str = "import { f, g } from './f';\n\
    test('a', () => { assert.equal(f(1), 2); });\n\
    test('b', async () => { expect(await f(2)).toBe(3); });\n\
    describe('s', () => {\n  it('c', () => { expect(f([1])).toEqual([2]); expect(() => g()).toThrow('no'); });\n});\n";

#[test]
fn an_honest_change_of_a_script_test_passes() {
    for after in [
        SCRIPT.replace("f(1)", "g.f(1)"),
        SCRIPT.replace("'./f'", "'./g'"),
        SCRIPT.replace("toBe(3)", "toBe(4)"),
        SCRIPT.replace("toEqual([2])", "toStrictEqual([2])"),
        SCRIPT.replace("assert.equal(f(1), 2)", "expect(f(1)).toBe(2)"),
        SCRIPT.replace("test('a'", "test('renamed'"),
        SCRIPT.replace("; });", ";\n\n  // why\n  });"),
        SCRIPT.replace("toThrow(", "toThrowError("),
        format!("{SCRIPT}test('c', () => assert.ok(1));"),
    ] {
        assert_eq!(rules("src/a.test.ts", Some(SCRIPT), Some(&after)), [""; 0], "{after}");
    }
    assert!(rules("test/new.js", None, Some("test.skip('x', () => {})")).is_empty());
}

#[test]
fn every_way_to_weaken_a_script_test_is_found() {
    let cases: [(&str, String); 26] = [
        ("test-deleted", SCRIPT.replace("test('b', async () => { expect(await f(2)).toBe(3); });\n", "")),
        ("test-deleted", SCRIPT.replace("test('b'", "// test('b'")),
        ("assertion-dropped", SCRIPT.replace("assert.equal(f(1), 2);", "f(1);")),
        ("assertion-dropped", SCRIPT.replace("assert.equal(f(1), 2);", "'assert.equal(1)';")),
        ("assertion-dropped", SCRIPT.replace("expect(() => g()).toThrow('no');", "")),
        ("test-skipped", SCRIPT.replace("test('a'", "test.skip('a'")),
        ("test-skipped", SCRIPT.replace("test('a'", "test.only('a'")),
        ("test-skipped", SCRIPT.replace("describe('s'", "xdescribe('s'")),
        ("test-skipped", SCRIPT.replace("test('a',", "test('a', { skip: true },")),
        ("test-skipped", SCRIPT.replace("() => { assert", "() => { return; assert")),
        ("test-skipped", SCRIPT.replace("() => { assert", "function () { this.skip(); assert")),
        ("test-skipped", SCRIPT.replace("() => { assert", "() => { process.exit(0); assert")),
        ("test-skipped", SCRIPT.replace("assert.equal(f(1), 2);", "if (false) { assert.equal(f(1), 2); }")),
        (
            "assertion-dropped",
            SCRIPT.replace("assert.equal(f(1), 2);", "if (f(1)) { assert.equal(f(1), 2); }"),
        ),
        ("assertion-loosened", SCRIPT.replace("toBe(3)", "toBeTruthy()")),
        ("assertion-loosened", SCRIPT.replace("toBe(3)", "toEqual(expect.anything())")),
        ("assertion-loosened", SCRIPT.replace("toEqual([2])", "toMatchObject([2])")),
        ("assertion-loosened", SCRIPT.replace("expect(await f(2)).toBe(3)", "expect(true).toBe(true)")),
        ("assertion-loosened", SCRIPT.replace("toThrow('no')", "toThrow()")),
        ("assertion-loosened", SCRIPT.replace("assert.equal(f(1), 2)", "assert.ok(f(1))")),
        ("assertion-loosened", format!("jest.retryTimes(3);\n{SCRIPT}")),
        (
            "exception-swallowed",
            SCRIPT.replace("assert.equal(f(1), 2);", "try { assert.equal(f(1), 2); } catch {}"),
        ),
        ("suppression-added", format!("// @ts-nocheck\n{SCRIPT}")),
        ("suppression-added", SCRIPT.replace("f(1)", "f(1 as any)")),
        ("mock-stubbed", format!("jest.mock('./f', () => ({{ f: () => 2 }}));\n{SCRIPT}")),
        ("mock-stubbed", SCRIPT.replace("assert.equal", "f.g = () => 2; assert.equal")),
    ];
    for (rule, after) in cases {
        let found = rules("test/a.test.ts", Some(SCRIPT), Some(&after));
        assert!(found.contains(&rule.to_owned()), "{rule} {found:?}: {after}");
    }
    assert_eq!(rules("test/a.test.js", Some(SCRIPT), None), ["test-deleted"]);
    assert_eq!(rules("src/a.ts", Some("f();"), Some("// @ts-ignore\nf();")), ["suppression-added"]);
    assert_eq!(
        rules("src/a.ts", Some("f();"), Some("try { f(); } catch (e) { console.log(e); }")),
        ["exception-swallowed"]
    );
    let code = "export function f(x) { return lib.render(x); }";
    assert_eq!(
        rules("src/a.js", Some(code), Some(&code.replace("lib.render(x)", "'<h1>'"))),
        ["mock-stubbed"]
    );
}

const JAVA: &str = "class GreeterTest {\n\
    @Test void one() { assertEquals(1, f(\"\"\"\n  it's\n\"\"\")); }\n\
    @Test void two() { assertThat(f(2)).isEqualTo(3); }\n\
    @Test void three() { assertThrows(IllegalStateException.class, () -> f(3)); }\n}\n";
const JAVA_PATH: &str = "core/src/test/java/a/GreeterTest.java";

#[test]
fn an_honest_change_of_a_java_test_passes() {
    for after in [
        JAVA.replace("f(2)", "Greeter.f(2)"),
        JAVA.replace("assertEquals(", "Assertions.assertEquals("),
        JAVA.replace("}\n}", "}\n@Test void four() { assertTrue(f(4)); }\n}"),
        JAVA.replace("@Test void one", "@org.junit.jupiter.api.Test\nvoid one"),
        JAVA.replace("@Test void one", "@Test @Tag(\"slow\") void one"),
        JAVA.replace("assertThat(f(2)).isEqualTo(3)", "assertEquals(3, f(2))"),
        JAVA.replace(
            "assertThrows(IllegalStateException.class, () -> f(3))",
            "assertThatThrownBy(() -> f(3)).isInstanceOf(IllegalStateException.class)",
        ),
        JAVA.replace("IllegalStateException", "OtherException"),
    ] {
        assert_eq!(rules(JAVA_PATH, Some(JAVA), Some(&after)), [""; 0], "{after}");
    }
    let expected = "class T { @Test(expected = X.class) public void t() { f(); } }";
    let thrown = "class T { @Test public void t() { assertThrows(X.class, () -> f()); } }";
    assert_eq!(rules(JAVA_PATH, Some(expected), Some(thrown)), [""; 0]);
    assert!(rules(JAVA_PATH, None, Some("class T { @Disabled @Test void x() {} }")).is_empty());
    assert!(
        rules(
            "src/main/java/a/A.java",
            Some("class A { void f() { g(); } }"),
            Some("class A { void f() { if (x) return; g(); } }")
        )
        .is_empty()
    );
}

#[test]
fn every_way_to_weaken_a_java_test_is_found() {
    let cases: [(&str, String); 20] = [
        ("test-deleted", JAVA.replace("@Test void one", "void one")),
        ("test-deleted", JAVA.replace("@Test void one", "/* @Test */ void one")),
        ("assertion-dropped", JAVA.replace("assertEquals(1, ", "g(1, ")),
        (
            "assertion-dropped",
            JAVA.replace("assertThat(f(2)).isEqualTo(3);", "// assertThat(f(2)).isEqualTo(3);"),
        ),
        ("assertion-loosened", JAVA.replace(".isEqualTo(3)", ".isNotNull()")),
        ("assertion-loosened", JAVA.replace("assertThat(f(2)).isEqualTo(3)", "assertTrue(true)")),
        ("assertion-loosened", JAVA.replace("IllegalStateException", "Exception")),
        ("assertion-loosened", JAVA.replace("assertEquals(1, f(", "assertNotNull(f(")),
        ("test-skipped", JAVA.replace("@Test void one", "@Disabled @Test void one")),
        ("test-skipped", JAVA.replace("@Test void one", "@org.junit.Ignore(\"x\") @Test void one")),
        ("test-skipped", JAVA.replace("one() {", "one() { assumeTrue(false);")),
        ("test-skipped", JAVA.replace("one() {", "one() { if (true) return;")),
        ("test-skipped", JAVA.replace("@Test void one", "@Test(enabled = false) void one")),
        ("test-skipped", JAVA.replace("class Greeter", "@Disabled class Greeter")),
        ("test-skipped", JAVA.replace("class Greeter", "abstract class Greeter")),
        (
            "exception-swallowed",
            JAVA.replace("one() {", "one() { try {")
                .replace("\"\"\")); }", "\"\"\")); } catch (AssertionError e) { } }"),
        ),
        ("suppression-added", format!("@SuppressWarnings(\"all\")\n{JAVA}")),
        ("suppression-added", JAVA.replace("; }", "; } // NOPMD")),
        (
            "mock-stubbed",
            JAVA.replace("class GreeterTest {", "class GreeterTest { Greeter g = mock(Greeter.class);"),
        ),
        (
            "unparsable",
            JAVA.replace("@Test void two() {", "@Test void two() { ((")
                .replace("@Test void three", "void ) ("),
        ),
    ];
    for (rule, after) in cases {
        let found = rules(JAVA_PATH, Some(JAVA), Some(&after));
        assert!(found.contains(&rule.to_owned()), "{rule} {found:?}: {after}");
    }
    assert_eq!(rules(JAVA_PATH, Some(JAVA), None), ["test-deleted"]);
    assert_eq!(rules("a/TestGreeter.java", Some(JAVA), None), ["test-deleted"]);
}

#[test]
fn a_test_may_move_to_where_its_runner_finds_it() {
    let moved = |to: &str| -> Vec<String> {
        let pairs = [
            FilePair { path: "test/a.test.ts".into(), before: bytes(Some(SCRIPT)), after: None },
            FilePair { path: to.into(), before: None, after: bytes(Some(SCRIPT)) },
        ];
        check(&pairs).into_iter().map(|finding| finding.rule).collect()
    };
    assert_eq!(moved("test/b/a.test.ts"), [""; 0]);
    assert_eq!(moved("test/a.ts"), ["test-deleted"]);
    assert_eq!(moved("test/a.test.ts.bak"), ["test-deleted"]);
}

#[test]
fn what_the_base_has_already_is_not_held_against_the_head() {
    let old = "// eslint-disable-next-line no-x\ntry { f(); } catch (e) {}\nconst a: any = 1;\n";
    let pairs = [
        FilePair { path: "src/a.ts".into(), before: bytes(Some(old)), after: bytes(Some("f();")) },
        FilePair {
            path: "src/b.ts".into(),
            before: bytes(Some("f();")),
            after: bytes(Some(&format!("f();\n{old}"))),
        },
    ];
    assert!(check(&pairs).is_empty(), "{:?}", check(&pairs));
}

#[test]
fn a_file_without_a_grammar_is_compared_by_its_words() {
    let spec = "class A extends Spec {\n  test(\"a\") { assert(f(1) == 2) }\n}\n";
    let path = "src/test/scala/ASpec.scala";
    assert!(rules(path, Some(spec), Some(&spec.replace("f(1)", "g(1)"))).is_empty());
    assert_eq!(rules(path, Some(spec), Some(&spec.replace("assert(", "("))), ["assertion-dropped"]);
    assert_eq!(rules(path, Some(spec), None), ["test-deleted"]);
}

#[test]
fn a_bump_of_the_manifest_passes_and_an_edited_script_or_checker_is_found() {
    let before = r#"{"scripts":{"test":"jest","lint":"eslint ."},"dependencies":{"a":"1"},"jest":{"testTimeout":100}}"#;
    let after = |from: &str, to: &str| rules("package.json", Some(before), Some(&before.replace(from, to)));
    assert_eq!(after("\"a\":\"1\"", "\"a\":\"2\""), [""; 0]);
    assert_eq!(after("\"jest\",", "\"jest || true\","), ["script-changed", "unsafe-flag-added"]);
    assert_eq!(after(",\"lint\":\"eslint .\"", ""), ["script-changed"]);
    assert_eq!(after("{\"test\"", "{\"pretest\":\"exit 0\",\"test\""), ["script-changed"]);
    assert_eq!(after("100", "1000"), ["assertion-loosened"]);
    assert_eq!(
        after("\"testTimeout\":100", "\"testPathIgnorePatterns\":[\"a.test\"],\"testTimeout\":100"),
        ["test-excluded"]
    );
    assert_eq!(rules(".github/workflows/ci.yml", Some("1"), Some("2")), ["ci-changed"]);
    assert_eq!(rules(".npmrc", None, Some("legacy-peer-deps=true")), ["unsafe-flag-added"]);
}

#[test]
fn a_configuration_may_move_but_not_ask_for_less() {
    let old =
        r#"{"extends":"eslint:recommended","rules":{"semi":"error","no-x":["error",{"a":1}],"no-y":"off"}}"#;
    let new = "import js from '@eslint/js';\nexport default [js.configs.recommended, { rules: { '@stylistic/semi': 'error', 'no-x': ['error', { a: 1 }], 'no-y': 0 } }];\n";
    let moved = |new: &str| -> Vec<String> {
        let pairs = [
            FilePair { path: ".eslintrc.json".into(), before: bytes(Some(old)), after: None },
            FilePair { path: "eslint.config.mjs".into(), before: None, after: bytes(Some(new)) },
        ];
        check(&pairs).into_iter().map(|finding| finding.rule).collect()
    };
    assert_eq!(moved(new), [""; 0]);
    for weaker in [
        new.replace("semi': 'error'", "semi': 'warn'"),
        new.replace("'no-x': ['error', { a: 1 }],", ""),
        new.replace("js.configs.recommended, ", ""),
    ] {
        assert_eq!(moved(&weaker), ["threshold-lowered"], "{weaker}");
    }
    let tsconfig = r#"{"compilerOptions":{"strict":true,"target":"ES2020"},"include":["src","test"]}"#;
    let after =
        |from: &str, to: &str| rules("tsconfig.json", Some(tsconfig), Some(&tsconfig.replace(from, to)));
    assert_eq!(after("ES2020", "ES2022"), [""; 0]);
    assert_eq!(after("true", "false"), ["threshold-lowered"]);
    assert_eq!(after(",\"test\"", ""), ["test-excluded"]);
    assert_eq!(after("\"include\"", "\"exclude\":[\"test/a.ts\"],\"include\""), ["test-excluded"]);
}

/// A thousand files of a usual size; a debug build is about ten times slower
/// than what the service runs.
#[test]
fn a_large_change_is_checked_in_linear_time() {
    let body: String = (0..8).map(|index| SCRIPT.replace("'a'", &format!("'a{index}'"))).collect();
    let pairs = |count: usize| -> Vec<FilePair> {
        (0..count)
            .map(|index| FilePair {
                path: format!("test/a{index}.test.ts"),
                before: bytes(Some(&body)),
                after: bytes(Some(&body.replace("f(1)", "h(1)"))),
            })
            .collect()
    };
    let time = |count: usize| {
        let pairs = pairs(count);
        let started = std::time::Instant::now();
        assert_eq!(check(&pairs), []);
        started.elapsed()
    };
    time(4);
    let (few, many) = (time(8), time(64));
    assert!(many < few * 8 * 4, "{few:?} for 8 files, {many:?} for 64");
}
