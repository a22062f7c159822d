//! What package managers of npm's kind and their scripts print.

use super::super::*;
use super::check;

#[test]
fn npm_is_understood() {
    use Category::{DependencyLock, DependencyResolution, Engine, MissingScript, NoTests, PeerConflict};
    for (log, category, first) in [
        (
            "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE could not resolve\nnpm ERR! Found: vue@3.0.0\nnpm ERR! Could not resolve dependency:\nnpm ERR! peer vue@\"^2\" from old@1.0.0\n",
            PeerConflict,
            "found vue@3.0.0, but peer vue@\"^2\" from old@1.0.0",
        ),
        (
            "npm error code EUSAGE\nnpm error\nnpm error `npm ci` can only install\nnpm error Missing: ms@2.1.3 from lock file\nnpm error Usage:\nnpm error npm ci\n",
            DependencyLock,
            "Missing: ms@2.1.3 from lock file",
        ),
        (
            "npm error code ETARGET\nnpm error notarget No matching version found for ms@99.\n",
            DependencyResolution,
            "ms@99",
        ),
        (
            "npm error code E404\nnpm error 404 Not Found - GET x\nnpm error 404\nnpm error 404  'nope@1' is not in this registry.\n",
            DependencyResolution,
            "'nope@1' is not in",
        ),
        (
            "npm error code ENOTCACHED\nnpm error request to x failed: no cached response\n",
            DependencyResolution,
            "ENOTCACHED: request to x",
        ),
        (
            "npm error code EBADENGINE\nnpm error notsup Not compatible with your version of node/npm: a@1\nnpm error notsup Required: {\"node\":\">=99\"}\nnpm error notsup Actual:   {\"node\":\"v20\"}\n",
            Engine,
            "a@1 requires {\"node\":\">=99\"}",
        ),
        (
            "npm WARN EBADENGINE Unsupported engine {\nnpm WARN EBADENGINE   package: 'a@1',\nnpm WARN EBADENGINE   required: { node: '>=99' },\nnpm WARN EBADENGINE   current: { node: 'v20' }\nnpm WARN EBADENGINE }\n",
            Engine,
            "a@1 requires { node: '>=99' }",
        ),
        ("npm error Missing script: \"e2e\"\n", MissingScript, "\"e2e\""),
        ("\n> a@1.0.0 test\n> echo\n\nError: no test specified\n", NoTests, "no test specified"),
    ] {
        check(Tool::Npm, log, category, first);
    }
}

#[test]
fn other_installers_and_shells_are_understood() {
    use Category::{DependencyLock, DependencyResolution, Engine, MissingScript};
    for (log, category, first) in [
        ("error Couldn't find package \"nope\" on the registry.\n", DependencyResolution, "\"nope\""),
        (
            "error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.\n",
            DependencyLock,
            "lockfile needs",
        ),
        ("error a@1: The engine \"node\" is incompatible with this module.\n", Engine, "The engine \"node\""),
        ("error Command \"e2e\" not found.\n", MissingScript, "\"e2e\""),
        (
            "➤ YN0000: ┌ Resolution step\n➤ YN0082: │ a@npm:^99: No candidates found\n",
            DependencyResolution,
            "a@npm:^99: No candidates",
        ),
        (
            "➤ YN0028: │ The lockfile would have been modified by this install\n",
            DependencyLock,
            "lockfile would have",
        ),
        (
            " ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with \"frozen-lockfile\"\n",
            DependencyLock,
            "Cannot install",
        ),
        (" ERR_PNPM_NO_MATCHING_VERSION  No matching version found for a@99\n", DependencyResolution, "a@99"),
        ("sh: 1: jest: not found\n", MissingScript, "the program jest"),
        ("sh: vitest: command not found\n", MissingScript, "the program vitest"),
    ] {
        check(Tool::Npm, log, category, first);
    }
}

#[test]
fn compilers_and_linters_are_understood() {
    use Category::{Compilation, Config, Lint};
    for (log, category, first) in [
        ("src/a.ts(3,5): error TS2345: no\n", Compilation, "src/a.ts:3 TS2345: no"),
        ("src/a.ts:3:5 - error TS2345: no\n\n3 let x\n", Compilation, "src/a.ts:3 TS2345: no"),
        ("error TS18003: No inputs were found\n", Config, "TS18003"),
        (
            "ERROR in ./src/a.js 4:0-9\nModule not found: Error: Can't resolve 'b'\n",
            Compilation,
            "src/a.js:4 Module not found",
        ),
        (
            "✘ [ERROR] Could not resolve \"b\"\n\n    src/a.js:2:7:\n      2 │ import 'b'\n",
            Compilation,
            "src/a.js:2 Could not resolve \"b\"",
        ),
        (
            "\n/work/src/a.js\n  3:1  warning  fine  x\n  4:2  error    Unexpected var   no-var\n\n✖ 2 problems\n",
            Lint,
            "src/a.js:4 Unexpected var (no-var)",
        ),
        (
            "Oops! Something went wrong! :(\n\nESLint: 9.1.0\n\nESLint couldn't find an eslint.config.js file.\n\nFrom",
            Config,
            "couldn't find an eslint.config",
        ),
        (
            "src/a.ts:3:5 lint/style/useConst  FIXABLE  ━━━━━━━━\n\n  × This let is only assigned once.\n",
            Lint,
            "src/a.ts:3 This let is only assigned once. (lint/style/useConst)",
        ),
        (
            "Checking formatting...\n[warn] src/a.js\n[warn] Code style issues found in the above file.\n",
            Lint,
            "src/a.js is not formatted",
        ),
        ("  /work/a.js:3:1: Extra semicolon. (semi)\n", Lint, "a.js:3 Extra semicolon. (semi)"),
    ] {
        let summary = check(Tool::Npm, log, category, first);
        assert_eq!(summary.causes.len(), 1, "{:#?}", summary.causes);
    }
}

#[test]
fn test_runners_are_understood() {
    for (log, first) in [
        (
            "FAIL t/a.test.js\n  ● math › adds\n\n    expect(received).toBe(expected) // Object.is equality\n\n    Expected: 3\n    Received: -1\n\n      4 | x\n    > 5 | y\n\n      at Object.<anonymous> (a.test.js:5:23)\n\nTests: 1 failed\n",
            "t/a.test.js:5 expect(received).toBe(expected) Expected: 3, Received: -1",
        ),
        (
            " FAIL  t/a.test.ts > math > adds\nAssertionError: expected 3 to be 4\n ❯ t/a.test.ts:7:9\n      6|\n",
            "t/a.test.ts:7 AssertionError: expected 3 to be 4",
        ),
        (
            "  math\n    1) adds\n\n  0 passing (3ms)\n  1 failing\n\n  1) math\n       adds:\n     TypeError: lib.add is not a function\n      at add (src/m.js:2:3)\n",
            "src/m.js:2 TypeError: lib.add is not a function",
        ),
        (
            "✖ failing tests:\n\ntest at t/a.test.js:1:1\n✖ adds (1ms)\n  TypeError [Error]: no\n      at add (/work/src/m.js:2:3)\n      at Test.run (node:internal/test:1:1)\n",
            "src/m.js:2 TypeError: no",
        ),
        (
            "▶ math\n  ✖ adds (1ms)\n    TypeError [Error]: no\n        at add (/work/src/m.js:2:3)\n",
            "src/m.js:2 TypeError: no",
        ),
        (
            "not ok 1 - adds\n  ---\n  location: '/work/t/a.js:1:1'\n  failureType: 'testCodeFailure'\n  error: |-\n    values differ:\n    \n    1 !== 2\n  name: 'AssertionError'\n  stack: |-\n    Test.run (node:internal/test:1:1)\n    add (/work/src/m.js:2:3)\n  ...\n1..1\n",
            "src/m.js:2 AssertionError: values differ: 1 !== 2",
        ),
        (
            "not ok 1 same\n  ---\n    operator: equal\n    expected: 3\n    actual:   4\n    at: Test.<anonymous> (/work/t/a.js:5:5)\n  ...\n",
            "t/a.js:5 same (expected 3, actual 4)",
        ),
        (
            "  ✘ [fail]: adds\n  ─\n\n  adds\n\n  t/a.js:7\n\n   7: t.is(1, 2)\n\n  Difference (- actual, + expected):\n\n  - 1\n  + 2\n",
            "t/a.js:7 Difference (- actual, + expected): - 1",
        ),
        (
            "[{\"x\":1}]\n{\"testResults\":[{\"name\":\"/work/t/a.js\",\"status\":\"failed\",\"message\":\"\",\"assertionResults\":[{\"status\":\"failed\",\"fullName\":\"adds\",\"failureMessages\":[\"Error: no\\n    at f (/work/src/m.js:2:3)\"]}]}]}\n",
            "src/m.js:2 Error: no",
        ),
        (
            "{\n \"stats\": {},\n \"failures\": [{\"fullTitle\":\"adds\",\"file\":\"/work/t/a.js\",\"err\":{\"stack\":\"Error: no\\n    at f (src/m.js:2:3)\"}}]\n}\n",
            "src/m.js:2 Error: no",
        ),
        (
            "<testsuites>\n<testsuite><testcase name=\"adds\" classname=\"t/a.ts\"><failure message=\"no\">Error: no\n ❯ src/m.ts:2:3</failure></testcase></testsuite></testsuites>\n",
            "src/m.ts:2 Error: no",
        ),
        (
            "> a@1.0.0 test\n> node t.js\n\nnode:internal:1\n  throw err;\n\nError: Cannot find module 'b'\nRequire stack:\n- /work/t.js\n    at Object.<anonymous> (/work/t.js:1:1) {\n  code: 'MODULE_NOT_FOUND'\n}\n",
            "t.js:1 Error: Cannot find module 'b' (required by t.js)",
        ),
        ("Jest: \"global\" coverage threshold for lines (80%) not met: 79%\n", "threshold for lines"),
    ] {
        let summary = check(Tool::Npm, log, Category::Test, first);
        assert_eq!(summary.causes.len(), 1, "{:#?}", summary.causes);
    }
}

#[test]
fn a_test_that_is_told_twice_is_counted_once() {
    let block = "FAIL t/a.test.js\n  ● adds\n\n    TypeError: no\n\n      at f (t/a.test.js:5:2)\n\n";
    let summary = summarize(Tool::Npm, &format!("{block}Summary of all failing tests\n{block}"));
    assert_eq!(summary.causes[0].times, 1);
    let other = block.replace("t/a.", "t/b.");
    assert_eq!(summarize(Tool::Npm, &format!("{block}{other}")).causes[0].times, 2);
}

#[test]
fn a_log_without_a_cause_says_so() {
    for (log, expected) in [
        ("", "the log names no cause; run `npm test`"),
        (
            "> a@1.0.0 test\n> jest --ci\n\nTest Suites: 2 failed, 2 total\n",
            "the log names no cause; run `jest --ci`",
        ),
        (
            " FAIL  t/cli.js 2 failed of 2 3s\n  ✖ test count(0) != plan(2)\n",
            "the log names no cause; run `node t/cli.js`",
        ),
    ] {
        assert_eq!(summarize(Tool::Npm, log).lines[0], expected);
    }
    let clean = summarize(Tool::Npm, "[{\"filePath\":\"/work/a.js\",\"messages\":[]}]\n");
    assert_eq!(clean.category, Category::None);
}
