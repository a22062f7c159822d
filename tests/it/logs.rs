//! Summaries of real failing logs: their category, and how soon they come to
//! the point.
//!
//! The logs are not ours to keep here, so `CHAPERONE_SHARED` names the
//! directory that holds them; without it these tests say so and pass.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program runs as graders run it, and its figures are printed"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn shared(name: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("CHAPERONE_SHARED");
    if dir.is_none() {
        eprintln!("not checked against {name}: CHAPERONE_SHARED does not say where it is");
    }
    Some(PathBuf::from(dir?).join(name))
}

fn summarize(tool: &str, log: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_chaperone"))
        .args(["plumbing", "summarize", "--tool", tool])
        .stdin(Stdio::from(File::open(log).unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn lines(summary: &Value) -> Vec<&str> {
    summary["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// A label of the data is ours in capitals: `TEST_FAILURE` is `test`.
fn category(label: &str) -> String {
    label.strip_suffix("_FAILURE").unwrap_or(label).to_lowercase()
}

#[test]
fn labelled_maven_logs_get_their_category() {
    let Some(archive) = shared("goldens/maven_failure_logs_dev.tar.xz") else { return };
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(dir.path()).status().unwrap();
    assert!(status.success(), "could not unpack {}", archive.display());
    let found = Command::new("find").arg(dir.path()).args(["-name", "index.json"]).output().unwrap();
    let index = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap();
    let (mut right, mut lengths) = (0_u32, Vec::new());
    for case in &cases {
        let sha = case["sha"].as_str().unwrap();
        let summary = summarize("maven", &index.with_file_name(format!("{sha}.log")));
        let expected = category(case["category"].as_str().unwrap());
        let lines = lines(&summary);
        lengths.push(lines.len());
        assert!(lines.len() <= 60, "{sha}: {} lines", lines.len());
        if summary["category"] == expected.as_str() {
            right += 1;
        } else {
            println!("{sha}: {} and not {expected}: {:?}", summary["category"], lines.first());
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    let all = u32::try_from(cases.len()).unwrap();
    let share = 100.0 * f64::from(right) / f64::from(all);
    println!("{right} of {all} logs get their category ({share:.1} %); median of {median} lines");
    assert!(share >= 98.0, "{share:.1} % is less than 98 %");
    assert!(median <= 15, "{median} lines are more than 15");
}

/// The log, its category, and what must stand in the first five lines.
const CAUSES: [(&str, &str, &str); 35] = [
    ("01-notest", "no_tests", "no test specified"),
    ("02-missing-script", "missing_script", "Missing script: \"build\""),
    ("03-eresolve", "peer_conflict", "found react@19.3.1, but peer react@\"^18.3.1\" from react-dom@18.3.1"),
    ("04-ci-outofsync", "dependency_lock", "chalk@4.1.2 does not satisfy chalk@5.6.2"),
    ("05-etarget", "dependency_resolution", "No matching version found for chalk@99.0.0"),
    ("06-offline", "dependency_resolution", "ENOTCACHED"),
    ("07-ebadengine", "engine", "requires {\"node\":\">=24\"}"),
    ("07b-ebadengine-warn", "engine", "requires { node: '>=24' }"),
    ("08-e404", "dependency_resolution", "zzz@1.0.0' could not be found"),
    (
        "10-jest",
        "test",
        "src/fmt.js:1 SyntaxError: Cannot use import statement outside a module (in node_modules/chalk",
    ),
    (
        "10b-jest-json",
        "test",
        "src/fmt.js:1 SyntaxError: Cannot use import statement outside a module (in node_modules/chalk",
    ),
    ("11-mocha", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("11b-mocha-json", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("12-vitest", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("12b-vitest-json", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("12c-vitest-junit", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("13-node-spec", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("13b-node-tap", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("13c-node-junit", "test", "src/fmt.js:2 TypeError: chalk.red is not a function"),
    ("14-tsc", "compilation", "src/a.ts:1 TS2614"),
    ("14b-tsc-pretty", "compilation", "src/a.ts:5 TS2339: Property 'rainbow'"),
    ("15-eslint8", "unknown", "the log names no cause"),
    ("15b-eslint8-json", "none", "the report names no failure"),
    ("16-eslint9-noconfig", "config", "ESLint couldn't find an eslint.config"),
    ("17-jest30-alias", "test", "alias.test.js:1 TypeError: expect(...).toBeCalledWith is not a function"),
    ("18-jest-esm", "test", "jt/esm.test.js:1 Must use import to load ES Module: node_modules/p-limit"),
    ("20-mvn-ok", "none", "BUILD SUCCESS; Tests run: 2"),
    ("21-mvn-testfail", "test", "app/AppTest.java:1 ComparisonFailure: expected:<Hello[] Bob>"),
    ("22-mvn-compile", "test", "NoSuchMethodError: 'int acme.Greeter.len()'"),
    ("23-mvn-classversion", "test", "UnsupportedClassVersionError: acme/Greeter"),
    ("24-mvn-unresolved", "dependency_resolution", "com.acme:greeter:jar:9.9.9"),
    (
        "25-mvn-clean-compile",
        "compilation",
        "App.java:1 incompatible types: java.lang.String cannot be converted",
    ),
    ("26-mvn-clean-classversion", "compilation", "class file has wrong version 65.0, should be 61.0"),
    ("27-mvn-q-compile", "compilation", "App.java:1 incompatible types: possible lossy conversion"),
    ("28-mvn-enforcer", "enforcer", "convergence error for com.acme:greeter:jar:1.0.0"),
];

#[test]
fn sample_logs_come_to_the_point_in_five_lines() {
    let Some(dir) = shared("logs") else { return };
    let files = std::fs::read_dir(&dir).unwrap().count();
    assert_eq!(files, CAUSES.len(), "a sample has no expectation");
    let mut misses = Vec::new();
    for (name, category, cause) in CAUSES {
        let tool = if name.contains("-mvn-") { "maven" } else { "npm" };
        let summary = summarize(tool, &dir.join(format!("{name}.log")));
        let lines = lines(&summary);
        let told = lines.iter().take(5).any(|line| line.contains(cause));
        if !told || summary["category"] != category {
            misses.push(format!("{name}: {} {lines:#?}", summary["category"]));
        }
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}

#[test]
fn a_log_may_hold_any_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    std::fs::write(&log, b"\xff\xfe\0\nsrc/a.ts(3,5): error TS2304: Cannot find name '\xc3'.\n").unwrap();
    let summary = summarize("npm", &log);
    assert_eq!(summary["category"], "compilation");
    let cause = &summary["causes"][0];
    assert_eq!((&cause["file"], &cause["line"], &cause["times"]), (&"src/a.ts".into(), &3.into(), &1.into()));
    assert_eq!(lines(&summary), ["src/a.ts:3 TS2304: Cannot find name '\u{fffd}'."]);
}
