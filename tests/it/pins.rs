//! A transitive package that moves to the lowest safe version, with every
//! package manager: in the ranges in place, and by an override of one parent.
//!
//! `mkdirp` 0.5.3 brings `minimist` 1.2.5 in, and `optimist` its 0.0.10.
//! Newer versions of all of them are in range: nothing but a pin keeps the
//! one chosen, and whatever else moved is not what was asked for.

use serde_json::{Value, json};
use standin::fixtures::Files;

use super::trial::{Checkout, git};

const TEST: &str = "'use strict';

const assert = require('node:assert');
const test = require('node:test');
const mkdirp = require('mkdirp');
const optimist = require('optimist');

test('a number is read', () => {
  assert.strictEqual(typeof mkdirp.sync, 'function');
  assert.strictEqual(optimist.parse(['--port', '80']).port, 80);
});
";

/// One repository; `pinned` goes into the manifest.
fn repository(pinned: &str, lockfile: (&str, &str), more: &[(&str, &str)]) -> Files {
    let manifest = format!(
        "{{\n  \"name\": \"pinned\",\n  \"version\": \"1.0.0\",\n  \"private\": true,{pinned}\n  \"scripts\": {{\n    \"test\": \"node --test test/args.test.js\"\n  }},\n  \"dependencies\": {{\n    \"mkdirp\": \"^0.5.1\",\n    \"optimist\": \"^0.6.1\"\n  }}\n}}\n"
    );
    let mut files: Files = vec![
        ("package.json".to_owned(), manifest),
        (".gitignore".to_owned(), "node_modules/\n.yarn/\n.pnp.*\n".to_owned()),
        ("test/args.test.js".to_owned(), TEST.to_owned()),
        (lockfile.0.to_owned(), lockfile.1.to_owned()),
    ];
    files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    files
}

/// Answers an advisory, and returns the repository with the report.
async fn answer(files: &Files, lockfile: &str, vulnerable: &str, patched: &str) -> (Checkout, Value) {
    let advisory = json!({
        "alert": 1, "ghsa": "GHSA-xvch-5gv4-984h", "ecosystem": "npm", "package": "minimist",
        "manifest": lockfile, "scope": "runtime", "severity": "critical",
        "summary": "Arguments can change the prototype of every object.",
        "vulnerable": [vulnerable], "patched": [patched],
    });
    let checkout = Checkout::new(files).await;
    let path = checkout.dir.path().join("advisory.json");
    std::fs::write(&path, advisory.to_string()).unwrap();
    let (_, report) = checkout.attempt_with(&["--advisory", path.to_str().unwrap()]).await;
    (checkout, report)
}

/// The change is as it should be: step, proof, files, and nothing in the
/// lockfile but versions of `minimist`.
async fn check(
    (checkout, report): (Checkout, Value),
    step: &str,
    changed: &[&str],
    (from, to): (&str, &str),
) -> String {
    assert_eq!(report["outcome"], "pr_opened", "{report:#}");
    assert_eq!(report["resolved"]["step"], step, "{report:#}");
    let copies = report["proofs"][0]["copies"].as_array().unwrap();
    assert_eq!(copies.len(), 2, "{report:#}");
    assert!(copies.iter().all(|copy| copy["vulnerable"] == false), "{report:#}");
    let branch = report["branch"].as_str().unwrap();
    let names = git(&checkout.repo(), &["diff", "--name-only", "main", branch]).await;
    assert_eq!(names.lines().collect::<Vec<_>>(), changed);
    let diff = git(&checkout.repo(), &["diff", "-U0", "main", branch]).await;
    assert!(!diff.contains("127.0.0.1") && !diff.contains("chaperone-pin"), "{diff}");
    // The lines with versions that left and came.
    let moved = |sign: char| -> Vec<String> {
        let version = regex::Regex::new(r"\b\d+\.\d+\.\d+\b").unwrap();
        let lines = diff
            .lines()
            .filter(|line| line.starts_with(sign) && !line.starts_with(&format!("{sign}{sign}{sign}")));
        let mut found: Vec<String> = lines
            .filter(|line| !line.contains("sha512") && !line.contains("checksum"))
            .flat_map(|line| {
                version.find_iter(line).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()
            })
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let (came, left) = (moved('+'), moved('-'));
    assert!(came.iter().any(|version| version == to), "{diff}");
    // The range `~0.0.1` stands in lines of the overridden package's own.
    assert!(came.iter().all(|version| version == to || version == "0.0.1"), "{diff}");
    assert!(left.iter().all(|version| version == from || version == "0.0.1"), "{diff}");
    checkout.model.finish().unwrap();
    diff
}

const IN_RANGE: (&str, &str) = (">= 1.0.0, < 1.2.6", "1.2.6");
const BELOW_OPTIMIST: (&str, &str) = ("< 0.2.4", "0.2.4");

/// Both steps with one package manager.
async fn both(files: Files, lockfile: &str, section: &str) {
    let (refreshed, overridden) = tokio::join!(
        answer(&files, lockfile, IN_RANGE.0, IN_RANGE.1),
        answer(&files, lockfile, BELOW_OPTIMIST.0, BELOW_OPTIMIST.1)
    );
    check(refreshed, "in_range_refresh", &[lockfile], ("1.2.5", "1.2.6")).await;
    let mut changed = [lockfile, "package.json"];
    changed.sort_unstable();
    let diff = check(overridden, "override", &changed, ("0.0.10", "0.2.4")).await;
    assert!(diff.contains(section), "{diff}");
}

fn named(version: &str) -> String {
    format!("\n  \"packageManager\": \"{version}\",")
}

#[tokio::test(flavor = "multi_thread")]
async fn yarn_1_moves_a_transitive_package_alone() {
    let text = include_str!("managers/pins-yarn-1.lock");
    both(repository("", ("yarn.lock", text), &[]), "yarn.lock", "+    \"optimist/minimist\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yarn_4_moves_a_transitive_package_alone() {
    let text = include_str!("managers/pins-yarn-4.lock");
    let rc = [(".yarnrc.yml", "nodeLinker: node-modules\n")];
    let files = repository(&named("yarn@4.9.2"), ("yarn.lock", text), &rc);
    both(files, "yarn.lock", "+    \"optimist/minimist\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pnpm_moves_a_transitive_package_alone() {
    let text = include_str!("managers/pins-pnpm-10.yaml");
    for pin in [named("pnpm@9.15.9"), String::new()] {
        let files = repository(&pin, ("pnpm-lock.yaml", text), &[]);
        both(files, "pnpm-lock.yaml", "+      \"optimist>minimist\"").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_8_moves_a_transitive_package_alone() {
    let text = include_str!("managers/pins-npm-8.json");
    let files = repository("", ("package-lock.json", text), &[]);
    both(files, "package-lock.json", "+  \"overrides\": {").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_6_refreshes_and_has_no_overrides() {
    let lockfile = "package-lock.json";
    let files = repository("", (lockfile, include_str!("managers/pins-npm-6.json")), &[]);
    let (refreshed, (_, refused)) = tokio::join!(
        answer(&files, lockfile, IN_RANGE.0, IN_RANGE.1),
        answer(&files, lockfile, BELOW_OPTIMIST.0, BELOW_OPTIMIST.1)
    );
    check(refreshed, "in_range_refresh", &[lockfile], ("1.2.5", "1.2.6")).await;
    assert_eq!(refused["outcome"], "blocked_by_parent", "{refused:#}");
    assert!(refused["detail"].as_str().unwrap().contains("optimist 0.6.1"), "{refused:#}");
}
