//! Test integrity: a change may not be made green by weakening what checks
//! it.
//!
//! Deterministic, no model. The rules see every changed file before and
//! after. Code is read as a syntax tree, configuration as settings; what
//! cannot be read is compared by its words. A rule is about what the change
//! adds: what the base has already is never held against it. Whether an
//! expected value may change is not decided here, but by running the base's
//! tests.

mod assertion;
mod base_tests;
mod compare;
mod config;
mod java;
mod maven;
mod model;
mod place;
mod script;
mod settings;
mod snapshot;
mod source;
mod strength;
mod stub;
mod suppress;
mod swallow;
mod syntax;
mod tools;
mod words;

use crate::evidence::Finding;
use crate::manager::LOCKFILES;

pub use base_tests::{BaseTests, base_tests, serves_tests, still_compiling};
pub use place::is_test_file;

/// One changed file; `None` where it does not exist.
#[derive(Debug, Clone)]
pub struct FilePair {
    pub path: String,
    pub before: Option<Vec<u8>>,
    pub after: Option<Vec<u8>>,
}

impl FilePair {
    fn before_text(&self) -> String {
        text_of(self.before.as_ref())
    }

    fn after_text(&self) -> String {
        text_of(self.after.as_ref())
    }

    fn finding(&self, rule: &str, message: impl Into<String>) -> Finding {
        Finding { rule: rule.to_owned(), path: self.path.clone(), line: None, message: message.into() }
    }
}

fn text_of(bytes: Option<&Vec<u8>>) -> String {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// Everything that weakens a test or a check; empty is good.
#[must_use]
pub fn check(pairs: &[FilePair]) -> Vec<Finding> {
    let pairs: Vec<FilePair> = pairs.iter().filter(|pair| pair.before != pair.after).cloned().collect();
    let sources = source::check(&pairs);
    let mut findings = config::check(&pairs, &sources.limits);
    for pair in &pairs {
        findings.extend(maven::check(pair));
        findings.extend(snapshot::check(pair));
        if is_lockfile(&pair.path) {
            findings.push(pair.finding("lockfile-edited", "a lockfile is not as the engine left it"));
        }
    }
    findings.extend(sources.findings);
    findings
}

/// Does the engine itself change such a file? Then what it left is the state
/// before, not what the base has.
#[must_use]
pub fn is_engines(path: &str) -> bool {
    maven::is_pom(path) || maven::is_setting(path) || path.ends_with(".xml") || is_lockfile(path)
}

fn is_lockfile(path: &str) -> bool {
    LOCKFILES.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// The findings that stop a change: those whose rules its type does not
/// allow.
#[must_use]
pub fn blocking(findings: &[Finding], allows: &[String]) -> Vec<Finding> {
    findings.iter().filter(|finding| !allows.contains(&finding.rule)).cloned().collect()
}

/// For a row of the status comment.
#[must_use]
pub fn summary(findings: &[Finding]) -> String {
    match findings {
        [] => "no test or check weakened".to_owned(),
        [one] => format!("{} in {}", one.rule, one.path),
        [one, more @ ..] => format!("{} in {}, and {} more", one.rule, one.path, more.len()),
    }
}

/// For the model: what to put back.
#[must_use]
pub fn digest(findings: &[Finding]) -> String {
    let place = |finding: &Finding| match finding.line {
        Some(line) => format!("{}:{line}", finding.path),
        None => finding.path.clone(),
    };
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| format!("- {}: {}: {}", place(finding), finding.rule, finding.message))
        .collect();
    format!(
        "the change weakens tests or checks, or touches what it may not, which is never accepted; put these back:\n{}",
        lines.join("\n")
    )
}

#[cfg(test)]
#[path = "integrity/tests.rs"]
mod cases;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lockfile_is_the_engines_at_any_depth_and_by_its_whole_name_only() {
        let rules = |path: &str, before: &str| -> Vec<String> {
            let bytes = |text: &str| Some(text.as_bytes().to_vec());
            let pair = FilePair { path: path.into(), before: bytes(before), after: bytes("now") };
            assert_eq!(is_engines(path), !path.contains("x-"), "{path}");
            check(&[pair]).into_iter().map(|finding| finding.rule).collect()
        };
        for path in ["package-lock.json", "docs/a/yarn.lock", "vendor/pnpm-lock.yaml"] {
            assert_eq!(rules(path, "then"), ["lockfile-edited"], "{path}");
            assert!(rules(path, "now").is_empty(), "{path}");
        }
        assert!(rules("src/x-package-lock.json", "then").is_empty());
    }

    #[test]
    fn what_a_change_type_allows_does_not_stop_it() {
        let pair = |path: &str| FilePair { path: path.into(), before: None, after: Some(b"x".to_vec()) };
        let findings = check(&[pair(".github/workflows/ci.yml"), pair(".npmrc")]);
        assert_eq!(findings.len(), 2);
        let left = blocking(&findings, &["ci-changed".to_owned()]);
        assert_eq!(
            left.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(),
            ["unsafe-flag-added"]
        );
        assert!(findings.iter().all(|finding| crate::evidence::RULES.contains(&finding.rule.as_str())));
    }
}
